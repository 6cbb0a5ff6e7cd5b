//! Endings that are waited out: when they return, no node accepts any more.

use std::sync::Arc;
use std::time::Duration;

use hallpass_core::{
    Authentication, Denied, Failure, Issued, Kind, ManualClock, MemoryStore, NearCache, Policy, Purpose,
    Reason, Rejected, Tokens,
};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::store::Mode;
use crate::world::{LAG, MILLI, MINUTE, SECOND, World, alice};

/// A step of the clocks while an ending is waited out.
const STEP: Duration = Duration::from_millis(10);

/// A third node, whose cache has the same lag.
fn third(world: &World) -> Tokens {
    let cache = NearCache::new().lag(LAG).node_clock(world.node.clone());
    let policy = Policy::session().cached_for(MINUTE);
    let builder = Tokens::builder(world.store.clone()).clock(world.clock.clone());
    builder.policy(policy).near_cache(cache).build().unwrap()
}

/// A world whose cache keeps alice's session, under the best proof there can be, and hears nothing from now on.
async fn deaf() -> (World, Issued) {
    let (world, issued) = World::hit().await;
    world.turns(1).await;
    world.feed(Mode::Fails);
    // Whatever the turn under way still reports, it has reported before the ending.
    world.turns(1).await;
    (world, issued)
}

/// One way to end alice's session at another node.
async fn end(how: &str, tokens: &Tokens, issued: &Issued) -> Result<(), Denied> {
    let (alice, text, reason) = (alice(), issued.token.expose(), Reason::Administrative);
    let caller = async || tokens.verify(Kind::SESSION, text).await;
    match how {
        "revoke" => tokens.revoke(Kind::SESSION, text).await?,
        "revoke_login" => assert!(tokens.revoke_login(&alice, issued.login, reason).await? > 0),
        "revoke_kinds_of_login" => {
            let what = Purpose::Device;
            assert!(tokens.revoke_kinds_of_login(&alice, issued.login, what, reason).await? > 0);
        }
        "revoke_subject" => assert!(tokens.revoke_subject(&alice, Kind::SESSION, reason).await? > 0),
        "forget_subject" => assert!(tokens.forget_subject(&alice).await? > 0),
        "revoke_others" => assert!(tokens.revoke_others(&caller().await?).await?.ended.is_ok()),
        "credential_changed" => {
            assert!(tokens.credential_changed(&caller().await?, None).await?.ended.is_ok());
        }
        "authenticated_again" => {
            let again = Authentication::default();
            assert!(tokens.authenticated_again(&caller().await?, again).await?.ended.is_ok());
        }
        _ => panic!("{how}?"),
    }
    Ok(())
}

fn begin(how: &'static str, tokens: &Tokens, issued: &Arc<Issued>) -> JoinHandle<Result<(), Denied>> {
    let (tokens, issued) = (tokens.clone(), issued.clone());
    tokio::spawn(async move { end(how, &tokens, &issued).await })
}

const WAYS: [&str; 8] = [
    "revoke",
    "revoke_login",
    "revoke_kinds_of_login",
    "revoke_subject",
    "forget_subject",
    "revoke_others",
    "credential_changed",
    "authenticated_again",
];

#[tokio::test(start_paused = true)]
async fn when_an_ending_that_is_waited_out_returns_a_node_that_heard_nothing_refuses() {
    for how in WAYS {
        let (world, issued) = deaf().await;
        let issued = Arc::new(issued);
        let ending = begin(how, &third(&world).waited_out(), &issued);
        let stored = || world.store.inner.clone();
        world.pass_until(|| has_ended(&stored(), &issued)).await;
        assert!(world.hits(&issued).await, "{how}: it is acknowledged, and has not been heard");
        let mut waited = Duration::ZERO;
        while !ending.is_finished() {
            world.node.advance(STEP);
            world.pass(STEP).await;
            waited += STEP;
            assert!(waited < LAG * 2, "{how} never returns");
        }
        ending.await.unwrap().unwrap();
        let refused = world.verify(&issued).await;
        assert!(matches!(refused, Err(Denied::Rejected(_))), "{how}: {refused:?} after {waited:?}");
    }
}

/// Returns whether the record of a token is ended, by asking the store behind all nodes.
fn has_ended(store: &MemoryStore, issued: &Issued) -> bool {
    use hallpass_core::store::TokenStore as _;
    let mut find = std::pin::pin!(store.find(issued.token.selector()));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match find.as_mut().poll(&mut context) {
        std::task::Poll::Ready(found) => found.unwrap().is_none_or(|record| record.revoked.is_some()),
        std::task::Poll::Pending => panic!("a memory store never waits"),
    }
}

