//! What any of our stores can do, with the service on top and without: an adapter's part of this program is
//! to open its store and ask for these offers.

use std::num::NonZeroU16;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hallpass_bench_load::{Offer, Turn};
use hallpass_core::{
    Action, Advance, Clock, Epoch, Fence, Insert, Kind, Kinds, ListQuery, Page, Replace, SystemClock,
    TokenStore, Tokens, Which,
};
use tokio::runtime::Handle;

use crate::maker::{DEVICE, LOGINS, Made, Maker, Random, Ticking, always_due, subject};

/// Without the service: what the store does.
pub(crate) const STORE: &str = "hallpass";
/// With it: digests, decisions and events too.
pub(crate) const SERVICE: &str = "hallpass service";
/// Rows that rotate.
const ROTATING: usize = 10_000;
/// Subjects that log in again and again.
const SUBJECTS: usize = 1_000;
const HOUR: Duration = Duration::from_secs(3_600);

/// A store with rows in it.
pub(crate) struct Ours {
    runtime: Handle,
    store: Arc<dyn TokenStore>,
    /// Rows that are only read.
    pub(crate) sessions: Arc<Vec<Made>>,
    /// Rows that the service rotates, by the token that is due.
    remembered: Arc<Vec<Mutex<String>>>,
    /// Rows that are rotated without it.
    rotating: Arc<Vec<Made>>,
}

impl Ours {
    /// Fills `store` with so many rows, and some more to rotate.
    pub(crate) async fn load(store: Arc<dyn TokenStore>, rows: usize) -> Self {
        let maker = Maker::now();
        let sessions = maker.make_many(Kind::SESSION, 0, rows).await;
        let rotating = ROTATING.min(rows);
        let remembered = maker.make_many(Kind::REMEMBER, rows, rotating).await;
        let rotating = maker.make_many(Kind::REMEMBER, rows + rotating, rotating).await;
        for made in [&sessions, &remembered, &rotating] {
            insert(&store, made).await;
        }
        Self {
            runtime: Handle::current(),
            store,
            sessions: Arc::new(sessions),
            remembered: Arc::new(remembered.into_iter().map(|made| Mutex::new(made.text)).collect()),
            rotating: Arc::new(rotating),
        }
    }

