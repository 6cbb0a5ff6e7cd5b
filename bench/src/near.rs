//! The near cache: verification from memory over PostgreSQL and Redis, how soon an ending is seen elsewhere, and what
//! announcing costs the servers.

mod costs;
mod page;
mod refusal;
mod verify;
mod writers;

use std::sync::Arc;
use std::time::Duration;

use hallpass_bench_load::Offer;
use hallpass_core::store::TokenStore;
use hallpass_core::{NearCache, Policy, Tokens};
use hallpass_test_servers::redis as redis_server;
use tokio::runtime::Handle;

use crate::open;
use crate::options::Options;
use crate::report::{Fact, Goal, Report};
use crate::stores::{postgres_server, started};

/// A service with a near cache. Its name begins like those of our systems.
const OURS: &str = "hallpass near cache";
/// How long entries are used: the longest time, so that none is read again during a run.
const AGE: Duration = Duration::from_secs(600);
/// The memory for all rows, however they spread: about 1.4 kB for each of 100,000.
const ROW: usize = 2_048;

pub(crate) fn bench(report: &mut Report, options: &Options, runtime: &Handle) {
    over_postgres(report, options, runtime);
    over_redis(report, options, runtime);
}

fn over_postgres(report: &mut Report, options: &Options, runtime: &Handle) {
    let area = "near postgres";
    let Some(server) = started(report, area, || postgres_server(None)) else { return };
    let open = || runtime.block_on(open::postgres(server.url()));
    match (open(), open()) {
        (Ok(one), Ok(other)) => {
            verify::bench(report, area, server.url(), options, runtime, &one);
            page::bench(report, area, options, runtime, &one);
            refusal::bench(report, area, options, runtime, [&one, &other]);
        }
        (Err(reason), _) | (_, Err(reason)) => report.missing(area, OURS, &reason),
    }
    writers::bench(report, area, options, runtime, server.url());
    if options.measures("polls") {
        costs::polls(report, area, options, runtime, &server);
    }
}

fn over_redis(report: &mut Report, options: &Options, runtime: &Handle) {
    let area = "near redis";
    let Some(server) = started(report, area, redis_server) else { return };
    let open = || runtime.block_on(open::redis(server.url()));
    match (open(), open()) {
        (Ok(one), Ok(other)) => {
            verify::bench(report, area, server.url(), options, runtime, &one);
            page::bench(report, area, options, runtime, &one);
            refusal::bench(report, area, options, runtime, [&one, &other]);
        }
        (Err(reason), _) | (_, Err(reason)) => report.missing(area, OURS, &reason),
    }
    if options.measures("announcements") {
        costs::announcements(report, area, options, runtime, &server);
    }
}

/// Sessions that are touched seldom, so that a use seldom writes.
fn policy() -> Policy {
    Policy::session().touch(Duration::from_secs(900))
}

/// A service that keeps this number of sessions.
fn keeping(store: &Arc<dyn TokenStore>, rows: usize) -> Tokens {
    let near = NearCache::new().capacity((rows * ROW).max(1 << 20));
    let builder = Tokens::builder(store.clone()).policy(policy().cached_for(AGE)).near_cache(near);
    builder.build().unwrap()
}

/// An offer whose turns are not shorter than this.
fn at_least(least: Duration, mut offer: Offer<'static>) -> Offer<'static> {
    let of = offer.of.clone();
    let mut longer = Offer::new("", "", move |tasks, length: Duration| offer.turn(tasks, length.max(least)));
    longer.of = of;
    longer
}

/// Compares two systems of one figure: `ratio` is given the rates of both, within each round.
fn compared(
    report: &mut Report,
    (area, operation, tasks): (&str, &str, usize),
    (mine, theirs): (&str, &str),
    (what, goal, unit): (&str, Goal, &'static str),
    ratio: impl Fn(f64, f64) -> f64,
) {
    let find = |system: &str| {
        report.cells.iter().find(|cell| {
            cell.area == area && cell.operation == operation && cell.tasks == tasks && cell.system == system
        })
    };
    let (Some(mine), Some(theirs)) = (find(mine), find(theirs)) else {
        return report.missing(area, what, &format!("{mine} or {theirs} was not measured"));
    };
    let rounds = mine.turns.iter().zip(&theirs.turns).map(|(mine, theirs)| ratio(mine.rate(), theirs.rate()));
    let fact = Fact::of(format!("{area}: {what}"), Some(goal), unit, rounds.collect());
    report.fact(fact);
}
