//! Many callers that wait for the end of a token, and odd places to wait in.

use hallpass_core::Rejected;

use crate::ended::{reads, wait};
use crate::store::Mode;
use crate::world::{LAG, MILLI, MINUTE, SECOND, World};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

/// The turns run where the first call was made: here in a runtime that nobody drives any more.
#[test]
fn an_ending_is_not_missed_if_the_runtime_of_the_turns_stands_still() {
    let first = runtime();
    let (world, issued) = first.block_on(World::hit());
    runtime().block_on(async {
        let waiting = wait(&world.near, &issued);
        world.pass(MILLI).await;
        world.end().await;
        world.node.advance(LAG + MILLI);
        reads(&world, SECOND * 10).await;
        assert!(waiting.is_finished(), "no turn is taken, and the store was not asked");
        assert!(matches!(waiting.await.unwrap(), Rejected::Revoked(_)));
    });
}

/// The timers of tokio stand still while a machine is suspended.
#[tokio::test(start_paused = true)]
async fn an_expiry_during_a_suspension_is_noticed() {
    let (world, issued) = World::hit().await;
    let waiting = wait(&world.near, &issued);
    world.turns(1).await;
    world.node.advance(MINUTE * 30);
    world.clock.advance(MINUTE * 30);
    reads(&world, SECOND * 10).await;
    assert!(waiting.is_finished());
    assert_eq!(waiting.await.unwrap(), Rejected::Expired);
}

/// Waiting makes no calls while turns are taken, however long.
#[tokio::test(start_paused = true)]
async fn a_proof_spares_the_callers_that_wait_their_reads() {
    let (world, issued) = World::hit().await;
    let waiting = wait(&world.near, &issued);
    world.turns(2).await;
    world.store.calls();
    for _ in 0..60 {
        world.node.advance(SECOND);
        world.clock.advance(SECOND);
        world.turns(1).await;
        world.pass(SECOND).await;
    }
    assert_eq!(world.store.calls(), [""; 0]);
    assert!(!waiting.is_finished());
}

#[tokio::test(start_paused = true)]
async fn an_ending_is_not_missed_while_the_opening_of_a_feed_hangs() {
    let (world, issued) = World::hit().await;
    let waiting = wait(&world.near, &issued);
    world.turns(1).await;
    world.feed(Mode::Closed);
    world.another_feed().await;
    world.feed(Mode::OpeningHangs);
    world.another_feed().await;
    world.pass(MILLI).await;
    world.end().await;
    world.node.advance(SECOND * 2);
    reads(&world, SECOND * 2).await;
    assert!(waiting.is_finished(), "the store was not asked for two seconds");
}
