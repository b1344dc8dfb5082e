//! What would open what AWS refused.
//!
//! AWS says that something is not allowed, rarely what would allow it. These sentences are added to
//! what it said, never put in its place.

use slipway_core::ports::{AssumeRole, PortError, PortErrorKind};

/// Whom AWS refused, as its own sentence names them.
struct Caller {
    /// What a policy calls them: of a role session, the role.
    arn: String,
    /// The account and the name of the role, if it is the session of one.
    role: Option<(String, String)>,
}

impl Caller {
    /// From "User: ARN is not authorized …".
    fn of(said: &str) -> Option<Self> {
        let (_, rest) = said.split_once("User: ")?;
        let arn = rest.split(' ').next()?;
        // arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION
        let mut parts = arn.splitn(6, ':');
        let (partition, account) = (parts.nth(1)?, parts.nth(2)?);
        let mut path = parts.next()?.split('/');
        Some(match (path.next(), path.next()) {
            (Some("assumed-role"), Some(role)) => Self {
                arn: format!("arn:{partition}:iam::{account}:role/{role}"),
                role: Some((account.to_owned(), role.to_owned())),
            },
            _ => Self {
                arn: arn.to_owned(),
                role: None,
            },
        })
    }

    /// What a policy that lets them in hangs on.
    fn holder(&self) -> String {
        match &self.role {
            Some((account, role)) => format!("role {role} in {account}"),
            None => self.arn.clone(),
        }
    }
}

/// STS says the same of a role that is not there and of one that does not trust the caller; so the
/// sentence names everything that its trust policy has to have.
pub(super) fn explain_refusal(request: &AssumeRole, mut error: PortError) -> PortError {
    if let Some(hint) = assume_hint(request, &error) {
        error.said.push_str(&format!(" ({hint})"));
    }
    error
}

fn assume_hint(request: &AssumeRole, error: &PortError) -> Option<String> {
    let said = &error.said;
    if said.contains("role chaining") {
        return Some(
            "the bot is itself under a role, and AWS gives a role assumed from a role one hour at \
             the most: say `session = \"1h\"` or less for this environment in deploy.toml"
                .to_owned(),
        );
    }
    if said.contains("MaxSessionDuration") {
        return Some(
            "lower `session` of this environment in deploy.toml, or raise the maximum session \
             duration of the role"
                .to_owned(),
        );
    }
    if error.kind != PortErrorKind::Denied || !said.contains("not authorized") {
        return None;
    }
    let caller = Caller::of(said);
    let (arn, is_role) = match &caller {
        Some(caller) => (caller.arn.as_str(), caller.role.is_some()),
        None => ("the bot", false),
    };
    if said.contains("perform: sts:TagSession") {
        return Some(format!(
            "EKS Pod Identity gives the bot session tags that go on to every role it assumes: the \
             trust policy of the role must allow `sts:TagSession` to {arn}, besides \
             `sts:AssumeRole` and `sts:SetSourceIdentity`, and a policy of that role the same on {}",
            request.role
        ));
    }
    let id = match &request.external_id {
        Some(_) => "; its condition on `sts:ExternalId` must be the `external_id` of deploy.toml",
        None => "; if it asks for an `sts:ExternalId`, deploy.toml must say it as `external_id`",
    };
    let (actions, own_side) = if is_role {
        let actions = "`sts:AssumeRole`, `sts:SetSourceIdentity` and `sts:TagSession`";
        (actions, ", and a policy of that role the same on it")
    } else {
        ("`sts:AssumeRole` and `sts:SetSourceIdentity`", "")
    };
    Some(format!(
        "the role must exist and its trust policy allow {actions} to {arn}{own_side}{id}"
    ))
}

/// The same for the bot's own role.
pub(super) fn explain_web_identity(mut error: PortError) -> PortError {
    let said = &error.said;
    let hint = if said.contains("No OpenIDConnect provider") {
        "make the cluster's issuer an OpenID Connect provider in the IAM of the role's account"
    } else if error.kind == PortErrorKind::Denied {
        "the role must exist and its trust policy allow `sts:AssumeRoleWithWebIdentity` to the \
         cluster's OpenID Connect provider, with the conditions `aud` = `sts.amazonaws.com` and \
         `sub` = `system:serviceaccount:NAMESPACE:NAME` of the bot's ServiceAccount"
    } else {
        return error;
    };
    error.said.push_str(&format!(" ({hint})"));
    error
}

/// The same for a secret.
pub(super) fn explain_secret(region: &str, id: &str, mut error: PortError) -> PortError {
    if let Some(hint) = secret_hint(region, id, &error) {
        error.said.push_str(&format!(" ({hint})"));
    }
    error
}

fn secret_hint(region: &str, id: &str, error: &PortError) -> Option<String> {
    let said = &error.said;
    match error.kind {
        PortErrorKind::NotFound if said.contains("staging label") => Some(format!(
            "it was made, but nobody has put a value into it: `aws secretsmanager \
             put-secret-value --region {region} --secret-id {id} --secret-string file://FILE`"
        )),
        PortErrorKind::NotFound => Some(
            "the account of the bot has no such secret in this region: make it, or mend \
             `aws_secret` and `region` in the settings"
                .to_owned(),
        ),
        PortErrorKind::Denied if said.contains("KMS") => Some(
            "the secret is under a KMS key of yours: allow `kms:Decrypt` on that key, in a policy \
             of the bot's own role and in the policy of the key"
                .to_owned(),
        ),
        PortErrorKind::Denied => {
            let caller = Caller::of(said)?;
            let arn = match &caller.role {
                _ if id.starts_with("arn:") => id.to_owned(),
                Some((account, _)) => {
                    format!("arn:aws:secretsmanager:{region}:{account}:secret:{id}-??????")
                }
                None => format!("the ARN of {id}"),
            };
            Some(format!(
                "allow `secretsmanager:GetSecretValue` on {arn} in a policy of {}; AWS refuses \
                 like this also what is not there",
                caller.holder()
            ))
        }
        _ => None,
    }
}
