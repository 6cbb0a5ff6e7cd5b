//! Tests that a lost response is made good until the successor has been presented (D5a, D6, D8, D10, T5, D16).

use hallpass_core::{EventKind, Failure, Kind, Policy, Reason, Rejected, Tokens, Valid};
use hallpass_test_store::Call;

use crate::fixture::{DAY, HOUR, MINUTE, SECOND, World, alice};

/// Presents a remember-me token; returns the verdict with its successor, and the session restored in the same call.
async fn return_with(world: &World, remember: &str) -> (Valid, String) {
    let valid = world.tokens.verify_and_rotate(Kind::REMEMBER, remember).await.unwrap();
    let session = world.tokens.issue_from(&valid, Kind::SESSION).await.unwrap().token;
    (valid, session.expose().to_owned())
}

fn successor(valid: &Valid) -> String {
    valid.successor.as_ref().expect("a successor is handed out").token.expose().to_owned()
}

#[tokio::test]
async fn a_lost_response_is_made_good_at_any_time_before_the_expiry() {
    let (world, old) = World::with_token(Kind::REMEMBER).await;
    let new = world.next(old.expose()).await;
    for away in [SECOND, HOUR, DAY, 5 * DAY, 7 * DAY] {
        world.advance(away);
        assert_eq!(world.next(old.expose()).await, new, "the same, after {away:?}");
    }
    world.advance(DAY);
    assert_eq!(world.rotate(old.expose()).await, Err(Rejected::Expired), "waiting moves no idle expiry");
}

#[tokio::test]
async fn any_number_of_responses_in_a_row_may_be_lost() {
    let world = World::new();
    let mut jar = world.log_in(Kind::REMEMBER).await.token.expose().to_owned();
    for _ in 0..4 {
        let next = world.next(&jar).await;
        for _ in 0..5 {
            world.advance(6 * HOUR);
            assert_eq!(world.next(&jar).await, next);
        }
        world.verify(Kind::REMEMBER, &next).await.unwrap();
        world.advance(2 * MINUTE);
        jar = next;
    }
}

#[tokio::test]
async fn the_request_that_confirms_does_not_rotate() {
    let (world, old) = World::with_token(Kind::REMEMBER).await;
    let new = world.next(old.expose()).await;
    world.advance(3 * DAY);
    assert_eq!(world.rotate(&new).await, Ok(None));
    // A request that left earlier with the old token is not refused.
    assert_eq!(world.next(old.expose()).await, new);
    world.advance(31 * SECOND);
    assert_eq!(world.rotate(old.expose()).await, Err(Rejected::Reused), "the overlap is over");
}

#[tokio::test]
async fn the_first_use_of_a_session_confirms_the_token_that_came_with_it() {
    let (world, old) = World::with_token(Kind::REMEMBER).await;
    let (valid, session) = return_with(&world, old.expose()).await;
    world.told();
    world.verify(Kind::SESSION, &session).await.unwrap();
    let told = world.told();
    let confirmed = told.iter().find(|told| told.kind == EventKind::Confirmed).expect("an event reports it");
    assert_eq!(confirmed.selector, Some(old.selector()), "of the remember token");
    // Only once: the next use reads and writes nothing besides its own record.
    world.gate.calls();
    world.verify(Kind::SESSION, &session).await.unwrap();
    assert_eq!(world.gate.calls(), [Call::Find]);
    assert_eq!(world.next(old.expose()).await, successor(&valid), "within the overlap");
    world.advance(31 * SECOND);
    assert_eq!(world.rotate(old.expose()).await, Err(Rejected::Reused));
}

#[tokio::test]
async fn a_session_that_was_issued_after_the_successor_was_taken_out_confirms_too() {
    let (world, old) = World::with_token(Kind::REMEMBER).await;
    let mut valid = world.tokens.verify_and_rotate(Kind::REMEMBER, old.expose()).await.unwrap();
    let _sent = valid.successor.take();
    let session = world.tokens.issue_from(&valid, Kind::SESSION).await.unwrap().token;
    world.verify(Kind::SESSION, session.expose()).await.unwrap();
    world.advance(31 * SECOND);
    assert_eq!(world.rotate(old.expose()).await, Err(Rejected::Reused));
}

