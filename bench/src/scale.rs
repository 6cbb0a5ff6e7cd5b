//! Growth: the same operations on more and more rows, the size of a row, and subjects with more and more tokens.

mod place;

use std::sync::Arc;
use std::time::{Duration, Instant};

use hallpass_bench_load::rows::ROTATING;
use hallpass_bench_load::{Offer, Turn};
use hallpass_core::store::{Action, RecordFilter, Revocation, TokenStore};
use hallpass_core::{Clock, Kind, Selector, SystemClock};
use tokio::runtime::Handle;

use crate::maker::{Maker, subject};
use crate::options::Options;
use crate::ours::{self, insert};
use crate::report::{Cell, Report};
use crate::run;
use place::Place;

const AREA: &str = "scale";
/// The number of concurrent tasks.
const TASKS: usize = 16;
/// The number of rows that are made in one step.
const CHUNK: usize = 20_000;
/// The number of expired rows that are purged while other tasks read.
const EXPIRED: usize = 100_000;
/// The numbers of tokens of one subject.
const TOKENS: [usize; 5] = [1, 10, 100, 1_000, 2_500];
/// The number of tokens of a subject for which a program logs in without end.
const CROWD: usize = 500_000;
const MONTHS: Duration = Duration::from_secs(60 * 86_400);

pub(crate) fn bench(report: &mut Report, options: &Options, runtime: &Handle) {
    report.heading(AREA);
    for open in [place::memory, place::sled, place::postgres, place::redis] {
        match open(runtime) {
            Ok(place) => grow(report, options, runtime, &place),
            Err((system, reason)) => report.missing(AREA, system, &reason),
        }
    }
}

fn grow(report: &mut Report, options: &Options, runtime: &Handle, place: &Place) {
    let (maker, mut selectors) = (Maker::now(), Vec::with_capacity(options.scale));
    let empty = place.bytes(runtime);
    let levels = levels(options.scale);
    for &rows in &levels {
        while selectors.len() < rows {
            report.progress(&format!("{}: {} of {rows} rows", place.system, selectors.len()));
            let made = maker.make_many(Kind::SESSION, selectors.len(), CHUNK.min(rows - selectors.len()));
            let made = runtime.block_on(made);
            runtime.block_on(insert(&place.store, &made));
            selectors.extend(made.iter().map(|made| made.record.selector));
        }
        let bytes = place.bytes(runtime).saturating_sub(empty) as f64 / rows as f64;
        report.size(AREA, place.system, &format!("a login of {rows}"), bytes);
        let all = Arc::new(selectors.clone());
        let few = Arc::new(selectors.iter().copied().step_by(rows / ROTATING).collect());
        let mut offers = vec![
            ours::find(runtime, place.system, place.store.clone(), all.clone()),
            ours::replace(runtime, place.system, place.store.clone(), few),
        ];
        if place.purges {
            offers.push(purge(runtime, place));
        }
        if place.purges && levels.last() == Some(&rows) {
            offers.push(find_while_purging(runtime, place, &all));
        }
        let offers = offers.into_iter().map(|offer| match offer.of.tasks.is_empty() {
            true => offer.only_from(&[TASKS]),
            false => offer,
        });
        run::grown(report, AREA, Some(rows), offers.collect(), options);
    }
    for tokens in TOKENS {
        run::grown(report, AREA, Some(tokens), vec![revoke(runtime, place, tokens)], options);
    }
    if place.sweeps && options.measures("find during a log-out") {
        let all = Arc::new(selectors);
        for tasks in [1, TASKS] {
            find_while_revoking(report, runtime, place, &all, tasks);
        }
    }
}

/// The numbers of rows: powers of ten up to the last, and the last.
fn levels(last: usize) -> Vec<usize> {
    let mut levels: Vec<_> =
        std::iter::successors(Some(10_000), |rows| Some(rows * 10)).take_while(|&rows| rows < last).collect();
    levels.push(last.max(10_000));
    levels
}

/// Stores this number of expired rows.
fn expire(runtime: &Handle, place: &Place, maker: &Maker, rows: usize) {
    for first in (0..rows).step_by(CHUNK) {
        let made = runtime.block_on(maker.make_many(Kind::SESSION, first, CHUNK.min(rows - first)));
        runtime.block_on(insert(&place.store, &made));
    }
}

/// Purges 10,000 rows of the store, a thousand at a time; counted in rows.
fn purge<'a>(runtime: &'a Handle, place: &'a Place) -> Offer<'a> {
    let maker = Maker::at(MONTHS);
    let offer = Offer::new(place.system, "purge", move |_, _| {
        expire(runtime, place, &maker, ROTATING);
        let start = Instant::now();
        let removed = runtime.block_on(purge_all(place.store.clone()));
        Ok(Turn::reported(removed, start.elapsed()))
    });
    offer.only_from(&[1])
}

async fn purge_all(store: Arc<dyn TokenStore>) -> u64 {
    let mut removed = 0;
    loop {
        let purged = store.purge_expired(SystemClock.now(), 1_000).await.unwrap();
        removed += purged.removed;
        if !purged.more {
            return removed;
        }
    }
}

