//! Writes the results into a page, between two marks, so that the page shows exactly what a run measured.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::report::{Cell, Fact, Report, systems};

const BEGIN: &str = "<!-- figures -->\n";
const END: &str = "<!-- end of figures -->\n";

/// Replaces the text between the marks of `file`. `plots` is the folder of the drawings, as the page links it.
pub(crate) fn write(report: &Report, file: &Path, plots: Option<&str>) -> Result<(), String> {
    let failed = |error| format!("{}: {error}", file.display());
    let page = fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
    let (Some(begin), Some(end)) = (page.find(BEGIN), page.find(END)) else {
        return Err(failed(format!("the marks {} and {} are missing", BEGIN.trim(), END.trim())));
    };
    let (head, tail) = (&page[..begin + BEGIN.len()], &page[end..]);
    fs::write(file, format!("{head}{}\n{tail}", figures(report, plots)))
        .map_err(|error| failed(error.to_string()))
}

fn figures(report: &Report, plots: Option<&str>) -> String {
    let mut text = String::new();
    let mut last = "";
    for cells in report.figures() {
        let Cell { area, operation, .. } = cells[0];
        if last != area {
            last = area;
            _ = write!(text, "\n## {area}\n");
        }
        _ = write!(text, "\n### {area}: {operation}\n\n");
        let grown = cells.iter().any(|cell| cell.rows.is_some());
        text.push_str(&if grown { growth(&cells) } else { table(report, &cells) });
        if let Some(folder) = plots {
            let name = format!("{area}-{operation}").replace(' ', "-");
            let name = if grown { format!("{name}-growth") } else { name };
            if Path::new(folder).join(format!("{name}.svg")).exists() {
                let folder = Path::new(folder).file_name().unwrap_or_default().to_string_lossy();
                _ = write!(text, "\n![{area}: {operation}]({folder}/{name}.svg)\n");
            }
        }
    }
    let sizes =
        report.sizes.iter().map(|(_, system, what, bytes)| format!("| {system} | {what} | {bytes:.0} |\n"));
    let sizes: String = sizes.collect();
    if !sizes.is_empty() {
        _ = write!(text, "\n### Bytes\n\n| system | of | bytes |\n| --- | --- | --- |\n{sizes}");
    }
    let facts: String = report.facts.iter().map(fact).collect();
    if !facts.is_empty() {
        _ = write!(
            text,
            "\n## The near cache: goals\n\nMissed goals are bold.\n\n| what | goal | measured (the rounds) |\n| --- | --- | --- |\n{facts}"
        );
    }
    for (area, system, reason) in &report.missing {
        _ = write!(text, "\nMissing: {system} ({area}): {reason}\n");
    }
    text
}

fn fact(fact: &Fact) -> String {
    let mark = if fact.is_met() { "" } else { "**" };
    format!("| {} | {} | {mark}{}{mark} |\n", fact.what, fact.goal(), fact.measured())
}

/// A row for each system, with the rates by number of tasks, and the latencies at the largest number.
fn table(report: &Report, cells: &[&Cell]) -> String {
    let mut tasks: Vec<usize> = cells.iter().map(|cell| cell.tasks).collect();
    tasks.sort_unstable();
    tasks.dedup();
    let most = tasks.last().copied().unwrap_or(1);
    let heads: String = tasks.iter().map(|tasks| format!(" per second from {tasks} |")).collect();
    let ratios: String = tasks.iter().map(|tasks| format!(" `hallpass` to it from {tasks} |")).collect();
    let rules = " --- |".repeat(tasks.len() * 2 + 3);
    let mut text = format!("| system |{heads} p50 µs from {most} | p99 | p999 |{ratios}\n| --- |{rules}\n");
    for system in systems(cells) {
        let find = |tasks| cells.iter().find(|cell| cell.system == system && cell.tasks == tasks);
        let rates: String = tasks
            .iter()
            .map(|tasks| find(*tasks).map_or(" - |".into(), |cell| format!(" {} |", grouped(cell.rate()))))
            .collect();
        let latency = |quantile| {
            let known = find(most).and_then(|cell| cell.latency(quantile));
            known.map_or("-".to_owned(), |micros| format!("{micros:.1}"))
        };
        let ratios: String =
            tasks.iter().map(|tasks| format!(" {} |", ratio(report, cells[0], *tasks, system))).collect();
        let (p50, p99, p999) = (latency(0.5), latency(0.99), latency(0.999));
        _ = writeln!(text, "| {system} |{rates} {p50} | {p99} | {p999} |{ratios}");
    }
    text
}

/// The ratio of our first system to this one.
fn ratio(report: &Report, first: &Cell, tasks: usize, system: &str) -> String {
    let name = format!("{} {} from {tasks}: {} to {system}", first.area, first.operation, first.system);
    let found = report.ratios.iter().find(|ratio| ratio.name == name);
    found.map_or("-".to_owned(), |of| format!("{:.2} ({:.2} to {:.2})", of.median, of.min, of.max))
}

fn growth(cells: &[&Cell]) -> String {
    let mut text =
        "| system | rows | tasks | per second | p50 µs | p99 |\n| --- | --- | --- | --- | --- | --- |\n"
            .to_owned();
    for cell in cells {
        let latency =
            |quantile| cell.latency(quantile).map_or("-".to_owned(), |micros| format!("{micros:.1}"));
        let (rows, rate) = (cell.rows.unwrap_or_default(), grouped(cell.rate()));
        let (p50, p99) = (latency(0.5), latency(0.99));
        _ = writeln!(text, "| {} | {rows} | {} | {rate} | {p50} | {p99} |", cell.system, cell.tasks);
    }
    text
}

/// A rate with thousands separators.
pub(crate) fn grouped(rate: f64) -> String {
    let digits = format!("{rate:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
