//! What a saved plan was made for: it is good for exactly that, and for nothing else.
//!
//! Right before an apply the identity is made once more, from live data, and compared; it is also
//! what the file is sealed with, so that a file put in the place of another does not open.

use serde::Serialize;

use crate::config::RoleArn;
use crate::ids::{CommitSha, EnvName, PrNumber, RepoName, RunId};
use crate::plan_flags::PlanFlags;
use crate::report::markdown::code;
use crate::run::{PlanWork, Run};
use crate::spec::StackSpec;

/// All that a saved plan is bound to, besides the SHA-256 of its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlanIdentity {
    /// The run that made it.
    pub run: RunId,
    /// The repository.
    pub repo: RepoName,
    /// The pull request.
    pub pr: Option<PrNumber>,
    /// The environment.
    pub env: EnvName,
    /// The stack: directory, workspace, var files and backend.
    pub stack: StackSpec,
    /// The AWS account, as `GetCallerIdentity` said.
    pub account: String,
    /// The role of the state as applies reach it, where that is not the run's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_role: Option<RoleArn>,
    /// The head of the pull request.
    pub head: CommitSha,
    /// The base branch.
    pub base_ref: String,
    /// The tip of the base branch that the head was merged into.
    pub base: CommitSha,
    /// The program and its version, `terraform 1.11.4` or `opentofu 1.9.0`.
    pub tool: String,
    /// The flags that Terraform was given; what is sealed without any is as it was before there were
    /// flags.
    #[serde(skip_serializing_if = "PlanFlags::is_none")]
    pub flags: PlanFlags,
}

impl PlanIdentity {
    /// The identity of the plan that a run makes or made.
    #[must_use]
    pub fn of(run: &Run, work: &PlanWork, account: &str, tool: &str) -> Self {
        Self {
            run: run.id.clone(),
            repo: run.order.repo.name.clone(),
            pr: run.order.pr,
            env: run.order.env.clone(),
            stack: work.stack.clone(),
            account: account.to_owned(),
            state_role: work
                .aws
                .state
                .as_ref()
                .map(|state| state.applies_as.clone()),
            head: run.order.commit.clone(),
            base_ref: work.base_ref.clone(),
            base: work.base.clone(),
            tool: tool.to_owned(),
            flags: work.flags.clone(),
        }
    }

    /// One text for equal identities, another for any other.
    ///
    /// # Errors
    /// None in practice: it is names and numbers all the way down.
    pub fn text(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }

    /// What is otherwise now than it was when the plan was made, a sentence each. Empty only if
    /// nothing is.
    #[must_use]
    pub fn differences(&self, now: &Self) -> Vec<String> {
        let mut all = Vec::new();
        if self.head != now.head {
            all.push(format!(
                "made for {}, the head is {} now",
                code(self.head.short()),
                code(now.head.short())
            ));
        }
        if self.base_ref != now.base_ref {
            all.push(format!(
                "made onto {}, the base is {} now",
                code(&self.base_ref),
                code(&now.base_ref)
            ));
        } else if self.base != now.base {
            all.push(format!(
                "made onto {}, {} is at {} now",
                code(self.base.short()),
                code(&self.base_ref),
                code(now.base.short())
            ));
        }
        all.extend(stack_differences(&self.stack, &now.stack));
        if self.account != now.account {
            all.push(format!(
                "made in the account {}, it is {} now",
                self.account, now.account
            ));
        }
        if self.state_role != now.state_role {
            let named = |role: &Option<RoleArn>| match role {
                Some(role) => code(role.as_str()),
                None => "the role of the run".to_owned(),
            };
            all.push(format!(
                "made with the state of {}, it is that of {} now",
                named(&self.state_role),
                named(&now.state_role)
            ));
        }
        if self.tool != now.tool {
            all.push(format!("made by {}, it is {} now", self.tool, now.tool));
        }
        if self.flags != now.flags {
            all.push(format!(
                "made with {}, it is to be one with {}",
                named(&self.flags),
                named(&now.flags)
            ));
        }
        if all.is_empty() && self != now {
            // Run, repository, pull request or environment.
            all.push("made for something else".to_owned());
        }
        all
    }
}

fn named(flags: &PlanFlags) -> String {
    match flags.is_none() {
        true => "no flags".to_owned(),
        false => code(&flags.to_string()),
    }
}

/// deploy.toml may have changed since.
fn stack_differences(made: &StackSpec, now: &StackSpec) -> Option<String> {
    if made == now {
        return None;
    }
    Some(if made.dir != now.dir {
        format!(
            "made in {}, deploy.toml says {} now",
            code(&made.dir),
            code(&now.dir)
        )
    } else if made.workspace != now.workspace {
        format!(
            "made in the workspace {}, deploy.toml says {} now",
            code(&made.workspace),
            code(&now.workspace)
        )
    } else {
        format!(
            "made when deploy.toml had other settings for {}",
            code(made.name.as_str())
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Work;
    use crate::testing::{self, sha};

    fn identity() -> PlanIdentity {
        let run = testing::planned(1, "network", "dev", 1).0;
        let Work::Plan(work) = &run.order.work else {
            panic!("a plan");
        };
        PlanIdentity::of(&run, work, "111111111111", "terraform 1.11.4")
    }

    /// Every field but one alone, and what is said of it.
    #[test]
    fn whatever_differs_is_told_and_gives_another_text() {
        type Change = fn(&mut PlanIdentity);
        let changes: [(&str, Change); 13] = [
            ("head", |now| now.head = sha('c')),
            ("base", |now| now.base = sha('d')),
            ("base branch", |now| now.base_ref = "next".to_owned()),
            ("directory", |now| now.stack.dir = "infra/x".to_owned()),
            ("workspace", |now| now.stack.workspace = "x".to_owned()),
            ("var files", |now| now.stack.var_files.clear()),
            ("account", |now| now.account = "222222222222".to_owned()),
            ("state", |now| {
                let role = "arn:aws:iam::333333333333:role/state";
                now.state_role = Some(RoleArn::parse(role).unwrap());
            }),
            ("tool", |now| now.tool = "terraform 1.12.0".to_owned()),
            ("flags", |now| now.flags = testing::flags("-destroy")),
            ("environment", |now| now.env = testing::env("prod")),
            ("run", |now| now.run = testing::run(9)),
            ("pull request", |now| now.pr = None),
        ];
        let made = identity();
        assert_eq!(made.differences(&made), Vec::<String>::new());
        let mut told = Vec::new();
        for (what, change) in changes {
            let mut now = made.clone();
            change(&mut now);
            assert_ne!(made, now, "{what}");
            assert_ne!(made.text().unwrap(), now.text().unwrap(), "{what}");
            told.push(format!("{what}: {}", made.differences(&now).join("; ")));
        }
        insta::assert_snapshot!(told.join("\n"), @"
        head: made for `aaaaaaa`, the head is `ccccccc` now
        base: made onto `bbbbbbb`, `main` is at `ddddddd` now
        base branch: made onto `main`, the base is `next` now
        directory: made in `infra/network`, deploy.toml says `infra/x` now
        workspace: made in the workspace `dev`, deploy.toml says `x` now
        var files: made when deploy.toml had other settings for `network`
        account: made in the account 111111111111, it is 222222222222 now
        state: made with the state of the role of the run, it is that of `arn:aws:iam::333333333333:role/state` now
        tool: made by terraform 1.11.4, it is terraform 1.12.0 now
        flags: made with no flags, it is to be one with `-destroy`
        environment: made for something else
        run: made for something else
        pull request: made for something else
        ");
    }
}
