//! Logins that begin and end: issue, revoke and purge.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hallpass_bench_load::rows::{DEVICE, Random};
use hallpass_bench_load::{Offer, Turn};
use hallpass_core::store::{Action, Epoch, Fence, RecordFilter, Revocation, TokenStore};
use hallpass_core::{Clock, Kind, Subject, SystemClock, Tokens};

use super::{Ours, SERVICE, STORE, insert};
use crate::maker::{Made, Maker, subject};

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
        let stock = move |missing| {
            if epochs.is_empty() {
                epochs = runtime.block_on(epochs_of(&*store));
            }
            let numbers = (0..missing).map(|number| number % SUBJECTS);
            let make = |number| runtime.block_on(maker.make(Kind::SESSION, &new_subject(number)));
            numbers.map(|number| (make(number), epochs[number])).collect()
        };
        let store = self.store.clone();
        let step = |store: Arc<dyn TokenStore>, (made, epoch): (Made, Epoch)| async move {
            assert!(store.insert(&made.record, Fence::Epoch(epoch)).await.unwrap().is_inserted());
        };
        Offer::stocked(&self.runtime, STORE, "issue", stock, 60_000, store, step)
    }

    /// Runs a whole login: reads the subject's epoch, then inserts a row fenced by it.
    pub(super) fn issue(&self) -> Offer<'static> {
        let tokens = Tokens::builder(self.store.clone()).build().unwrap();
        let step = |tokens: Tokens, mut random: Random| async move {
            // Not the subjects of `insert`, which have more rows than a subject may have logins.
            let subject = subject(70_000_000 + random.below(MANY_SUBJECTS));
            let login = tokens.begin_login(&subject).await.unwrap();
            tokens.issue(&login, Kind::SESSION).device(DEVICE).await.unwrap();
            random
        };
        Offer::steady(&self.runtime, SERVICE, "issue", Random::of, tokens, step)
    }

    /// Ends one login of a subject.
    pub(super) fn remove(&self) -> Offer<'static> {
        let step = |store: Arc<dyn TokenStore>, made: Made| async move {
            let (subject, login) = (made.record.subject.unwrap(), made.record.login);
            let revocation = Revocation::new(RecordFilter::login(login), Action::Remove);
            assert_eq!(store.revoke_by_subject(&subject, &revocation).await.unwrap(), 1);
        };
        let store = self.store.clone();
        Offer::stocked(&self.runtime, STORE, "revoke", self.stock(), 40_000, store, step)
    }

    /// Ends one login, by its token.
    pub(super) fn revoke(&self) -> Offer<'static> {
        let tokens = Tokens::builder(self.store.clone()).build().unwrap();
        let step = |tokens: Tokens, made: Made| async move {
            tokens.revoke(Kind::SESSION, &made.text).await.unwrap();
        };
        Offer::stocked(&self.runtime, SERVICE, "revoke", self.stock(), 30_000, tokens, step)
    }

    /// Makes and stores logins that will be ended.
    fn stock(&self) -> impl FnMut(usize) -> Vec<Made> + 'static {
        let (store, maker, runtime) = (self.store.clone(), Maker::now(), self.runtime.clone());
        let mut subjects = 0;
        move |missing| {
            let fresh = runtime.block_on(maker.make_many(Kind::SESSION, 90_000_000 + subjects, missing));
            subjects += missing;
            runtime.block_on(insert(&store, &fresh));
            fresh
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
