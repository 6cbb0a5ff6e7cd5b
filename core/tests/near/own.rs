//! What a node ends or writes itself is seen there at once, also while the feed is silent.

use hallpass_core::store::{Body, Fence, Record, TokenStore as _};
use hallpass_core::{Issued, Kind, NearCache, Note, Policy, Reason, Rejected, Stamp, Tokens};

use crate::store::Mode;
use crate::world::{MINUTE, World, alice};

/// Ends a session that the cache holds.
async fn end_here(world: &World, issued: &Issued, how: &str) {
    let (near, text, reason) = (&world.near, issued.token.expose(), Reason::Administrative);
    match how {
        "log out" => near.revoke(Kind::SESSION, text).await.unwrap(),
        "log out everywhere" => {
            assert!(near.revoke_subject(&alice(), Kind::SESSION, reason).await.unwrap() > 0);
        }
        "end the login" => assert!(near.revoke_login(&alice(), issued.login, reason).await.unwrap() > 0),
        "end a kind of the login" => {
            let ended = near.revoke_kinds_of_login(&alice(), issued.login, Kind::SESSION, reason).await;
            assert!(ended.unwrap() > 0);
        }
        "forget" => assert!(near.forget_subject(&alice()).await.unwrap() > 0),
        "log in over it" => {
            let login = near.begin_login(&alice()).await.unwrap();
            let _new = near.issue(&login, Kind::SESSION).replaces(Kind::SESSION, text).await.unwrap();
        }
        _ => {
            let caller = world.verify(issued).await.unwrap();
            assert!(!caller.is_newest(), "a caller from the cache");
            near.credential_changed(&caller, None).await.unwrap().ended.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_this_node_ends_is_refused_at_once() {
    for how in [
        "log out",
        "log out everywhere",
        "end the login",
        "end a kind of the login",
        "forget",
        "log in over it",
        "renew",
    ] {
        let (world, issued) = World::hit().await;
        world.feed(Mode::Hangs);
        end_here(&world, &issued, how).await;
        let refused = world.rejected(&issued).await;
        assert!(matches!(refused, Rejected::Invalid | Rejected::Revoked(_)), "{how}: {refused:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_anonymous_session_that_this_node_ends_is_refused_at_once() {
    let world = World::new();
    let issued = world.anonymous().await;
    world.keep(&issued).await;
    world.feed(Mode::Hangs);
    world.near.revoke(Kind::SESSION, issued.token.expose()).await.unwrap();
    assert_eq!(world.rejected(&issued).await, Rejected::Invalid);
}

/// The only ending by a delete that can reach a record in the cache.
#[tokio::test(start_paused = true)]
async fn a_row_that_this_node_removes_is_refused_at_once() {
    let (world, issued) = World::hit().await;
    world.feed(Mode::Hangs);
    let (store, selector) = (&world.store.inner, issued.token.selector());
    let record = store.find(selector).await.unwrap().unwrap();
    store.delete(selector, &Note::none()).await.unwrap();
    let record = Record { body: Body::new(vec![0xff; 40]).unwrap(), ..record };
    assert!(store.insert(&record, Fence::None).await.unwrap().is_inserted());
    assert!(world.hits(&issued).await, "nothing was announced");
    assert!(world.near.remove_unreadable(&alice(), selector).await.unwrap());
    assert_eq!(world.rejected(&issued).await, Rejected::Invalid);
}

/// The alarm ends the session that was restored with the stolen token.
#[tokio::test(start_paused = true)]
async fn what_an_alarm_on_this_node_ends_is_refused_at_once() {
    let world = World::new();
    let stolen = world.log_in(Kind::REMEMBER).await;
    let parent = world.far.verify(Kind::REMEMBER, stolen.token.expose()).await.unwrap();
    let session = world.far.issue_from(&parent, Kind::SESSION).await.unwrap();
    let new = world.far.verify_and_rotate(Kind::REMEMBER, stolen.token.expose()).await.unwrap();
    let new = new.successor.unwrap();
    world.far.verify(Kind::REMEMBER, new.token.expose()).await.unwrap();
    world.clock.advance(MINUTE);
    world.keep(&session).await;
    world.feed(Mode::Hangs);
    let replayed = world.near.verify(Kind::REMEMBER, stolen.token.expose()).await;
    assert_eq!(replayed.unwrap_err().rejection(), Some(Rejected::Reused));
    assert_eq!(world.rejected(&session).await, Rejected::Revoked(Reason::Reused));
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

/// A node that rotates a token knows its predecessor at once.
#[tokio::test(start_paused = true)]
async fn what_this_node_rotates_is_read_again() {
    let world = World::new();
    let old = world.log_in(Kind::REMEMBER).await;
    world.keep(&old).await;
    let new = world.near.verify_and_rotate(Kind::REMEMBER, old.token.expose()).await.unwrap();
    assert!(new.successor.is_some());
    assert!(!world.hits(&old).await && !world.hits(&old).await);
}

/// The read sees the record alive and is over before the call, which forgets the record when it ends, not before.
#[tokio::test(start_paused = true)]
async fn a_record_that_is_read_while_this_node_ends_it_is_refused_afterwards() {
    let (world, issued) = World::hit().await;
    let other = world.log_in(Kind::SESSION).await;
    world.feed(Mode::Hangs);
    let held = world.store.hold_revoke();
    let near = world.near.clone();
    let ending =
        tokio::spawn(async move { near.revoke_subject(&alice(), Kind::SESSION, Reason::LoggedOut).await });
    held.arrival().await;
    for token in [&issued, &other] {
        world.verify(token).await.unwrap();
    }
    held.release();
    assert_eq!(ending.await.unwrap().unwrap(), 2);
    for token in [&issued, &other] {
        assert_eq!(world.rejected(token).await, Rejected::Revoked(Reason::LoggedOut));
    }
}

/// A write may have happened although its future was dropped.
#[tokio::test(start_paused = true)]
async fn a_write_that_is_cut_off_is_forgotten_all_the_same() {
    let (world, issued) = World::hit().await;
    world.clock.advance(MINUTE);
    world.feed(Mode::Hangs);
    let held = world.store.hold_replace();
    let (near, text) = (world.near.clone(), issued.token.expose().to_owned());
    let call = tokio::spawn(async move { near.verify(Kind::SESSION, &text).await.map(drop) });
    held.arrival().await;
    call.abort();
    assert!(call.await.is_err());
    // Another node ends what this one may know by its write.
    world.clock.set(world.clock_now().saturating_sub(MINUTE));
    assert!(!world.hits(&issued).await);
}

/// A token that is bound to a stamp, and whose stamp changes while it is looked up.
#[tokio::test(start_paused = true)]
async fn a_change_of_the_credential_on_this_node_is_seen_at_once() {
    let world = World::new();
    let login = world.near.begin_login(&alice()).await.unwrap();
    let issued = world.near.issue(&login, Kind::SESSION).stamp(Stamp::of("old")).await.unwrap();
    let verify = async |stamp: &str| {
        let stamp = Stamp::of(stamp);
        world.near.look_up(Kind::SESSION, issued.token.expose()).await?.verify(Some(&stamp)).await
    };
    verify("old").await.unwrap();
    world.turns(2).await;
    verify("old").await.unwrap();
    let caller = verify("old").await.unwrap();
    assert!(!caller.is_newest());
    world.feed(Mode::Hangs);
    let candidate = world.near.look_up(Kind::SESSION, issued.token.expose()).await.unwrap();
    world.near.credential_changed(&caller, Some(Stamp::of("new"))).await.unwrap().ended.unwrap();
    assert!(candidate.verify(Some(&Stamp::of("old"))).await.unwrap_err().rejection().is_some());
    assert!(verify("old").await.unwrap_err().rejection().is_some());
}