    /// Everything that every store does.
    pub(crate) fn offers(&self) -> Vec<Offer<'static>> {
        let mut offers = vec![self.find(), self.verify(), self.replace(), self.rotate()];
        offers.extend([self.insert(), self.issue(), self.remove(), self.revoke()]);
        offers.extend([self.page(), self.list()]);
        offers
    }

    pub(crate) fn find(&self) -> Offer<'static> {
        let (store, rows) = (self.store.clone(), self.sessions.clone());
        Offer::steady(&self.runtime, STORE, "find", |task, _| Random::new(task), move |mut random| {
            let (store, rows) = (store.clone(), rows.clone());
            async move {
                let selector = rows[random.below(rows.len())].record.selector;
                assert!(store.find(selector).await.unwrap().is_some());
                random
            }
        })
    }

    pub(crate) fn verify(&self) -> Offer<'static> {
        let tokens = Tokens::builder(self.store.clone()).build().unwrap();
        let rows = self.sessions.clone();
        Offer::steady(&self.runtime, SERVICE, "find", |task, _| Random::new(task), move |mut random| {
            let (tokens, rows) = (tokens.clone(), rows.clone());
            async move {
                let text = &rows[random.below(rows.len())].text;
                tokens.verify(Kind::SESSION, text).await.unwrap().unwrap();
                random
            }
        })
    }

    /// Read, then write durably if nobody else has: what a rotation asks of a store.
    pub(crate) fn replace(&self) -> Offer<'static> {
        let (store, rows) = (self.store.clone(), self.rotating.clone());
        Offer::steady(&self.runtime, STORE, "rotate", Stripe::of, move |mut stripe| {
            let (store, rows) = (store.clone(), rows.clone());
            async move {
                let selector = rows[stripe.next(rows.len())].record.selector;
                let mut record = store.find(selector).await.unwrap().unwrap();
                let expected = record.revision;
                record.revision = expected.next();
                record.generation += 1;
                assert_eq!(store.replace(&record, expected).await.unwrap(), Replace::Replaced);
                stripe
            }
        })
    }

    pub(crate) fn rotate(&self) -> Offer<'static> {
        let builder = Tokens::builder(self.store.clone()).policy(always_due()).clock(Ticking::new());
        let (tokens, rows) = (builder.build().unwrap(), self.remembered.clone());
        Offer::steady(&self.runtime, SERVICE, "rotate", Stripe::of, move |mut stripe| {
            let (tokens, rows) = (tokens.clone(), rows.clone());
            async move {
                let row = &rows[stripe.next(rows.len())];
                let text = row.lock().unwrap().clone();
                let valid = tokens.verify_and_rotate(Kind::REMEMBER, &text).await.unwrap().unwrap();
                *row.lock().unwrap() = valid.successor.unwrap().token.expose().to_owned();
                stripe
            }
        })
    }

    /// A new row, fenced by the subject's epoch.
    fn insert(&self) -> Offer<'static> {
        let (store, maker, runtime) = (self.store.clone(), Maker::now(), self.runtime.clone());
        let mut epochs = Vec::new();
        let stock = move |mut left: Vec<(Made, Epoch)>, wanted: usize| {
            if epochs.is_empty() {
                epochs = runtime.block_on(epochs_of(&*store));
            }
            while left.len() < wanted {
                let number = left.len() % SUBJECTS;
                left.push((runtime.block_on(maker.make(Kind::SESSION, &new_subject(number))), epochs[number]));
            }
            Ok(left)
        };
        let store = self.store.clone();
        Offer::stocked(&self.runtime, STORE, "issue", stock, 60_000, move |(made, epoch)| {
            let store = store.clone();
            async move {
                let inserted = store.insert(&made.record, Fence::Epoch(epoch)).await.unwrap();
                assert_eq!(inserted, Insert::Inserted);
            }
        })
    }

    /// A whole login: its subject's epoch, then a new row fenced by it.
    fn issue(&self) -> Offer<'static> {
        let tokens = Tokens::builder(self.store.clone()).build().unwrap();
        Offer::steady(&self.runtime, SERVICE, "issue", |task, _| Random::new(task), move |mut random| {
            let tokens = tokens.clone();
            async move {
                let subject = new_subject(random.below(SUBJECTS));
                let login = tokens.begin_login(&subject).await.unwrap();
                let issue = tokens.issue(&login, Kind::SESSION).device(DEVICE);
                issue.await.unwrap().unwrap();
                random
            }
        })
    }

    /// Ends one login of a subject.
    fn remove(&self) -> Offer<'static> {
        let store = self.store.clone();
        Offer::stocked(&self.runtime, STORE, "revoke", self.stock(), 40_000, move |made: Made| {
            let store = store.clone();
            async move {
                let (subject, which) = (made.record.subject.unwrap(), Which::login(made.record.login));
                let gone = store.revoke_by_subject(&subject, &which, Action::Remove, Advance::Keep).await;
                assert_eq!(gone.unwrap(), 1);
            }
        })
    }

    /// The same, by its token.
    fn revoke(&self) -> Offer<'static> {
        let tokens = Tokens::builder(self.store.clone()).build().unwrap();
        Offer::stocked(&self.runtime, SERVICE, "revoke", self.stock(), 30_000, move |made: Made| {
            let tokens = tokens.clone();
            async move { tokens.revoke(Kind::SESSION, &made.text).await.unwrap().unwrap() }
        })
    }

    /// Makes and stores logins to be ended.
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

    /// The ten logins of a subject, as the store has them.
    fn page(&self) -> Offer<'static> {
        let store = self.store.clone();
        let subjects = self.sessions.len().div_ceil(LOGINS);
        let page = Page { kinds: Kinds::Any, after: None, limit: NonZeroU16::new(100).unwrap() };
        Offer::steady(&self.runtime, STORE, "list", |task, _| Random::new(task), move |mut random| {
            let (store, page) = (store.clone(), page.clone());
            async move {
                let found = store.list_by_subject(&subject(random.below(subjects)), &page).await;
                assert!(!found.unwrap().is_empty());
                random
            }
        })
    }

    /// The same as a person would see them.
    fn list(&self) -> Offer<'static> {
        let tokens = Tokens::builder(self.store.clone()).build().unwrap();
        let subjects = self.sessions.len().div_ceil(LOGINS);
        Offer::steady(&self.runtime, SERVICE, "list", |task, _| Random::new(task), move |mut random| {
            let tokens = tokens.clone();
            async move {
                let subject = subject(random.below(subjects));
                let listing = tokens.list(&subject, &ListQuery::default()).await.unwrap();
                assert!(!listing.logins.is_empty());
                random
            }
        })
    }

    /// Collects rows whose time is over, a thousand at a time; counted in rows.
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

/// Goes through the rows that no other task goes through.
struct Stripe {
    task: usize,
    tasks: usize,
    at: usize,
}

impl Stripe {
    fn of(task: usize, tasks: usize) -> Self {
        Self { task, tasks, at: 0 }
    }

    fn next(&mut self, rows: usize) -> usize {
        assert!(self.tasks <= rows, "more tasks than rows to rotate");
        self.at += 1;
        let stripe = (rows - self.task).div_ceil(self.tasks);
        self.task + self.tasks * (self.at % stripe)
    }
}

fn new_subject(number: usize) -> hallpass_core::Subject {
    subject(80_000_000 + number)
}

async fn epochs_of(store: &dyn TokenStore) -> Vec<Epoch> {
    let mut epochs = Vec::new();
    for number in 0..SUBJECTS {
        let fresh = Epoch((number as u128 + 1).to_be_bytes());
        epochs.push(store.epoch(&new_subject(number), fresh, HOUR * 24, SystemClock.now()).await.unwrap());
    }
    epochs
}

/// Stores rows, 64 tasks at once.
pub(crate) async fn insert(store: &Arc<dyn TokenStore>, made: &[Made]) {
    let mut tasks = tokio::task::JoinSet::new();
    for share in made.chunks(made.len().div_ceil(64).max(1)) {
        let records: Vec<_> = share.iter().map(|made| made.record.clone()).collect();
        let store = store.clone();
        tasks.spawn(async move {
            for record in &records {
                assert_eq!(store.insert(record, Fence::None).await.unwrap(), Insert::Inserted);
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}
