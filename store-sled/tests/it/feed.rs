//! Tests that the feeds of a process hear what ended (S19).

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use hallpass_core::store::{
    Action, Announced, Announcer, Change, ChangeFeed, Epoch, EpochUpdate, Fence, Heard, Lost, Proven, Record,
    RecordFilter, Replace, Revocation, TokenStore,
};
use hallpass_core::{Note, Purpose, Reason, Selector, Timestamp};
use hallpass_store_sled::SledStore;
use tokio::task::JoinSet;

use crate::support::{Rng, at, store, subject};

const MARK: Action =
    Action::Mark { reason: Reason::CredentialChanged, at: Timestamp::from_millis(1_000_500) };

/// What a feed has reported.
#[derive(Clone, Default)]
struct Reported(Arc<Mutex<HashSet<Selector>>>);

impl Reported {
    fn heard(&self) -> Heard {
        let to = Arc::clone(&self.0);
        Heard::new(move |announced: Announced<'_>| match announced {
            Announced::Ended(selectors) => to.lock().unwrap().extend(selectors),
            other => panic!("{other:?}"),
        })
    }

    fn has(&self, selector: Selector) -> bool {
        self.0.lock().unwrap().contains(&selector)
    }

    fn take(&self) -> HashSet<Selector> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// What the next turn reports.
pub(crate) async fn next_turn(feed: &mut Box<dyn ChangeFeed>) -> HashSet<Selector> {
    let reported = Reported::default();
    assert_eq!(feed.turn(&reported.heard()).await.unwrap(), Proven::ThisTurn);
    reported.take()
}

async fn put(store: &SledStore, record: &Record) {
    assert!(store.insert(record, Fence::None).await.unwrap().is_inserted());
}

async fn replace(store: &SledStore, record: &Record, next: &Record, change: Change<'_>) {
    assert_eq!(store.replace(next, record.revision, change).await.unwrap(), Replace::Replaced);
}

fn marked(record: &Record) -> Record {
    let mut next = record.clone();
    next.mark(Reason::Spent, at(1_000_500));
    next
}

async fn end(store: &SledStore, name: &str, action: Action) {
    let revocation = Revocation::new(RecordFilter::all(), action);
    store.revoke_by_subject(&subject(name), &revocation).await.unwrap();
}

#[tokio::test]
async fn each_ending_is_in_the_next_turn_of_every_feed_of_its_namespace() {
    let mut rng = Rng::seeded();
    let (folder, store) = store();
    let other_handle = SledStore::open(folder.path()).unwrap();
    let elsewhere = SledStore::builder(folder.path()).namespace("other").open().unwrap();
    let mut feeds = [store.feed().await.unwrap(), other_handle.announcer().unwrap().feed().await.unwrap()];
    let mut stranger = elsewhere.feed().await.unwrap();
    for round in 0..4 {
        let alice = [rng.record(Some(&subject("alice"))), rng.record(Some(&subject("alice")))];
        let anonymous = rng.record(None);
        for record in alice.iter().chain([&anonymous]) {
            put(&store, record).await;
        }
        let ended = match round {
            0 => {
                assert!(store.delete(anonymous.selector, &Note::none()).await.unwrap());
                vec![anonymous.selector]
            }
            1 => {
                replace(&store, &anonymous, &marked(&anonymous), Change::End(&Note::none())).await;
                vec![anonymous.selector]
            }
            _ => {
                end(&store, "alice", if round == 2 { MARK } else { Action::Remove }).await;
                alice.iter().map(|record| record.selector).collect()
            }
        };
        for feed in &mut feeds {
            let heard = next_turn(feed).await;
            assert!(ended.iter().all(|selector| heard.contains(selector)), "round {round}: {heard:?}");
            assert!(!heard.contains(&Selector([7; 16])));
        }
        assert_eq!(next_turn(&mut stranger).await, HashSet::new());
        end(&store, "alice", Action::Remove).await;
        for feed in &mut feeds {
            let _ = next_turn(feed).await;
        }
    }
}

