//! Tests one record at a time: S1 to S5, S7, S15, S16, S18.

use hallpass_core::store::{Body, Change, Fence, Insert, Record, Replace, Revision, TokenStore};
use hallpass_core::{Device, Kind, Note, Reason, Selector};
use hallpass_store_sled::SledStore;

use crate::support::{Rng, at, store, subject, words};

#[tokio::test]
async fn s1_what_was_acknowledged_is_found_byte_for_byte() {
    let mut rng = Rng::seeded();
    let (folder, store) = store();
    let plain = rng.record(Some(&subject("alice")));
    let anonymous = rng.record(None);
    let largest = Record {
        subject: Some(subject(&"ü€".repeat(51))),
        kind: Kind::new(&"z".repeat(32)).unwrap(),
        device: Device::new("😀".repeat(128)).unwrap(),
        body: rng.body(Body::MAX_LEN),
        created_at: at(0),
        expires_at: hallpass_core::Timestamp::MAX,
        purge_at: hallpass_core::Timestamp::MAX,
        generation: u32::MAX,
        revision: Revision::MAX,
        ..rng.record(None)
    };
    let smallest = Record { idle_at: None, body: rng.body(0), device: Device::default(), ..rng.record(None) };
    let records = [plain, anonymous, largest, smallest];
    for record in &records {
        assert!(store.insert(record, Fence::None).await.unwrap().is_inserted());
        assert_eq!(store.find(record.selector).await.unwrap().as_ref(), Some(record));
    }
    store.close().unwrap();
    let store = SledStore::open(folder.path()).unwrap();
    assert_eq!(store.repaired(), None, "closed in good order");
    for record in &records {
        assert_eq!(store.find(record.selector).await.unwrap().as_ref(), Some(record));
    }
}

#[tokio::test]
async fn s2_insert_leaves_what_is_there_alone() {
    let mut rng = Rng::seeded();
    let (_folder, store) = store();
    let first = rng.record(Some(&subject("alice")));
    let second = Record { selector: first.selector, ..rng.record(Some(&subject("bob"))) };
    assert!(store.insert(&first, Fence::None).await.unwrap().is_inserted());
    assert_eq!(store.insert(&second, Fence::None).await.unwrap(), Insert::Duplicate);
    assert_eq!(store.find(first.selector).await.unwrap(), Some(first));
}

