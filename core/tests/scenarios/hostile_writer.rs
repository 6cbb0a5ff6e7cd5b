//! Tests a writer of the database against a service with a keyring: no digest may be made for such a row (contract
//! T3).

use hallpass_core::store::{Body, Change, Fence, Insert, Record, Replace, TokenStore as _};
use hallpass_core::{
    Authentication, EventKind, Issued, KeyId, Keyring, Kind, LoginId, Note, Origin, Subject,
};

use crate::fixture::{DAY, HOUR, World, alice, text};

fn keyed() -> World {
    World::with(|builder| builder.keyring(Keyring::new(KeyId::new(1).unwrap(), &[7; 32]).unwrap()))
}

fn bob() -> Subject {
    Subject::new("bob").unwrap()
}

/// The offset of the origin in a body: 0 for authenticated, 1 for restored.
const ORIGIN: usize = 1 + 1 + 8 + 36 + 16 + 8;

fn with_origin(record: &Record, origin: u8) -> Body {
    let mut bytes = record.body.as_bytes().to_vec();
    bytes[ORIGIN] = origin;
    Body::new(bytes).unwrap()
}

async fn stored(world: &World, issued: &Issued) -> Record {
    world.gate.store.find(issued.token.selector()).await.unwrap().unwrap()
}

/// Stores any bytes anywhere, as a writer of the database can.
async fn put(world: &World, record: &Record) {
    world.gate.store.delete(record.selector, &Note::none()).await.unwrap();
    let put = world.gate.store.insert(record, Fence::None).await.unwrap();
    assert!(matches!(put, Insert::Inserted { .. }));
}

/// T3: under a keyring a writer of the database makes no token for a subject of its choice.
#[tokio::test]
async fn a_writer_gets_no_subject_through_update_data() {
    let world = keyed();
    let mine = world.log_in(Kind::SESSION).await;
    let mut valid = world.verify(Kind::SESSION, text(&mine)).await.unwrap();
    let mut forged = stored(&world, &mine).await;
    forged.subject = Some(bob());
    forged.revision = forged.revision.next();
    put(&world, &forged).await;
    let changed = world.tokens.update_data(&mut valid, |data| data.push(1)).await;
    assert_eq!(valid.subject(), Some(&alice()), "after update_data: {changed:?}");
    let minted = world.tokens.issue_from(&valid, Kind::SESSION).await;
    if let Ok(minted) = minted {
        let whose = world.verify(Kind::SESSION, text(&minted)).await.unwrap();
        assert_eq!(whose.subject(), Some(&alice()));
    }
}

/// T3: a restored session does not become an authenticated one.
#[tokio::test]
async fn a_writer_changes_no_fact_through_a_renewal_of_the_changed_row() {
    let world = keyed();
    let remember = world.log_in(Kind::REMEMBER).await;
    let parent = world.verify(Kind::REMEMBER, text(&remember)).await.unwrap();
    let session = world.tokens.issue_from(&parent, Kind::SESSION).await.unwrap();
    let valid = world.verify(Kind::SESSION, text(&session)).await.unwrap();
    assert_eq!(valid.origin(), Origin::Restored);
    let mut forged = stored(&world, &session).await;
    forged.body = with_origin(&forged, 0);
    put(&world, &forged).await;
    if let Ok(renewed) = world.tokens.revoke_others(&valid).await {
        let new = renewed.tokens.iter().find(|issued| issued.kind == Kind::SESSION).unwrap();
        let new = world.verify(Kind::SESSION, text(new)).await.unwrap();
        assert_eq!(new.origin(), Origin::Restored);
    }
}

/// T3: a row that a writer plants in its own login gives the writer only a token of another device kind. Whatever the
/// row claims, the token says no more than the caller's token proved.
#[tokio::test]
async fn a_planted_row_gets_no_fact_that_the_caller_did_not_prove() {
    let world = keyed();
    let remember = world.log_in(Kind::REMEMBER).await;
    let parent = world.verify(Kind::REMEMBER, text(&remember)).await.unwrap();
    let mine = world.tokens.issue_from(&parent, Kind::SESSION).await.unwrap();
    let mut planted = stored(&world, &remember).await;
    world.gate.store.delete(planted.selector, &Note::none()).await.unwrap();
    world.advance(HOUR / 6);
    // Another login of the same subject, with everything the writer wants: fresh, strong, bound to a key and a stamp.
    let other = world.tokens.begin_login(&alice()).await.unwrap();
    let wanted = world
        .tokens
        .issue(&other, Kind::REMEMBER)
        .authentication(Authentication::new().level("aal2"))
        .binding([6; 32])
        .stamp(hallpass_core::Stamp::of(b"present"));
    let wanted = stored(&world, &wanted.await.unwrap()).await;
    planted.body = wanted.body;
    planted.expires_at = planted.created_at.saturating_add(365 * DAY);
    planted.purge_at = planted.expires_at;
    planted.idle_at = None;
    put(&world, &planted).await;
    let valid = world.verify(Kind::SESSION, text(&mine)).await.unwrap();
    let renewed = world.tokens.revoke_others(&valid).await.unwrap();
    let new = renewed.tokens.iter().find(|issued| issued.kind == Kind::REMEMBER).unwrap();
    let copy = world.verify(Kind::REMEMBER, text(new)).await.expect("no stamp to compare");
    assert_eq!((copy.subject(), copy.origin()), (Some(&alice()), Origin::Restored));
    assert_eq!((copy.binding(), copy.auth_at()), (None, valid.auth_at()));
    assert!(copy.authentication().is_empty());
    let allowed = 30 * DAY;
    assert!(copy.absolute_expiry() <= planted.created_at.saturating_add(allowed));
}

