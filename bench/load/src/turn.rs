//! What one system did in one turn.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// A minute, the longest latency told apart, in nanoseconds.
const LONGEST: u64 = 60_000_000_000;

/// What one system did in one turn.
#[derive(Clone, Debug)]
pub struct Turn {
    /// How many operations were done.
    pub operations: u64,
    /// How long they took together.
    pub elapsed: Duration,
    /// Nanoseconds of single operations, or of batches of them where one is too short to time; empty where
    /// a program reports none.
    latencies: Histogram<u64>,
}

impl Turn {
    /// Nothing done yet.
    #[must_use]
    pub fn new() -> Self {
        let latencies = match Histogram::new_with_max(LONGEST, 3) {
            Ok(histogram) => histogram,
            Err(error) => unreachable!("a minute is a valid bound: {error}"),
        };
        Self { operations: 0, elapsed: Duration::ZERO, latencies }
    }

    /// What another program counted for itself.
    #[must_use]
    pub fn reported(operations: u64, elapsed: Duration) -> Self {
        Self { operations, elapsed, ..Self::new() }
    }

    /// Times `work`, which is `operations` operations, again and again until `length` is over.
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

    /// Notes one operation, begun at `before`, of a turn that began at `start`.
    pub fn note(&mut self, start: Instant, before: Instant) {
        let now = Instant::now();
        self.operations += 1;
        self.elapsed = now - start;
        self.record(now - before, 1);
    }

    /// Notes a latency that was met `count` times.
    pub fn record(&mut self, latency: Duration, count: u64) {
        self.latencies.saturating_record_n(u64::try_from(latency.as_nanos()).unwrap_or(LONGEST), count);
    }

    /// Adds what another task did at the same time.
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

    /// A percentile in microseconds, where latencies are known.
    #[must_use]
    pub fn latency(&self, quantile: f64) -> Option<f64> {
        (!self.latencies.is_empty()).then(|| self.latencies.value_at_quantile(quantile) as f64 / 1_000.0)
    }

    /// Each latency that was met, in nanoseconds, and how often.
    pub fn latencies(&self) -> impl Iterator<Item = (u64, u64)> {
        self.latencies.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value()))
    }
}

impl Default for Turn {
    fn default() -> Self {
        Self::new()
    }
}
