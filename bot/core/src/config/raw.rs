//! The shape of the file: which keys there are, and of which type. Its comments are what editors
//! show, by way of the JSON Schema.
//!
//! Every key is optional here, so that one missing key does not hide what else is wrong; those
//! that have to be there are marked `required`, and the walk along the schema looks for them.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::model::{OnFailure, Outside, PullRequest};

/// A value with its place in the text.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Located<T>(Spanned<T>);

impl<T> Located<T> {
    pub(super) fn value(&self) -> &T {
        self.0.get_ref()
    }

    pub(super) fn span(&self) -> Range<usize> {
        self.0.span()
    }
}

impl Located<String> {
    pub(super) fn text(&self) -> &str {
        self.0.get_ref()
    }
}

impl<T: Ord> Ord for Located<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.value().cmp(other.value())
    }
}

impl<T: Ord> PartialOrd for Located<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Ord> PartialEq for Located<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T: Ord> Eq for Located<T> {}

impl<T: JsonSchema> JsonSchema for Located<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// Tables by name.
pub(super) type Named<T> = BTreeMap<Located<String>, T>;

/// A list of texts, each with its place.
pub(super) type Texts = Vec<Located<String>>;

/// How Slipway plans, applies and deploys this repository. Read from the default branch only.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "deploy.toml")]
pub(super) struct File {
    /// The version of this format: 1.
    #[schemars(required, range(min = 1, max = 1))]
    pub(super) version: Option<Located<i64>>,
    /// The environments by name: an AWS account and region with their roles and rules.
    #[schemars(required)]
    pub(super) environments: Option<Named<RawEnvironment>>,
    /// The stacks by name: Terraform root modules.
    pub(super) stacks: Option<Named<RawStack>>,
    /// The services by name: images and the manifests that run them.
    pub(super) services: Option<Named<RawService>>,
    /// Times in which nothing is applied or deployed.
    pub(super) freeze: Option<Vec<RawFreeze>>,
    /// What a plan comment warns of first.
    pub(super) hazards: Option<RawHazards>,
}

/// A time in which nothing is applied or deployed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct RawFreeze {
    /// Its first moment: "2026-12-20T18:00:00+01:00", "2026-12-20T18:00[Europe/Berlin]", or
    /// "2026-12-20 18:00" with a timezone.
    #[schemars(required)]
    pub(super) from: Option<Located<String>>,
    /// The first moment after it, written likewise.
    #[schemars(required)]
    pub(super) to: Option<Located<String>>,
    /// The time zone of from and to, where they don't say it, like "Europe/Berlin".
    pub(super) timezone: Option<Located<String>>,
    /// Why; shown to whoever is kept waiting.
    #[schemars(required)]
    pub(super) reason: Option<Located<String>>,
    /// The environments that it holds in. Default: all.
    pub(super) environments: Option<Texts>,
}

impl RawFreeze {
    /// Whether it holds in an environment.
    pub(super) fn holds_in(&self, environment: &str) -> bool {
        let names = self.environments.as_ref();
        names.is_none_or(|names| names.iter().any(|name| name.text() == environment))
    }
}

/// What a plan comment warns of first.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct RawHazards {
    /// Resource types whose destruction or replacement loses data, like "google_sql_*": `*` stands
    /// for any part. On top of the types of AWS and Kubernetes that Slipway knows. Default: none.
    pub(super) types: Option<Texts>,
}