/// T3, over a store whose index is not its rows: a list of alice shows a row of bob.
#[tokio::test]
async fn a_writer_gets_no_subject_through_a_row_in_another_list() {
    let world = keyed();
    let mine = world.log_in(Kind::SESSION).await;
    let valid = world.verify(Kind::SESSION, text(&mine)).await.unwrap();
    let mut planted = stored(&world, &mine).await;
    planted.selector.0[15] ^= 1;
    planted.kind = Kind::REMEMBER;
    put(&world, &planted).await;
    // The index keeps its entry under alice, and the row says bob: MemoryStore's put moves no index entry.
    let mut row = planted.clone();
    row.subject = Some(bob());
    row.revision = row.revision.next();
    let put = world.gate.store.replace(&row, planted.revision, Change::Update).await.unwrap();
    assert_eq!(put, Replace::Replaced);
    let renewed = world.tokens.revoke_others(&valid).await;
    for issued in renewed.iter().flat_map(|renewed| &renewed.tokens) {
        let whose = world.verify(issued.kind, text(issued)).await.map(|valid| valid.subject().cloned());
        assert_ne!(whose, Ok(Some(bob())), "a signed token of the victim");
    }
}

/// T3: "a key that was retired makes its tokens `Invalid`", also in a renewal with a token of another key. The same
/// holds for a key that this node does not know, and neither keeps the other devices logged in.
#[tokio::test]
async fn a_renewal_signs_no_record_whose_key_is_retired_or_unknown() {
    let (one, two) = (KeyId::new(1).unwrap(), KeyId::new(2).unwrap());
    for retired in [true, false] {
        let world = keyed();
        let other = world.log_in(Kind::SESSION).await;
        let login = world.tokens.begin_login(&alice()).await.unwrap();
        let remember = world.tokens.issue(&login, Kind::REMEMBER).await.unwrap();
        let later = world.node(|builder| {
            let ring = Keyring::new(two, &[8; 32]).unwrap();
            builder.keyring(if retired { ring.retired(one).unwrap() } else { ring })
        });
        let session = later.issue(&login, Kind::SESSION).await.unwrap();
        assert!(later.verify(Kind::REMEMBER, text(&remember)).await.is_err(), "its key is not accepted");
        let caller = later.verify(Kind::SESSION, text(&session)).await.unwrap();
        world.told();
        let renewed = later.revoke_others(&caller).await.unwrap();
        let kinds: Vec<_> = renewed.tokens.iter().map(|issued| issued.kind).collect();
        assert_eq!(kinds, [Kind::SESSION], "what the other key signed is signed anew");
        let events = world.events();
        assert!(events.contains(&EventKind::UnusableKey), "{events:?}");
        for ended in [&other, &remember] {
            assert!(stored(&world, ended).await.revoked.is_some(), "{} stays", ended.kind);
        }
    }
}

/// T3: "a session does not become a key that outlives log-outs".
#[tokio::test]
async fn a_writer_gets_no_api_key_through_a_planted_row_and_a_renewal() {
    let world = keyed();
    let mine = world.log_in(Kind::SESSION).await;
    let mut planted = stored(&world, &mine).await;
    planted.selector.0[15] ^= 1;
    planted.kind = Kind::API_KEY;
    planted.expires_at = planted.created_at.saturating_add(365 * DAY);
    planted.purge_at = planted.expires_at;
    planted.idle_at = None;
    put(&world, &planted).await;
    let valid = world.verify(Kind::SESSION, text(&mine)).await.unwrap();
    let renewed = world.tokens.revoke_others(&valid).await.unwrap();
    for issued in &renewed.tokens {
        assert_eq!(issued.kind, Kind::SESSION, "a key that no log-out ends");
    }
}

/// The writer swaps the kind during a change of data: the token keeps the kind that was presented.
#[tokio::test]
async fn a_row_that_an_update_reads_again_keeps_kind_login_and_lifetime() {
    for field in 0..3 {
        let world = keyed();
        let mine = world.log_in(Kind::SESSION).await;
        let mut valid = world.verify(Kind::SESSION, text(&mine)).await.unwrap();
        let mut forged = stored(&world, &mine).await;
        match field {
            0 => forged.kind = Kind::REMEMBER,
            1 => forged.login = LoginId([9; 8]),
            _ => forged.expires_at = forged.expires_at.saturating_add(DAY),
        }
        forged.revision = forged.revision.next();
        put(&world, &forged).await;
        let changed = world.tokens.update_data(&mut valid, |data| data.push(1)).await;
        assert!(changed.is_err(), "field {field}");
        assert_eq!((valid.kind(), valid.login()), (Kind::SESSION, mine.login));
    }
}
