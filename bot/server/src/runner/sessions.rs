//! The sessions of one run's role: the first, and those that follow it where the run outlives it.
//!
//! AWS gives a role that was assumed from a role one hour at the most, and a database takes longer
//! to be made. A session that nears its end is replaced by assuming the role once more, by the same
//! port, with the same proof of account and role.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::SignedDuration;
use slipway_core::outcome::Evidence;
use slipway_core::ports::{
    AssumeRole, Clock, Cloud, PortError, PortErrorKind, PortResult, RoleSessions, RunLog, Session,
};

/// How long a session that is handed out is good for at least, if AWS answers. SDKs ask for new
/// credentials five minutes before theirs end: they must not be given the same once more.
const MARGIN: SignedDuration = SignedDuration::from_mins(6);

/// The sessions of one run.
pub(super) struct RunSessions {
    cloud: Arc<dyn Cloud>,
    clock: Arc<dyn Clock>,
    role: AssumeRole,
    log: Arc<dyn RunLog>,
    first: Session,
    later: Mutex<Vec<Session>>,
    /// Several processes of one Terraform may ask at once; the role is assumed once.
    turn: tokio::sync::Mutex<()>,
}

impl RunSessions {
    /// Begins with a session that was just made of this role.
    pub(super) fn begin(
        cloud: Arc<dyn Cloud>,
        clock: Arc<dyn Clock>,
        role: AssumeRole,
        first: Session,
        log: Arc<dyn RunLog>,
    ) -> Arc<Self> {
        Arc::new(Self {
            cloud,
            clock,
            role,
            log,
            first,
            later: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        })
    }

    /// Who the run is in AWS, whichever session it is in.
    pub(super) fn evidence(&self) -> &Evidence {
        &self.first.evidence
    }

    fn later(&self) -> MutexGuard<'_, Vec<Session>> {
        self.later.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn at_hand(&self) -> Session {
        self.later().last().unwrap_or(&self.first).clone()
    }

    /// Assumes the role once more; it must be the one that the run began with.
    async fn assume(&self) -> PortResult<Session> {
        let session = self.cloud.assume(&self.role).await?;
        if session.evidence == self.first.evidence {
            return Ok(session);
        }
        Err(PortError {
            system: "AWS STS",
            doing: format!("assuming {} anew", self.role.role),
            said: format!(
                "the new session is {} in {} as {}, not what the run began with",
                session.evidence.role, session.evidence.account, session.evidence.session
            ),
            kind: PortErrorKind::Denied,
        })
    }
}

#[async_trait]
impl RoleSessions for RunSessions {
    async fn current(&self) -> PortResult<Session> {
        let _turn = self.turn.lock().await;
        let at_hand = self.at_hand();
        let left = at_hand.expires_at.duration_since(self.clock.now());
        if left >= MARGIN {
            return Ok(at_hand);
        }
        match self.assume().await {
            Ok(session) => {
                self.log.line(&format!(
                    "the session of {} nears its end: the role was assumed anew, until {}",
                    session.evidence.role, session.expires_at
                ));
                self.later().push(session.clone());
                Ok(session)
            }
            // What is at hand may still last for what is left to do.
            Err(error) if left.is_positive() => {
                tracing::warn!(%error, "the role could not be assumed anew; the old session goes on");
                Ok(at_hand)
            }
            Err(error) => Err(error),
        }
    }