/// What the test above would miss if nothing waited: the same node still accepts.
#[tokio::test(start_paused = true)]
async fn an_ending_that_is_only_acknowledged_returns_while_another_node_accepts() {
    for how in WAYS {
        let (world, issued) = deaf().await;
        let issued = Arc::new(issued);
        let ending = begin(how, &third(&world), &issued);
        world.pass_until(|| ending.is_finished()).await;
        ending.await.unwrap().unwrap();
        assert!(world.hits(&issued).await, "{how}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_ending_completes_if_its_wait_is_dropped() {
    for how in WAYS {
        let (world, issued) = deaf().await;
        let issued = Arc::new(issued);
        let ending = begin(how, &third(&world).waited_out(), &issued);
        let stored = world.store.inner.clone();
        world.pass_until(|| has_ended(&stored, &issued)).await;
        assert!(!ending.is_finished(), "{how} waits");
        ending.abort();
        assert!(ending.await.unwrap_err().is_cancelled());
        world.node.advance(LAG + MILLI);
        assert!(world.verify(&issued).await.is_err(), "{how}");
    }
}

/// How long an ending of a service over an empty store takes.
async fn time_of(tokens: &Tokens) -> Duration {
    let begun = Instant::now();
    tokens.waited_out().revoke_subject(&alice(), Kind::SESSION, Reason::Administrative).await.unwrap();
    begun.elapsed()
}

#[tokio::test(start_paused = true)]
async fn the_wait_is_the_lag_and_without_a_cache_the_longest_there_can_be() {
    let kept = || Policy::session().cached_for(MINUTE);
    let builder = || Tokens::builder(MemoryStore::new());
    for (tokens, seconds) in [
        (builder().policy(kept()), 1),
        (builder().policy(kept()).near_cache(NearCache::new().lag(SECOND * 3)), 3),
        (builder(), 10),
        (builder().near_cache(NearCache::new().poll_every(MILLI)), 10),
        (builder().near_cache(NearCache::new().lag(SECOND * 2)), 2),
    ] {
        let (took, lag) = (time_of(&tokens.build().unwrap()).await, SECOND * seconds);
        assert!(took > lag && took < lag + lag / 50, "{took:?} for a lag of {lag:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn rejections_failures_and_what_is_no_ending_return_at_once() {
    let (world, issued) = deaf().await;
    let begun = Instant::now();
    let tokens = third(&world).waited_out();
    let text = issued.token.expose();
    let valid = tokens.verify(Kind::SESSION, text).await.unwrap();
    let login = tokens.begin_login(&alice()).await.unwrap();
    tokens.issue(&login, Kind::SESSION).replaces(Kind::SESSION, text).await.unwrap();
    let again = tokens.revoke(Kind::SESSION, text).await;
    assert!(matches!(again, Err(Denied::Rejected(Rejected::Revoked(_)))), "{again:?}");
    let renewed = tokens.revoke_others(&valid).await;
    assert!(matches!(renewed, Err(Denied::Rejected(_))), "{renewed:?}");
    let not_ours = tokens.revoke_subject(&alice(), Kind::SESSION, Reason::Reused).await;
    assert!(matches!(not_ours, Err(Failure::Limit(_))), "{not_ours:?}");
    assert_eq!(Instant::now(), begun);
}

/// A replay ends the login, and the request that shows it is not kept waiting.
#[tokio::test(start_paused = true)]
async fn a_theft_is_answered_at_once() {
    let clock = Arc::new(ManualClock::new(hallpass_core::Timestamp::from_millis(1_800_000_000_000)));
    let tokens = Tokens::builder(MemoryStore::new()).clock(clock.clone()).build().unwrap().waited_out();
    let login = tokens.begin_login(&alice()).await.unwrap();
    let old = tokens.issue(&login, Kind::REFRESH).await.unwrap().token;
    let rotated = tokens.verify_and_rotate(Kind::REFRESH, old.expose()).await.unwrap();
    let new = rotated.successor.unwrap().token;
    tokens.verify(Kind::REFRESH, new.expose()).await.unwrap();
    clock.advance(MINUTE * 10);
    let begun = Instant::now();
    let replayed = tokens.verify(Kind::REFRESH, old.expose()).await;
    assert!(matches!(replayed, Err(Denied::Rejected(Rejected::Reused))), "{replayed:?}");
    assert_eq!(Instant::now(), begun);
}
