//! What announcing costs those who write to PostgreSQL.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hallpass_bench_load::Offer;
use hallpass_bench_load::rows::ROTATING;
use hallpass_core::Kind;
use hallpass_core::store::{
    Action, Change, Fence, Heard, Record, RecordFilter, Replace, Revocation, TokenStore,
};
use hallpass_store_postgres::PostgresStore;
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::time::sleep;

use super::{at_least, compared};
use crate::maker::{Made, Maker};
use crate::options::Options;
use crate::ours::insert;
use crate::report::{Goal, Report};
use crate::run;

const WITH: &str = "hallpass with a feed";
const WITHOUT: &str = "the same without a feed";
const MIX: &str = "write";
const END: &str = "end";
const TASKS: usize = 64;
/// The pause between two turns of the feed.
const PAUSE: Duration = Duration::from_millis(20);
/// The shortest turn: commits to a disk are uneven.
const LEAST: Duration = Duration::from_secs(1);

/// A write of the mix.
enum Write {
    Rotate(usize),
    Touch(usize),
    LogIn(Made),
    End(Made),
}

/// Tables of their own, and the rows in them that change.
#[derive(Clone)]
struct Place {
    runtime: Handle,
    /// With the usual number of connections, and with one for each task.
    pooled: Arc<dyn TokenStore>,
    wide: Arc<dyn TokenStore>,
    rows: Arc<Vec<Mutex<Record>>>,
    subjects: Arc<AtomicUsize>,
}

pub(super) fn bench(report: &mut Report, area: &str, options: &Options, runtime: &Handle, url: &str) {
    if !options.measures(MIX) && !options.measures(END) {
        return;
    }
    let (mut offers, mut listening) = (Vec::new(), None);
    for (system, prefix) in [(WITH, "heard_"), (WITHOUT, "unheard_")] {
        match runtime.block_on(Place::open(url, prefix)) {
            Ok(place) => {
                if system == WITH {
                    listening = Some(runtime.spawn(listen(place.pooled.clone())));
                }
                offers.extend([place.mix(system), place.end(system)]);
            }
            Err(reason) => return report.missing(area, system, &reason),
        }
    }
    run::grown(report, area, None, offers, options);
    listening.inspect(|listening| listening.abort());
    let per_cent = |mine, theirs| mine / theirs * 100.0;
    let mix = ("writes per second with a feed: 85 % rotations and touches, 10 % logins, 5 % endings", 95.0);
    let end = ("endings per second with a feed, from 64 connections", 80.0);
    for (operation, (what, least)) in [(MIX, mix), (END, end)] {
        let what = (what, Goal::AtLeast(least), "%");
        compared(report, (area, operation, TASKS), (WITH, WITHOUT), what, per_cent);
    }
}

/// Takes the turns of a feed until it is aborted.
async fn listen(store: Arc<dyn TokenStore>) {
    let mut feed = store.announcer().unwrap().feed().await.unwrap();
    let heard = Heard::new(|_| {});
    loop {
        _ = feed.turn(&heard).await.unwrap();
        sleep(PAUSE).await;
    }
}

impl Place {
    async fn open(url: &str, prefix: &str) -> Result<Self, String> {
        let failed = |error| format!("{error:?}");
        let builder = || PostgresStore::builder().prefix(prefix);
        let pooled = builder().connect(url).await.map_err(failed)?;
        pooled.migrate().await.map_err(failed)?;
        let wide = builder().connections(TASKS as u32).connect(url).await.map_err(failed)?;
        let (pooled, wide): (Arc<dyn TokenStore>, Arc<dyn TokenStore>) = (Arc::new(pooled), Arc::new(wide));
        let made = Maker::now().make_many(Kind::REMEMBER, 0, ROTATING).await;
        insert(&pooled, &made).await;
        let rows = made.into_iter().map(|made| Mutex::new(made.record)).collect();
        let subjects = Arc::new(AtomicUsize::new(ROTATING));
        Ok(Self { runtime: Handle::current(), pooled, wide, rows: Arc::new(rows), subjects })
    }

    /// Makes logins of new subjects, and stores them if they are to end.
    fn logins(&self, count: usize, store: bool) -> Vec<Made> {
        let first = self.subjects.fetch_add(count, Ordering::Relaxed);
        let made = self.runtime.block_on(Maker::now().make_many(Kind::SESSION, first, count));
        if store {
            self.runtime.block_on(insert(&self.pooled, &made));
        }
        made
    }

    /// In every twenty writes nine rotations, eight touches, two logins and an ending.
    fn mix(&self, system: &str) -> Offer<'static> {
        let (place, mut number) = (self.clone(), 0);
        let stock = move |missing: usize| {
            let (mut new, mut old) =
                (place.logins(missing / 10 + 2, false), place.logins(missing / 20 + 1, true));
            let mut writes = Vec::with_capacity(missing);
            while writes.len() < missing {
                number += 1;
                let row = number % place.rows.len();
                let write = match number % 20 {
                    0 => old.pop().map(Write::End),
                    7 | 14 => new.pop().map(Write::LogIn),
                    even if even % 2 == 0 => Some(Write::Touch(row)),
                    _ => Some(Write::Rotate(row)),
                };
                writes.extend(write);
            }
            writes
        };
        let shared = (self.pooled.clone(), self.rows.clone());
        let step = |(store, rows): (Arc<dyn TokenStore>, Arc<Vec<Mutex<Record>>>), write| async move {
            match write {
                Write::Rotate(row) => replace(&*store, &rows[row], Change::Update).await,
                Write::Touch(row) => replace(&*store, &rows[row], Change::Touch).await,
                Write::LogIn(made) => {
                    assert!(store.insert(&made.record, Fence::None).await.unwrap().is_inserted());
                }
                Write::End(made) => end(&*store, made).await,
            }
        };
        let offer = Offer::stocked(&self.runtime, system, MIX, stock, 40_000, shared, step);
        at_least(LEAST, offer.only_from(&[TASKS]))
    }

    fn end(&self, system: &str) -> Offer<'static> {
        let place = self.clone();
        let stock = move |missing| place.logins(missing, true);
        let step = |store: Arc<dyn TokenStore>, made| async move { end(&*store, made).await };
        let offer = Offer::stocked(&self.runtime, system, END, stock, 25_000, self.wide.clone(), step);
        at_least(LEAST, offer.only_from(&[TASKS]))
    }
}

async fn replace(store: &dyn TokenStore, row: &Mutex<Record>, change: Change<'_>) {
    let mut record = row.lock().await;
    let expected = record.revision;
    record.revision = expected.next();
    if matches!(change, Change::Update) {
        record.generation += 1;
    }
    assert_eq!(store.replace(&record, expected, change).await.unwrap(), Replace::Replaced);
}

async fn end(store: &dyn TokenStore, made: Made) {
    let (subject, login) = (made.record.subject.unwrap(), made.record.login);
    let revocation = Revocation::new(RecordFilter::login(login), Action::Remove);
    assert_eq!(store.revoke_by_subject(&subject, &revocation).await.unwrap(), 1);
}
