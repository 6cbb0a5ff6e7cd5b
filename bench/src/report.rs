//! The results: shown as tables during the run, written as JSON at the end.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::time::Instant;

use hallpass_bench_load::Turn;
use serde_json::{Value, json};

/// The results of one system at one operation, from one number of tasks.
pub(crate) struct Cell {
    pub(crate) area: String,
    pub(crate) system: String,
    pub(crate) operation: String,
    pub(crate) tasks: usize,
    /// The number of rows in its store, if that is varied.
    pub(crate) rows: Option<usize>,
    pub(crate) turns: Vec<Turn>,
    /// How often one operation allocates memory, if that was counted.
    pub(crate) allocations: Option<f64>,
}

impl Cell {
    /// Operations per second: the median over the rounds.
    pub(crate) fn rate(&self) -> f64 {
        median(self.turns.iter().map(Turn::rate).collect())
    }

    /// A percentile over all rounds, in microseconds.
    pub(crate) fn latency(&self, quantile: f64) -> Option<f64> {
        let mut all = Turn::new();
        for turn in &self.turns {
            all.join(turn);
        }
        all.latency(quantile)
    }
}

/// How many times as fast one system is as another, in each round.
pub(crate) struct Ratio {
    pub(crate) name: String,
    /// The system that ours is compared with.
    theirs: String,
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Ratio {
    pub(crate) fn of(mine: &Cell, theirs: &Cell) -> Self {
        let rounds = mine.turns.iter().zip(&theirs.turns);
        let ratios: Vec<f64> = rounds.map(|(mine, theirs)| mine.rate() / theirs.rate()).collect();
        Self {
            name: format!(
                "{} {} from {}: {} to {}",
                mine.area, mine.operation, mine.tasks, mine.system, theirs.system
            ),
            theirs: theirs.system.clone(),
            min: ratios.iter().copied().fold(f64::INFINITY, f64::min),
            max: ratios.iter().copied().fold(0.0, f64::max),
            median: median(ratios),
        }
    }
}

/// A figure for which the tables have no column, with the goal that was set for it.
pub(crate) struct Fact {
    pub(crate) what: String,
    pub(crate) goal: Option<Goal>,
    pub(crate) unit: &'static str,
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

#[derive(Clone, Copy)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Fact {
    /// A figure that was measured in each of these rounds.
    pub(crate) fn of(
        what: impl Into<String>,
        goal: Option<Goal>,
        unit: &'static str,
        rounds: Vec<f64>,
    ) -> Self {
        let min = rounds.iter().copied().fold(f64::INFINITY, f64::min);
        let max = rounds.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Self { what: what.into(), goal, unit, median: median(rounds), min, max }
    }

    pub(crate) fn is_met(&self) -> bool {
        match self.goal {
            None => true,
            Some(Goal::AtLeast(least)) => self.median >= least,
            Some(Goal::AtMost(most)) => self.median <= most,
        }
    }

    pub(crate) fn goal(&self) -> String {
        match self.goal {
            None => "-".to_owned(),
            Some(Goal::AtLeast(least)) => format!("at least {least} {}", self.unit),
            Some(Goal::AtMost(most)) => format!("at most {most} {}", self.unit),
        }
    }

    /// The median, and the range over the rounds if there are several.
    pub(crate) fn measured(&self) -> String {
        let Self { median, min, max, unit, .. } = self;
        if min == max {
            return format!("{median:.2} {unit}");
        }
        format!("{median:.2} {unit} ({min:.2} to {max:.2})")
    }
}

/// Everything that was measured in this run, and everything that is missing.
pub(crate) struct Report {
    began: Instant,
    pub(crate) cells: Vec<Cell>,
    pub(crate) ratios: Vec<Ratio>,
    /// Area, system, reason.
    pub(crate) missing: Vec<(String, String, String)>,
    /// Area, system, subject, number of bytes.
    pub(crate) sizes: Vec<(String, String, String, f64)>,
    pub(crate) facts: Vec<Fact>,
}

impl Report {
    pub(crate) fn new() -> Self {
        let (cells, ratios, missing, sizes, facts) = Default::default();
        Self { began: Instant::now(), cells, ratios, missing, sizes, facts }
    }

    /// The cells of each operation of each area, in the order in which they were measured.
    pub(crate) fn figures(&self) -> Vec<Vec<&Cell>> {
        let mut figures: Vec<Vec<&Cell>> = Vec::new();
        for cell in &self.cells {
            let same = |of: &&mut Vec<&Cell>| of[0].area == cell.area && of[0].operation == cell.operation;
            match figures.iter_mut().find(same) {
                Some(figure) => figure.push(cell),
                None => figures.push(vec![cell]),
            }
        }
        figures
    }

    /// Overwrites the progress line on the terminal.
    pub(crate) fn progress(&self, what: &str) {
        if io::stderr().is_terminal() {
            let seconds = self.began.elapsed().as_secs();
            eprint!("\r\x1b[K  {}:{:02} {what}", seconds / 60, seconds % 60);
        }
    }

    pub(crate) fn heading(&self, area: &str) {
        clear();
        println!("\n{area}");
        println!(
            "  {:<34} {:<8} {:>5} {:>12} {:>10} {:>10} {:>10}",
            "system", "what", "tasks", "per second", "p50 µs", "p99 µs", "p999 µs"
        );
    }

