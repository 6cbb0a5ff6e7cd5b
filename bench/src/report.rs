//! The table on the terminal.

use crate::rounds::Row;

/// Prints the heading of an area.
pub(crate) fn heading(area: &str) {
    println!("\n{area}");
    println!(
        "  {:<26} {:<16} {:>5} {:>12} {:>10} {:>10}",
        "system", "operation", "tasks", "ops/s", "p50 µs", "p99 µs"
    );
}

/// Prints a line for each row.
pub(crate) fn table(rows: &[Row]) {
    for row in rows {
        println!(
            "  {:<26} {:<16} {:>5} {:>12.0} {:>10.2} {:>10.2}",
            row.system,
            row.operation,
            row.tasks,
            row.rate(),
            row.latency(0.5),
            row.latency(0.99),
        );
    }
}

/// Prints how the rate of one row compares with another's.
pub(crate) fn ratio(name: &str, row: &Row, to: &Row) {
    let (median, least, greatest) = row.ratio(to);
    println!("  {name}: {median:.2} ({least:.2} to {greatest:.2} over the rounds)");
}
