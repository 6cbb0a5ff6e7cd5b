//! Systems take turns (A B A B …), so that other load on the machine affects all of them alike. Ratios are computed
//! within each round.

use std::time::Duration;

use hallpass_bench_load::{Offer, Turn};

use crate::options::Options;
use crate::report::{Cell, Ratio, Report};

/// The prefix of our systems' names.
const OURS: &str = "hallpass";

/// Measures every operation of an area, from every number of tasks, with all systems that offer it.
pub(crate) fn area(report: &mut Report, area: &str, offers: Vec<Offer<'_>>, options: &Options) {
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
        if options.measures(&offer.operation) && !operations.contains(&offer.operation) {
            operations.push(offer.operation.clone());
        }
    }
    for operation in operations {
        for tasks in levels(&offers, &operation, options) {
            let takes_part = |offer: &&mut Offer<'_>| {
                offer.operation == operation && (offer.tasks.is_empty() || offer.tasks.contains(&tasks))
            };
            let contenders: Vec<_> = offers.iter_mut().filter(takes_part).collect();
            figure(report, area, (tasks, rows), contenders, options);
        }
    }
}

/// The numbers of tasks from which to measure an operation.
fn levels(offers: &[Offer<'_>], operation: &str, options: &Options) -> Vec<usize> {
    let mut levels = Vec::new();
    for offer in offers.iter().filter(|offer| offer.operation == operation) {
        levels.extend(if offer.tasks.is_empty() { &options.tasks } else { &offer.tasks });
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
            let what = format!("{} {} from {tasks}: {}", area, offer.operation, offer.system);
            report.progress(&format!("{what}, round {round} of {}", options.rounds));
            match offer.turn(tasks, if round == 0 { length / 4 } else { length }) {
                Ok(turn) if turn.operations == 0 => {
                    report.missing(
                        area,
                        &offer.system,
                        &format!("{} from {tasks}: did nothing", offer.operation),
                    );
                    false
                }
                Ok(turn) => {
                    turns.extend((round > 0).then_some(turn));
                    true
                }
                Err(reason) => {
                    report.missing(
                        area,
                        &offer.system,
                        &format!("{} from {tasks}: {reason}", offer.operation),
                    );
                    false
                }
            }
        });
    }
    let cells: Vec<_> = playing
        .into_iter()
        .map(|(offer, turns)| Cell {
            area: area.to_owned(),
            system: offer.system.clone(),
            operation: offer.operation.clone(),
            tasks,
            rows,
            turns,
            allocations: offer.allocations,
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
