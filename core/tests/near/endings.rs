//! Endings on other nodes, and on this one.

use std::time::Duration;

use hallpass_core::{Denied, Issued, Kind, Rejected, Valid};
use tokio::task::JoinHandle;

use crate::store::{Held, Mode};
use crate::world::{LAG, MILLI, World, alice};

/// A verification that has read its record, and whose answer is held back.
struct Late {
    held: Held,
    task: JoinHandle<Result<Valid, Denied>>,
}

impl Late {
    async fn begin(world: &World, issued: &Issued) -> Self {
        let held = world.store.hold_find();
        let task = spawn(world, issued);
        held.arrival().await;
        Self { held, task }
    }

    async fn arrive(self) -> Valid {
        self.held.release();
        self.task.await.unwrap().unwrap()
    }
}

pub(crate) fn spawn(world: &World, issued: &Issued) -> JoinHandle<Result<Valid, Denied>> {
    let (tokens, kind, text) = (world.near.clone(), issued.kind, issued.token.expose().to_owned());
    tokio::spawn(async move { tokens.verify(kind, &text).await })
}

#[tokio::test(start_paused = true)]
async fn an_ending_of_any_sort_is_seen_after_the_next_turn() {
    for how in ["log out", "log out everywhere", "revoke others", "renew", "forget"] {
        let (world, issued) = World::hit().await;
        let (far, text) = (&world.far, issued.token.expose());
        match how {
            "log out" => far.revoke(Kind::SESSION, text).await.unwrap(),
            "log out everywhere" => world.end().await,
            "revoke others" => {
                let other = world.log_in(Kind::SESSION).await;
                let caller = far.verify(Kind::SESSION, other.token.expose()).await.unwrap();
                far.revoke_others(&caller).await.unwrap().ended.unwrap();
            }
            "renew" => {
                let caller = far.verify(Kind::SESSION, text).await.unwrap();
                far.credential_changed(&caller, None).await.unwrap().ended.unwrap();
            }
            _ => assert!(far.forget_subject(&alice()).await.unwrap() > 0),
        }
        world.turns(1).await;
        let refused = world.rejected(&issued).await;
        assert!(matches!(refused, Rejected::Invalid | Rejected::Revoked(_)), "{how}: {refused:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_an_anonymous_session_is_seen_after_the_next_turn() {
    let world = World::new();
    let issued = world.anonymous().await;
    world.keep(&issued).await;
    world.far.revoke(Kind::SESSION, issued.token.expose()).await.unwrap();
    world.turns(1).await;
    assert_eq!(world.rejected(&issued).await, Rejected::Invalid);
}

/// The lag, without which each of these would be accepted as long as the feed is silent.
#[tokio::test(start_paused = true)]
async fn whatever_the_feed_does_an_ending_is_seen_after_the_lag() {
    for mode in [Mode::Fails, Mode::Hangs, Mode::OnePong] {
        let (world, issued) = World::hit().await;
        world.feed(mode);
        // Whatever the turn under way still reports, it has reported before the ending.
        world.pass(MILLI * 40).await;
        world.end().await;
        world.pass(MILLI * 40).await;
        assert!(world.hits(&issued).await, "{mode:?}: it has not been heard");
        world.node.advance(LAG + MILLI);
        let looked_up = world.near.look_up(Kind::SESSION, issued.token.expose()).await;
        assert!(looked_up.unwrap_err().rejection().is_some(), "{mode:?}: it is no candidate");
        assert!(matches!(world.rejected(&issued).await, Rejected::Revoked(_)), "{mode:?}");
    }
}

/// The application fetched the stamp in between.
#[tokio::test(start_paused = true)]
async fn an_ending_between_looking_up_and_verifying_is_seen() {
    let (world, issued) = World::hit().await;
    let candidate = world.near.look_up(Kind::SESSION, issued.token.expose()).await.unwrap();
    world.end().await;
    world.turns(1).await;
    let refused = candidate.verify(None).await.unwrap_err().rejection();
    assert!(matches!(refused, Some(Rejected::Revoked(_))));
}

/// The fill guard: the read began before the ending, and its answer comes after the announcement.
#[tokio::test(start_paused = true)]
async fn a_late_read_does_not_bring_back_what_ended() {
    let (world, _) = World::hit().await;
    for shard in [false, true] {
        let issued = world.log_in(Kind::SESSION).await;
        let late = Late::begin(&world, &issued).await;
        world.end().await;
        if shard {
            // As a feed reports it that does not name each record.
            world.store.heard().ended_shard(issued.token.selector().shard());
        }
        world.turns(2).await;
        // It is the answer of a read that began before the ending.
        late.arrive().await;
        assert!(matches!(world.rejected(&issued).await, Rejected::Revoked(_)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_from_before_a_loss_is_not_kept() {
    let (world, _) = World::hit().await;
    let issued = world.log_in(Kind::SESSION).await;
    let late = Late::begin(&world, &issued).await;
    world.feed(Mode::Closed);
    world.another_feed().await;
    world.end().await;
    world.feed(Mode::Good);
    world.another_feed().await;
    world.turns(2).await;
    late.arrive().await;
    assert!(matches!(world.rejected(&issued).await, Rejected::Revoked(_)));
}

#[tokio::test(start_paused = true)]
async fn a_read_from_before_the_first_feed_is_not_kept() {
    let world = World::new();
    world.feed(Mode::Closed);
    let issued = world.log_in(Kind::SESSION).await;
    let late = Late::begin(&world, &issued).await;
    world.end().await;
    world.feed(Mode::Good);
    world.another_feed().await;
    world.turns(2).await;
    late.arrive().await;
    assert!(matches!(world.rejected(&issued).await, Rejected::Revoked(_)));
}

#[tokio::test(start_paused = true)]
async fn calls_at_the_same_time_share_a_read() {
    let (world, _) = World::hit().await;
    let issued = world.log_in(Kind::SESSION).await;
    world.store.calls();
    let first = Late::begin(&world, &issued).await;
    let second = spawn(&world, &issued);
    world.pass(MILLI * 50).await;
    assert!(first.arrive().await.is_newest());
    world.pass(Duration::ZERO).await;
    assert!(second.is_finished(), "the end of the read wakes it");
    assert!(!second.await.unwrap().unwrap().is_newest(), "from the cache");
    assert_eq!(world.store.calls(), ["find"], "one read for both");
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_briefly_for_the_read_of_another() {
    let (world, _) = World::hit().await;
    let issued = world.log_in(Kind::SESSION).await;
    let first = Late::begin(&world, &issued).await;
    let second = spawn(&world, &issued);
    world.pass(MILLI).await;
    world.pass(MILLI * 50).await;
    assert!(!second.is_finished());
    world.pass(MILLI * 60).await;
    assert!(second.is_finished(), "it has waited long enough");
    assert!(second.await.unwrap().unwrap().is_newest(), "it has read for itself");
    first.task.abort();
    assert!(first.task.await.is_err());
    assert!(!world.hits(&issued).await && world.hits(&issued).await, "the next one is kept");
}

/// Its record could not be accepted anyway.
#[tokio::test(start_paused = true)]
async fn without_a_proof_no_call_waits_for_the_read_of_another() {
    let (world, issued) = World::hit().await;
    world.feed(Mode::Fails);
    world.turns(1).await;
    world.near.revoke(Kind::SESSION, issued.token.expose()).await.unwrap();
    let issued = world.log_in(Kind::SESSION).await;
    world.node.advance(LAG + MILLI);
    let first = Late::begin(&world, &issued).await;
    let second = spawn(&world, &issued);
    world.pass(Duration::ZERO).await;
    assert!(second.is_finished());
    assert!(second.await.unwrap().unwrap().is_newest());
    first.arrive().await;
}