#[tokio::test]
async fn a_session_that_came_with_the_same_successor_again_confirms_too() {
    let (world, old) = World::with_token(Kind::REMEMBER).await;
    let (first, _lost) = return_with(&world, old.expose()).await;
    world.advance(DAY);
    let (second, session) = return_with(&world, old.expose()).await;
    assert_eq!(successor(&first), successor(&second));
    world.verify(Kind::SESSION, &session).await.unwrap();
    world.advance(31 * SECOND);
    assert_eq!(world.rotate(old.expose()).await, Err(Rejected::Reused));
}

#[tokio::test]
async fn a_single_use_token_that_came_with_it_confirms_too() {
    let (world, old) = World::with_token(Kind::REMEMBER).await;
    let valid = world.tokens.verify_and_rotate(Kind::REMEMBER, old.expose()).await.unwrap();
    let single = world.tokens.issue_from(&valid, Kind::ONE_TIME).await.unwrap().token;
    world.tokens.consume(Kind::ONE_TIME, single.expose()).await.unwrap();
    world.advance(31 * SECOND);
    assert_eq!(world.rotate(old.expose()).await, Err(Rejected::Reused));
}

#[tokio::test]
async fn a_session_that_came_without_a_successor_confirms_nothing() {
    let (world, old) = World::with_token(Kind::REMEMBER).await;
    let new = world.next(old.expose()).await;
    // The predecessor again, without asking for its successor: the result has none.
    let valid = world.verify(Kind::REMEMBER, old.expose()).await.unwrap();
    let session = world.tokens.issue_from(&valid, Kind::SESSION).await.unwrap().token;
    world.verify(Kind::SESSION, session.expose()).await.unwrap();
    world.advance(DAY);
    assert_eq!(world.next(old.expose()).await, new, "the client never had it");
}

#[tokio::test]
async fn a_session_confirms_only_the_successor_that_it_came_with() {
    let (world, first) = World::with_token(Kind::REMEMBER).await;
    let (valid, session) = return_with(&world, first.expose()).await;
    let second = successor(&valid);
    world.verify(Kind::REMEMBER, &second).await.unwrap();
    world.advance(2 * MINUTE);
    let third = world.next(&second).await; // and that response is lost
    world.verify(Kind::SESSION, &session).await.unwrap();
    world.advance(MINUTE);
    assert_eq!(world.next(&second).await, third, "the client never had the third");
}

#[tokio::test]
async fn a_confirmation_that_could_not_be_written_is_tried_again_with_the_next_use() {
    let (world, old) = World::with_token(Kind::REMEMBER).await;
    let (_, session) = return_with(&world, old.expose()).await;
    world.told();
    world.gate.down(Call::Replace);
    world.verify(Kind::SESSION, &session).await.unwrap();
    let told = world.told();
    assert!(told.iter().any(|told| told.kind == EventKind::WriteFailed && told.source.is_some()), "{told:?}");
    world.gate.up();
    world.advance(MINUTE);
    world.next(old.expose()).await; // nothing was confirmed
    world.verify(Kind::SESSION, &session).await.unwrap();
    assert!(world.events().contains(&EventKind::Confirmed));
    world.advance(31 * SECOND);
    assert_eq!(world.rotate(old.expose()).await, Err(Rejected::Reused));
}

#[tokio::test]
async fn a_session_whose_remember_token_is_gone_is_used_all_the_same() {
    let (world, old) = World::with_token(Kind::REMEMBER).await;
    let (_, session) = return_with(&world, old.expose()).await;
    let kinds = hallpass_core::Kinds::Only(vec![Kind::REMEMBER]);
    world.tokens.revoke_subject(&alice(), kinds, Reason::Administrative).await.unwrap();
    world.verify(Kind::SESSION, &session).await.unwrap();
    assert_eq!(world.rotate(old.expose()).await, Err(Rejected::Revoked(Reason::Administrative)));
}

