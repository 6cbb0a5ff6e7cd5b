//! Tests indexes and records that were damaged with sled itself, and the folder after a clean close.

use std::num::NonZeroU16;

use hallpass_core::store::{
    Action, Fence, Insert, Listed, Page, Record, RecordFilter, Revocation, TokenStore,
};
use hallpass_core::{Note, StoreError};
use hallpass_store_sled::SledStore;
use tempfile::TempDir;

use crate::feed::next_turn;
use crate::support::{Rng, at, raw, subject, words};

const EVERYTHING: Page = Page::first(NonZeroU16::MAX);

/// A closed folder with `count` records of alice, which is then changed without the store.
async fn damaged(count: usize, damage: impl FnOnce(&sled::Db, &sled::Tree)) -> (TempDir, Vec<Record>) {
    let mut rng = Rng::seeded();
    let folder = tempfile::tempdir().unwrap();
    let store = SledStore::open(folder.path()).unwrap();
    let mut records: Vec<_> = (0..count).map(|_| rng.record(Some(&subject("alice")))).collect();
    for record in &records {
        assert!(store.insert(record, Fence::None).await.unwrap().is_inserted());
    }
    store.close().unwrap();
    records.sort_unstable_by_key(|record| std::cmp::Reverse((record.created_at, record.selector)));
    let db = raw(folder.path());
    assert!(db.remove("clean").unwrap().is_some(), "closed in good order");
    damage(&db, &db.open_tree("ns:default").unwrap());
    drop(db);
    (folder, records)
}

fn keys(tree: &sled::Tree, prefix: u8) -> Vec<sled::IVec> {
    tree.scan_prefix([prefix]).keys().map(|key| key.unwrap()).collect()
}

#[tokio::test]
async fn lost_index_entries_are_made_again() {
    let (folder, records) = damaged(40, |_, tree| {
        for key in keys(tree, b's').iter().step_by(3).chain(keys(tree, b'd').iter().step_by(4)) {
            tree.remove(key).unwrap();
        }
    })
    .await;
    let store = SledStore::open(folder.path()).unwrap();
    let repair = store.repaired().unwrap();
    assert_eq!((repair.records, repair.added, repair.removed, repair.corrupt), (40, 24, 0, 0));
    assert!(listed(&store).await == records);
    assert_eq!(store.purge_expired(at(2_500_000), 100).await.unwrap().removed, 40);
}

#[tokio::test]
async fn entries_without_their_record_are_removed() {
    let (folder, records) = damaged(40, |_, tree| {
        for key in keys(tree, b'r').iter().take(10) {
            tree.remove(key).unwrap();
        }
        for prefix in [b's', b'd'] {
            let mut wrong = keys(tree, prefix)[20].to_vec();
            wrong[3] ^= 1;
            tree.insert(wrong, &[]).unwrap();
            tree.insert([prefix, 1, 2, 3], &[]).unwrap();
        }
    })
    .await;
    let store = SledStore::open(folder.path()).unwrap();
    let repair = store.repaired().unwrap();
    assert_eq!((repair.records, repair.added, repair.removed, repair.corrupt), (30, 0, 24, 0));
    let left = listed(&store).await;
    assert_eq!(left.len(), 30);
    assert!(left.iter().all(|record| records.contains(record)));
}

#[tokio::test]
async fn entries_without_a_record_are_ignored() {
    // Marked as clean, so that no check runs and the readers must cope by themselves.
    let (folder, _) = damaged(10, |db, tree| {
        for key in keys(tree, b'r').iter().take(4) {
            tree.remove(key).unwrap();
        }
        for key in keys(tree, b'd') {
            let mut earlier = key.to_vec();
            earlier[8] ^= 0x80;
            earlier[7] -= 1;
            tree.insert(earlier, &[]).unwrap();
        }
        db.insert("clean", &[]).unwrap();
    })
    .await;
    let store = SledStore::open(folder.path()).unwrap();
    assert_eq!(store.repaired(), None);
    assert_eq!(listed(&store).await.len(), 6);
    let early = store.purge_expired(at(2_499_999), 3).await.unwrap();
    assert_eq!((early.removed, early.more), (0, false), "a stale entry removes nothing early");
    assert_eq!(store.purge_expired(at(2_500_000), 100).await.unwrap().removed, 6);
}

