//! Tests changes of keys while tokens live (T3, T5).

use hallpass_core::store::{Body, Era, Fence, Record, Revision, TokenStore};
use hallpass_core::{
    Authentication, Denied, EventKind, Failure, Fingerprint, KeyId, Keyring, Kind, LoginId, Note, Purpose,
    Reason, Rejected, Stamp, Subject, TokensBuilder, danger,
};

use crate::fixture::{DAY, Judged as _, MINUTE, World, alice};

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
    // The new node confirms, which moves the newest digest to the new key; a request that is still under way gets the
    // same successor nevertheless.
    new_node.verify(Kind::REMEMBER, &here).await.unwrap();
    assert_eq!(world.next(old.expose()).await, here);
    // The next generation is made under the new key.
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
            assert!(
                matches!(verdict, Err(Denied::Failed(Failure::UnknownKey(key))) if key == id(2)),
                "{verdict:?}"
            );
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
    let second = world.next(first.expose()).await;
    world.verify(Kind::REMEMBER, &second).await.unwrap();
    let node = world.node(|builder| builder.keyring(ring(2).retired(id(1)).unwrap()));
    world.advance(DAY);
    world.told();
    // The record's own key is retired: its newest token is invalid, so an older one is no replay.
    for text in [first.expose(), &second] {
        assert_eq!(node.verify_and_rotate(Kind::REMEMBER, text).await.rejected(), Rejected::Invalid);
    }
    assert_eq!(world.events(), [EventKind::UnusableKey; 2]);
    world.verify(Kind::REMEMBER, &second).await.unwrap();
}

#[tokio::test]
async fn a_replay_is_caught_though_the_predecessors_key_is_retired() {
    for erased in [false, true] {
        let world = World::with(with_other(1, 2));
        let first = world.log_in(Kind::REMEMBER).await.token;
        let second = world.next(first.expose()).await;
        // The next key signs from here on, and the first presentation of the successor moves its digest there.
        let middle = world.node(with_other(2, 1));
        middle.verify(Kind::REMEMBER, &second).await.unwrap();
        let late = world.node(|builder| builder.keyring(ring(2).retired(id(1)).unwrap()));
        // Within the overlap the predecessor cannot be told from an older token, and its request may be under way.
        world.told();
        assert_eq!(late.verify(Kind::REMEMBER, first.expose()).await.rejected(), Rejected::Invalid);
        assert_eq!(world.events(), [EventKind::UnusableKey]);
        world.advance(DAY);
        if erased {
            late.verify(Kind::REMEMBER, &second).await.unwrap();
        }
        world.told();
        assert_eq!(late.verify(Kind::REMEMBER, first.expose()).await.rejected(), Rejected::Reused);
        assert!(world.events().contains(&EventKind::Reused));
        let verdict = late.verify(Kind::REMEMBER, &second).await.rejected();
        assert_eq!(verdict, Rejected::Revoked(Reason::Reused));
    }
}

#[tokio::test]
async fn an_unkeyed_digest_under_a_keyring_is_refused_unless_danger_says_otherwise() {
    let (world, token) = World::with_token(Kind::SESSION).await;
    let keyed = world.node(|builder| builder.keyring(ring(1)));
    assert_eq!(keyed.verify(Kind::SESSION, token.expose()).await.rejected(), Rejected::Invalid);
    let until = world.tokens.now().saturating_add(MINUTE);
    let lenient = world.node(|builder| builder.keyring(danger::accept_unkeyed_until(ring(1), until)));
    lenient.verify(Kind::SESSION, token.expose()).await.unwrap();
    world.advance(MINUTE);
    // No write was due before, so the digest still has no key, and now the date has passed.
    let verdict = lenient.verify(Kind::SESSION, token.expose()).await.judged();
    assert_eq!(verdict.unwrap_err(), Rejected::Invalid);
}