/// An AWS account and region with their roles and rules.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct RawEnvironment {
    /// The address shown on GitHub's deployments.
    #[schemars(url)]
    pub(super) url: Option<Located<String>>,
    /// Whether users depend on it. Turns defaults to the careful side: one approval, the required
    /// checks, an up-to-date and merged pull request, a second step. Default: false.
    pub(super) production: Option<bool>,
    /// Whether a merge deploys the services that it touches. Default: false.
    pub(super) auto_deploy: Option<Located<bool>>,
    /// Whether a merge applies the stacks that it touches, before deploying. Default: false.
    pub(super) auto_apply: Option<Located<bool>>,
    /// Environments where the same digest has to be live and healthy first. Default: none.
    pub(super) after: Option<Texts>,
    /// How long it has to have been live and healthy there, up to 30d. Default: no time.
    pub(super) soak: Option<Located<String>>,
    /// How many current approvals of the head commit it takes, not counting its author.
    /// Default: 1 in production, else 0.
    pub(super) approvals: Option<u32>,
    /// Whether each changed file that has owners in the base branch's CODEOWNERS needs the current
    /// approval of one of them, not counting its author. Default: false.
    pub(super) codeowners: Option<bool>,
    /// Which checks of the head commit have to have passed: "all", those "required" by the base
    /// branch, or a list of names (an empty list asks for none). Slipway's own never count.
    /// Default: "required" in production, else none.
    pub(super) checks: Option<Located<WordOrList>>,
    /// Whether the head has to contain the tip of the base branch.
    /// Default: true in production, else false.
    pub(super) up_to_date: Option<bool>,
    /// How far along the pull request has to be: "open" deploys before the merge.
    /// Default: "merged" in production, else "open".
    pub(super) pull_request: Option<PullRequest>,
    /// Whether a second step is asked for, by button or /confirm.
    /// Default: true in production, else false.
    pub(super) confirm: Option<bool>,
    /// When changes are taken, like "Mon-Thu 09:00-16:00 Europe/Berlin". Default: always.
    pub(super) windows: Option<Texts>,
    /// What happens to a change outside the windows, or in a freeze. Default: "queue".
    pub(super) outside: Option<Located<Outside>>,
    /// What happens after a failed rollout. Default: "rollback".
    pub(super) on_failure: Option<OnFailure>,
    /// When what runs there is compared with the default branch, like "daily 06:00 Europe/Berlin",
    /// "Mon-Fri 06:00 Europe/Berlin" or "hourly"; what differs is told in an issue. Default: never.
    pub(super) drift: Option<Located<String>>,
    /// Where it lives, and the roles that act there.
    #[schemars(required)]
    pub(super) aws: Option<RawAws>,
    /// Who may plan, apply and deploy.
    pub(super) allow: Option<RawAllow>,
}

/// Where an environment lives, and the roles that act there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct RawAws {
    /// The region of its cluster and of every API call, like "eu-central-1".
    #[schemars(required)]
    pub(super) region: Option<Located<String>>,
    /// The account that every role has to be in: twelve digits. Checked after every assume.
    #[schemars(required, regex(pattern = "^[0-9]{12}$"))]
    pub(super) account: Option<Located<String>>,
    /// The role to plan with; should be read-only. Needed wherever a stack is planned.
    pub(super) plan_role: Option<Located<String>>,
    /// The role to apply with. Without it, stacks are planned here and never applied.
    pub(super) apply_role: Option<Located<String>>,
    /// The role to reach the EKS cluster with. Without it, no service is deployed here.
    pub(super) deploy_role: Option<Located<String>>,
    /// The role that Terraform's state belongs to, of any account: runs go on to it from their own role
    /// for the state alone. Only for the s3 backend. Default: the state is reached with the run's role.
    pub(super) state_role: Option<Located<String>>,
    /// The same for plans: may read the state and lock it. Default: what state_role says.
    pub(super) state_plan_role: Option<Located<String>>,
    /// The external id that the roles' trust policies ask for.
    pub(super) external_id: Option<Located<String>>,
    /// How long one session of a role lasts, 15m to 12h. Default: "1h".
    pub(super) session: Option<Located<String>>,
}

/// Who may do what: "read", "write", "maintain", "admin", "team:org/slug" or "user:login".
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct RawAllow {
    /// Who may have stacks planned. Default: ["write"].
    pub(super) plan: Option<Texts>,
    /// Who may have plans applied. Default: ["write"].
    pub(super) apply: Option<Texts>,
    /// Who may deploy, promote, roll back, resume and lock. Default: ["write"].
    pub(super) deploy: Option<Texts>,
    /// Who may force state locks open. Default: ["admin"].
    pub(super) force_unlock: Option<Texts>,
    /// Who may have a plan applied although a policy denies it. Default: nobody.
    #[serde(rename = "override")]
    pub(super) overrides: Option<Texts>,
    /// Who may have plans made with -destroy, and applied; they need the plan right or the apply right
    /// as well. Default: nobody.
    pub(super) destroy: Option<Texts>,
}

