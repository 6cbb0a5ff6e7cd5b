//! How soon another node refuses a token whose login has ended.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hallpass_bench_load::rows::Random;
use hallpass_bench_load::{Offer, Turn};
use hallpass_core::store::TokenStore;
use hallpass_core::{Kind, Tokens};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{OURS, at_least, keeping};
use crate::maker::subject;
use crate::options::Options;
use crate::report::{Fact, Goal, Report};
use crate::run;

const REFUSAL: &str = "refusal on another node";
/// The number of logins that are under observation at once.
const TASKS: usize = 8;
/// The longest pause before a login ends: longer than that between two turns of the feed.
const PAUSE: usize = 25_000;
/// How often the other node is asked. It adds up to this, and what the timer adds, to each figure.
const LOOK: Duration = Duration::from_millis(1);

pub(super) fn bench(
    report: &mut Report,
    area: &str,
    options: &Options,
    runtime: &Handle,
    stores: [&Arc<dyn TokenStore>; 2],
) {
    let nodes = stores.map(|store| keeping(store, options.rows));
    let handle = runtime.clone();
    let play = move |tasks, length| handle.block_on(play(&nodes, tasks, length));
    let offer = at_least(Duration::from_secs(2), Offer::new(OURS, REFUSAL, play).only_from(&[TASKS]));
    run::grown(report, area, None, vec![offer], options);
    let Some(cell) = report.cells.iter().find(|cell| cell.area == area && cell.operation == REFUSAL) else {
        return;
    };
    let count = cell.turns.iter().map(|turn| turn.operations).sum::<u64>();
    let quantile = |quantile| vec![cell.latency(quantile).unwrap_or_default() / 1_000.0];
    let what = |what: &str| format!("{area}: from acknowledgement to refusal on another node, {what}");
    let facts = [
        Fact::of(what("p50"), Some(Goal::AtMost(15.0)), "ms", quantile(0.5)),
        Fact::of(what("p99"), Some(Goal::AtMost(50.0)), "ms", quantile(0.99)),
        Fact::of(what(&format!("the longest of {count}")), Some(Goal::AtMost(1_000.0)), "ms", quantile(1.0)),
    ];
    facts.into_iter().for_each(|fact| report.fact(fact));
}

async fn play(nodes: &[Tokens; 2], tasks: usize, length: Duration) -> Result<Turn, String> {
    let start = Instant::now();
    let mut playing = JoinSet::new();
    for task in 0..tasks {
        let [here, there] = nodes.clone();
        playing.spawn(async move {
            let (mut turn, mut random) = (Turn::new(), Random::of(task, tasks));
            while start.elapsed() < length {
                let took = end_one(&here, &there, task, &mut random).await;
                turn.operations += 1;
                turn.record(took, 1);
            }
            turn.elapsed = start.elapsed();
            turn
        });
    }
    let mut all = Turn::new();
    while let Some(turn) = playing.join_next().await {
        all.join(&turn.map_err(|error| error.to_string())?);
    }
    Ok(all)
}

/// Ends a login on one node while the other accepts it from memory. Returns the time from the acknowledgement until the
/// other node refuses it.
async fn end_one(here: &Tokens, there: &Tokens, task: usize, random: &mut Random) -> Duration {
    let subject = subject(50_000_000 + task * 1_000 + random.below(1_000));
    let login = here.begin_login(&subject).await.unwrap();
    let issued = here.issue(&login, Kind::SESSION).await.unwrap();
    let text = issued.token.expose();
    // Until it is accepted without a call: it is read, kept, and found.
    loop {
        let misses = there.near_cache_stats().unwrap().misses;
        there.verify(Kind::SESSION, text).await.unwrap();
        if there.near_cache_stats().unwrap().misses == misses {
            break;
        }
        sleep(LOOK).await;
    }
    sleep(Duration::from_micros(random.below(PAUSE) as u64)).await;
    here.revoke(Kind::SESSION, text).await.unwrap();
    let acknowledged = Instant::now();
    while there.verify(Kind::SESSION, text).await.is_ok() {
        sleep(LOOK).await;
    }
    acknowledged.elapsed()
}
