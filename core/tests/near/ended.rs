//! Waiting for the end of a token.

use std::time::Duration;

use hallpass_core::{Issued, Kind, Rejected, Tokens};
use tokio::task::JoinHandle;

use crate::store::Mode;
use crate::world::{MILLI, MINUTE, SECOND, World};

pub(crate) fn wait(tokens: &Tokens, issued: &Issued) -> JoinHandle<Rejected> {
    let (tokens, kind, text) = (tokens.clone(), issued.kind, issued.token.expose().to_owned());
    tokio::spawn(async move {
        let valid = tokens.verify(kind, &text).await.unwrap();
        tokens.ended(&valid).await
    })
}

/// Returns the number of reads that some time takes.
pub(crate) async fn reads(world: &World, time: Duration) -> usize {
    world.store.calls();
    for _ in 0..10 {
        world.pass(time / 10).await;
    }
    world.store.calls().len()
}

#[tokio::test(start_paused = true)]
async fn an_ending_wakes_every_caller_that_waits_and_waiting_makes_no_calls() {
    let (world, issued) = World::hit().await;
    // Neither node keeps API keys, and the far one keeps nothing.
    let other = world.log_in(Kind::SESSION).await;
    let waiting = [wait(&world.near, &issued), wait(&world.near, &issued), wait(&world.far, &issued)];
    let of_another = wait(&world.near, &other);
    world.turns(2).await;
    assert_eq!(reads(&world, MINUTE).await, 0);
    assert!(!waiting.iter().any(JoinHandle::is_finished));
    world.far.revoke(Kind::SESSION, issued.token.expose()).await.unwrap();
    // Long before anything would expire.
    world.pass_until(|| waiting.iter().all(JoinHandle::is_finished)).await;
    for waiting in waiting {
        assert_eq!(waiting.await.unwrap(), Rejected::Invalid);
    }
    assert!(!of_another.is_finished());
    world.end().await;
    world.pass_until(|| of_another.is_finished()).await;
    assert!(matches!(of_another.await.unwrap(), Rejected::Revoked(_)));
}

#[tokio::test(start_paused = true)]
async fn an_ending_between_two_feeds_or_during_failures_is_not_missed() {
    for mode in [Mode::Closed, Mode::Fails, Mode::Hangs] {
        let (world, issued) = World::hit().await;
        let waiting = wait(&world.near, &issued);
        world.turns(2).await;
        world.feed(mode);
        reads(&world, SECOND * 5).await;
        assert!(!waiting.is_finished(), "{mode:?}");
        world.end().await;
        for _ in 0..20 {
            world.node.advance(SECOND);
            world.pass(SECOND).await;
        }
        assert!(waiting.is_finished(), "{mode:?}: the store was not asked");
        assert!(matches!(waiting.await.unwrap(), Rejected::Revoked(_)));
    }
}

/// The read that found it alive came before the ending, and the feed was opened after it.
#[tokio::test(start_paused = true)]
async fn an_ending_before_the_feed_is_open_is_not_missed() {
    let world = World::new();
    world.feed(Mode::Closed);
    let issued = world.log_in(Kind::SESSION).await;
    // Starts the task. From now on no attempt to open a feed comes before the test lets time pass.
    world.verify(&issued).await.unwrap();
    world.another_feed().await;
    let valid = world.far.verify(Kind::SESSION, issued.token.expose()).await.unwrap();
    let held = world.store.hold_find();
    let near = world.near.clone();
    let waiting = tokio::spawn(async move { near.ended(&valid).await });
    held.arrival().await;
    world.end().await;
    world.feed(Mode::Good);
    world.another_feed().await;
    world.turns(3).await;
    held.release();
    world.turns(3).await;
    assert!(waiting.is_finished());
}

#[tokio::test(start_paused = true)]
async fn an_ending_that_is_announced_during_the_read_is_not_missed() {
    let (world, issued) = World::hit().await;
    let valid = world.verify(&issued).await.unwrap();
    let held = world.store.hold_find();
    let near = world.near.clone();
    let waiting = tokio::spawn(async move { near.ended(&valid).await });
    held.arrival().await;
    world.end().await;
    world.turns(2).await;
    held.release();
    world.turns(2).await;
    assert!(waiting.is_finished());
}

#[tokio::test(start_paused = true)]
async fn an_expiry_ends_the_wait_unless_the_token_was_used() {
    let (world, issued) = World::hit().await;
    let waiting = wait(&world.near, &issued);
    world.turns(2).await;
    world.clock.advance(MINUTE * 20);
    world.far.verify(Kind::SESSION, issued.token.expose()).await.unwrap();
    world.clock.advance(MINUTE * 20);
    reads(&world, MINUTE * 31).await;
    assert!(!waiting.is_finished(), "it was used, and expires later");
    world.clock.advance(MINUTE * 11);
    reads(&world, MINUTE * 31).await;
    world.pass_until(|| waiting.is_finished()).await;
    assert_eq!(waiting.await.unwrap(), Rejected::Expired);
}

#[tokio::test(start_paused = true)]
async fn callers_that_went_leave_nothing_behind() {
    let (world, issued) = World::hit().await;
    for _ in 0..3 {
        let waiting = wait(&world.near, &issued);
        world.pass(MILLI).await;
        waiting.abort();
        assert!(waiting.await.is_err());
    }
    let waiting = wait(&world.near, &issued);
    world.pass(MILLI).await;
    let other = wait(&world.near, &issued);
    world.pass(MILLI).await;
    other.abort();
    assert!(other.await.is_err());
    world.end().await;
    world.pass_until(|| waiting.is_finished()).await;
    assert!(matches!(waiting.await.unwrap(), Rejected::Revoked(_)));
}
