//! What the cache accepts, and what it leaves to the store.

use hallpass_core::{
    Denied, EventKind, Fingerprint, FingerprintCheck, KeyId, Keyring, Kind, NearCache, Policy, Rejected,
    RequestContext, Stamp, Tokens, danger,
};

use crate::store::Mode;
use crate::world::{LAG, MILLI, MINUTE, SECOND, World, alice};

#[tokio::test(start_paused = true)]
async fn a_hit_makes_no_call_and_says_what_a_read_says() {
    let (world, issued) = World::hit().await;
    let read = world.far.verify(issued.kind, issued.token.expose()).await.unwrap();
    world.store.calls();
    world.events();
    let valid = world.verify(&issued).await.unwrap();
    assert_eq!((world.store.calls(), world.events()), (vec![], vec![EventKind::Verified]));
    assert_eq!((valid.subject(), valid.login()), (read.subject(), read.login()));
    assert_eq!((valid.selector(), valid.generation()), (read.selector(), read.generation()));
    assert_eq!((valid.created_at(), valid.expires_at()), (read.created_at(), read.expires_at()));
    assert_eq!((valid.auth_at(), valid.absolute_expiry()), (read.auth_at(), read.absolute_expiry()));
    assert_eq!((valid.origin(), valid.device()), (read.origin(), read.device()));
    assert_eq!((read.is_newest(), valid.is_newest()), (true, false), "the cache cannot know");
    let stats = world.stats();
    assert_eq!((stats.hits, stats.entries), (2, 1), "{stats:?}");
}