    pub(crate) fn cell(&mut self, cell: Cell) {
        let shown = |quantile| cell.latency(quantile).map_or("-".to_owned(), |micros| format!("{micros:.2}"));
        let rows = cell.rows.map_or(String::new(), |rows| format!("  {rows} rows"));
        let allocations = cell.allocations.map_or(String::new(), |count| format!("  {count:.1} allocations"));
        clear();
        println!(
            "  {:<34} {:<8} {:>5} {:>12.0} {:>10} {:>10} {:>10}{rows}{allocations}",
            cell.system,
            cell.operation,
            cell.tasks,
            cell.rate(),
            shown(0.5),
            shown(0.99),
            shown(0.999),
        );
        self.cells.push(cell);
    }

    /// Records how a system of ours compares with each peer.
    pub(crate) fn ratios(&mut self, mine: &str, ratios: Vec<Ratio>) {
        let shown: Vec<String> = ratios
            .iter()
            .map(|of| format!("{:.2} × {} ({:.2} to {:.2})", of.median, of.theirs, of.min, of.max))
            .collect();
        if !shown.is_empty() {
            println!("    {mine}: {}", shown.join(", "));
        }
        self.ratios.extend(ratios);
    }

    pub(crate) fn size(&mut self, area: &str, system: &str, what: &str, bytes: f64) {
        clear();
        println!("  {system:<34} {what}: {bytes:.0} bytes");
        self.sizes.push((area.to_owned(), system.to_owned(), what.to_owned(), bytes));
    }

    pub(crate) fn fact(&mut self, fact: Fact) {
        let goal = fact.goal.map_or(String::new(), |_| format!("; the goal: {}", fact.goal()));
        let missed = if fact.is_met() { "" } else { ", MISSED" };
        self.note(&format!("{}: {}{goal}{missed}", fact.what, fact.measured()));
        self.facts.push(fact);
    }

    /// Prints a result for which the tables have no column.
    pub(crate) fn note(&self, text: &str) {
        clear();
        println!("    {text}");
    }

    /// Records a system that could not be measured.
    pub(crate) fn missing(&mut self, area: &str, system: &str, reason: &str) {
        clear();
        println!("  missing: {system} ({area}): {reason}");
        self.missing.push((area.to_owned(), system.to_owned(), reason.to_owned()));
    }

    /// Repeats what is missing, for readers who look only at the end.
    pub(crate) fn close(&self) {
        clear();
        println!();
        for (area, system, reason) in &self.missing {
            println!("missing: {system} ({area}): {reason}");
        }
        let seconds = self.began.elapsed().as_secs();
        println!("{} figures in {}:{:02} min", self.cells.len(), seconds / 60, seconds % 60);
    }

    /// Writes one JSON array: a line for each cell, ratio, size and missing system.
    pub(crate) fn write_json(&self, file: &Path) -> Result<(), String> {
        let mut lines: Vec<Value> = self.cells.iter().map(as_json).collect();
        lines.extend(self.ratios.iter().map(|ratio| {
            json!({ "ratio": ratio.name, "median": rounded(ratio.median), "min": rounded(ratio.min),
                    "max": rounded(ratio.max) })
        }));
        lines.extend(self.sizes.iter().map(|(area, system, what, bytes)| {
            json!({ "area": area, "system": system, "size": what, "bytes": bytes.round() })
        }));
        lines.extend(self.facts.iter().map(|fact| {
            json!({ "fact": fact.what, "unit": fact.unit, "median": rounded(fact.median),
                    "min": rounded(fact.min), "max": rounded(fact.max), "goal": fact.goal(), "met": fact.is_met() })
        }));
        lines.extend(
            self.missing
                .iter()
                .map(|(area, system, reason)| json!({ "area": area, "missing": system, "reason": reason })),
        );
        let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
        let text = format!("[\n{}\n]\n", lines.join(",\n"));
        fs::write(file, text).map_err(|error| format!("{} cannot be written: {error}", file.display()))
    }
}

/// Every system of a figure once, in the order in which they were measured.
pub(crate) fn systems<'a>(cells: &[&'a Cell]) -> Vec<&'a str> {
    let mut systems: Vec<&str> = Vec::new();
    for cell in cells {
        if !systems.contains(&cell.system.as_str()) {
            systems.push(&cell.system);
        }
    }
    systems
}

/// Clears the progress line.
fn clear() {
    if io::stderr().is_terminal() {
        eprint!("\r\x1b[K");
    }
}

fn as_json(cell: &Cell) -> Value {
    let latency = |quantile| cell.latency(quantile).map(rounded);
    let mut line = json!({
        "area": cell.area, "system": cell.system, "op": cell.operation, "tasks": cell.tasks,
        "ops_per_s": cell.rate().round(), "p50_us": latency(0.5), "p99_us": latency(0.99),
        "p999_us": latency(0.999), "rounds": cell.turns.len(),
    });
    if let Some(rows) = cell.rows {
        line["rows"] = json!(rows);
    }
    if let Some(allocations) = cell.allocations {
        line["allocations"] = json!(rounded(allocations));
    }
    line
}

fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