#[tokio::test]
async fn a_digest_moves_to_the_active_key_with_the_next_write() {
    let (world, token) = World::with_token(Kind::SESSION).await;
    let until = world.tokens.now().saturating_add(DAY);
    let lenient = world.node(|builder| builder.keyring(danger::accept_unkeyed_until(ring(1), until)));
    world.advance(MINUTE);
    lenient.verify(Kind::SESSION, token.expose()).await.unwrap();
    let strict = world.node(|builder| builder.keyring(ring(1)));
    strict.verify(Kind::SESSION, token.expose()).await.unwrap();
}

#[tokio::test]
async fn a_record_that_was_moved_anywhere_does_not_verify() {
    type Change = fn(&mut Record);
    let changes: [(&str, Change); 8] = [
        ("another subject", |record| record.subject = Some(Subject::new("admin").unwrap())),
        ("no subject", |record| record.subject = None),
        ("another kind", |record| record.kind = Kind::REMEMBER),
        ("a longer life", |record| record.expires_at = record.expires_at.saturating_add(DAY)),
        ("a later issue", |record| record.created_at = record.created_at.saturating_add(MINUTE)),
        ("a purpose that survives log-outs", |record| record.purpose = Purpose::Key),
        ("another login", |record| record.login = LoginId([9; 8])),
        ("a later era", |record| record.era = Era::new(1)),
    ];
    let world = World::with(|builder| builder.keyring(ring(1)));
    let token = world.log_in(Kind::SESSION).await.token;
    let store = &world.gate.store;
    let record = store.find(token.selector()).await.unwrap().unwrap();
    let put = async |record: &Record| {
        store.delete(record.selector, &Note::none()).await.unwrap();
        let first = Record { revision: Revision::FIRST, ..record.clone() };
        assert!(store.insert(&first, Fence::None).await.unwrap().is_inserted());
    };
    for (what, change) in changes {
        let mut moved = record.clone();
        change(&mut moved);
        assert_ne!(moved, record, "{what}");
        put(&moved).await;
        // By its lineage it is ours, but it is not the newest any more, so it counts as a replay.
        assert_eq!(world.verify(moved.kind, token.expose()).await.unwrap_err(), Rejected::Reused, "{what}");
    }
    put(&record).await;
    world.verify(Kind::SESSION, token.expose()).await.unwrap();
}

#[tokio::test]
async fn no_fact_of_the_body_can_be_changed_behind_the_digest() {
    let world = World::with(|builder| builder.keyring(ring(1)));
    let login = world.tokens.begin_login(&alice()).await.unwrap();
    let how = Authentication::new().method("pwd").level("aal1");
    let stamp = Stamp::of("old");
    let issue =
        world.tokens.issue(&login, Kind::SESSION).stamp(stamp).fingerprint(Fingerprint::of(&["Firefox"]));
    let token = issue.binding([7; 32]).authentication(how).await.unwrap().token;
    let store = &world.gate.store;
    let record = store.find(token.selector()).await.unwrap().unwrap();
    // Before it come version 1, flags 1, write id 8, digest 36, lineage 16; the facts are 8 + 1 + 16 + 16 + 32 + 10.
    let facts = 62..62 + 8 + 1 + 16 + 16 + 32 + "\x04aal1\x01\x03pwd".len();
    assert_eq!(record.body.as_bytes().len(), facts.end, "there is nothing else");
    for at in facts {
        let mut body = record.body.as_bytes().to_vec();
        body[at] ^= 1;
        let forged = Record { body: Body::new(body).unwrap(), revision: Revision::FIRST, ..record.clone() };
        store.delete(record.selector, &Note::none()).await.unwrap();
        assert!(store.insert(&forged, Fence::None).await.unwrap().is_inserted());
        let verdict = match world.tokens.look_up(Kind::SESSION, token.expose()).await {
            Ok(candidate) => candidate.verify(Some(&stamp)).await.map(drop),
            Err(denied) => Err(denied),
        };
        let refused = matches!(
            verdict,
            Err(Denied::Rejected(Rejected::Reused) | Denied::Failed(Failure::Corrupt { .. }))
        );
        assert!(refused, "byte {at}: {verdict:?}");
    }
}
