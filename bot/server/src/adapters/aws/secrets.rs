//! Secrets Manager: the bot's own secrets, by its own identity.

use secrecy::SecretString;
use slipway_core::ports::{PortErrorKind, PortResult};

use super::AwsCloud;
use super::error::{SECRETS, failure, port_error};
use super::refusal::explain_secret;

impl AwsCloud {
    /// The current value of a secret, named by its name or ARN.
    ///
    /// # Errors
    /// When it is not there, has no value, is refused, or AWS can't be reached; it says what to do
    /// about it.
    pub async fn secret_value(&self, region: &str, id: &str) -> PortResult<SecretString> {
        let doing = format!("reading `{id}` in {region}");
        let answer = aws_sdk_secretsmanager::Client::new(&self.own_sdk(region).await)
            .get_secret_value()
            .secret_id(id)
            .send()
            .await
            .map_err(|error| explain_secret(region, id, failure(SECRETS, doing.clone(), &error)))?;
        let text = answer.secret_string.ok_or_else(|| {
            let said = "it holds bytes, not text: put it with --secret-string";
            port_error(SECRETS, &doing, said, PortErrorKind::Invalid)
        })?;
        Ok(SecretString::from(text))
    }
}
