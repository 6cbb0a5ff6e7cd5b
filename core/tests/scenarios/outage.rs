//! Tests that an outage is never a verdict (D12, D15, S12).

use hallpass_core::store::{Body, Fence, TokenStore};
use hallpass_core::{
    BoxError, Denied, Entropy, EventKind, Failure, Kind, Kinds, Note, Policy, Reason, Rejected, StoreError,
};
use hallpass_test_store::Call;

use crate::fixture::{HOUR, MINUTE, World, alice};

#[tokio::test]
async fn a_store_that_is_down_fails_every_call_and_rejects_nothing() {
    let (world, session) = World::logged_in(Kind::SESSION).await;
    let login = world.tokens.begin_login(&alice()).await.unwrap();
    for call in [Call::Find, Call::Insert, Call::Replace, Call::Delete, Call::Revoke, Call::List, Call::Epoch]
    {
        world.gate.down(call);
    }
    let text = session.token.expose();
    let tokens = &world.tokens;
    let down = |error| matches!(error, Failure::Store(StoreError::Unavailable(_)));
    let denied = |denied| matches!(denied, Denied::Failed(Failure::Store(StoreError::Unavailable(_))));
    assert!(denied(tokens.verify(Kind::SESSION, text).await.unwrap_err()));
    assert!(denied(tokens.revoke(Kind::SESSION, text).await.unwrap_err()));
    assert!(down(tokens.begin_login(&alice()).await.unwrap_err()));
    assert!(denied(tokens.issue(&login, Kind::SESSION).await.unwrap_err()));
    assert!(down(tokens.list(&alice(), &Default::default()).await.unwrap_err()));
    assert!(down(tokens.revoke_subject(&alice(), Kinds::Any, Reason::Administrative).await.unwrap_err()));
    world.gate.up();
    world.verify(Kind::SESSION, text).await.unwrap();
}

#[tokio::test]
async fn a_rotation_that_cannot_be_written_leaves_the_token_valid() {
    let (world, token) = World::with_token(Kind::REMEMBER).await;
    world.gate.down(Call::Replace);
    assert_eq!(world.rotate(token.expose()).await, Ok(None));
    assert!(world.events().contains(&EventKind::WriteFailed));
    world.gate.up();
    assert!(world.rotate(token.expose()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_rotation_with_unknown_outcome_is_looked_up_and_not_guessed() {
    let (world, token) = World::with_token(Kind::REMEMBER).await;
    world.gate.unknown(Call::Replace);
    let next = world.next(token.expose()).await;
    world.gate.up();
    assert_eq!(world.next(token.expose()).await, next);
    world.verify(Kind::REMEMBER, &next).await.unwrap();
}

#[tokio::test]
async fn a_login_that_could_not_end_its_predecessor_is_a_failure() {
    let (world, old) = World::with_token(Kind::SESSION).await;
    let login = world.tokens.begin_login(&alice()).await.unwrap();
    world.gate.down(Call::Revoke);
    let issue = world.tokens.issue(&login, Kind::SESSION).replaces(Kind::SESSION, old.expose());
    assert!(matches!(issue.await, Err(Denied::Failed(Failure::Store(_)))));
    world.gate.up();
    world.verify(Kind::SESSION, old.expose()).await.unwrap();
}

#[tokio::test]
async fn an_unknown_kind_is_a_failure() {
    let world = World::new();
    let kind = Kind::from_static("custom");
    assert!(
        matches!(world.tokens.verify(kind, "x").await, Err(Denied::Failed(Failure::UnknownKind(k))) if k == kind)
    );
    let node = world.node(|builder| builder.policy(Policy::custom(kind, HOUR)));
    let login = node.begin_login(&alice()).await.unwrap();
    let token = node.issue(&login, kind).await.unwrap().token;
    node.verify(kind, token.expose()).await.unwrap();
    assert!(matches!(
        world.tokens.verify(kind, token.expose()).await,
        Err(Denied::Failed(Failure::UnknownKind(_)))
    ));
}

#[derive(Debug)]
struct Dry;

impl Entropy for Dry {
    fn fill(&self, _: &mut [u8]) -> Result<(), BoxError> {
        Err("dry".into())
    }
}

#[tokio::test]
async fn without_randomness_nothing_is_issued() {
    let (world, login) = World::begun().await;
    let dry = world.node(|builder| builder.entropy(Dry));
    assert!(matches!(dry.issue(&login, Kind::SESSION).await, Err(Denied::Failed(Failure::Randomness(_)))));
    assert!(matches!(dry.begin_login(&alice()).await, Err(Failure::Randomness(_))));
}

#[derive(Debug)]
struct Stuck;

impl Entropy for Stuck {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), BoxError> {
        bytes.fill(7);
        Ok(())
    }
}

#[tokio::test]
async fn repeated_randomness_overwrites_no_record() {
    let world = World::with(|builder| builder.entropy(Stuck));
    let first = world.log_in(Kind::SESSION).await.token;
    let login = world.tokens.begin_login(&alice()).await.unwrap();
    assert!(matches!(
        world.tokens.issue(&login, Kind::SESSION).await,
        Err(Denied::Failed(Failure::Randomness(_)))
    ));
    world.verify(Kind::SESSION, first.expose()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_record_that_never_stands_still_ends_in_a_failure_and_not_in_a_verdict() {
    let (world, token) = World::with_token(Kind::REMEMBER).await;
    world.advance(MINUTE);
    world.gate.lose(Call::Replace);
    assert!(matches!(
        world.tokens.verify_and_rotate(Kind::REMEMBER, token.expose()).await,
        Err(Denied::Failed(Failure::Contended))
    ));
    world.gate.up();
    assert_eq!(world.verify(Kind::REMEMBER, token.expose()).await.map(drop), Ok(()));
    assert_ne!(world.verify(Kind::REMEMBER, "x").await.unwrap_err(), Rejected::Invalid);
}

#[tokio::test]
async fn a_store_that_repeats_its_pages_is_a_failure_and_no_endless_read() {
    let world = World::with(|builder| builder.max_logins(std::num::NonZeroU32::new(300).unwrap()));
    for _ in 0..300 {
        world.log_in(Kind::SESSION).await;
    }
    assert_eq!(world.tokens.list(&alice(), &Default::default()).await.unwrap().logins.len(), 100);
    world.gate.repeat(Call::List);
    let list = world.tokens.list(&alice(), &Default::default()).await;
    assert!(matches!(list, Err(Failure::Corrupt { .. })));
}

#[tokio::test]
async fn a_browser_whose_old_record_is_corrupt_can_still_log_in() {
    let (world, old) = World::with_token(Kind::SESSION).await;
    let mut record = world.gate.store.find(old.selector()).await.unwrap().unwrap();
    record.body = Body::new(vec![0xff; 40]).unwrap();
    world.gate.store.delete(old.selector(), &Note::none()).await.unwrap();
    assert!(world.gate.store.insert(&record, Fence::None).await.unwrap().is_inserted());
    let verdict = world.tokens.verify(Kind::SESSION, old.expose()).await;
    assert!(matches!(verdict, Err(Denied::Failed(Failure::Corrupt { .. }))), "it verifies nobody");
    let login = world.tokens.begin_login(&alice()).await.unwrap();
    let new = world.tokens.issue(&login, Kind::SESSION).replaces(Kind::SESSION, old.expose()).await;
    world.verify(Kind::SESSION, new.unwrap().token.expose()).await.unwrap();
}
