//! The turns of the feed: what they prove, and what a loss costs.

use std::time::Duration;

use hallpass_core::store::{Lost, Proven};
use hallpass_core::{EventKind, Kind, Rejected, Tokens};

use crate::store::Mode;
use crate::world::{LAG, MILLI, World};

#[tokio::test(start_paused = true)]
async fn a_loss_forgets_everything_and_what_ended_meanwhile_is_refused() {
    let closed = Proven::Lost(Lost::Closed);
    for (mode, why) in [
        (Mode::Loses(Lost::Trimmed), Lost::Trimmed),
        (Mode::LosesMidway(Proven::ThisTurn), Lost::Flushed),
        (Mode::LosesMidway(closed), Lost::Flushed),
    ] {
        let (world, issued) = World::hit().await;
        world.lease_events();
        let forgotten = world.stats().flushes;
        world.feed(mode);
        world.pass_until(|| world.stats().flushes > forgotten).await;
        // Between two feeds: neither hears it.
        world.end().await;
        world.feed(Mode::Good);
        world.another_feed().await;
        world.turns(2).await;
        assert!(matches!(world.rejected(&issued).await, Rejected::Revoked(_)), "{mode:?}");
        let [lost, gained] = &world.lease_events()[..] else { panic!("one loss, one lease") };
        assert_eq!((*lost, *gained), ((EventKind::FeedLost(why), 1), (EventKind::LeaseGained, 0)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_hangs_is_cut_off_and_another_feed_opened() {
    let (world, issued) = World::hit().await;
    world.lease_events();
    world.feed(Mode::Hangs);
    world.another_feed().await;
    assert_eq!(world.lease_events(), [(EventKind::FeedLost(Lost::Closed), 1)]);
    world.end().await;
    world.feed(Mode::Good);
    world.another_feed().await;
    world.turns(2).await;
    assert!(matches!(world.rejected(&issued).await, Rejected::Revoked(_)));
    assert_eq!(world.lease_events(), [(EventKind::LeaseGained, 0)]);
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_cannot_be_opened_is_reported_once() {
    let (world, issued) = World::hit().await;
    world.lease_events();
    world.feed(Mode::Closed);
    for _ in 0..5 {
        world.another_feed().await;
        assert!(!world.hits(&issued).await);
    }
    assert_eq!(world.lease_events(), [(EventKind::FeedLost(Lost::Closed), 1)]);
    world.feed(Mode::Good);
    world.another_feed().await;
    world.turns(2).await;
    assert!(!world.hits(&issued).await && world.hits(&issued).await);
    assert_eq!(world.lease_events(), [(EventKind::LeaseGained, 0)]);
}

/// What is acknowledged while the answer is under way may be missing from it.
#[tokio::test(start_paused = true)]
async fn a_turn_proves_its_beginning_not_its_end() {
    let (world, issued) = World::hit().await;
    world.feed(Mode::Slow(MILLI * 800));
    world.turns(1).await;
    world.feed(Mode::Fails);
    world.turns(1).await;
    assert!(world.hits(&issued).await);
    world.node.advance(MILLI * 300);
    assert!(!world.hits(&issued).await, "the last turn that went well began 1.1 seconds ago");
}

#[tokio::test(start_paused = true)]
async fn what_was_heard_is_no_older_than_the_proof_before_it() {
    let (world, _) = World::hit().await;
    assert_eq!((world.stats().heard, world.stats().revocation_lag), (0, Duration::ZERO));
    world.end().await;
    world.feed(Mode::Slow(MILLI * 300));
    world.turns(1).await;
    assert_eq!(world.stats().heard, 1);
    assert_eq!(world.stats().revocation_lag, MILLI * 300);
    world.turns(1).await;
    assert_eq!(world.stats().revocation_lag, MILLI * 300, "nothing ended since");
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_proves_the_one_before_proves_no_more() {
    let (world, issued) = World::hit().await;
    world.feed(Mode::TwoPongs(MILLI * 400));
    world.turns(3).await;
    assert!(world.hits(&issued).await, "proved 0.8 seconds ago");
    world.feed(Mode::TwoPongs(MILLI * 600));
    world.turns(3).await;
    assert!(!world.hits(&issued).await, "proved 1.2 seconds ago");
    world.feed(Mode::OnePong);
    world.node.advance(LAG * 2);
    world.turns(6).await;
    assert!(!world.hits(&issued).await, "each turn before an answer has failed");
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_was_suspended_has_no_proof() {
    let (world, issued) = World::hit().await;
    // No task has run meanwhile, and no timer has.
    world.node.advance(LAG + MILLI);
    assert!(!world.hits(&issued).await);
}

#[tokio::test(start_paused = true)]
async fn clocks_that_move_against_each_other_cost_the_proof_of_a_turn() {
    let (world, issued) = World::hit().await;
    world.feed(Mode::Fails);
    world.turns(1).await;
    world.node.step_wall(MILLI * 249);
    world.turns(1).await;
    assert!(world.hits(&issued).await, "a small step");
    world.node.step_wall(MILLI * 250);
    world.turns(1).await;
    assert!(!world.hits(&issued).await);
    world.feed(Mode::Good);
    world.turns(1).await;
    assert!(world.hits(&issued).await);
    // What the turn proves that noticed is from before.
    world.feed(Mode::TwoPongs(MILLI));
    world.turns(2).await;
    assert!(world.hits(&issued).await);
    world.node.step_wall(MILLI * 250);
    let turns = world.store.turns();
    world.pass_until(|| world.store.turns() > turns).await;
    assert!(!world.hits(&issued).await);
    world.turns(2).await;
    assert!(world.hits(&issued).await);
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

#[test]
fn a_runtime_that_ends_takes_the_lease_with_it_and_the_next_starts_another() {
    let first = runtime();
    let (world, issued) = first.block_on(World::hit());
    drop(first);
    assert_eq!((world.stats().entries, world.stats().lease_age), (0, None));
    let second = runtime();
    second.block_on(async {
        world.end().await;
        assert!(matches!(world.rejected(&issued).await, Rejected::Revoked(_)));
        let issued = world.log_in(Kind::SESSION).await;
        world.keep(&issued).await;
    });
}

#[tokio::test(start_paused = true)]
async fn the_feed_ends_with_the_service() {
    let (world, _) = World::hit().await;
    let World { near, far, store, .. } = world;
    drop((near, far));
    for _ in 0..10 {
        tokio::time::advance(LAG).await;
        tokio::task::yield_now().await;
    }
    let turns = store.turns();
    for _ in 0..10 {
        tokio::time::advance(LAG).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(store.turns(), turns);
}

#[tokio::test(start_paused = true)]
async fn one_hit_in_a_thousand_is_compared_with_the_store() {
    let (world, issued) = World::hit().await;
    world.lease_events();
    let hits = async |tokens: &Tokens, until: u64| {
        while world.stats().hits < until {
            tokens.verify(Kind::SESSION, issued.token.expose()).await.unwrap();
        }
    };
    hits(&world.near, 1_000).await;
    world.pass_until(|| world.stats().samples == 1).await;
    world.feed(Mode::Fails);
    world.turns(1).await;
    world.end().await;
    hits(&world.near, 2_000).await;
    world.pass_until(|| world.stats().samples == 2).await;
    assert_eq!(world.lease_events(), [(EventKind::StaleAccept, 0)]);
    assert_eq!(world.stats().stale_accepts, 1);
}
