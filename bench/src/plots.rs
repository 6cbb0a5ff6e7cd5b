//! Draws the results: bars against the peers, latency over tasks, growth over rows.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::Path;

use plotters::prelude::*;

use crate::page::grouped;
use crate::report::{Cell, Report, systems};

/// Colours that are distinguishable with any colour vision (Okabe and Ito). The first two are for our systems.
const OURS: [RGBColor; 2] = [RGBColor(0, 114, 178), RGBColor(86, 180, 233)];
const THEIRS: [RGBColor; 6] = [
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(213, 94, 0),
    RGBColor(204, 121, 167),
    RGBColor(170, 160, 20),
    RGBColor(110, 110, 110),
];
const BAR: i32 = 22;
const LABEL: i32 = 270;
const WIDTH: i32 = 900;

/// Draws every figure of `report` into `folder`.
pub(crate) fn draw(report: &Report, folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
    for cells in report.figures() {
        let Cell { area, operation, .. } = cells[0];
        let name = |what: &str| folder.join(format!("{area}-{operation}{what}.svg").replace(' ', "-"));
        let drawn = if cells.iter().any(|cell| cell.rows.is_some()) {
            growth(&name("-growth"), &cells)
        } else {
            bars(&name(""), &cells).and_then(|()| latency(&name("-latency"), &cells))
        };
        drawn.map_err(|error| format!("the figure of {area} {operation} cannot be drawn: {error}"))?;
    }
    Ok(())
}

/// Rates, with one group of bars for each number of tasks.
fn bars(file: &Path, cells: &[&Cell]) -> Result<(), Box<dyn Error>> {
    let tasks: BTreeSet<usize> = cells.iter().map(|cell| cell.tasks).collect();
    let height = 50 + cells.len() as i32 * BAR + tasks.len() as i32 * 30;
    let root = SVGBackend::new(file, (WIDTH as u32, height as u32)).into_drawing_area();
    root.fill(&WHITE)?;
    let title = format!("{}: {} per second", cells[0].area, cells[0].operation);
    root.draw(&Text::new(title, (12, 12), ("sans-serif", 20)))?;
    let most = cells.iter().map(|cell| cell.rate()).fold(1.0, f64::max);
    let systems = systems(cells);
    let mut y = 44;
    for tasks in tasks {
        let heading = if tasks == 1 { "one task".to_owned() } else { format!("{tasks} tasks") };
        root.draw(&Text::new(heading, (12, y), ("sans-serif", 15).into_font().color(&RGBColor(90, 90, 90))))?;
        y += 22;
        for cell in cells.iter().filter(|cell| cell.tasks == tasks) {
            let length = (cell.rate() / most * f64::from(WIDTH - LABEL - 110)).max(1.0) as i32;
            let corners = [(LABEL, y), (LABEL + length, y + BAR - 5)];
            root.draw(&Text::new(cell.system.clone(), (24, y + 1), ("sans-serif", 14)))?;
            root.draw(&Rectangle::new(corners, colour(&systems, &cell.system).filled()))?;
            root.draw(&Text::new(grouped(cell.rate()), (LABEL + length + 6, y + 1), ("sans-serif", 14)))?;
            y += BAR;
        }
        y += 8;
    }
    root.present()?;
    Ok(())
}

/// The 99th percentile over the number of tasks, if there are several.
fn latency(file: &Path, cells: &[&Cell]) -> Result<(), Box<dyn Error>> {
    let point = |cell: &Cell| Some((cell.tasks as f64, cell.latency(0.99)?));
    let title = format!("{}: {}, p99 in µs", cells[0].area, cells[0].operation);
    curves(file, cells, &title, "tasks", point)
}

/// The median latency over the number of rows.
fn growth(file: &Path, cells: &[&Cell]) -> Result<(), Box<dyn Error>> {
    let point = |cell: &Cell| Some((cell.rows? as f64, cell.latency(0.5)?));
    let title = format!("{}: {}, p50 in µs", cells[0].area, cells[0].operation);
    curves(file, cells, &title, "rows", point)
}

fn curves(
    file: &Path,
    cells: &[&Cell],
    title: &str,
    across: &str,
    point: impl Fn(&Cell) -> Option<(f64, f64)>,
) -> Result<(), Box<dyn Error>> {
    let points: Vec<(f64, f64)> = cells.iter().filter_map(|cell| point(cell)).collect();
    let spread = |of: fn(&(f64, f64)) -> f64| {
        let values = points.iter().map(of);
        (values.clone().fold(f64::INFINITY, f64::min), values.fold(0.0, f64::max))
    };
    let ((left, right), (least, most)) = (spread(|point| point.0), spread(|point| point.1));
    if left >= right {
        return Ok(());
    }
    let root = SVGBackend::new(file, (WIDTH as u32, 480)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d((left..right).log_scale(), (least * 0.8..most * 1.25).log_scale())?;
    chart
        .configure_mesh()
        .x_desc(across)
        .max_light_lines(0)
        .x_label_formatter(&|at| grouped(*at))
        .y_label_formatter(&|at| grouped(*at))
        .draw()?;
    let systems = systems(cells);
    for system in &systems {
        let colour = colour(&systems, system);
        let line: Vec<_> =
            cells.iter().filter(|cell| cell.system == *system).filter_map(|cell| point(cell)).collect();
        if line.is_empty() {
            continue;
        }
        chart.draw_series(line.iter().map(|point| Circle::new(*point, 3, colour.filled())))?;
        chart
            .draw_series(LineSeries::new(line, colour.stroke_width(2)))?
            .label(*system)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(RGBColor(200, 200, 200))
        .draw()?;
    root.present()?;
    Ok(())
}

fn colour(systems: &[&str], system: &str) -> RGBColor {
    let ours = |name: &str| name.starts_with("hallpass");
    let alike = systems.iter().filter(|other| ours(other) == ours(system));
    let place = alike.take_while(|other| **other != system).count();
    if ours(system) { OURS[place % OURS.len()] } else { THEIRS[place % THEIRS.len()] }
}
