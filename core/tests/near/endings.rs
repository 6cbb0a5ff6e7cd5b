//! Endings on other nodes, and on this one.

use hallpass_core::{Kind, NearCache, Policy, Reason, Rejected, Tokens};

use crate::store::Mode;
use crate::world::{LAG, MILLI, MINUTE, World, alice};

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
    let login = world.far.begin_anonymous().unwrap();
    let issued = world.far.issue(&login, Kind::SESSION).await.unwrap();
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
        assert!(matches!(world.rejected(&issued).await, Rejected::Revoked(_)), "{mode:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_this_node_ends_is_refused_at_once() {
    for how in ["log out", "log out everywhere", "renew"] {
        let (world, issued) = World::hit().await;
        let (near, text) = (&world.near, issued.token.expose());
        world.feed(Mode::Hangs);
        match how {
            "log out" => near.revoke(Kind::SESSION, text).await.unwrap(),
            "log out everywhere" => {
                let reason = Reason::Administrative;
                assert!(near.revoke_subject(&alice(), Kind::SESSION, reason).await.unwrap() > 0);
            }
            _ => {
                let caller = world.verify(&issued).await.unwrap();
                assert!(!caller.is_newest(), "a caller from the cache");
                near.credential_changed(&caller, None).await.unwrap().ended.unwrap();
            }
        }
        let refused = world.rejected(&issued).await;
        assert!(matches!(refused, Rejected::Invalid | Rejected::Revoked(_)), "{how}: {refused:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_anonymous_session_that_this_node_ends_is_refused_at_once() {
    let world = World::new();
    let login = world.far.begin_anonymous().unwrap();
    let issued = world.far.issue(&login, Kind::SESSION).await.unwrap();
    world.keep(&issued).await;
    world.feed(Mode::Hangs);
    world.near.revoke(Kind::SESSION, issued.token.expose()).await.unwrap();
    assert_eq!(world.rejected(&issued).await, Rejected::Invalid);
}

/// The cap on the records of a login marks the oldest with a replace.
#[tokio::test(start_paused = true)]
async fn a_record_that_this_node_supersedes_is_refused_at_once() {
    let mut world = World::new();
    world.near = Tokens::builder(world.store.clone())
        .clock(world.clock.clone())
        .policy(Policy::session().cached_for(MINUTE))
        .max_records_per_login(2.try_into().unwrap())
        .near_cache(NearCache::new().node_clock(world.node.clone()))
        .build()
        .unwrap();
    let remember = world.log_in(Kind::REMEMBER).await;
    let parent = world.near.verify(Kind::REMEMBER, remember.token.expose()).await.unwrap();
    let restored = world.near.issue_from(&parent, Kind::SESSION).await.unwrap();
    world.keep(&restored).await;
    world.feed(Mode::Hangs);
    world.near.issue_from(&parent, Kind::SESSION).await.unwrap();
    assert_eq!(world.rejected(&restored).await, Rejected::Revoked(Reason::Superseded));
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
    let issued = world.log_in(Kind::SESSION).await;
    let held = world.store.hold_find();
    let (tokens, text) = (world.near.clone(), issued.token.expose().to_owned());
    let late = tokio::spawn(async move { tokens.verify(Kind::SESSION, &text).await });
    held.arrival().await;
    world.end().await;
    world.turns(2).await;
    held.release();
    // It is the answer of a read that began before the ending.
    late.await.unwrap().unwrap();
    assert!(matches!(world.rejected(&issued).await, Rejected::Revoked(_)));
}

#[tokio::test(start_paused = true)]
async fn a_read_from_before_a_loss_is_not_kept() {
    let (world, _) = World::hit().await;
    let issued = world.log_in(Kind::SESSION).await;
    let held = world.store.hold_find();
    let (tokens, text) = (world.near.clone(), issued.token.expose().to_owned());
    let late = tokio::spawn(async move { tokens.verify(Kind::SESSION, &text).await });
    held.arrival().await;
    world.feed(Mode::Closed);
    world.another_feed().await;
    world.end().await;
    world.feed(Mode::Good);
    world.another_feed().await;
    world.turns(2).await;
    held.release();
    late.await.unwrap().unwrap();
    assert!(matches!(world.rejected(&issued).await, Rejected::Revoked(_)));
}

#[tokio::test(start_paused = true)]
async fn a_read_from_before_the_first_feed_is_not_kept() {
    let world = World::new();
    world.feed(Mode::Closed);
    let issued = world.log_in(Kind::SESSION).await;
    let held = world.store.hold_find();
    let (tokens, text) = (world.near.clone(), issued.token.expose().to_owned());
    let late = tokio::spawn(async move { tokens.verify(Kind::SESSION, &text).await });
    held.arrival().await;
    world.end().await;
    world.feed(Mode::Good);
    world.another_feed().await;
    world.turns(2).await;
    held.release();
    late.await.unwrap().unwrap();
    assert!(matches!(world.rejected(&issued).await, Rejected::Revoked(_)));
}

#[tokio::test(start_paused = true)]
async fn calls_at_the_same_time_share_a_read_and_wait_briefly() {
    let (world, _) = World::hit().await;
    let issued = world.log_in(Kind::SESSION).await;
    let verify = || {
        let (tokens, text) = (world.near.clone(), issued.token.expose().to_owned());
        tokio::spawn(async move { tokens.verify(Kind::SESSION, &text).await.unwrap().is_newest() })
    };
    world.store.calls();
    let held = world.store.hold_find();
    let first = verify();
    held.arrival().await;
    let second = verify();
    world.pass(MILLI * 50).await;
    held.release();
    assert_eq!((first.await.unwrap(), second.await.unwrap()), (true, false));
    assert_eq!(world.store.calls(), ["find"], "one read for both");
    // A read that hangs, and is dropped at last.
    world.node.advance(MILLI * 61_000);
    world.turns(1).await;
    world.near.revoke(Kind::SESSION, issued.token.expose()).await.unwrap();
    let issued = world.log_in(Kind::SESSION).await;
    let verify = || {
        let (tokens, text) = (world.near.clone(), issued.token.expose().to_owned());
        tokio::spawn(async move { tokens.verify(Kind::SESSION, &text).await.unwrap().is_newest() })
    };
    let held = world.store.hold_find();
    let first = verify();
    held.arrival().await;
    let second = verify();
    world.pass(MILLI).await;
    world.pass(MILLI * 50).await;
    assert!(!second.is_finished());
    world.pass(MILLI * 60).await;
    assert!(second.is_finished(), "it has waited long enough");
    assert!(second.await.unwrap(), "it has read for itself");
    first.abort();
    assert!(first.await.is_err());
    assert!(!world.hits(&issued).await && world.hits(&issued).await, "the next one is kept");
}
