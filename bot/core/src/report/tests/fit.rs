use proptest::prelude::*;

use super::{faults, page};
use crate::report::fit::{Section, fit};

#[test]
fn what_fits_is_left_alone() {
    let sections = [
        Section::lines(0, "### Title"),
        Section::lines(1, ""),
        Section::folded(5, "more", "diff", "+ a"),
    ];
    insta::assert_snapshot!(fit(&sections, 500, None), @"
    ### Title

    <details><summary>more</summary>

    ```diff
    + a
    ```

    </details>
    ");
}

#[test]
fn the_least_important_gives_way_and_says_so() {
    let long: String = (0..100).map(|i| format!("+ line {i}\n")).collect();
    let sections = [
        Section::lines(0, "### Title"),
        Section::folded(4, "important", "diff", "+ short"),
        Section::folded(5, "long", "diff", long.clone()),
        Section::lines(0, "footer"),
    ];
    insta::assert_snapshot!(fit(&sections, 340, Some(&page())), @"
    ### Title

    <details><summary>important</summary>

    ```diff
    + short
    ```

    </details>

    <details><summary>long</summary>

    ```diff
    + line 0
    + line 1
    + line 2
    + line 3
    + line 4
    + line 5
    + line 6
    + line 7
    + line 8
    + line 9
    + line 10
    + line 11
    + line 12
    ```

    … 87 more lines: [run](https://slipway.example.com/runs/1a2b3c4d)

    </details>

    footer
    ");
    insta::assert_snapshot!(fit(&sections, 200, Some(&page())), @"
    ### Title

    <details><summary>important</summary>

    ```diff
    + short
    ```

    </details>

    long: … 100 more lines: [run](https://slipway.example.com/runs/1a2b3c4d)

    footer
    ");
    insta::assert_snapshot!(fit(&sections, 110, None), @"
    ### Title

    important: … 1 more line left out, too long for GitHub.

    footer

    1 part left out.
    ");
}

#[test]
fn a_long_table_is_cut_between_rows() {
    let rows: String = (0..50).map(|i| format!("| row {i} |\n")).collect();
    let sections = [Section::lines(0, format!("| head |\n| --- |\n{rows}"))];
    insta::assert_snapshot!(fit(&sections, 130, Some(&page())), @"
    | head |
    | --- |
    | row 0 |
    | row 1 |
    | row 2 |
    | row 3 |

    … 46 more lines: [run](https://slipway.example.com/runs/1a2b3c4d)
    ");
    insta::assert_snapshot!(fit(&sections, 80, Some(&page())), @"… 52 more lines: [run](https://slipway.example.com/runs/1a2b3c4d)");
}

fn section() -> impl Strategy<Value = Section> {
    let line = prop_oneof![
        "[a-zß`|< ]{0,40}",
        Just("```".to_owned()),
        Just("</details>".to_owned()),
        Just("🚀".repeat(30))
    ];
    let text = prop::collection::vec(line, 0..30).prop_map(|lines| lines.join("\n"));
    let prose = prop::collection::vec("[a-zß ]{1,40}", 0..30).prop_map(|lines| lines.join("\n"));
    (0_u8..6, 0_u8..4, text, prose).prop_map(|(priority, kind, text, prose)| match kind {
        0 => Section::lines(priority, prose),
        1 => Section::folded(priority, text.clone(), "diff", text),
        2 => Section::fenced(priority, "", text),
        _ => Section::folded_lines(priority, text, prose),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn it_always_fits_and_nothing_is_left_open(
        sections in prop::collection::vec(section(), 0..8),
        limit in 0_usize..3000,
        with_link in any::<bool>(),
    ) {
        let link = page();
        let rest = with_link.then_some(&link);
        let whole = fit(&sections, usize::MAX, rest);
        let fitted = fit(&sections, limit, rest);
        prop_assert!(fitted.len() <= limit);
        prop_assert_eq!(faults(&fitted), None, "{}", fitted);
        if whole.len() <= limit {
            prop_assert_eq!(&fitted, &whole);
        } else if limit >= 200 {
            let told = if with_link { "slipway.example.com" } else { "left out" };
            prop_assert!(fitted.contains(told), "{}", fitted);
        }
    }
}