#[tokio::test(start_paused = true)]
async fn the_fingerprint_is_compared() {
    let world = World::new();
    let login = world.far.begin_login(&alice()).await.unwrap();
    let fingerprint = || Fingerprint::of(&["Firefox"]);
    let issued = world.far.issue(&login, Kind::SESSION).fingerprint(fingerprint()).await.unwrap();
    world.keep(&issued).await;
    for (shown, check) in
        [(fingerprint(), FingerprintCheck::Matches), (Fingerprint::of(&["curl"]), FingerprintCheck::Differs)]
    {
        let candidate = world.near.look_up(Kind::SESSION, issued.token.expose()).await.unwrap();
        let valid = candidate.fingerprint(shown).verify(None).await.unwrap();
        assert_eq!((valid.fingerprint(), valid.is_newest()), (check, false));
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_lease_every_verification_reads() {
    let world = World::new();
    world.feed(Mode::Closed);
    let issued = world.log_in(Kind::SESSION).await;
    for _ in 0..3 {
        assert!(!world.hits(&issued).await);
        world.another_feed().await;
    }
    assert_eq!(world.stats().entries, 0);
    // The feed is open, and has proved nothing yet.
    world.feed(Mode::Fails);
    world.turns(1).await;
    assert!(!world.hits(&issued).await && !world.hits(&issued).await);
    assert_eq!((world.stats().entries, world.stats().hits), (1, 0));
    world.feed(Mode::Good);
    world.turns(1).await;
    assert!(world.hits(&issued).await, "it was read when the feed was open");
}

#[tokio::test(start_paused = true)]
async fn without_a_recent_proof_the_store_is_read_and_the_entries_stay() {
    let (world, issued) = World::hit().await;
    world.lease_events();
    world.feed(Mode::Fails);
    world.turns(1).await;
    world.node.advance(LAG);
    assert!(world.hits(&issued).await, "the proof is as old as it may be");
    world.node.advance(MILLI);
    assert!(!world.hits(&issued).await);
    world.turns(1).await;
    assert_eq!(world.lease_events(), [(EventKind::LeaseEnded, 1_001)]);
    assert_eq!(world.errors(), ["the store is unavailable"], "that of the turn");
    world.feed(Mode::Good);
    world.turns(1).await;
    assert!(world.hits(&issued).await);
    assert_eq!(world.lease_events(), [(EventKind::LeaseGained, 0)]);
    assert!(world.stats().unproven > 0);
}

#[tokio::test(start_paused = true)]
async fn an_entry_is_used_for_its_age_and_not_longer() {
    let (world, issued) = World::hit().await;
    world.node.advance(MINUTE);
    world.turns(1).await;
    assert!(world.hits(&issued).await);
    world.node.advance(MILLI);
    assert!(!world.hits(&issued).await);
    assert!(world.hits(&issued).await, "it was read and kept again");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_is_due_is_made() {
    let (world, issued) = World::hit().await;
    world.clock.advance(MINUTE);
    world.store.calls();
    let valid = world.verify(&issued).await.unwrap();
    assert_eq!(world.store.calls(), ["find", "replace"]);
    assert_eq!(valid.expires_at(), world.clock_now().saturating_add(MINUTE * 30));
    // The write has removed what was read before it.
    assert!(!world.hits(&issued).await && world.hits(&issued).await);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_confirms_another_is_read() {
    let world = World::new();
    let remember = world.log_in(Kind::REMEMBER).await;
    let parent = world.far.verify_and_rotate(Kind::REMEMBER, remember.token.expose()).await.unwrap();
    let session = world.far.issue_from(&parent, Kind::SESSION).await.unwrap();
    let before = |world: &World| {
        let (tokens, text) = (world.near.clone(), session.token.expose().to_owned());
        async move { tokens.look_up(Kind::SESSION, &text).await.unwrap().before_arrival().verify(None).await }
    };
    // A stream checks the session before it has arrived: nothing is confirmed, and the record is kept.
    before(&world).await.unwrap();
    world.turns(2).await;
    before(&world).await.unwrap();
    world.store.calls();
    before(&world).await.unwrap();
    assert_eq!(world.store.calls(), [""; 0]);
    // The client uses it: the successor has arrived, too.
    assert!(!world.hits(&session).await);
    world.events();
    world.near.verify(Kind::REMEMBER, parent.successor.unwrap().token.expose()).await.unwrap();
    assert!(!world.events().contains(&EventKind::Confirmed), "it was confirmed before");
}

/// A stream checks the successor before it has arrived; its first use confirms it.
#[tokio::test(start_paused = true)]
async fn a_successor_that_is_not_confirmed_is_read() {
    let world = World::new();
    let old = world.log_in(Kind::REMEMBER).await;
    let new = world.far.verify_and_rotate(Kind::REMEMBER, old.token.expose()).await.unwrap();
    let new = new.successor.unwrap();
    let text = new.token.expose();
    let check = async || {
        let candidate = world.near.look_up(Kind::REMEMBER, text).await.unwrap();
        candidate.before_arrival().verify(None).await.unwrap();
    };
    check().await;
    world.turns(2).await;
    check().await;
    world.store.calls();
    check().await;
    assert_eq!(world.store.calls(), [""; 0], "it is kept");
    world.events();
    world.near.verify(Kind::REMEMBER, text).await.unwrap();
    assert!(world.events().contains(&EventKind::Confirmed));
}

#[tokio::test(start_paused = true)]
async fn a_successor_is_read_and_its_predecessor_passes_no_longer_than_the_overlap() {
    let world = World::new();
    let old = world.log_in(Kind::REMEMBER).await;
    world.keep(&old).await;
    let new = world.far.verify_and_rotate(Kind::REMEMBER, old.token.expose()).await.unwrap();
    let new = new.successor.unwrap();
    world.far.verify(Kind::REMEMBER, new.token.expose()).await.unwrap();
    let pass = async |time| {
        world.node.advance(time);
        world.clock.advance(time);
        world.turns(1).await;
    };
    pass(SECOND * 30).await;
    assert!(world.hits(&old).await, "D7 would accept it, too");
    pass(MILLI).await;
    assert_eq!(world.rejected(&old).await, Rejected::Reused);
}

#[tokio::test(start_paused = true)]
async fn a_predecessor_is_read() {
    let world = World::new();
    let old = world.log_in(Kind::REMEMBER).await;
    let new = world.far.verify_and_rotate(Kind::REMEMBER, old.token.expose()).await.unwrap();
    let new = new.successor.unwrap();
    // The first use confirms it.
    world.verify(&new).await.unwrap();
    world.keep(&new).await;
    assert!(!world.hits(&old).await && !world.hits(&old).await);
    assert!(world.hits(&new).await);
}

#[tokio::test(start_paused = true)]
async fn a_stamp_that_differs_is_judged_by_the_store() {
    let world = World::new();
    let login = world.far.begin_login(&alice()).await.unwrap();
    let (old, new) = (Stamp::of("old hash"), Stamp::of("new hash"));
    let issued = world.far.issue(&login, Kind::SESSION).stamp(Stamp::of("old hash")).await.unwrap();
    let verify = async |stamp: Option<&Stamp>| {
        world.store.calls();
        let candidate = world.near.look_up(Kind::SESSION, issued.token.expose()).await?;
        candidate.verify(stamp).await.map(|_| world.store.calls().is_empty())
    };
    verify(Some(&old)).await.unwrap();
    world.turns(2).await;
    assert!(!verify(Some(&old)).await.unwrap() && verify(Some(&old)).await.unwrap());
    for stamp in [Some(&new), None] {
        world.events();
        assert!(verify(stamp).await.is_err());
        assert_eq!(world.store.calls(), ["find"], "the cache refuses nothing");
    }
    assert!(verify(Some(&old)).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_is_judged_by_the_store() {
    let (world, issued) = World::hit().await;
    world.clock.advance(MINUTE * 30);
    world.store.calls();
    assert_eq!(world.rejected(&issued).await, Rejected::Expired);
    assert_eq!(world.store.calls(), ["find"]);
    let looked_up = world.near.look_up(Kind::SESSION, issued.token.expose()).await;
    assert_eq!(looked_up.unwrap_err().rejection(), Some(Rejected::Expired), "it is no candidate");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_refused_from_an_instant_on_is_judged_by_the_store() {
    let mut world = World::new();
    let until = world.clock_now().saturating_add(SECOND * 30);
    let ring = Keyring::new(KeyId::new(1).unwrap(), &[1; 32]).unwrap();
    world.near = Tokens::builder(world.store.clone())
        .clock(world.clock.clone())
        .keyring(danger::accept_unkeyed_until(ring, until))
        .policy(Policy::session().cached_for(MINUTE))
        .near_cache(NearCache::new().node_clock(world.node.clone()))
        .build()
        .unwrap();
    let issued = world.log_in(Kind::SESSION).await;
    world.keep(&issued).await;
    world.clock.advance(SECOND * 29);
    assert!(world.hits(&issued).await);
    world.clock.advance(SECOND);
    assert_eq!(world.rejected(&issued).await, Rejected::Invalid);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_token_and_another_kind_are_judged_by_the_store() {
    let (world, issued) = World::hit().await;
    let text = issued.token.expose();
    // The selector of alice's session with another validator, and a selector that was never issued.
    for other in
        [format!("{}.{}", &text[..22], "A".repeat(43)), format!("{}.{}", "A".repeat(22), &text[23..])]
    {
        world.store.calls();
        world.events();
        let denied = world.near.verify(Kind::SESSION, &other).await.unwrap_err();
        assert_eq!((denied.rejection(), world.store.calls()), (Some(Rejected::Invalid), vec!["find"]));
        assert_eq!(world.events().len(), 1, "reported once");
    }
    let denied = world.near.verify(Kind::REMEMBER, text).await.unwrap_err();
    assert_eq!((denied.rejection(), world.store.calls()), (Some(Rejected::Invalid), vec!["find"]));
    assert!(world.hits(&issued).await);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_asks_for_rotation_or_for_the_exact_answer_reads() {
    let (world, issued) = World::hit().await;
    let text = issued.token.expose();
    world.store.calls();
    world.near.verify_and_rotate(Kind::SESSION, text).await.unwrap();
    assert_eq!(world.store.calls(), ["find"]);
    let context = RequestContext::new().request_id("1");
    for exact in [
        world.near.exact(),
        world.near.exact().with_context(context.clone()),
        world.near.with_context(context).exact(),
    ] {
        assert!(exact.verify(Kind::SESSION, text).await.unwrap().is_newest());
        assert_eq!(world.store.calls(), ["find"]);
    }
    assert!(world.hits(&issued).await);
}

#[tokio::test(start_paused = true)]
async fn kinds_that_are_not_kept_read_and_single_use_tokens_work_once() {
    let (world, _) = World::hit().await;
    let key = world.log_in(Kind::API_KEY).await;
    for _ in 0..3 {
        assert!(!world.hits(&key).await);
    }
    let once = world.log_in(Kind::ONE_TIME).await;
    let text = once.token.expose();
    drop(world.near.look_up(Kind::ONE_TIME, text).await.unwrap());
    world.near.consume(Kind::ONE_TIME, text).await.unwrap();
    let again = world.near.consume(Kind::ONE_TIME, text).await;
    assert!(matches!(again, Err(Denied::Rejected(Rejected::Spent))));
    assert_eq!(world.stats().entries, 1);
}
