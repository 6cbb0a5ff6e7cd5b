//! Logins that begin and end: issue, revoke and purge.

use std::time::{Duration, Instant};

use hallpass_bench_load::{Offer, Turn};
use hallpass_core::store::{Action, Epoch, Fence, RecordFilter, Revocation, TokenStore};
use hallpass_core::{Clock, Kind, Subject, SystemClock, Tokens};

use super::{Ours, SERVICE, STORE, insert};
use crate::maker::{DEVICE, Made, Maker, Random, subject};

/// The number of subjects that log in repeatedly.
const SUBJECTS: usize = 1_000;
/// The number of subjects of whole logins: so large that none reaches the cap of 100 logins.
const MANY_SUBJECTS: usize = 100_000;
const HOUR: Duration = Duration::from_secs(3_600);

impl Ours {
    /// Inserts a row, fenced by the subject's epoch.
    pub(super) fn insert(&self) -> Offer<'static> {
        let (store, maker, runtime) = (self.store.clone(), Maker::now(), self.runtime.clone());
        let mut epochs = Vec::new();
        let stock = move |mut left: Vec<(Made, Epoch)>, wanted: usize| {
            if epochs.is_empty() {
                epochs = runtime.block_on(epochs_of(&*store));
            }
            while left.len() < wanted {
                let number = left.len() % SUBJECTS;
                left.push((
                    runtime.block_on(maker.make(Kind::SESSION, &new_subject(number))),
                    epochs[number],
                ));
            }
            Ok(left)
        };
        let store = self.store.clone();
        Offer::stocked(&self.runtime, STORE, "issue", stock, 60_000, move |(made, epoch)| {
            let store = store.clone();
            async move {
                assert!(store.insert(&made.record, Fence::Epoch(epoch)).await.unwrap().is_inserted());
            }
        })
    }

    /// Runs a whole login: reads the subject's epoch, then inserts a row fenced by it.
    pub(super) fn issue(&self) -> Offer<'static> {
        let tokens = Tokens::builder(self.store.clone()).build().unwrap();
        Offer::steady(
            &self.runtime,
            SERVICE,
            "issue",
            |task, _| Random::new(task),
            move |mut random| {
                let tokens = tokens.clone();
                async move {
                    // Not the subjects of `insert`, which have more rows than a subject may have logins.
                    let subject = subject(70_000_000 + random.below(MANY_SUBJECTS));
                    let login = tokens.begin_login(&subject).await.unwrap();
                    let issue = tokens.issue(&login, Kind::SESSION).device(DEVICE);
                    issue.await.unwrap();
                    random
                }
            },
        )
    }

    /// Ends one login of a subject.
    pub(super) fn remove(&self) -> Offer<'static> {
        let store = self.store.clone();
        Offer::stocked(&self.runtime, STORE, "revoke", self.stock(), 40_000, move |made: Made| {
            let store = store.clone();
            async move {
                let (subject, login) = (made.record.subject.unwrap(), made.record.login);
                let revocation = Revocation::new(RecordFilter::login(login), Action::Remove);
                assert_eq!(store.revoke_by_subject(&subject, &revocation).await.unwrap(), 1);
            }
        })
    }

    /// Ends one login, by its token.
    pub(super) fn revoke(&self) -> Offer<'static> {
        let tokens = Tokens::builder(self.store.clone()).build().unwrap();
        Offer::stocked(&self.runtime, SERVICE, "revoke", self.stock(), 30_000, move |made: Made| {
            let tokens = tokens.clone();
            async move { tokens.revoke(Kind::SESSION, &made.text).await.unwrap() }
        })
    }

    /// Makes and stores logins that will be ended.
    fn stock(&self) -> impl FnMut(Vec<Made>, usize) -> Result<Vec<Made>, String> + 'static {
        let (store, maker, runtime) = (self.store.clone(), Maker::now(), self.runtime.clone());
        let mut subjects = 0;
        move |mut left, wanted| {
            let missing = wanted.saturating_sub(left.len());
            let mut fresh = runtime.block_on(maker.make_many(Kind::SESSION, 90_000_000 + subjects, missing));
            subjects += missing;
            runtime.block_on(insert(&store, &fresh));
            left.append(&mut fresh);
            Ok(left)
        }
    }

    /// Purges expired rows, a thousand at a time; counted in rows.
    pub(crate) fn purge(&self, rows: usize) -> Offer<'static> {
        let (store, runtime) = (self.store.clone(), self.runtime.clone());
        let maker = Maker::at(HOUR * 24 * 60);
        let offer = Offer::new(STORE, "purge", move |_, _| {
            let made = runtime.block_on(maker.make_many(Kind::SESSION, 0, rows));
            runtime.block_on(insert(&store, &made));
            let mut turn = Turn::new();
            let start = Instant::now();
            loop {
                let before = Instant::now();
                let purged = runtime.block_on(store.purge_expired(SystemClock.now(), 1_000)).unwrap();
                turn.operations += purged.removed;
                turn.record(before.elapsed(), 1);
                if !purged.more {
                    break;
                }
            }
            turn.elapsed = start.elapsed();
            assert!(turn.operations >= rows as u64, "{} of {rows} rows were purged", turn.operations);
            Ok(turn)
        });
        offer.only_from(&[1])
    }
}

fn new_subject(number: usize) -> Subject {
    subject(80_000_000 + number)
}

async fn epochs_of(store: &dyn TokenStore) -> Vec<Epoch> {
    let mut epochs = Vec::new();
    for number in 0..SUBJECTS {
        let fresh = Epoch((number as u128 + 1).to_be_bytes());
        epochs.push(
            store.epoch(&new_subject(number), fresh, HOUR * 24, SystemClock.now()).await.unwrap().epoch,
        );
    }
    epochs
}