/// One Terraform root module.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct RawStack {
    /// Its directory in the repository. Spaces and dots are fine.
    #[schemars(required)]
    pub(super) dir: Option<Located<String>>,
    /// The environments it exists in. Default: all.
    pub(super) environments: Option<Texts>,
    /// Its Terraform workspace; may name the {environment}. "default" uses none.
    /// Default: "{environment}".
    pub(super) workspace: Option<Located<String>>,
    /// Files with variables, relative to its directory; may name the {environment}. Default: none.
    pub(super) var_files: Option<Texts>,
    /// Settings of its backend: key=value, or a file relative to its directory; may name the
    /// {environment}. Default: none.
    pub(super) backend_config: Option<Texts>,
    /// The stacks that are planned and applied before it. Default: none.
    pub(super) depends_on: Option<Texts>,
    /// Which files below its directory touch it. Local modules are followed by themselves.
    /// Default: ["**/*.tf", "**/*.tf.json", "**/*.tfvars", ".terraform.lock.hcl"].
    pub(super) when_modified: Option<Texts>,
    /// What plans it: "1.11.4" or "opentofu 1.9.0". Default: what its required_version asks for,
    /// else what is installed.
    pub(super) terraform: Option<Located<String>>,
    /// The Rego policies that its plans are held against: patterns of files, relative to the root of
    /// the repository, read from the default branch. Default: none.
    pub(super) policies: Option<Texts>,
}

/// One image and the manifests that run it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct RawService {
    /// Where CI publishes its image: registry and repository, without a tag.
    #[schemars(required)]
    pub(super) image: Option<Located<String>>,
    /// How CI names the image of a commit, with {sha} or {short_sha}. Default: "sha-{sha}".
    pub(super) tag: Option<Located<String>>,
    /// Which files touch it: a merge that touches none of them deploys nothing. Default: all.
    pub(super) paths: Option<Texts>,
    /// Its manifests: a directory of plain YAML or a kustomization; may name the {environment}.
    #[schemars(required)]
    pub(super) manifests: Option<Located<String>>,
    /// The name of its EKS cluster; may name the {environment}.
    #[schemars(required)]
    pub(super) cluster: Option<Located<String>>,
    /// Its namespace; may name the {environment}.
    #[schemars(required)]
    pub(super) namespace: Option<Located<String>>,
    /// The stacks whose applies come before its deploys. Default: none.
    pub(super) after_stacks: Option<Texts>,
    /// How long its image is waited for, up to 6h. Default: "20m".
    pub(super) image_wait: Option<Located<String>>,
    /// How long its rollout may take, up to 6h. Default: "10m".
    pub(super) rollout: Option<Located<String>>,
    /// How its image has to prove the commit it was made from: by its label
    /// org.opencontainers.image.revision, or not at all ("off"). Default: "label".
    pub(super) provenance: Option<Located<RawProvenance>>,
}

/// How an image has to prove the commit it was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawProvenance {
    /// Not at all.
    Off,
    /// Its label `org.opencontainers.image.revision` is the commit.
    Label,
    /// A signed attestation. Not enforced by this version, and refused until then.
    Attestation,
}

/// One word, or a list of names.
#[derive(Clone, Debug)]
pub(super) enum WordOrList {
    Word(String),
    List(Vec<String>),
}

impl<'de> Deserialize<'de> for WordOrList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = WordOrList;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"all\", \"required\" or a list of names")
            }

            fn visit_str<E>(self, word: &str) -> Result<WordOrList, E> {
                Ok(WordOrList::Word(word.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<WordOrList, A::Error> {
                let mut list = Vec::new();
                while let Some(name) = names.next_element()? {
                    list.push(name);
                }
                Ok(WordOrList::List(list))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for WordOrList {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "WordOrList".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "anyOf": [
                { "enum": ["all", "required"] },
                { "type": "array", "items": { "type": "string" } }
            ]
        })
    }
}
