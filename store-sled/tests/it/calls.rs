//! Tests calls that are refused. What calls do, the suite tests: see `conformance.rs`.

use hallpass_core::store::{Change, Fence, Record, TokenStore};
use hallpass_core::{Note, Selector};
use hallpass_store_sled::SledStore;

use crate::support::{Rng, store, subject, words};

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

#[test]
fn outside_a_runtime_is_an_error_and_no_panic() {
    let (_folder, store) = store();
    let note = Note::none();
    let mut call = store.delete(Selector([1; 16]), &note);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Err(error)) = call.as_mut().poll(&mut context) else { panic!("not an error") };
    assert!(words(&error).contains("tokio runtime"), "{error:?}");
}