#[tokio::test]
async fn a_corrupt_record_is_reported_and_kept() {
    let mut broken = Vec::new();
    let (folder, records) = damaged(10, |_, tree| {
        broken = keys(tree, b'r')[4].to_vec();
        let mut value = tree.get(&broken).unwrap().unwrap().to_vec();
        value[0] = 77;
        tree.insert(&*broken, value).unwrap();
    })
    .await;
    let store = SledStore::open(folder.path()).unwrap();
    let repair = store.repaired().unwrap();
    assert_eq!((repair.records, repair.added, repair.removed, repair.corrupt), (9, 0, 0, 1));
    let selector = records.iter().find(|record| record.selector.0 == broken[1..]).unwrap().selector;
    let is_corrupt = |error: &StoreError| matches!(error, StoreError::Corrupt { selector: Some(of), .. } if *of == selector);
    let error = store.find(selector).await.unwrap_err();
    assert!(is_corrupt(&error), "{error:?}");
    assert!(words(&error).contains("unknown version"), "{error:?}");
    let all = store.list_by_subject(&subject("alice"), &EVERYTHING).await.unwrap();
    let places: Vec<_> = all.iter().map(Listed::place).collect();
    let expected: Vec<_> = records.iter().map(|record| (record.created_at, record.selector)).collect();
    assert_eq!(places, expected, "it has the place of its record");
    for entry in all {
        assert_eq!(matches!(entry, Listed::Corrupt { .. }), entry.place().1 == selector);
    }
    let again = store.insert(&Record { selector, ..records[0].clone() }, Fence::None).await.unwrap();
    assert_eq!(again, Insert::Duplicate);

    assert_eq!(store.purge_expired(at(u64::MAX), 0).await.unwrap().removed, 0);
    assert!(store.find(selector).await.is_err(), "still there");
    // A cache may have kept it while it could be read.
    let mut feed = store.announcer().unwrap().feed().await.unwrap();
    assert!(store.delete(selector, &Note::none()).await.unwrap());
    assert!(next_turn(&mut feed).await.contains(&selector), "its end is announced");
    assert_eq!(store.find(selector).await.unwrap(), None);
    assert_eq!(listed(&store).await.len(), 9);
}

#[tokio::test]
async fn a_corrupt_record_does_not_stand_in_the_way_of_a_log_out() {
    let mut broken = Vec::new();
    let (folder, records) = damaged(10, |_, tree| {
        broken = keys(tree, b'r')[4].to_vec();
        tree.insert(&*broken, b"garbage").unwrap();
    })
    .await;
    let store = SledStore::open(folder.path()).unwrap();
    let selector = records.iter().find(|record| record.selector.0 == broken[1..]).unwrap().selector;
    let other = records.iter().find(|record| record.selector != selector).unwrap();
    let one = Revocation::new(RecordFilter::login(other.login), Action::Remove);
    let mut feed = store.announcer().unwrap().feed().await.unwrap();
    assert_eq!(store.revoke_by_subject(&subject("alice"), &one).await.unwrap(), 1);
    assert!(next_turn(&mut feed).await.contains(&selector), "its end is announced");
    assert_eq!(store.find(selector).await.unwrap(), None, "it let no one in, and is gone");
    assert_eq!(listed(&store).await.len(), 8);
    let all = Revocation::new(RecordFilter::all(), Action::Remove);
    assert_eq!(store.revoke_by_subject(&subject("alice"), &all).await.unwrap(), 8);
    assert_eq!(store.purge_expired(at(u64::MAX), 100).await.unwrap().removed, 0);
}

async fn listed(store: &SledStore) -> Vec<Record> {
    let all = store.list_by_subject(&subject("alice"), &EVERYTHING).await.unwrap();
    all.into_iter().filter_map(Listed::record).collect()
}
