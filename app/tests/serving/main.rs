//! The shop over real sockets, with SQLite and with a real PostgreSQL: what it answers, what it keeps,
//! and how it ends.
//!
//! PostgreSQL comes from `tools/postgres`; where there is none, the tests that need it fail and say what
//! to install.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod database;
mod http;
mod postgres;
mod shop;

/// Runs the same tests on each database: `on_each_database!(name, …)` for functions that take a
/// [`database::Place`].
macro_rules! on_each_database {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(crate::database::Place::sqlite()).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(crate::database::Place::postgres().await).await;
            })+
        }
    };
}

mod certificates;
mod login;
mod migrating;
mod observing;
mod ordering;
mod pages;
mod program;
mod shutdown;
