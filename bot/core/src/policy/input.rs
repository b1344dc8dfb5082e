//! What policies are asked about: Terraform's plan JSON with the key `slipway` beside Terraform's.

use regorus::Value;
use serde::{Deserialize, Serialize};

use crate::ids::{CommitSha, EnvName, Login, PrNumber, StackName};
use crate::plan;

/// What Slipway adds to the plan, as `input.slipway`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// The environment.
    pub environment: EnvName,
    /// Whether deploy.toml calls it a production environment.
    pub production: bool,
    /// The stack.
    pub stack: StackName,
    /// Its Terraform workspace.
    pub workspace: String,
    /// Who asked for the plan, or whose merge led to it.
    pub actor: Login,
    /// The pull request; a look for drift has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_request: Option<PullRequestContext>,
}

/// The pull request that a plan was made for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRequestContext {
    /// Its number.
    pub number: PrNumber,
    /// Who opened it.
    pub author: Login,
    /// The branch that it is aimed at.
    pub base: String,
    /// Its head commit; of a plan made after the merge, the merge commit.
    pub head: CommitSha,
}

/// The input as it is, and with all sensitive values masked.
pub(super) fn inputs(json: &[u8], context: &Context) -> Result<(Value, Value), String> {
    let (mut open, mut masked) = plan::documents(json).map_err(|error| error.to_string())?;
    let context = serde_json::to_value(context).map_err(|error| error.to_string())?;
    for document in [&mut open, &mut masked] {
        if let Some(fields) = document.as_object_mut() {
            fields.insert("slipway".to_owned(), context.clone());
        }
    }
    Ok((value(open)?, value(masked)?))
}

fn value(document: serde_json::Value) -> Result<Value, String> {
    match Value::from(document) {
        Value::Undefined => Err("the plan holds a number that policies can't be given".to_owned()),
        value => Ok(value),
    }
}