/// The owner detects a thief who comes first and uses the new token, and the other way round.
#[tokio::test]
async fn the_owner_who_comes_after_a_thief_reveals_the_theft() {
    for restores in [true, false] {
        let (world, stolen) = World::with_token(Kind::REMEMBER).await;
        let (first, session) = return_with(&world, stolen.expose()).await;
        match restores {
            true => world.verify(Kind::SESSION, &session).await.map(drop).unwrap(),
            false => world.verify(Kind::REMEMBER, &successor(&first)).await.map(drop).unwrap(),
        }
        world.advance(HOUR);
        assert_eq!(world.rotate(stolen.expose()).await, Err(Rejected::Reused));
        assert_eq!(world.rotate(&successor(&first)).await, Err(Rejected::Revoked(Reason::Reused)));
        assert_eq!(
            world.verify(Kind::SESSION, &session).await.unwrap_err(),
            Rejected::Revoked(Reason::Reused)
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn uses_at_once_confirm_once() {
    for _ in 0..20 {
        let (world, old) = World::with_token(Kind::REMEMBER).await;
        let (_, session) = return_with(&world, old.expose()).await;
        world.told();
        world.gate.meet(Call::Find, 2);
        let (one, two) = tokio::join!(
            world.tokens.verify(Kind::SESSION, &session),
            world.tokens.verify(Kind::SESSION, &session)
        );
        one.and(two).unwrap();
        let confirmed = world.events().into_iter().filter(|kind| *kind == EventKind::Confirmed).count();
        assert_eq!(confirmed, 1);
    }
}

#[test]
fn a_window_until_confirmed_is_the_default_and_wants_an_overlap_above_the_skew() {
    let store = || Tokens::builder(hallpass_core::MemoryStore::new());
    for policy in [Policy::remember(), Policy::refresh()] {
        assert!(format!("{policy:?}").contains("UntilConfirmed"));
        assert!(store().policy(policy.clone()).max_skew(15 * SECOND).build().is_ok());
        let error = store().policy(policy).max_skew(16 * SECOND).build().unwrap_err();
        assert!(error.to_string().contains("until confirmed is at least twice the clock skew"), "{error}");
    }
    let error = store().max_skew(std::time::Duration::MAX).build().unwrap_err();
    assert!(error.to_string().contains("at most an hour apart"), "{error}");
}

/// The verification does not fail: only a pause of random length is impossible.
#[tokio::test(start_paused = true)]
async fn a_lost_race_needs_no_randomness_to_be_judged_again() {
    let (world, token) = World::with_token(Kind::SESSION).await;
    world.advance(MINUTE);
    let dry = world.node(|builder| builder.entropy(Dry::after(3)));
    world.gate.lose(Call::Replace);
    // It continues until the time limit, or until a write gets no id: the randomness of a pause is never needed.
    let told = dry.verify(Kind::SESSION, token.expose()).await;
    assert!(!matches!(told, Err(hallpass_core::Denied::Failed(Failure::Randomness(_)))), "{told:?}");
}

/// The entropy of the operating system, but only this many times.
#[derive(Debug)]
struct Dry(std::sync::atomic::AtomicUsize);

impl Dry {
    fn after(times: usize) -> Self {
        Self(times.into())
    }
}

impl hallpass_core::Entropy for Dry {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), hallpass_core::BoxError> {
        let left = |times: usize| times.checked_sub(1);
        let order = std::sync::atomic::Ordering::SeqCst;
        match self.0.fetch_update(order, order, left) {
            Ok(_) => hallpass_core::OsEntropy.fill(bytes),
            Err(_) => Err("dry".into()),
        }
    }
}
