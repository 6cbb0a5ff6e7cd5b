//! Keys change while tokens live (T3, T5).

use hallpass_core::{Denied, EventKind, Failure, KeyId, Keyring, Kind, Note, Rejected, TokensBuilder, danger};

use crate::fixture::{DAY, Judged as _, MINUTE, World};

fn id(number: u32) -> KeyId {
    KeyId::new(number).unwrap()
}

fn ring(active: u32) -> Keyring {
    Keyring::new(id(active), &[active as u8; 32]).unwrap()
}

fn with_other(active: u32, other: u32) -> impl FnOnce(TokensBuilder) -> TokensBuilder {
    move |builder| builder.keyring(ring(active).verify_only(id(other), &[other as u8; 32]).unwrap())
}

#[tokio::test]
async fn a_key_rotation_with_a_request_under_way_gives_the_same_successor_on_both_nodes() {
    let world = World::with(with_other(1, 2));
    let new_node = world.node(with_other(2, 1));
    let old = world.log_in(Kind::REMEMBER).await.token;
    let here = world.next(old.expose()).await;
    let there = new_node.verify_and_rotate(Kind::REMEMBER, old.expose()).await.unwrap();
    assert_eq!(there.successor.unwrap().token.expose(), here);
    // The new node confirms, which moves the newest digest to the new key; a request that is still
    // under way gets the same successor all the same.
    new_node.verify(Kind::REMEMBER, &here).await.unwrap();
    assert_eq!(world.next(old.expose()).await, here);
    // And the next generation is made under the new key.
    world.advance(2 * MINUTE);
    let third = new_node.verify_and_rotate(Kind::REMEMBER, &here).await.unwrap();
    let third = third.successor.unwrap().token;
    world.verify(Kind::REMEMBER, third.expose()).await.unwrap();
}

#[tokio::test]
async fn a_node_without_the_new_key_answers_failure_and_not_invalid() {
    let world = World::with(|builder| builder.keyring(ring(2)));
    let token = world.log_in(Kind::REMEMBER).await.token;
    let next = world.next(token.expose()).await;
    for node in [world.node(|builder| builder.keyring(ring(1))), world.node(|builder| builder)] {
        for text in [token.expose(), &next] {
            let verdict = node.verify(Kind::REMEMBER, text).await;
            assert!(matches!(verdict, Err(Denied::Failed(Failure::UnknownKey(key))) if key == id(2)), "{verdict:?}");
        }
        let guess = format!("{}{}", &next[..23], "A".repeat(43));
        assert_eq!(node.verify(Kind::REMEMBER, &guess).await.rejected(), Rejected::Invalid);
    }
    world.verify(Kind::REMEMBER, &next).await.unwrap();
}

#[tokio::test]
async fn a_retired_key_is_invalid_and_no_theft() {
    let world = World::with(with_other(1, 2));
    let first = world.log_in(Kind::REMEMBER).await.token;
    let node = world.node(|builder| builder.keyring(ring(2).retired(id(1)).unwrap()));
    let verdict = node.verify(Kind::REMEMBER, first.expose()).await.judged();
    assert_eq!(verdict.unwrap_err(), Rejected::Invalid);
    // A predecessor under a retired key cannot be told from an older token: no alarm either.
    let middle = world.node(with_other(2, 1));
    let next = world.next(first.expose()).await;
    world.advance(DAY);
    let third = middle.verify_and_rotate(Kind::REMEMBER, &next).await.unwrap();
    let third = third.successor.unwrap().token;
    node.verify(Kind::REMEMBER, third.expose()).await.unwrap();
}

#[tokio::test]
async fn an_unkeyed_digest_under_a_keyring_is_refused_unless_danger_says_otherwise() {
    let world = World::new();
    let token = world.log_in(Kind::SESSION).await.token;
    let keyed = world.node(|builder| builder.keyring(ring(1)));
    assert_eq!(keyed.verify(Kind::SESSION, token.expose()).await.rejected(), Rejected::Invalid);
    let until = world.tokens.now().saturating_add(MINUTE);
    let lenient = world.node(|builder| builder.keyring(danger::accept_unkeyed_until(ring(1), until)));
    lenient.verify(Kind::SESSION, token.expose()).await.unwrap();
    world.advance(MINUTE);
    // That minute made a slide due, so the digest moves to the key just before it is too late.
    let verdict = lenient.verify(Kind::SESSION, token.expose()).await.judged();
    assert_eq!(verdict.unwrap_err(), Rejected::Invalid);
}

#[tokio::test]
async fn a_digest_moves_to_the_active_key_with_the_next_write() {
    let world = World::new();
    let token = world.log_in(Kind::SESSION).await.token;
    let until = world.tokens.now().saturating_add(DAY);
    let lenient = world.node(|builder| builder.keyring(danger::accept_unkeyed_until(ring(1), until)));
    world.advance(MINUTE);
    lenient.verify(Kind::SESSION, token.expose()).await.unwrap();
    let strict = world.node(|builder| builder.keyring(ring(1)));
    strict.verify(Kind::SESSION, token.expose()).await.unwrap();
}

#[tokio::test]
async fn a_record_moved_to_another_subject_kind_or_lifetime_does_not_verify() {
    use hallpass_core::{Revision, Subject, Timestamp, TokenStore};
    let world = World::with(|builder| builder.keyring(ring(1)));
    let token = world.log_in(Kind::SESSION).await.token;
    let store = &world.gate.store;
    let record = store.find(token.selector()).await.unwrap().unwrap();
    let mut forged = Vec::new();
    for change in 0..3 {
        let mut record = record.clone();
        match change {
            0 => record.subject = Some(Subject::new("admin").unwrap()),
            1 => record.expires_at = record.expires_at.saturating_add(DAY),
            _ => record.created_at = Timestamp::from_millis(record.created_at.as_millis() + 1),
        }
        record.revision = Revision::FIRST;
        forged.push(record);
    }
    for record in forged {
        store.delete(record.selector, &Note::none()).await.unwrap();
        let _ = store.insert(&record, hallpass_core::Fence::None).await.unwrap();
        assert!(world.verify(Kind::SESSION, token.expose()).await.is_err());
    }
    assert!(!world.events().contains(&EventKind::Verified));
}
