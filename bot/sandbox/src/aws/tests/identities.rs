//! Setting the world up: what it takes and what it refuses.

use std::time::Duration;

use super::super::{Role, SetupError, Trust};
use super::{Grant, World};

#[tokio::test]
async fn the_world_refuses_what_iam_refuses() {
    let world = World::new().await;
    let aws = &world.aws;
    assert_eq!(
        aws.add_account("12"),
        Err(SetupError::NoAccountId("12".into()))
    );
    assert_eq!(
        aws.add_user(&world.dev, "a b"),
        Err(SetupError::NoName("a b".into()))
    );
    let twice = aws.create_bucket(&world.dev, "us-east-1", "state");
    assert_eq!(twice, Err(SetupError::Taken("state".into())));
    let long = Duration::from_secs(13 * 3600);
    let role = Role {
        max_session: long,
        ..Role::new(&world.dev, "long", Trust::default())
    };
    assert_eq!(aws.add_role(role), Err(SetupError::SessionLength(long)));
    let nobody = "arn:aws:iam::111111111111:role/nobody";
    let granted = aws.grant(nobody, Grant::DescribeClusters);
    assert_eq!(granted, Err(SetupError::Unknown(nobody.into())));
}
