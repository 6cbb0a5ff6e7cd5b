//! Contenders take turns (A B A B …), so that whatever else the machine does hits all alike; what is
//! reported is the ratio within a round, with its spread over the rounds.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// What one contender did in one turn.
pub(crate) struct Turn {
    operations: u64,
    elapsed: Duration,
    /// Nanoseconds of single operations, or of batches of them where one is too short to time.
    latencies: Histogram<u64>,
}

impl Turn {
    pub(crate) fn new() -> Self {
        Self {
            operations: 0,
            elapsed: Duration::ZERO,
            latencies: Histogram::new_with_max(60_000_000_000, 3).unwrap(),
        }
    }

    /// Times `work`, which is `operations` operations, again and again until `length` is over.
    pub(crate) fn repeat(length: Duration, operations: u64, mut work: impl FnMut()) -> Self {
        let mut turn = Self::new();
        let start = Instant::now();
        while turn.elapsed < length {
            let before = turn.elapsed;
            work();
            turn.elapsed = start.elapsed();
            turn.operations += operations;
            turn.latencies.saturating_record((turn.elapsed - before).as_nanos() as u64 / operations);
        }
        turn
    }

    /// Adds what another task did at the same time.
    pub(crate) fn join(&mut self, other: &Self) {
        self.operations += other.operations;
        self.elapsed = self.elapsed.max(other.elapsed);
        self.latencies.add(&other.latencies).unwrap();
    }

    /// Notes one operation of a turn that began at `start`.
    pub(crate) fn note(&mut self, start: Instant, before: Instant) {
        let now = Instant::now();
        self.operations += 1;
        self.elapsed = now - start;
        self.latencies.saturating_record((now - before).as_nanos() as u64);
    }

    fn rate(&self) -> f64 {
        self.operations as f64 / self.elapsed.as_secs_f64()
    }
}

/// One system doing one operation.
pub(crate) struct Contender<'a> {
    pub(crate) system: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) tasks: usize,
    pub(crate) turn: Box<dyn FnMut(Duration) -> Turn + 'a>,
}

/// What one contender did over all rounds.
pub(crate) struct Row {
    pub(crate) system: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) tasks: usize,
    turns: Vec<Turn>,
}

/// Lets every contender warm up once and then take `rounds` turns of `length`.
pub(crate) fn run(mut contenders: Vec<Contender<'_>>, rounds: usize, length: Duration) -> Vec<Row> {
    let mut rows: Vec<Row> = contenders
        .iter()
        .map(|of| Row { system: of.system, operation: of.operation, tasks: of.tasks, turns: Vec::new() })
        .collect();
    for contender in &mut contenders {
        (contender.turn)(length / 4);
    }
    for round in 1..=rounds {
        eprint!("\r  round {round} of {rounds} ");
        for (contender, row) in contenders.iter_mut().zip(&mut rows) {
            row.turns.push((contender.turn)(length));
        }
    }
    eprint!("\r                      \r");
    rows
}

impl Row {
    /// Operations per second, median over the rounds.
    pub(crate) fn rate(&self) -> f64 {
        median(self.turns.iter().map(Turn::rate).collect())
    }

    /// A percentile over all rounds, in microseconds.
    pub(crate) fn latency(&self, percentile: f64) -> f64 {
        let mut all = Turn::new();
        for turn in &self.turns {
            all.join(turn);
        }
        all.latencies.value_at_quantile(percentile) as f64 / 1_000.0
    }

    /// Its rate over the other's within each round: median, least, greatest.
    pub(crate) fn ratio(&self, to: &Self) -> (f64, f64, f64) {
        let ratios: Vec<f64> =
            self.turns.iter().zip(&to.turns).map(|(mine, theirs)| mine.rate() / theirs.rate()).collect();
        let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = ratios.iter().copied().fold(0.0, f64::max);
        (median(ratios), least, greatest)
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
