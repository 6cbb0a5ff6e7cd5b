//! Feeds that fail in odd ways.

use hallpass_core::store::{Lost, Proven};
use hallpass_core::{Event, EventKind, Issued, Kind, NearCache, Observer, Policy, Rejected, Tokens};

use crate::ended::wait;
use crate::endings::spawn;
use crate::store::Mode;
use crate::world::{LAG, MILLI, MINUTE, SECOND, World};

/// Starts a verification of each token, while no read is answered. Returns how many reads begin at once, and how many
/// 100 milliseconds later.
async fn reads_at_once(world: &World, tokens: &[Issued]) -> (usize, usize) {
    world.store.calls();
    let stuck = world.store.hang_finds();
    let calls: Vec<_> = tokens.iter().map(|issued| spawn(world, issued)).collect();
    world.pass(MILLI).await;
    let at_once = world.store.calls().len();
    world.pass(MILLI * 100).await;
    let later = world.store.calls().len();
    stuck.close();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    (at_once, later)
}

/// A store that hangs does not make one call wait for another for long.
#[tokio::test(start_paused = true)]
async fn after_a_loss_records_are_read_64_at_a_time_and_none_waits_long() {
    let (world, _) = World::hit().await;
    let mut tokens = Vec::new();
    for _ in 0..80 {
        tokens.push(world.log_in(Kind::SESSION).await);
    }
    world.feed(Mode::Closed);
    world.another_feed().await;
    assert_eq!(reads_at_once(&world, &tokens).await, (64, 16));
    world.node.advance(SECOND * 5 + MILLI);
    // There was nothing more to forget.
    world.another_feed().await;
    assert_eq!(reads_at_once(&world, &tokens).await, (80, 0));
}

/// A feed may have threads of its own, which know nothing of its end.
#[tokio::test(start_paused = true)]
async fn a_loss_that_a_dropped_feed_reports_does_not_count() {
    let (world, issued) = World::hit().await;
    let late = world.store.heard();
    world.feed(Mode::Hangs);
    world.another_feed().await;
    world.feed(Mode::Good);
    world.another_feed().await;
    world.keep(&issued).await;
    let flushes = world.stats().flushes;
    late.lost(Lost::Trimmed);
    assert!(world.hits(&issued).await, "another feed was opened since");
    assert_eq!(world.stats().flushes, flushes);
    // An ending stays one, also if a dropped feed reports it.
    late.ended(&[issued.token.selector()]);
    assert!(!world.hits(&issued).await);
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_is_lost_again_and_again_is_reported_once() {
    for mode in [Mode::LosesMidway(Proven::ThisTurn), Mode::Loses(Lost::Flushed), Mode::Panics] {
        let (world, issued) = World::hit().await;
        world.lease_events();
        world.feed(mode);
        let flushes = world.stats().flushes;
        world.pass_until(|| world.stats().flushes > flushes).await;
        for _ in 0..5 {
            // If the task of the turns has ended, this starts another.
            assert!(!world.hits(&issued).await, "{mode:?}");
            world.another_feed().await;
        }
        let events = world.lease_events();
        let [(EventKind::FeedLost(_), 1)] = &events[..] else { panic!("{mode:?}: {events:?}") };
        world.feed(Mode::Good);
        assert!(!world.hits(&issued).await);
        world.another_feed().await;
        world.keep(&issued).await;
        assert_eq!(world.lease_events(), [(EventKind::LeaseGained, 0)], "{mode:?}");
    }
}

/// A panic ends the task of the turns, and each verification may start another.
#[tokio::test(start_paused = true)]
async fn a_feed_that_panics_is_not_opened_in_a_hurry() {
    let (world, issued) = World::hit().await;
    world.feed(Mode::Panics);
    let feeds = world.store.feeds();
    for _ in 0..100 {
        world.verify(&issued).await.unwrap();
        world.pass(MILLI * 20).await;
    }
    let opened = world.store.feeds() - feeds;
    assert!(opened <= 3, "{opened} feeds in 2 seconds");
}

#[derive(Debug)]
struct Panicking;

impl Observer for Panicking {
    fn on_event(&self, event: &Event<'_>) {
        if matches!(event.kind, EventKind::FeedLost(_) | EventKind::LeaseGained) {
            panic!("the test says so");
        }
    }
}

/// It costs the hits, and no more: not the process, and no answer.
#[tokio::test(start_paused = true)]
async fn an_observer_that_panics_does_no_further_harm() {
    let mut world = World::new();
    world.near = Tokens::builder(world.store.clone())
        .clock(world.clock.clone())
        .observer(Panicking)
        .policy(Policy::session().cached_for(MINUTE))
        .near_cache(NearCache::new().node_clock(world.node.clone()))
        .build()
        .unwrap();
    let issued = world.log_in(Kind::SESSION).await;
    let waiting = wait(&world.near, &issued);
    for _ in 0..3 {
        world.another_feed().await;
        world.verify(&issued).await.unwrap();
    }
    world.end().await;
    assert!(matches!(world.rejected(&issued).await, Rejected::Revoked(_)));
    world.pass_until(|| waiting.is_finished()).await;
}

#[tokio::test(start_paused = true)]
async fn clocks_that_move_against_each_other_cost_the_proof_before_the_store_answers() {
    let (world, issued) = World::hit().await;
    world.feed(Mode::Hangs);
    world.node.step_wall(MILLI * 250);
    world.pass(MILLI * 20).await;
    world.pass(MILLI * 20).await;
    assert!(!world.hits(&issued).await, "the turn has noticed, and waits for its answer");
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_proves_nothing_is_reported_with_its_error() {
    let (world, issued) = World::hit().await;
    world.lease_events();
    world.feed(Mode::Fails);
    world.node.advance(LAG + MILLI);
    world.turns(2).await;
    assert_eq!(world.lease_events(), [(EventKind::LeaseEnded, 1_001)]);
    assert!(world.errors().iter().any(|error| error.contains("unavailable")), "{:?}", world.errors());
    assert!(!world.hits(&issued).await);
    // And one that has never proved anything.
    let world = World::new();
    world.feed(Mode::Fails);
    let issued = world.log_in(Kind::SESSION).await;
    world.verify(&issued).await.unwrap();
    world.turns(2).await;
    assert_eq!(world.lease_events(), []);
    world.node.advance(LAG + MILLI);
    world.turns(2).await;
    assert_eq!(world.lease_events(), [(EventKind::LeaseEnded, 1_001)]);
    assert!(world.errors().iter().any(|error| error.contains("unavailable")), "{:?}", world.errors());
    world.node.advance(SECOND);
    world.turns(2).await;
    assert_eq!(world.lease_events(), [], "once");
    world.feed(Mode::Good);
    world.turns(2).await;
    assert_eq!(world.lease_events(), [(EventKind::LeaseGained, 0)]);
}
