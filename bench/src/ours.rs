//! The offers of all our stores, with the service and without. An adapter's part of this program only opens its
//! store and asks for these offers.

mod logins;

use std::num::NonZeroU16;
use std::sync::{Arc, Mutex};

use hallpass_bench_load::Offer;
use hallpass_bench_load::rows::{ROTATING, Random, Stripe};
use hallpass_core::store::{Change, Fence, Page, Replace, TokenStore};
use hallpass_core::{Clock, Kind, ListQuery, ManualClock, Selector, SystemClock, Timestamp, Tokens};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::maker::{LOGINS, Made, Maker, Ticking, always_due, subject};

/// The store alone.
pub(crate) const STORE: &str = "hallpass";
/// The store with the service: digests, decisions and events.
pub(crate) const SERVICE: &str = "hallpass service";

/// A store filled with rows.
pub(crate) struct Ours {
    runtime: Handle,
    store: Arc<dyn TokenStore>,
    loaded_at: Timestamp,
    /// Rows that are only read.
    sessions: Arc<Vec<Made>>,
    /// Rows that the service rotates, by the token that is due.
    remembered: Arc<Vec<Mutex<String>>>,
    /// Rows that are rotated without the service.
    rotating: Arc<Vec<Selector>>,
}

impl Ours {
    /// Fills `store` with this number of rows, and some more to rotate.
    pub(crate) async fn load(store: Arc<dyn TokenStore>, rows: usize) -> Self {
        let maker = Maker::now();
        let sessions = maker.make_many(Kind::SESSION, 0, rows).await;
        let loaded_at = SystemClock.now();
        let rotating = ROTATING.min(rows);
        let remembered = maker.make_many(Kind::REMEMBER, rows, rotating).await;
        let rotating = maker.make_many(Kind::REMEMBER, rows + rotating, rotating).await;
        for made in [&sessions, &remembered, &rotating] {
            insert(&store, made).await;
        }
        Self {
            runtime: Handle::current(),
            store,
            loaded_at,
            sessions: Arc::new(sessions),
            remembered: Arc::new(remembered.into_iter().map(|made| Mutex::new(made.text)).collect()),
            rotating: Arc::new(rotating.into_iter().map(|made| made.record.selector).collect()),
        }
    }

    /// The offers that every store has.
    pub(crate) fn offers(&self) -> Vec<Offer<'static>> {
        let mut offers = vec![self.find(), self.verify(), self.replace(), self.rotate()];
        offers.extend([self.insert(), self.issue(), self.remove(), self.revoke()]);
        offers.extend([self.page(), self.list()]);
        offers
    }

    fn find(&self) -> Offer<'static> {
        let selectors = self.sessions.iter().map(|made| made.record.selector).collect();
        find(&self.runtime, STORE, self.store.clone(), Arc::new(selectors))
    }

    fn verify(&self) -> Offer<'static> {
        // A session in use is written once a minute. At the time of this clock it is never due.
        let clock = ManualClock::new(self.loaded_at);
        let tokens = Tokens::builder(self.store.clone()).clock(clock).build().unwrap();
        let shared = (tokens, self.sessions.clone());
        Offer::steady(
            &self.runtime,
            SERVICE,
            "find",
            Random::of,
            shared,
            |(tokens, rows), mut random| async move {
                let text = &rows[random.below(rows.len())].text;
                tokens.verify(Kind::SESSION, text).await.unwrap();
                random
            },
        )
    }

    fn replace(&self) -> Offer<'static> {
        replace(&self.runtime, STORE, self.store.clone(), self.rotating.clone())
    }

    fn rotate(&self) -> Offer<'static> {
        let builder = Tokens::builder(self.store.clone()).policy(always_due()).clock(Ticking::new());
        let shared = (builder.build().unwrap(), self.remembered.clone());
        Offer::steady(
            &self.runtime,
            SERVICE,
            "rotate",
            Stripe::of,
            shared,
            |(tokens, rows), mut stripe| async move {
                let row = &rows[stripe.next(rows.len())];
                let text = row.lock().unwrap().clone();
                let valid = tokens.verify_and_rotate(Kind::REMEMBER, &text).await.unwrap();
                *row.lock().unwrap() = valid.successor.unwrap().token.expose().to_owned();
                stripe
            },
        )
    }

    /// The ten logins of a subject, from the store.
    fn page(&self) -> Offer<'static> {
        let subjects = self.sessions.len().div_ceil(LOGINS);
        let shared = (self.store.clone(), Page::first(NonZeroU16::new(100).unwrap()));
        Offer::steady(
            &self.runtime,
            STORE,
            "list",
            Random::of,
            shared,
            move |(store, page), mut random| async move {
                let found = store.list_by_subject(&subject(random.below(subjects)), &page).await;
                assert!(!found.unwrap().is_empty());
                random
            },
        )
    }

    /// The ten logins of a subject, through the service.
    fn list(&self) -> Offer<'static> {
        let tokens = Tokens::builder(self.store.clone()).build().unwrap();
        let subjects = self.sessions.len().div_ceil(LOGINS);
        Offer::steady(
            &self.runtime,
            SERVICE,
            "list",
            Random::of,
            tokens,
            move |tokens, mut random| async move {
                let subject = subject(random.below(subjects));
                let listing = tokens.list(&subject, &ListQuery::default()).await.unwrap();
                assert!(!listing.logins.is_empty());
                random
            },
        )
    }
}

/// Reads random records of this list.
pub(crate) fn find(
    runtime: &Handle,
    system: &str,
    store: Arc<dyn TokenStore>,
    selectors: Arc<Vec<Selector>>,
) -> Offer<'static> {
    let shared = (store, selectors);
    Offer::steady(runtime, system, "find", Random::of, shared, |(store, selectors), mut random| async move {
        assert!(store.find(selectors[random.below(selectors.len())]).await.unwrap().is_some());
        random
    })
}

/// Reads random records of this list and replaces them durably, unless another task was faster, as a rotation does.
pub(crate) fn replace(
    runtime: &Handle,
    system: &str,
    store: Arc<dyn TokenStore>,
    selectors: Arc<Vec<Selector>>,
) -> Offer<'static> {
    let shared = (store, selectors);
    Offer::steady(
        runtime,
        system,
        "rotate",
        Stripe::of,
        shared,
        |(store, selectors), mut stripe| async move {
            let selector = selectors[stripe.next(selectors.len())];
            let mut record = store.find(selector).await.unwrap().unwrap();
            let expected = record.revision;
            record.revision = expected.next();
            record.generation += 1;
            assert_eq!(store.replace(&record, expected, Change::Update).await.unwrap(), Replace::Replaced);
            stripe
        },
    )
}

/// Stores rows, in 64 tasks.
pub(crate) async fn insert(store: &Arc<dyn TokenStore>, made: &[Made]) {
    let mut tasks = JoinSet::new();
    for share in made.chunks(made.len().div_ceil(64).max(1)) {
        let records: Vec<_> = share.iter().map(|made| made.record.clone()).collect();
        let store = store.clone();
        tasks.spawn(async move {
            for record in &records {
                assert!(store.insert(record, Fence::None).await.unwrap().is_inserted());
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}
