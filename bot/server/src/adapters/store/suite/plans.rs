//! Plan files and logs that are needed, and those that are not any more.

use jiff::Timestamp;
use slipway_core::ids::PrNumber;
use slipway_core::intent::Intent;
use slipway_core::run::Move;

use super::world::{World, apply, at, force_unlock, id, plan, start};

/// Which of the first nine runs have plan files that are needed.
async fn needed(world: &World, made_after: Timestamp) -> Vec<u128> {
    let all: Vec<_> = (1..10).map(id).collect();
    let needed = world.store.needed_plans(&all, made_after).await.unwrap();
    (1..10).filter(|bits| needed.contains(&id(*bits))).collect()
}

pub(super) async fn a_plan_file_is_needed_until_it_is_of_no_use(world: World) {
    // Two stacks, and one of them in another pull request.
    let first = [
        start(plan(1, "eks")),
        start(plan(1, "db")),
        start(plan(2, "eks")),
    ];
    world.decide(at(0), &first, &[1, 2, 3]).await;
    assert_eq!(needed(&world, at(100)).await, [1, 2, 3], "under way");
    world.take_all(at(1)).await;
    for run in [1, 2] {
        world.end(run, Move::Succeed, at(10)).await;
    }
    world.end(3, Move::Fail, at(10)).await;
    assert_eq!(needed(&world, at(9)).await, [1, 2]);
    assert_eq!(needed(&world, at(10)).await, [0; 0], "too old");

    // A newer plan takes the place of an older one once it is there.
    world.decide(at(11), &[start(plan(1, "eks"))], &[4]).await;
    assert_eq!(needed(&world, at(9)).await, [1, 2, 4]);
    world.take_all(at(12)).await;
    world.end(4, Move::Succeed, at(13)).await;
    assert_eq!(needed(&world, at(9)).await, [2, 4]);

    // An apply keeps what it may want, however old; a refused one has used nothing up.
    world.decide(at(14), &[start(apply(1, "eks"))], &[5]).await;
    assert_eq!(needed(&world, at(100)).await, [1, 4]);
    world.take_all(at(15)).await;
    assert_eq!(needed(&world, at(100)).await, [1, 4]);
    world.end(5, Move::Refuse, at(16)).await;
    assert_eq!(needed(&world, at(9)).await, [2, 4]);

    // So has forcing the state lock open.
    world
        .decide(at(17), &[start(force_unlock(1, "eks"))], &[7])
        .await;
    world.take_all(at(17)).await;
    world.end(7, Move::Succeed, at(17)).await;
    assert_eq!(needed(&world, at(9)).await, [2, 4]);

    // One that was begun has, whatever came of it.
    world.decide(at(17), &[start(apply(1, "eks"))], &[6]).await;
    world.take_all(at(18)).await;
    world.end(6, Move::Fail, at(19)).await;
    assert_eq!(needed(&world, at(9)).await, [2]);
}

pub(super) async fn the_plans_of_a_closed_pull_request_go(world: World) {
    let both = [start(plan(1, "eks")), start(plan(2, "eks"))];
    world.decide(at(0), &both, &[1, 2]).await;
    world.take_all(at(1)).await;
    for run in [1, 2] {
        world.end(run, Move::Succeed, at(2)).await;
    }
    let drop = Intent::DropPlans(PrNumber(1));
    world
        .decide(at(3), &[start(apply(1, "eks")), drop], &[3])
        .await;
    assert_eq!(needed(&world, at(1)).await, [1, 2], "an apply is under way");
    world.take_all(at(4)).await;
    world.end(3, Move::Refuse, at(5)).await;
    assert_eq!(needed(&world, at(1)).await, [2]);
    // It was opened again.
    world.decide(at(6), &[start(plan(1, "eks"))], &[4]).await;
    world.take_all(at(7)).await;
    world.end(4, Move::Succeed, at(8)).await;
    assert_eq!(needed(&world, at(1)).await, [2, 4]);
}

pub(super) async fn old_logs_go_and_say_so(world: World) {
    let store = &world.store;
    let three = [
        start(plan(1, "eks")),
        start(plan(1, "db")),
        start(plan(1, "app")),
    ];
    world.decide(at(0), &three, &[1, 2, 3]).await;
    world.take_all(at(1)).await;
    for run in [1, 2, 3] {
        store.append_log(&id(run), "a line\n").await.unwrap();
    }
    world.end(1, Move::Succeed, at(10)).await;
    world.end(2, Move::Succeed, at(20)).await;
    let text = async |run| -> String {
        let chunks = store.log(&id(run), 0).await.unwrap();
        chunks.into_iter().map(|chunk| chunk.text).collect()
    };
    assert_eq!(store.forget_logs(at(10), 9).await.unwrap(), 0);
    assert_eq!(store.forget_logs(at(15), 9).await.unwrap(), 1);
    assert_eq!(
        text(1).await,
        "… this log was deleted: it was older than logs are kept\n"
    );
    assert_eq!(text(2).await, "a line\n");
    // The oldest first, so many at a time, each once; those under way never.
    assert_eq!(store.forget_logs(at(100), 1).await.unwrap(), 1);
    assert_eq!(store.forget_logs(at(100), 1).await.unwrap(), 0);
    assert_eq!(text(3).await, "a line\n");
}
