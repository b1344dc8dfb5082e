//! The sandbox AWS over real sockets: by hand-signed requests, and by Terraform's S3 backend.

mod eks;
mod identities;
mod pods;
mod s3;
mod secrets;
mod signer;
mod sigv4;
mod sts;
mod terraform;
mod web_identity;

use reqwest::{Method, StatusCode};

use self::signer::{Signer, Unsigned};
use super::{AccountId, Aws, AwsConfig, Grant, Keys, Pod, Role, Trust};
use crate::clock::WorldClock;

const REGION: &str = "eu-central-1";

/// A world of two accounts: the bot's, and dev with its roles and state bucket.
struct World {
    aws: Aws,
    clock: WorldClock,
    bot: Keys,
    bot_arn: String,
    dev: AccountId,
}

impl World {
    async fn new() -> Self {
        let clock = WorldClock::default();
        let aws = Aws::start(AwsConfig {
            clock: clock.clone(),
        })
        .await
        .unwrap();
        let tools = aws.add_account("999999999999").unwrap();
        let dev = aws.add_account("111111111111").unwrap();
        let bot = aws.add_user(&tools, "slipway").unwrap();
        let world = Self {
            aws,
            clock,
            bot,
            bot_arn: "arn:aws:iam::999999999999:user/slipway".to_owned(),
            dev,
        };
        world
            .aws
            .create_bucket(&world.dev, REGION, "state")
            .unwrap();
        world
    }

    /// A role of dev that trusts the bot.
    fn role(&self, name: &str, grants: &[Grant]) -> String {
        let role = Role {
            grants: grants.to_vec(),
            ..Role::new(&self.dev, name, Trust::of(&self.bot_arn))
        };
        self.aws.add_role(role).unwrap()
    }

    /// A cluster of dev, and who issues its tokens.
    fn cluster(&self, name: &str) -> String {
        self.aws
            .add_cluster(&self.dev, REGION, name, "https://127.0.0.1:1", "PEM");
        self.aws.cluster_issuer(&self.dev, REGION, name).unwrap()
    }

    /// The token of a pod of that cluster.
    fn token(&self, issuer: &str, service_account: &str, audience: &str) -> String {
        let pod = Pod {
            namespace: "slipway".to_owned(),
            service_account: service_account.to_owned(),
            name: "slipway-0".to_owned(),
        };
        self.aws.pod_token(issuer, &pod, audience).unwrap()
    }

    /// Keys of a session of that role.
    fn session(&self, role_arn: &str) -> Keys {
        let hour = std::time::Duration::from_secs(3600);
        self.aws.session_keys(role_arn, "test", hour).unwrap()
    }

    fn signer(&self, service: &'static str, keys: &Keys) -> Signer {
        Signer {
            keys: keys.clone(),
            service,
            region: REGION.to_owned(),
            at: self.clock.now(),
        }
    }

    /// A request to this AWS; `path` is already percent-encoded and may carry a query.
    fn request(&self, method: Method, path: &str) -> Unsigned {
        Unsigned::new(method, self.aws.url().join(path).unwrap())
    }

    /// `AssumeRole` as the bot, with further parameters.
    async fn assume(&self, role_arn: &str, more: &[(&str, &str)]) -> Answer {
        self.assume_as(&self.bot, role_arn, more).await
    }

    async fn assume_as(&self, keys: &Keys, role_arn: &str, more: &[(&str, &str)]) -> Answer {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", "AssumeRole")
            .append_pair("Version", "2011-06-15")
            .append_pair("RoleArn", role_arn)
            .extend_pairs(more);
        if !more.iter().any(|(name, _)| *name == "RoleSessionName") {
            form.append_pair("RoleSessionName", "run-1");
        }
        let request = self
            .request(Method::POST, "/")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.finish());
        Answer::of(self.signer("sts", keys).send(request).await).await
    }

    /// The ARN that `GetCallerIdentity` tells to the owner of these keys.
    async fn who_am_i(&self, keys: &Keys) -> String {
        let request = self.request(Method::GET, "/?Action=GetCallerIdentity&Version=2011-06-15");
        let answer = Answer::of(self.signer("sts", keys).send(request).await).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.element("Arn").to_owned()
    }
}

/// An answer, read.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: reqwest::header::HeaderMap,
    body: String,
}

impl Answer {
    async fn of(response: reqwest::Response) -> Self {
        Self {
            status: response.status(),
            headers: response.headers().clone(),
            body: response.text().await.unwrap(),
        }
    }

    /// The text of the first such XML element.
    fn element(&self, name: &str) -> &str {
        let open = format!("<{name}>");
        let close = format!("</{name}>");
        let rest = self.body.split_once(&open).map(|(_, rest)| rest);
        let inner = rest.and_then(|rest| rest.split_once(&close));
        inner
            .unwrap_or_else(|| panic!("no {name} in {}", self.body))
            .0
    }

    fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        let value = value.unwrap_or_else(|| panic!("no {name} in {:?}", self.headers));
        value.to_str().unwrap()
    }

    /// The credentials of an `AssumeRole`.
    fn keys(&self) -> Keys {
        assert_eq!(self.status, StatusCode::OK, "{}", self.body);
        Keys {
            access_key_id: self.element("AccessKeyId").to_owned(),
            secret_access_key: self.element("SecretAccessKey").to_owned(),
            session_token: Some(self.element("SessionToken").to_owned()),
        }
    }

    #[track_caller]
    fn refused(&self, status: u16, code: &str) {
        let said = (self.status.as_u16(), self.element("Code"));
        assert_eq!(said, (status, code), "{}", self.body);
    }
}
