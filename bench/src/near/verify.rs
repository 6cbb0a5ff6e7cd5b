//! Verification of sessions that are all in memory, chosen as visitors choose them.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use hallpass_bench_load::Offer;
use hallpass_bench_load::rows::Zipf;
use hallpass_core::store::TokenStore;
use hallpass_core::{Kind, MemoryStore, NearCacheStats, Tokens};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::task::coop::consume_budget;

use super::{OURS, compared, keeping, policy};
use crate::maker::Maker;
use crate::options::Options;
use crate::ours::insert;
use crate::report::{Fact, Goal, Report};
use crate::run;

const UNCACHED: &str = "the same without the cache";
const MEMORY: &str = "the same over MemoryStore";
const JWT: &str = "jsonwebtoken HS256";
const ALONE: &str = "verify on one thread";
const VERIFY: &str = "verify";
/// How many operations run between two readings of the clock.
const BATCH: u64 = 100;

type Texts = Arc<Vec<String>>;

pub(super) fn bench(
    report: &mut Report,
    area: &str,
    server: &str,
    options: &Options,
    runtime: &Handle,
    store: &Arc<dyn TokenStore>,
) {
    if !options.measures(ALONE) && !options.measures(VERIFY) {
        return;
    }
    report.progress(&format!("{area}: filling our store"));
    let memory: Arc<dyn TokenStore> = Arc::new(MemoryStore::new());
    let texts: Texts = runtime.block_on(async {
        let made = Maker::now().make_many(Kind::SESSION, 0, options.rows).await;
        insert(store, &made).await;
        insert(&memory, &made).await;
        Arc::new(made.into_iter().map(|made| made.text).collect())
    });
    let plain =
        |store: &Arc<dyn TokenStore>| Tokens::builder(store.clone()).policy(policy()).build().unwrap();
    let near = keeping(store, options.rows);
    let filled = runtime.block_on(fill(&near, &texts));
    let systems = [(OURS, near.clone()), (UNCACHED, plain(store)), (MEMORY, plain(&memory))];
    let zipf = Zipf::among(options.rows);
    let mut offers = Vec::new();
    for (system, tokens) in &systems {
        // Without the cache each one is a trip: the other figure shows that.
        if *system != UNCACHED {
            offers.push(alone(runtime, system, tokens, &texts, &zipf));
        }
        offers.push(many(runtime, system, tokens, &texts, &zipf));
    }
    run::area(report, area, offers, (server, options.rows), options);
    let resident = filled.entries as f64 / options.rows as f64;
    let (most, per_cent) = (Some(Goal::AtLeast(100.0)), "%");
    let what = format!("{area}: sessions in memory");
    report.fact(Fact::of(what, most, per_cent, vec![resident * 100.0]));
    report.fact(hits(area, &filled, &near.near_cache_stats().unwrap()));
    goals(report, area);
}

/// Reads every session once, so that all are in memory.
async fn fill(tokens: &Tokens, texts: &Texts) -> NearCacheStats {
    // What is read before the feed is open is not kept.
    tokens.verify(Kind::SESSION, &texts[0]).await.unwrap();
    while tokens.near_cache_stats().unwrap().lease_age.is_none() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut tasks = JoinSet::new();
    for task in 0..64 {
        let (tokens, texts) = (tokens.clone(), texts.clone());
        tasks.spawn(async move {
            for text in texts.iter().skip(task).step_by(64) {
                tokens.verify(Kind::SESSION, text).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    tokens.near_cache_stats().unwrap()
}

fn alone(runtime: &Handle, system: &str, tokens: &Tokens, texts: &Texts, zipf: &Zipf) -> Offer<'static> {
    let (runtime, tokens, texts) = (runtime.clone(), tokens.clone(), texts.clone());
    let mut zipf = zipf.clone();
    // On this thread. The turns of the feed go on in the runtime.
    Offer::counted(system, ALONE, BATCH, move || {
        runtime.block_on(async {
            for _ in 0..BATCH {
                black_box(tokens.verify(Kind::SESSION, &texts[zipf.pick()]).await).unwrap();
            }
        });
    })
}

fn many(runtime: &Handle, system: &str, tokens: &Tokens, texts: &Texts, zipf: &Zipf) -> Offer<'static> {
    let zipf = zipf.clone();
    let state = move |task, tasks| zipf.of(task, tasks);
    let shared = (tokens.clone(), texts.clone());
    Offer::steady(runtime, system, VERIFY, state, shared, |(tokens, texts), mut zipf| async move {
        // A hit never waits. As in a server, others get their turn: the tasks, and the feed.
        consume_budget().await;
        black_box(tokens.verify(Kind::SESSION, &texts[zipf.pick()]).await).unwrap();
        zipf
    })
}

/// The share of verifications between two instants that read nothing.
pub(super) fn hits(area: &str, before: &NearCacheStats, after: &NearCacheStats) -> Fact {
    let (hits, misses) = (after.hits - before.hits, after.misses - before.misses);
    let share = hits as f64 / (hits + misses).max(1) as f64 * 100.0;
    Fact::of(format!("{area}: hits"), Some(Goal::AtLeast(99.9)), "%", vec![share])
}

fn goals(report: &mut Report, area: &str) {
    let alone = (area, ALONE, 1);
    let what =
        ("time of a verification on one thread, to that over the memory store", Goal::AtMost(1.3), "×");
    compared(report, alone, (OURS, MEMORY), what, |mine, theirs| theirs / mine);
    let what = ("rate on one thread, to an HS256 JSON web token", Goal::AtLeast(2.0), "×");
    compared(report, alone, (OURS, JWT), what, |mine, theirs| mine / theirs);
    let many = if area.ends_with("redis") { 3.0 } else { 4.0 };
    for (tasks, goal) in [(1, 20.0), (64, many)] {
        let what = format!("rate from {tasks}, to that without the cache");
        let what = (&*what, Goal::AtLeast(goal), "×");
        compared(report, (area, VERIFY, tasks), (OURS, UNCACHED), what, |mine, theirs| mine / theirs);
    }
}