#[tokio::test]
async fn s3_near_misses_never_match() {
    let mut rng = Rng::seeded();
    let (_folder, store) = store();
    let record = rng.record(None);
    assert!(store.insert(&record, Fence::None).await.unwrap().is_inserted());
    for bit in 0..128 {
        let mut near = record.selector.0;
        near[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(store.find(Selector(near)).await.unwrap(), None);
    }
}

#[tokio::test]
async fn s4_replace_creates_nothing_and_changes_nothing_that_is_marked() {
    let mut rng = Rng::seeded();
    let (_folder, store) = store();
    let record = rng.record(None);
    let next = rng.rotated(&record);
    assert_eq!(store.replace(&next, record.revision, Change::Update).await.unwrap(), Replace::Missing);
    assert!(store.insert(&record, Fence::None).await.unwrap().is_inserted());
    let spent = Record { revoked: Some(Reason::Spent), ..next };
    assert_eq!(store.replace(&spent, record.revision, Change::Update).await.unwrap(), Replace::Replaced);
    let revived = Record { revoked: None, ..rng.rotated(&spent) };
    assert_eq!(store.replace(&revived, spent.revision, Change::Update).await.unwrap(), Replace::Conflict);
    assert_eq!(store.find(record.selector).await.unwrap(), Some(spent.clone()));
    assert!(store.delete(record.selector, &Note::none()).await.unwrap());
    assert_eq!(store.replace(&revived, spent.revision, Change::Update).await.unwrap(), Replace::Missing);
    assert_eq!(store.find(record.selector).await.unwrap(), None);
}

#[tokio::test]
async fn s5_another_revision_is_a_conflict() {
    let mut rng = Rng::seeded();
    let (_folder, store) = store();
    let record = rng.record(None);
    assert!(store.insert(&record, Fence::None).await.unwrap().is_inserted());
    let (one, other) = (rng.rotated(&record), rng.rotated(&record));
    assert_eq!(store.replace(&one, record.revision, Change::Update).await.unwrap(), Replace::Replaced);
    assert_eq!(store.replace(&other, record.revision, Change::Update).await.unwrap(), Replace::Conflict);
    assert_eq!(store.find(record.selector).await.unwrap(), Some(one));
}

#[tokio::test]
async fn a_replace_that_would_break_the_index_is_refused() {
    let mut rng = Rng::seeded();
    let (_folder, store) = store();
    let record = rng.record(Some(&subject("alice")));
    assert!(store.insert(&record, Fence::None).await.unwrap().is_inserted());
    let moved = Record { subject: Some(subject("mallory")), ..rng.rotated(&record) };
    assert!(store.replace(&moved, record.revision, Change::Update).await.is_err());
    assert_eq!(store.find(record.selector).await.unwrap(), Some(record));
}

#[tokio::test]
async fn s7_delete_is_idempotent_and_says_whether() {
    let mut rng = Rng::seeded();
    let (_folder, store) = store();
    let record = rng.record(Some(&subject("alice")));
    assert!(!store.delete(record.selector, &Note::none()).await.unwrap());
    assert!(store.insert(&record, Fence::None).await.unwrap().is_inserted());
    assert!(store.delete(record.selector, &Note::none()).await.unwrap());
    assert!(!store.delete(record.selector, &Note::none()).await.unwrap());
    assert!(store.insert(&record, Fence::None).await.unwrap().is_inserted(), "the selector is free");
}

#[tokio::test]
async fn s15_namespaces_are_apart() {
    use hallpass_core::store::{Action, RecordFilter, Revocation};
    let mut rng = Rng::seeded();
    let (folder, ours) = store();
    let theirs = SledStore::builder(folder.path()).namespace("theirs").open().unwrap();
    let alice = subject("alice");
    let record = rng.record(Some(&alice));
    let (epoch, other) = (rng.epoch(), rng.epoch());
    let hour = std::time::Duration::from_secs(3600);
    assert!(ours.insert(&record, Fence::None).await.unwrap().is_inserted());
    assert_eq!(ours.epoch(&alice, epoch, hour, at(0)).await.unwrap().epoch, epoch);

    assert_eq!(theirs.find(record.selector).await.unwrap(), None);
    assert_eq!(theirs.epoch(&alice, other, hour, at(0)).await.unwrap().epoch, other);
    let all = theirs
        .revoke_by_subject(&alice, &Revocation::new(RecordFilter::all(), Action::Remove))
        .await
        .unwrap();
    assert_eq!(all, 0);
    assert_eq!(theirs.purge_expired(at(u64::MAX), 100).await.unwrap().removed, 0);
    let fenced = rng.record(Some(&alice));
    assert_eq!(theirs.insert(&fenced, Fence::Epoch(epoch)).await.unwrap(), Insert::Fenced);
    assert_eq!(theirs.insert(&fenced, Fence::Parent(record.selector)).await.unwrap(), Insert::Fenced);

    assert_eq!(ours.find(record.selector).await.unwrap(), Some(record));
    assert_eq!(ours.epoch(&alice, other, hour, at(0)).await.unwrap().epoch, epoch);
}

#[tokio::test]
async fn s16_a_bad_namespace_is_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens");
    for bad in ["", "A", "ä", "a/b", "a\0", &"a".repeat(65)] {
        let error = SledStore::builder(&path).namespace(bad).open().unwrap_err();
        assert!(words(&error).contains("a namespace must be"), "{error:?}");
    }
    assert!(!path.exists());
    assert!(SledStore::builder(&path).namespace("a".repeat(64)).open().is_ok());
}

#[tokio::test]
async fn s18_debug_shows_no_data() {
    let mut rng = Rng::seeded();
    let (_folder, store) = store();
    let record = Record {
        subject: Some(subject("carol-the-subject")),
        body: Body::new(b"BODYBODYBODY".repeat(9)).unwrap(),
        ..rng.record(None)
    };
    assert!(store.insert(&record, Fence::None).await.unwrap().is_inserted());
    let shown = format!("{store:?} {store:#?}");
    assert!(shown.contains("default"), "{shown}");
    for secret in ["BODY", "66, 79, 68, 89", "424f4459", "carol"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[test]
fn outside_a_runtime_is_an_error_and_no_panic() {
    let (_folder, store) = store();
    let note = Note::none();
    let mut call = store.delete(Selector([1; 16]), &note);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Err(error)) = call.as_mut().poll(&mut context) else { panic!("not an error") };
    assert!(words(&error).contains("tokio runtime"), "{error:?}");
}
