//! Systems take turns (A B A B …), so that other load on the machine affects all of them alike. Ratios are computed
//! within each round.

use std::time::Duration;

use hallpass_bench_load::{Offer, Turn};

use crate::options::Options;
use crate::peers::Peers;
use crate::report::{Cell, Ratio, Report};

/// The prefix of our systems' names.
const OURS: &str = "hallpass";

/// Measures every operation of an area, from every number of tasks, with all systems that offer it. The peers fill their
/// stores at `server` with this number of rows.
pub(crate) fn area(
    report: &mut Report,
    area: &str,
    mut offers: Vec<Offer<'static>>,
    (server, rows): (&str, usize),
    options: &Options,
) {
    let peers = Peers::start(report, area, server, rows);
    if let Some(peers) = &peers {
        offers.extend(peers.offers());
    }
    report.heading(area);
    grown(report, area, None, offers, options);
}

/// Measures an area at one of several numbers of rows.
pub(crate) fn grown(
    report: &mut Report,
    area: &str,
    rows: Option<usize>,
    mut offers: Vec<Offer<'_>>,
    options: &Options,
) {
    let mut operations: Vec<String> = Vec::new();
    for offer in &offers {
        if options.measures(&offer.of.operation) && !operations.contains(&offer.of.operation) {
            operations.push(offer.of.operation.clone());
        }
    }
    for operation in operations {
        for tasks in levels(&offers, &operation, options) {
            let takes_part = |offer: &&mut Offer<'_>| {
                offer.of.operation == operation
                    && (offer.of.tasks.is_empty() || offer.of.tasks.contains(&tasks))
            };
            let contenders: Vec<_> = offers.iter_mut().filter(takes_part).collect();
            figure(report, area, (tasks, rows), contenders, options);
        }
    }
}

/// The numbers of tasks from which to measure an operation.
fn levels(offers: &[Offer<'_>], operation: &str, options: &Options) -> Vec<usize> {
    let mut levels = Vec::new();
    for offer in offers.iter().filter(|offer| offer.of.operation == operation) {
        levels.extend(if offer.of.tasks.is_empty() { &options.tasks } else { &offer.of.tasks });
    }
    levels.sort_unstable();
    levels.dedup();
    levels
}

fn figure(
    report: &mut Report,
    area: &str,
    (tasks, rows): (usize, Option<usize>),
    contenders: Vec<&mut Offer<'_>>,
    options: &Options,
) {
    let length = Duration::from_secs_f64(options.seconds / options.rounds as f64);
    let mut playing: Vec<_> = contenders.into_iter().map(|offer| (offer, Vec::<Turn>::new())).collect();
    // Round 0 is the warm-up.
    for round in 0..=options.rounds {
        playing.retain_mut(|(offer, turns)| {
            let what = format!("{} {} from {tasks}: {}", area, offer.of.operation, offer.of.system);
            report.progress(&format!("{what}, round {round} of {}", options.rounds));
            match offer.turn(tasks, if round == 0 { length / 4 } else { length }) {
                Ok(turn) if turn.operations > 0 => {
                    turns.extend((round > 0).then_some(turn));
                    true
                }
                failed => {
                    let reason = failed.err().unwrap_or_else(|| "did nothing".to_owned());
                    let reason = format!("{} from {tasks}: {reason}", offer.of.operation);
                    report.missing(area, &offer.of.system, &reason);
                    false
                }
            }
        });
    }
    let cells: Vec<_> = playing
        .into_iter()
        .map(|(offer, turns)| Cell {
            area: area.to_owned(),
            system: offer.of.system.clone(),
            operation: offer.of.operation.clone(),
            tasks,
            rows,
            turns,
            allocations: offer.of.allocations,
        })
        .collect();
    let ours = |cell: &&Cell| cell.system.starts_with(OURS);
    let mut ratios = Vec::new();
    for mine in cells.iter().filter(ours) {
        let peers = cells.iter().filter(|cell| !ours(cell));
        ratios.push((mine.system.clone(), peers.map(|theirs| Ratio::of(mine, theirs)).collect()));
    }
    for cell in cells {
        report.cell(cell);
    }
    for (mine, ratios) in ratios {
        report.ratios(&mine, ratios);
    }
}