/// Reads while 100,000 rows are purged; ends when they are gone.
fn find_while_purging<'a>(runtime: &'a Handle, place: &'a Place, all: &Arc<Vec<Selector>>) -> Offer<'a> {
    let maker = Maker::at(MONTHS);
    let mut find = ours::find(runtime, place.system, place.store.clone(), all.clone());
    Offer::new(place.system, "find while purging", move |tasks, _| {
        expire(runtime, place, &maker, EXPIRED);
        let purging = runtime.spawn(purge_all(place.store.clone()));
        let mut all = Turn::new();
        while !purging.is_finished() {
            let turn = find.turn(tasks, Duration::from_millis(50))?;
            let elapsed = all.elapsed + turn.elapsed;
            all.join(&turn);
            all.elapsed = elapsed;
        }
        Ok(all)
    })
}

/// Reads the rows of other subjects while a subject with half a million tokens is logged out everywhere. Runs once,
/// because the tokens take long to make; the longest latency is reported as well.
fn find_while_revoking(
    report: &mut Report,
    runtime: &Handle,
    place: &Place,
    others: &Arc<Vec<Selector>>,
    tasks: usize,
) {
    let (maker, subject) = (Maker::now(), subject(70_000_000 + tasks));
    for first in (0..CROWD).step_by(CHUNK) {
        report.progress(&format!("{}: {first} of {CROWD} tokens of one subject", place.system));
        let made = runtime.block_on(maker.make_of(&subject, CHUNK));
        runtime.block_on(insert(&place.store, &made));
    }
    let mut find = ours::find(runtime, place.system, place.store.clone(), others.clone());
    // Warm, as in use.
    let quiet = find.turn(tasks, Duration::from_secs(2));
    let store = place.store.clone();
    let revoking = runtime.spawn(async move {
        let everything = Revocation::new(RecordFilter::all(), Action::Remove);
        let (begun, mut calls) = (Instant::now(), 0);
        // A call ends as many records as its time allows; repeating it ends the rest.
        loop {
            calls += 1;
            match store.revoke_by_subject(&subject, &everything).await {
                Ok(_) => return Ok((calls, begun.elapsed())),
                Err(error) if calls == 20 => return Err(error.to_string()),
                Err(_) => {}
            }
        }
    });
    let mut busy = Turn::new();
    while !revoking.is_finished() {
        match find.turn(tasks, Duration::from_millis(50)) {
            Ok(turn) => {
                let elapsed = busy.elapsed + turn.elapsed;
                busy.join(&turn);
                busy.elapsed = elapsed;
            }
            Err(reason) => return report.missing(AREA, place.system, &reason),
        }
    }
    match (quiet, runtime.block_on(revoking).unwrap()) {
        (Ok(quiet), Ok((calls, took))) => {
            let millis = |turn: &Turn, quantile| turn.latency(quantile).unwrap_or_default() / 1_000.0;
            report.note(&format!(
                "{}: ended in {:.1} s and {calls} calls; the look-ups of others took {:.1} ms at most ({:.1} ms before)",
                place.system,
                took.as_secs_f64(),
                millis(&busy, 1.0),
                millis(&quiet, 1.0),
            ));
            let cell = |operation: &str, turn| Cell {
                area: AREA.to_owned(),
                system: place.system.to_owned(),
                operation: operation.to_owned(),
                tasks,
                rows: Some(CROWD),
                turns: vec![turn],
                allocations: None,
            };
            report.cell(cell("find before a log-out", quiet));
            report.cell(cell("find during a log-out", busy));
        }
        (Err(reason), _) | (_, Err(reason)) => report.missing(AREA, place.system, &reason),
    }
}

/// Logs out a subject with this number of tokens everywhere; counted in calls.
fn revoke<'a>(runtime: &'a Handle, place: &'a Place, tokens: usize) -> Offer<'a> {
    let (maker, mut number) = (Maker::now(), tokens * 1_000);
    let offer = Offer::new(place.system, "revoke all tokens", move |_, length: Duration| {
        let (mut turn, mut busy) = (Turn::new(), Duration::ZERO);
        let begun = Instant::now();
        // Making the tokens may take long: this limits the time for it.
        while busy < length && begun.elapsed() < length * 4 || turn.operations == 0 {
            number += 1;
            let subject = subject(60_000_000 + number);
            let made = runtime.block_on(maker.make_of(&subject, tokens));
            runtime.block_on(insert(&place.store, &made));
            let before = Instant::now();
            let all = Revocation::new(RecordFilter::all(), Action::Remove);
            let gone = place.store.revoke_by_subject(&subject, &all);
            assert_eq!(runtime.block_on(gone).unwrap(), tokens as u64);
            busy += before.elapsed();
            turn.operations += 1;
            turn.record(before.elapsed(), 1);
        }
        turn.elapsed = busy;
        Ok(turn)
    });
    offer.only_from(&[1])
}
