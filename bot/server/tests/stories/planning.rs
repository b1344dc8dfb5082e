//! Planning: by itself and on `/plan`.

use crate::bot::tell;

const NETWORK: &str = "infra/01-network/dev.tfvars";

#[test]
fn a_pull_request_is_planned_when_it_is_opened() {
    tell(|mut story| async {
        let files = [(NETWORK, "environment = \"dev\"\ncidr = \"10.9.0.0/16\"\n")];
        let pr = story.open("ana", "cidr", "Another network", &files).await?;
        let check = story.check(&story.head(pr), "plan dev").await?;
        assert_eq!(check.conclusion.as_deref(), Some("success"));
        let comment = story.reads(pr, "Plan ·").await?;
        insta::assert_snapshot!(comment, @r"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | 🔄 planning |

        [run](http://HERE/runs/RUN)
        ");
        Ok(story)
    });
}