    fn given(&self) -> Vec<Session> {
        let mut all = vec![self.first.clone()];
        all.extend(self.later().iter().cloned());
        all
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::time::Duration;

    use jiff::Timestamp;
    use slipway_core::config::{AccountId, RoleArn};
    use slipway_core::ports::ClusterAccess;

    use super::*;

    #[derive(Debug)]
    struct At(Mutex<Timestamp>);

    impl Clock for At {
        fn now(&self) -> Timestamp {
            *self.0.lock().unwrap()
        }
    }

    impl At {
        fn set(&self, minutes: i64) {
            *self.0.lock().unwrap() = minute(minutes);
        }
    }

    /// Answers with what the test has put down, once each.
    struct Answers(Mutex<VecDeque<PortResult<Session>>>);

    #[async_trait]
    impl Cloud for Answers {
        async fn assume(&self, _: &AssumeRole) -> PortResult<Session> {
            let answer = self.0.lock().unwrap().pop_front();
            answer.expect("the role was assumed once more than expected")
        }

        async fn assume_from(&self, _: &Session, _: &AssumeRole) -> PortResult<Session> {
            unreachable!("no role is assumed from another")
        }

        async fn cluster(&self, _: &Session, _: &str) -> PortResult<ClusterAccess> {
            unreachable!("no cluster is asked for")
        }
    }

    #[derive(Default)]
    struct Lines(Mutex<Vec<String>>);

    impl RunLog for Lines {
        fn line(&self, text: &str) {
            self.0.lock().unwrap().push(text.to_owned());
        }

        fn progress(&self, _: &str, _: Option<(u32, u32)>) {}
    }

    fn minute(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    fn session(key: &str, until: i64, account: &str) -> Session {
        Session {
            access_key_id: key.to_owned(),
            secret_access_key: format!("secret of {key}").into(),
            session_token: format!("token of {key}").into(),
            expires_at: minute(until),
            region: "eu-central-1".to_owned(),
            evidence: Evidence {
                role: "slipway-apply".to_owned(),
                account: account.to_owned(),
                session: "slipway-acme.shop-1-ana".to_owned(),
            },
        }
    }

    fn no(kind: PortErrorKind) -> PortError {
        PortError {
            system: "AWS STS",
            doing: "assuming it".to_owned(),
            said: "no".to_owned(),
            kind,
        }
    }

    struct Room {
        sessions: Arc<RunSessions>,
        clock: Arc<At>,
        log: Arc<Lines>,
    }

    /// A run whose first session ends at minute 15.
    fn room(answers: Vec<PortResult<Session>>) -> Room {
        let clock = Arc::new(At(Mutex::new(minute(0))));
        let log = Arc::new(Lines::default());
        let role = AssumeRole {
            role: RoleArn::parse("arn:aws:iam::111111111111:role/slipway-apply").unwrap(),
            account: AccountId::parse("111111111111").unwrap(),
            region: "eu-central-1".to_owned(),
            session_name: "slipway-acme.shop-1-ana".to_owned(),
            source_identity: "ana@acme.shop".to_owned(),
            external_id: None,
            duration: Duration::from_secs(900),
        };
        let sessions = RunSessions::begin(
            Arc::new(Answers(Mutex::new(answers.into()))),
            clock.clone(),
            role,
            session("FIRST", 15, "111111111111"),
            log.clone(),
        );
        Room {
            sessions,
            clock,
            log,
        }
    }

    impl Room {
        async fn key(&self) -> Result<String, String> {
            let session = self.sessions.current().await;
            session
                .map(|session| session.access_key_id)
                .map_err(|error| error.to_string())
        }
    }

    #[tokio::test]
    async fn a_session_is_replaced_before_it_ends_and_none_is_forgotten() {
        let room = room(vec![Ok(session("SECOND", 30, "111111111111"))]);
        assert_eq!(room.key().await, Ok("FIRST".to_owned()));
        room.clock.set(9);
        assert_eq!(room.key().await, Ok("FIRST".to_owned()));
        room.clock.set(10);
        // Two who ask at once make one new session.
        let (one, other) = tokio::join!(room.key(), room.key());
        assert_eq!(
            (one, other),
            (Ok("SECOND".to_owned()), Ok("SECOND".to_owned()))
        );
        let keys = room.sessions.given().into_iter().map(|s| s.access_key_id);
        assert_eq!(Vec::from_iter(keys), ["FIRST", "SECOND"]);
        insta::assert_snapshot!(
            room.log.0.lock().unwrap().join("\n"),
            @"the session of slipway-apply nears its end: the role was assumed anew, until 1970-01-01T00:30:00Z"
        );
    }

    #[tokio::test]
    async fn a_refusal_matters_only_once_the_old_session_is_over() {
        let room = room(vec![
            Err(no(PortErrorKind::Denied)),
            Err(no(PortErrorKind::Denied)),
        ]);
        room.clock.set(14);
        assert_eq!(room.key().await, Ok("FIRST".to_owned()));
        room.clock.set(15);
        assert_eq!(room.key().await, Err("AWS STS: assuming it: no".to_owned()));
    }

    #[tokio::test]
    async fn a_session_of_somebody_else_is_never_handed_out() {
        let room = room(vec![Ok(session("OTHER", 40, "222222222222"))]);
        room.clock.set(16);
        insta::assert_snapshot!(
            room.key().await.unwrap_err(),
            @"AWS STS: assuming arn:aws:iam::111111111111:role/slipway-apply anew: the new session is slipway-apply in 222222222222 as slipway-acme.shop-1-ana, not what the run began with"
        );
        assert_eq!(room.sessions.given().len(), 1);
    }
}
