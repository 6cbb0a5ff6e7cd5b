//! The results of one system in one turn.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// The longest latency that is recorded exactly, in nanoseconds: a minute.
const LONGEST: u64 = 60_000_000_000;

/// The results of one system in one turn.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Sent", into = "Sent")]
pub struct Turn {
    /// The number of operations.
    pub operations: u64,
    /// The time that they took together.
    pub elapsed: Duration,
    /// Latencies in nanoseconds of single operations, or of batches if one is too short to time. Empty if a program
    /// reports none.
    latencies: Histogram<u64>,
}

impl Turn {
    /// Creates an empty turn.
    #[must_use]
    pub fn new() -> Self {
        let latencies = match Histogram::new_with_max(LONGEST, 3) {
            Ok(histogram) => histogram,
            Err(error) => unreachable!("a minute is a valid bound: {error}"),
        };
        Self { operations: 0, elapsed: Duration::ZERO, latencies }
    }

    /// Creates a turn from the figures of another program.
    #[must_use]
    pub fn reported(operations: u64, elapsed: Duration) -> Self {
        Self { operations, elapsed, ..Self::new() }
    }

    /// Runs `work`, which does `operations` operations, repeatedly until `length` is over, and times it.
    #[must_use]
    pub fn repeat(length: Duration, operations: u64, mut work: impl FnMut()) -> Self {
        let mut turn = Self::new();
        let start = Instant::now();
        while turn.elapsed < length {
            let before = turn.elapsed;
            work();
            turn.elapsed = start.elapsed();
            turn.operations += operations;
            turn.record((turn.elapsed - before) / u32::try_from(operations).unwrap_or(u32::MAX), 1);
        }
        turn
    }

    /// Records one operation that began at `before`, in a turn that began at `start`.
    pub fn note(&mut self, start: Instant, before: Instant) {
        let now = Instant::now();
        self.operations += 1;
        self.elapsed = now - start;
        self.record(now - before, 1);
    }

    /// Records a latency that occurred `count` times.
    pub fn record(&mut self, latency: Duration, count: u64) {
        self.latencies.saturating_record_n(u64::try_from(latency.as_nanos()).unwrap_or(LONGEST), count);
    }

    /// Adds the results of a task that ran at the same time.
    pub fn join(&mut self, other: &Self) {
        self.operations += other.operations;
        self.elapsed = self.elapsed.max(other.elapsed);
        for (nanos, count) in other.latencies() {
            self.latencies.saturating_record_n(nanos, count);
        }
    }

    /// Operations per second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.operations as f64 / self.elapsed.as_secs_f64()
    }

    /// A percentile in microseconds, if latencies are known.
    #[must_use]
    pub fn latency(&self, quantile: f64) -> Option<f64> {
        (!self.latencies.is_empty()).then(|| self.latencies.value_at_quantile(quantile) as f64 / 1_000.0)
    }

    /// Each recorded latency in nanoseconds, with the number of times it occurred.
    pub fn latencies(&self) -> impl Iterator<Item = (u64, u64)> {
        self.latencies.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value()))
    }
}

/// A turn as it is sent to the other process: operations, time, and how often each latency in nanoseconds occurred.
#[derive(Serialize, Deserialize)]
struct Sent(u64, Duration, Vec<(u64, u64)>);

impl From<Turn> for Sent {
    fn from(turn: Turn) -> Self {
        Self(turn.operations, turn.elapsed, turn.latencies().collect())
    }
}

impl From<Sent> for Turn {
    fn from(Sent(operations, elapsed, latencies): Sent) -> Self {
        let mut turn = Self::reported(operations, elapsed);
        latencies.iter().for_each(|(nanos, count)| turn.record(Duration::from_nanos(*nanos), *count));
        turn
    }
}

impl Default for Turn {
    fn default() -> Self {
        Self::new()
    }
}
