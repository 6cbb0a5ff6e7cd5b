//! The calls made to the store and their results, for the reader of a violation.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hallpass_core::StoreError;

use crate::coverage::{Asked, Coverage, Edges, Known};
use crate::secrets::Secrets;
use hallpass_core::error_chain;

/// How many calls are kept.
const KEPT: usize = 400;
/// How many calls a violation shows.
const SHOWN: usize = 30;

/// The calls of one case. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct History(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    started: Instant,
    calls: Mutex<Calls>,
    coverage: Arc<Coverage>,
    known: Mutex<Known>,
    secrets: Mutex<Secrets>,
}

#[derive(Debug, Default)]
pub(crate) struct Calls {
    /// How many calls were made before the first one kept.
    forgotten: usize,
    kept: VecDeque<Entry>,
}

#[derive(Debug)]
struct Entry {
    node: usize,
    what: String,
    began: Duration,
    ended: Option<(Duration, String)>,
    /// Whether the store returned a result, and not an error.
    good: bool,
}

/// A call under way. Dropping it without an end records it as cancelled.
#[derive(Debug)]
pub(crate) struct Call {
    history: History,
    number: usize,
    open: bool,
}

impl History {
    pub(crate) fn new(coverage: Arc<Coverage>) -> Self {
        Self(Arc::new(Inner {
            started: now(),
            calls: Mutex::default(),
            coverage,
            known: Mutex::default(),
            secrets: Mutex::default(),
        }))
    }

    /// How long the case has been running.
    pub(crate) fn elapsed(&self) -> Duration {
        now() - self.0.started
    }

    pub(crate) fn begin(&self, node: usize, what: String) -> Call {
        let began = self.elapsed();
        let mut calls = self.calls();
        if calls.kept.len() == KEPT {
            calls.kept.pop_front();
            calls.forgotten += 1;
        }
        calls.kept.push_back(Entry { node, what, began, ended: None, good: false });
        Call { history: self.clone(), number: calls.forgotten + calls.kept.len() - 1, open: true }
    }

    /// Takes the calls recorded so far.
    pub(crate) fn take(&self) -> Calls {
        *self.known() = Known::default();
        std::mem::take(&mut self.calls())
    }

    /// Reads a text that the store has printed: an error, or its `Debug` output.
    pub(crate) fn hear(&self, what: &str, said: &str) {
        self.secrets().hear(what, said);
    }

    /// Reads the error of a call.
    pub(crate) fn hear_error(&self, what: &str, error: &StoreError) {
        self.hear(&format!("the error of `{what}`"), &format!("{error:?} {}", error_chain(error)));
    }

    /// The first text of the store that showed what a record contains (S18).
    pub(crate) fn shown(&self) -> Option<String> {
        self.secrets().shown().cloned()
    }

    fn secrets(&self) -> MutexGuard<'_, Secrets> {
        self.0.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the edges that a call visits.
    pub(crate) fn visit<'a>(&'a self, asked: Asked<'a>, node: usize) -> Visit<'a> {
        if let Asked::Insert(record, _) | Asked::Replace(record, ..) = asked {
            self.secrets().keep(&record.body);
        }
        let edges = self.known().begin(asked, node);
        self.0.coverage.count(asked.operation(), edges);
        Visit { history: self, asked, node, open: true }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the recorded calls by `story`.
    pub(crate) fn put(&self, story: Calls) {
        *self.calls() = story;
    }

    /// How many calls were made.
    pub(crate) fn len(&self) -> usize {
        let calls = self.calls();
        calls.forgotten + calls.kept.len()
    }

    /// Whether the only call ever begun is `what`.
    pub(crate) fn is_only(&self, what: &str) -> bool {
        let calls = self.calls();
        calls.forgotten == 0 && calls.kept.iter().all(|entry| entry.what == what)
    }

    /// Whether the last call begun is `what`, and it has not ended well.
    pub(crate) fn is_stuck_in(&self, what: &str) -> bool {
        let calls = self.calls();
        let unwell = |entry: &&Entry| {
            entry.ended.as_ref().is_none_or(|(_, how)| [PANICKED, DROPPED].contains(&how.as_str()))
        };
        calls.kept.iter().rev().find(unwell).is_some_and(|entry| entry.what == what)
    }

    /// The durations of the calls that returned.
    pub(crate) fn answered(&self) -> Vec<Duration> {
        let took = |entry: &Entry| match &entry.ended {
            Some((ended, _)) if entry.good => Some(*ended - entry.began),
            _ => None,
        };
        self.calls().kept.iter().filter_map(took).collect()
    }

    /// Whether a call took at least `long`, was dropped after that time, or is still under way.
    pub(crate) fn hangs(&self, long: Duration) -> bool {
        let now = self.elapsed();
        let took = |entry: &Entry| entry.ended.as_ref().map_or(now, |(ended, _)| *ended) - entry.began;
        self.calls().kept.iter().any(|entry| took(entry) >= long)
    }

    /// The last calls, one line each: start time, handle, call, result, duration.
    pub(crate) fn text(&self) -> String {
        let calls = self.calls();
        let skip = calls.kept.len().saturating_sub(SHOWN);
        let mut text = String::new();
        if calls.forgotten + skip > 0 {
            let _ = writeln!(text, "  … {} calls before", calls.forgotten + skip);
        }
        for Entry { node, what, began, ended, .. } in calls.kept.iter().skip(skip) {
            let ended = ended.as_ref().map(|(ended, how)| (*ended, how.as_str()));
            text.push_str(&line(*began, *node, what, ended));
        }
        text
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.0.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Formats one call: start time, handle, call, result, duration.
pub(crate) fn line(began: Duration, node: usize, what: &str, ended: Option<(Duration, &str)>) -> String {
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    let how = match ended {
        Some((ended, how)) => format!("{how} ({:.3} ms)", millis(ended - began)),
        None => "still under way".to_owned(),
    };
    format!("  {:>9.3} ms  handle {node}  {what} → {how}\n", millis(began))
}

/// A call under way, as the coverage sees it.
pub(crate) struct Visit<'a> {
    history: &'a History,
    asked: Asked<'a>,
    node: usize,
    open: bool,
}

impl Visit<'_> {
    /// Records the end of the call; `wrote` says whether it changed something.
    pub(crate) fn end(mut self, wrote: bool, fault: bool) {
        self.open = false;
        self.history.known().end(self.asked, self.node, wrote);
        if fault {
            self.history.0.coverage.count(self.asked.operation(), Edges::fault());
        }
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        if self.open {
            self.history.known().end(self.asked, self.node, false);
            self.history.0.coverage.count(self.asked.operation(), Edges::dropped());
        }
    }
}

const PANICKED: &str = "panicked";
const DROPPED: &str = "dropped";

impl Call {
    pub(crate) fn end(mut self, how: String) {
        self.close(how, false);
    }

    /// Ends the call with the result `how`.
    pub(crate) fn answer(mut self, how: String) {
        self.close(how, true);
    }

    fn close(&mut self, how: String, good: bool) {
        self.open = false;
        let ended = self.history.elapsed();
        let mut calls = self.history.calls();
        let at = self.number.checked_sub(calls.forgotten);
        if let Some(entry) = at.and_then(|at| calls.kept.get_mut(at)) {
            (entry.ended, entry.good) = (Some((ended, how)), good);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if self.open {
            let how = if std::thread::panicking() { PANICKED } else { DROPPED };
            self.close(how.to_owned(), false);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "measures how calls overlap; no promise hangs on it")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