#[tokio::test]
async fn what_ends_no_cached_record_is_not_announced() {
    let mut rng = Rng::seeded();
    let (_folder, store) = store();
    let mut feed = store.feed().await.unwrap();
    let kept = rng.record(Some(&subject("alice")));
    put(&store, &kept).await;
    let touched = rng.touched(&kept);
    replace(&store, &kept, &touched, Change::Touch).await;
    replace(&store, &touched, &rng.rotated(&touched), Change::Update).await;
    store.epoch(&subject("alice"), Epoch([1; 16]), std::time::Duration::from_secs(9), at(0)).await.unwrap();
    let set = EpochUpdate::Set { epoch: Epoch([2; 16]), now: at(0), keep: std::time::Duration::from_secs(9) };
    let none = Revocation::new(RecordFilter::all(), MARK).epoch(set);
    assert_eq!(store.revoke_by_subject(&subject("bob"), &none).await.unwrap(), 0);
    for action in [MARK, Action::Remove] {
        let spent = Record { purpose: Purpose::SingleUse, ..rng.record(Some(&subject("carol"))) };
        put(&store, &spent).await;
        replace(&store, &spent, &marked(&spent), Change::End(&Note::none())).await;
        let another = Record { purpose: Purpose::SingleUse, ..rng.record(Some(&subject("carol"))) };
        put(&store, &another).await;
        assert!(store.delete(spent.selector, &Note::none()).await.unwrap());
        end(&store, "carol", action).await;
    }
    assert_eq!(store.purge_expired(at(9_999_999), 99).await.unwrap().removed, 1);
    assert_eq!(next_turn(&mut feed).await, HashSet::new());
}

/// A feed that proves more than it has heard would be seen here.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_was_acknowledged_before_a_turn_is_heard_by_its_end() {
    let mut rng = Rng::seeded();
    let (_folder, store) = store();
    let mut feed = store.feed().await.unwrap();
    let acknowledged: Arc<Mutex<Vec<Selector>>> = Arc::default();
    let done = Arc::new(AtomicBool::new(false));
    let mut writers = JoinSet::new();
    for writer in 0..16 {
        let (store, acknowledged, mut rng) = (store.clone(), Arc::clone(&acknowledged), Rng::of(rng.seed()));
        writers.spawn(async move {
            let name = format!("user{writer}");
            for round in 0..60 {
                let record = rng.record(Some(&subject(&name)));
                put(&store, &record).await;
                match round % 4 {
                    0 => assert!(store.delete(record.selector, &Note::none()).await.unwrap()),
                    1 => replace(&store, &record, &marked(&record), Change::End(&Note::none())).await,
                    2 => end(&store, &name, MARK).await,
                    _ => end(&store, &name, Action::Remove).await,
                }
                acknowledged.lock().unwrap().push(record.selector);
            }
        });
    }
    let reading = tokio::spawn({
        let done = Arc::clone(&done);
        async move {
            let (reported, mut checked) = (Reported::default(), 0_usize);
            loop {
                let last = done.load(Ordering::SeqCst);
                let covered = std::mem::take(&mut *acknowledged.lock().unwrap());
                assert_eq!(feed.turn(&reported.heard()).await.unwrap(), Proven::ThisTurn);
                checked += covered.len();
                for selector in covered {
                    assert!(reported.has(selector), "acknowledged before the turn, and not heard");
                }
                if last {
                    return checked;
                }
                tokio::task::yield_now().await;
            }
        }
    });
    writers.join_all().await;
    done.store(true, Ordering::SeqCst);
    assert_eq!(reading.await.unwrap(), 16 * 60);
}

#[tokio::test]
async fn a_feed_ends_with_the_last_handle_of_its_folder() {
    let (folder, store) = store();
    let mut feed = store.feed().await.unwrap();
    let another = SledStore::open(folder.path()).unwrap();
    store.close().unwrap();
    assert_eq!(next_turn(&mut feed).await, HashSet::new());
    another.close().unwrap();
    let again = SledStore::open(folder.path()).unwrap();
    let record = Rng::seeded().record(None);
    put(&again, &record).await;
    assert!(again.delete(record.selector, &Note::none()).await.unwrap());
    // The folder has other feeds by now, and this one did not hear of it.
    assert_eq!(feed.turn(&Reported::default().heard()).await.unwrap(), Proven::Lost(Lost::Closed));
}
