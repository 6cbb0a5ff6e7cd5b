//! Many callers that wait for the end of a token, and odd places to wait in.

use hallpass_core::store::Lost;
use hallpass_core::{Kind, Reason, Rejected};
use tokio::task::JoinHandle;

use crate::ended::{reads, wait};
use crate::store::Mode;
use crate::world::{LAG, MILLI, MINUTE, SECOND, World, alice};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

/// The turns run where the first call was made: here in a runtime that no thread drives any more.
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

#[test]
fn a_caller_that_waits_starts_the_turns_again_when_their_runtime_ends() {
    let first = runtime();
    let (world, issued) = first.block_on(World::hit());
    runtime().block_on(async {
        let waiting = wait(&world.near, &issued);
        world.pass(MILLI).await;
        let feeds = world.store.feeds();
        first.shutdown_background();
        world.pass(MILLI).await;
        assert_eq!(world.store.feeds(), feeds + 1);
        world.end().await;
        world.turns(1).await;
        assert!(waiting.is_finished());
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

/// A caller that waits for its turn to read is not woken by what happened before the read.
#[tokio::test(start_paused = true)]
async fn a_loss_costs_each_caller_that_waits_few_reads() {
    let (world, issued) = World::hit().await;
    let waiting: Vec<_> = (0..500).map(|_| wait(&world.near, &issued)).collect();
    world.turns(2).await;
    let stuck = world.store.hang_finds();
    world.store.calls();
    world.feed(Mode::Loses(Lost::Closed));
    world.another_feed().await;
    world.feed(Mode::Good);
    world.another_feed().await;
    stuck.close();
    for _ in 0..100 {
        world.pass(MILLI).await;
    }
    let finds = world.store.calls().len();
    assert!((500..=700).contains(&finds), "{finds} reads");
    assert!(!waiting.iter().any(JoinHandle::is_finished));
    world.end().await;
    world.pass_until(|| waiting.iter().all(JoinHandle::is_finished)).await;
}

#[tokio::test(start_paused = true)]
async fn reads_that_hang_do_not_keep_other_callers_from_theirs() {
    let (world, issued) = World::hit().await;
    let other = world.log_in(Kind::API_KEY).await;
    let hung: Vec<_> = (0..64).map(|_| wait(&world.near, &issued)).collect();
    world.turns(2).await;
    let valid = world.near.verify(other.kind, other.token.expose()).await.unwrap();
    // All of them read again, and hang.
    let stuck = world.store.hang_finds();
    world.feed(Mode::Loses(Lost::Closed));
    world.another_feed().await;
    world.feed(Mode::Good);
    world.another_feed().await;
    world.turns(2).await;
    world.store.answer_finds();
    let near = world.near.clone();
    world.far.revoke(other.kind, other.token.expose()).await.unwrap();
    let waiting = tokio::spawn(async move { near.ended(&valid).await });
    for _ in 0..20 {
        world.pass(MILLI * 50).await;
    }
    assert!(waiting.is_finished(), "it has waited for the reads of others");
    stuck.close();
    drop(hung);
}

/// The feed is silent. A revocation of this node wakes the callers that wait for records of its shard, and no others.
#[tokio::test(start_paused = true)]
async fn what_this_node_ends_wakes_the_callers_that_wait_for_it() {
    let (world, issued) = World::hit().await;
    let (other, of_none) = (world.log_in(Kind::SESSION).await, world.anonymous().await);
    let waiting = [wait(&world.near, &issued), wait(&world.near, &other)];
    let of_another = wait(&world.near, &of_none);
    world.turns(2).await;
    world.feed(Mode::Hangs);
    world.pass(MILLI * 20).await;
    world.store.calls();
    assert!(world.near.revoke_subject(&alice(), Kind::SESSION, Reason::LoggedOut).await.unwrap() > 0);
    world.pass(MILLI).await;
    assert!(waiting.iter().all(JoinHandle::is_finished));
    assert_eq!(world.store.calls(), ["revoke", "find", "find"]);
    assert!(!of_another.is_finished());
}
