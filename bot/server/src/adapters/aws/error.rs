//! What AWS says, in the words of the ports.

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use slipway_core::ports::{PortError, PortErrorKind};

/// The name of STS in errors.
pub(super) const STS: &str = "AWS STS";
/// The name of EKS in errors.
pub(super) const EKS: &str = "AWS EKS";
/// The name of Secrets Manager in errors.
pub(super) const SECRETS: &str = "AWS Secrets Manager";

/// How the SDK tells the refusal of a Pod Identity agent: by its status alone.
const AGENT_REFUSED: &str = "HTTP credential provider: StatusCode(4";
/// What it leaves out.
const POD_IDENTITY_NEEDS: &str = " (for EKS Pod Identity the ServiceAccount of the pod needs an \
    association with a role in this cluster, and the role must trust `pods.eks.amazonaws.com` with \
    `sts:AssumeRole` and `sts:TagSession`; an association that was just made takes a moment)";

/// Puts an error together.
pub(super) fn port_error(
    system: &'static str,
    doing: &str,
    said: impl Into<String>,
    kind: PortErrorKind,
) -> PortError {
    PortError {
        system,
        doing: doing.to_owned(),
        said: said.into(),
        kind,
    }
}

/// Translates a failed call of any service.
pub(super) fn failure<E, R>(
    system: &'static str,
    doing: String,
    error: &SdkError<E, R>,
) -> PortError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    let (said, kind) = match error {
        SdkError::ServiceError(answer) => {
            let code = answer.err().code().unwrap_or_default();
            let said = match (code, answer.err().message()) {
                ("", None) => "an answer that can't be read".to_owned(),
                (code, None) => code.to_owned(),
                (code, Some(message)) => format!("{code}: {message}"),
            };
            (said, kind_of(code))
        }
        other => unanswered(other),
    };
    PortError {
        system,
        doing,
        said,
        kind,
    }
}

/// A call that got no answer, or none that could be read.
fn unanswered<E, R>(error: &SdkError<E, R>) -> (String, PortErrorKind)
where
    E: std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    let passing = PortErrorKind::Unavailable { retry_after: None };
    if let Some(error) = own_credentials(error) {
        let mut kind = match error {
            CredentialsError::CredentialsNotLoaded(_)
            | CredentialsError::InvalidConfiguration(_) => PortErrorKind::Denied,
            _ => passing,
        };
        let mut why = innermost(error);
        if why.contains(AGENT_REFUSED) {
            kind = PortErrorKind::Denied;
            why.push_str(POD_IDENTITY_NEEDS);
        }
        return (
            format!("the bot has no AWS credentials of its own: {why}"),
            kind,
        );
    }
    let why = innermost(error);
    match error {
        SdkError::ConstructionFailure(_) => (why, PortErrorKind::Invalid),
        SdkError::TimeoutError(_) => ("no answer in time".to_owned(), passing),
        _ => (why, passing),
    }
}

fn own_credentials<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a CredentialsError> {
    std::iter::successors(Some(error), |error| error.source())
        .find_map(|error| error.downcast_ref::<CredentialsError>())
}

/// The cause behind all others: "connection refused" rather than "dispatch failure".
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .last()
        .map(ToString::to_string)
        .unwrap_or_default()
}

/// Whether trying again helps
/// (<https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html>). An expired token is
/// passing: the next attempt signs with a fresh one.
fn kind_of(code: &str) -> PortErrorKind {
    match code.trim_end_matches("Exception") {
        "AccessDenied"
        | "InvalidClientTokenId"
        | "UnrecognizedClient"
        | "SignatureDoesNotMatch"
        | "InvalidSignature"
        | "MissingAuthenticationToken"
        | "IncompleteSignature"
        | "OptInRequired"
        | "RegionDisabled"
        | "NotAuthorized" => PortErrorKind::Denied,
        "ResourceNotFound" => PortErrorKind::NotFound,
        "ExpiredToken"
        | "RequestExpired"
        | "Throttling"
        | "ThrottledRequest"
        | "TooManyRequests"
        | "RequestLimitExceeded"
        | "ServiceUnavailable"
        | "Server"
        | "InternalFailure"
        | "InternalError"
        | "InternalServerError"
        | "InternalServiceError"
        | "IDPCommunicationError"
        | "" => PortErrorKind::Unavailable { retry_after: None },
        _ => PortErrorKind::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_by_whether_trying_again_helps() {
        let passing = PortErrorKind::Unavailable { retry_after: None };
        for (code, kind) in [
            ("AccessDenied", PortErrorKind::Denied),
            ("AccessDeniedException", PortErrorKind::Denied),
            ("ExpiredTokenException", passing),
            ("Throttling", passing),
            ("ThrottlingException", passing),
            ("ServerException", passing),
            ("ValidationError", PortErrorKind::Invalid),
            ("PackedPolicyTooLarge", PortErrorKind::Invalid),
            ("ResourceNotFoundException", PortErrorKind::NotFound),
        ] {
            assert_eq!(kind_of(code), kind, "{code}");
        }
    }
}
