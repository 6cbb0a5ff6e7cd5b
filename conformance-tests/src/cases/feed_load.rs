//! What a feed proves while many calls end records.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::task::{JoinSet, yield_now};

use super::prelude::*;

pub(super) const CASES: &[Case] = &[
    case!(Any Full [S19] whatever_was_acknowledged_before_a_proof_was_heard needs [Feed]),
    case!(Any Full [S19] what_ends_while_a_feed_opens_is_heard needs [Feed]),
    case!(Any Full [S19] what_is_heard_is_seen_by_every_find needs [Feed]),
];

/// How many end records at once, and how many each.
const WRITERS: usize = 32;
const ENDINGS: usize = 8;

/// Ends records in any way, one after the other, until `stop` says so.
async fn write(
    case: CaseContext,
    store: Handle,
    journal: Journal,
    writer: String,
    mut stop: impl FnMut(usize) -> bool,
) -> CaseResult {
    let mut rng = case.rng();
    for number in 0.. {
        if stop(number) {
            break;
        }
        let way = *rng.pick(&Way::ALL);
        let doomed = Doomed::put(&store, &format!("{writer} {number}"), way, rng.fork()).await?;
        doomed.end(&store, &journal).await?;
    }
    Ok(())
}

/// Waits for all of them, so that none runs when the case ends.
async fn all(mut writers: JoinSet<CaseResult>) -> CaseResult {
    let mut ended = Ok(());
    while let Some(writer) = writers.join_next().await {
        let writer = writer.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => Err(Stop::Harness(error.to_string())),
        });
        ended = ended.and(writer);
    }
    ended
}

/// Two feeds take turns while 32 writers end records. Announcements that become visible in another order than they were
/// made, or behind the answer that proves them, are missed here.
async fn whatever_was_acknowledged_before_a_proof_was_heard(case: CaseContext) -> CaseResult {
    let nodes = case.pair().await?;
    let journal = Journal::default();
    let done = Arc::new(AtomicBool::new(false));
    let mut listeners = JoinSet::new();
    for store in [&nodes.0, &nodes.1] {
        let (mut listener, done) = (Listener::open(store, &journal).await?, Arc::clone(&done));
        listeners.spawn(async move {
            while !done.load(Ordering::Relaxed) {
                listener.turn().await?;
                tokio::time::sleep(MILLI).await;
            }
            listener.prove().await?;
            Ok::<_, Stop>(listener.heard)
        });
    }
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (store, name) = (of(writer, &nodes), format!("writer {writer}"));
        writers.spawn(write(case.clone(), store, journal.clone(), name, |number| number == ENDINGS));
    }
    let written = all(writers).await;
    done.store(true, Ordering::Relaxed);
    let (mut heard, mut failed) = (0, Ok(()));
    while let Some(listener) = listeners.join_next().await {
        match listener.map_err(|error| Stop::Harness(error.to_string())) {
            Ok(Ok(count)) => heard += count,
            Ok(Err(stop)) | Err(stop) => failed = Err(stop),
        }
    }
    failed.and(written)?;
    match heard {
        0 => Err(Stop::Inconclusive("every feed was lost before it had to hear something".into())),
        _ => Ok(()),
    }
}

/// A feed hears what ends after it was opened: the first feed of a namespace, and others.
async fn what_ends_while_a_feed_opens_is_heard(case: CaseContext) -> CaseResult {
    for namespace in 0..2 {
        let [here, there] = case.pair_named(&format!("_{namespace}")).await?;
        let journal = Journal::default();
        for opening in 0..4 {
            let (opened, ended) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
            let mut writers = JoinSet::new();
            for writer in 0..4 {
                let (opened, mut after) = (Arc::clone(&opened), 0);
                let ended = Arc::clone(&ended);
                let stop = move |_| {
                    ended.fetch_add(1, Ordering::Relaxed);
                    after += usize::from(opened.load(Ordering::Relaxed));
                    after > 3
                };
                let name = format!("writer {writer} {opening}");
                writers.spawn(write(
                    case.clone(),
                    of(writer, &(here.clone(), there.clone())),
                    journal.clone(),
                    name,
                    stop,
                ));
            }
            // Every writer is at work, or has failed.
            while ended.load(Ordering::Relaxed) < 12 && writers.len() == 4 {
                yield_now().await;
                while let Some(writer) = writers.try_join_next() {
                    opened.store(true, Ordering::Relaxed);
                    writer.map_err(|error| Stop::Harness(error.to_string()))??;
                }
            }
            let listener = Listener::open(&here, &journal).await;
            let looked = look(&there, &journal).await;
            opened.store(true, Ordering::Relaxed);
            let written = all(writers).await;
            looked?;
            listener?.prove().await?;
            written?;
        }
    }
    Ok(())
}

/// Notes which of the records that are about to end still live.
async fn look(store: &Handle, journal: &Journal) -> CaseResult {
    for selector in journal.under_way() {
        let asked = journal.next();
        if store.find(selector).await?.is_some_and(|found| found.revoked.is_none()) {
            journal.lives(selector, asked);
        }
    }
    Ok(())
}

/// A report counts only if every `find` after it sees that the record ended: earlier, a cache would read the record once
/// more and keep it. A report that comes too early must come again.
async fn what_is_heard_is_seen_by_every_find(case: CaseContext) -> CaseResult {
    let (here, there) = case.pair().await?;
    let journal = Journal::default();
    let mut seen = Seen {
        listener: Listener::open(&here, &journal).await?,
        stores: [here, there.clone()],
        journal: journal.clone(),
        good: HashSet::new(),
    };
    for round in 0..2 * Way::ALL.len() {
        let way = Way::ALL[round / 2];
        let doomed = Arc::new(Doomed::put(&there, &format!("user {round}"), way, case.rng()).await?);
        seen.listener.prove().await?;
        let (ending, store, noted) = (Arc::clone(&doomed), there.clone(), journal.clone());
        let writer = tokio::spawn(async move { ending.end(&store, &noted).await });
        let (mut kept, mut proved) = (true, 0);
        while !writer.is_finished() {
            kept &= seen.turn(&doomed).await? != Turn::Lost;
            yield_now().await;
        }
        writer.await.map_err(|error| Stop::Harness(error.to_string()))??;
        let since = journal.next();
        while kept && proved < since {
            match seen.turn(&doomed).await? {
                Turn::Proved(until) => proved = until,
                turn => kept &= turn != Turn::Lost,
            }
            yield_now().await;
        }
        let good = |selector: &Selector| seen.good.contains(selector);
        let said = format_args!("{way:?} was announced before every find saw it, and not again");
        hold(S19, !kept || doomed.selectors().iter().all(good), said)?;
    }
    Ok(())
}

struct Seen {
    listener: Listener,
    stores: [Handle; 2],
    journal: Journal,
    /// The records that were reported, and had then ended.
    good: HashSet<Selector>,
}

impl Seen {
    /// Takes a turn, and looks for the records that it reported.
    async fn turn(&mut self, doomed: &Doomed) -> CaseResult<Turn> {
        let before = self.journal.next();
        let turn = self.listener.turn().await?;
        for selector in doomed.selectors() {
            if self.listener.reported(selector) < before {
                continue;
            }
            let mut has_ended = true;
            for store in &self.stores {
                has_ended &= store.find(selector).await?.is_none_or(|found| found.revoked.is_some());
            }
            if has_ended {
                self.good.insert(selector);
            }
        }
        Ok(turn)
    }
}
