//! Tests many records: S8 to S11.

use std::num::NonZeroU16;
use std::time::Duration;

use hallpass_core::store::{
    Action, Change, EpochUpdate, Fence, Insert, Listed, Page, Record, RecordFilter, Revocation, TokenStore,
};
use hallpass_core::{Kind, Kinds, Note, Purpose, Purposes, Reason, Subject};
use hallpass_store_sled::SledStore;

use crate::support::{Rng, at, store, subject};

const HOUR: Duration = Duration::from_secs(3600);

async fn fill(store: &SledStore, rng: &mut Rng, of: Option<&Subject>, count: usize) -> Vec<Record> {
    let mut records: Vec<_> = (0..count).map(|_| rng.record(of)).collect();
    let mut tasks = tokio::task::JoinSet::new();
    for chunk in records.chunks(count.div_ceil(64).max(1)) {
        let (store, chunk) = (store.clone(), chunk.to_vec());
        tasks.spawn(async move {
            for record in chunk {
                assert!(store.insert(&record, Fence::None).await.unwrap().is_inserted());
            }
        });
    }
    tasks.join_all().await;
    records.sort_unstable_by_key(|record| std::cmp::Reverse((record.created_at, record.selector)));
    records
}

async fn list(store: &SledStore, of: &Subject, kinds: Kinds, limit: u16) -> Vec<Record> {
    let limit = NonZeroU16::new(limit).unwrap();
    let mut page = Page { kinds, ..Page::first(limit) };
    let mut all = Vec::new();
    loop {
        let found = store.list_by_subject(of, &page).await.unwrap();
        let last = found.len() < usize::from(limit.get());
        page.after = found.last().map(Listed::place);
        all.extend(found.into_iter().filter_map(Listed::record));
        if last {
            return all;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s9_pages_cover_a_thousand_records_exactly_once() {
    let mut rng = Rng::seeded();
    let (_folder, store) = store();
    let alice = subject("alice");
    // A thousand records in a thousand milliseconds: many share an instant.
    let mut records = fill(&store, &mut rng, Some(&alice), 1_000).await;
    fill(&store, &mut rng, Some(&subject("bob")), 50).await;
    fill(&store, &mut rng, None, 50).await;
    for limit in [1, 7, 100, 1_000, 2_000] {
        assert!(list(&store, &alice, Kinds::Any, limit).await == records, "pages of {limit}");
    }
    assert!(list(&store, &alice, Kind::REFRESH.into(), 10).await.is_empty());
    for record in records.iter_mut().step_by(3) {
        let mut next = rng.rotated(record);
        next.kind = Kind::REFRESH;
        let _ = store.replace(&next, record.revision, Change::Update).await.unwrap();
        *record = next;
    }
    records.retain(|record| record.kind == Kind::REFRESH);
    assert!(list(&store, &alice, Kind::REFRESH.into(), 10).await == records, "a kind, page by page");
}

#[tokio::test(flavor = "multi_thread")]
async fn s8_all_of_2500_and_nobody_elses_are_ended() {
    let mut rng = Rng::seeded();
    let (_folder, store) = store();
    let alice = subject("alice");
    let mut records = fill(&store, &mut rng, Some(&alice), 2_500).await;
    // Three of them are keys, which a revocation of devices leaves alone.
    for record in &mut records[..3] {
        assert!(store.delete(record.selector, &Note::none()).await.unwrap());
        record.purpose = Purpose::Key;
        assert!(store.insert(record, Fence::None).await.unwrap().is_inserted());
    }
    let others = fill(&store, &mut rng, Some(&subject("bob")), 20).await;
    let mark = Action::Mark { reason: Reason::LoggedOutElsewhere, at: at(3_000_000) };
    let devices = RecordFilter::all().purposes(Purposes::NOT_KEYS);
    let marked = store.revoke_by_subject(&alice, &Revocation::new(devices.clone(), mark)).await.unwrap();
    assert_eq!(marked, 2_497);
    let again = store.revoke_by_subject(&alice, &Revocation::new(devices.clone(), mark)).await.unwrap();
    assert_eq!(again, 0, "marked ones are passed over");
    let mut expected = records.clone();
    for record in &mut expected[3..] {
        record.mark(Reason::LoggedOutElsewhere, at(3_000_000));
    }
    assert!(list(&store, &alice, Kinds::Any, 500).await == expected);

    let to = EpochUpdate::Set { epoch: rng.epoch(), now: at(0), keep: HOUR };
    let removed = store
        .revoke_by_subject(&alice, &Revocation::new(RecordFilter::all(), Action::Remove).epoch(to))
        .await
        .unwrap();
    assert_eq!(removed, 2_500);
    assert!(list(&store, &alice, Kinds::Any, 10).await.is_empty());
    for record in &records {
        assert_eq!(store.find(record.selector).await.unwrap(), None);
    }
    assert!(list(&store, &subject("bob"), Kinds::Any, 10).await == others);
}

#[tokio::test(flavor = "multi_thread")]
async fn s10_a_purge_is_bounded_and_takes_only_what_is_due() {
    let mut rng = Rng::seeded();
    let (_folder, store) = store();
    let alice = subject("alice");
    let mut records = fill(&store, &mut rng, Some(&alice), 100).await;
    // Their purge time moves: a slide postpones it, and a mark sets it to the absolute expiry.
    for (place, record) in records.iter_mut().enumerate().filter(|(place, _)| place % 2 == 0) {
        let mut next = rng.rotated(record);
        next.purge_at = at(2_600_000 + place as u64);
        let _ = store.replace(&next, record.revision, Change::Update).await.unwrap();
        *record = next;
    }
    assert_eq!(store.purge_expired(at(2_499_999), 1_000).await.unwrap().removed, 0);
    let some = store.purge_expired(at(2_500_000), 20).await.unwrap();
    assert_eq!((some.removed, some.more), (20, true));
    let rest = store.purge_expired(at(2_500_000), 30).await.unwrap();
    assert_eq!((rest.removed, rest.more), (30, false), "exactly what was due");
    records.retain(|record| record.purge_at > at(2_500_000));
    assert!(list(&store, &alice, Kinds::Any, 1_000).await == records);

    let mark = Action::Mark { reason: Reason::Administrative, at: at(2_550_000) };
    assert_eq!(
        store.revoke_by_subject(&alice, &Revocation::new(RecordFilter::all(), mark)).await.unwrap(),
        50
    );
    assert_eq!(store.purge_expired(at(8_999_999), 1_000).await.unwrap().removed, 0, "marked ones stay");
    let all = store.purge_expired(at(9_000_000), 1_000).await.unwrap();
    assert_eq!((all.removed, all.more), (50, false));
    assert!(list(&store, &alice, Kinds::Any, 10).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn s10_two_purges_at_once_count_each_record_once() {
    let mut rng = Rng::seeded();
    let (folder, one) = store();
    let other = SledStore::open(folder.path()).unwrap();
    fill(&one, &mut rng, None, 600).await;
    let purge = |store: SledStore| {
        tokio::spawn(async move {
            let mut removed = 0;
            loop {
                let purged = store.purge_expired(at(2_500_000), 50).await.unwrap();
                removed += purged.removed;
                if !purged.more {
                    return removed;
                }
            }
        })
    };
    let (a, b) = (purge(one), purge(other));
    assert_eq!(a.await.unwrap() + b.await.unwrap(), 600);
}

#[tokio::test]
async fn s11_an_epoch_is_kept_and_collected_in_its_time() {
    let mut rng = Rng::seeded();
    let (_folder, store) = store();
    let alice = subject("alice");
    let (first, other) = (rng.epoch(), rng.epoch());
    assert_eq!(store.epoch(&alice, first, HOUR, at(0)).await.unwrap().epoch, first);
    assert_eq!(store.epoch(&alice, other, HOUR, at(1)).await.unwrap().epoch, first);
    // Less than half of the hour is left: the epoch is prolonged but does not change.
    assert_eq!(store.epoch(&alice, other, HOUR, at(2_000_000)).await.unwrap().epoch, first);
    let _ = store.purge_expired(at(5_599_999), 10).await.unwrap();
    assert_eq!(store.epoch(&alice, other, Duration::ZERO, at(0)).await.unwrap().epoch, first);
    let record = rng.record(Some(&alice));
    assert_eq!(store.insert(&record, Fence::Epoch(other)).await.unwrap(), Insert::Fenced);
    assert!(store.insert(&record, Fence::Epoch(first)).await.unwrap().is_inserted());
    let _ = store.purge_expired(at(5_600_000), 10).await.unwrap();
    let late = rng.record(Some(&alice));
    assert_eq!(store.insert(&late, Fence::Epoch(first)).await.unwrap(), Insert::Fenced, "collected");
    assert_eq!(store.epoch(&alice, other, HOUR, at(5_600_000)).await.unwrap().epoch, other);
}

#[tokio::test]
async fn s11_a_parent_that_is_gone_or_marked_fences() {
    let mut rng = Rng::seeded();
    let (_folder, store) = store();
    let alice = subject("alice");
    let parent = rng.record(Some(&alice));
    let fence = Fence::Parent(parent.selector);
    assert_eq!(store.insert(&rng.record(Some(&alice)), fence).await.unwrap(), Insert::Fenced);
    assert!(store.insert(&parent, Fence::None).await.unwrap().is_inserted());
    assert!(store.insert(&rng.record(Some(&alice)), fence).await.unwrap().is_inserted());
    let mark = Action::Mark { reason: Reason::LoggedOut, at: at(0) };
    let which = RecordFilter::login(parent.login);
    assert_eq!(store.revoke_by_subject(&alice, &Revocation::new(which.clone(), mark)).await.unwrap(), 1);
    assert_eq!(store.insert(&rng.record(Some(&alice)), fence).await.unwrap(), Insert::Fenced);
}
