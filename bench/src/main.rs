//! Measures hallpass beside the libraries that are in use today. Every speed claim of the project comes from here.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it prints a table")]
#![expect(clippy::unwrap_used, reason = "a benchmark that meets an error has nothing to report")]
#![expect(clippy::disallowed_methods, reason = "it measures time")]

mod maker;
mod memory;
mod near;
mod open;
mod options;
mod ours;
mod page;
mod peers;
mod plots;
mod report;
mod run;
mod scale;
mod stores;
mod web;

use std::process::ExitCode;

use options::{HELP, Options};
use report::Report;
use tokio::runtime::Handle;

fn main() -> ExitCode {
    let options = match Options::read() {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("hallpass-bench: {error}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.to_string()),
    };
    // Some drivers have to be dropped inside a runtime.
    let _context = runtime.enter();
    let report = measure(&options, runtime.handle());
    report.close();
    let written = options.json.as_ref().map_or(Ok(()), |file| report.write_json(file));
    let drawn = options.plots.as_ref().map_or(Ok(()), |folder| plots::draw(&report, folder));
    let plots = options.plots.as_ref().and_then(|folder| folder.to_str());
    // The page links only to plots that were drawn.
    let told = options.page.as_ref().map_or(Ok(()), |file| page::write(&report, file, plots));
    match written.and(drawn).and(told) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

fn measure(options: &Options, runtime: &Handle) -> Report {
    let mut report = Report::new();
    if options.wants("memory") {
        memory::bench(&mut report, options);
    }
    if options.wants("sled") {
        stores::sled(&mut report, options, runtime);
    }
    if options.wants("postgres") {
        stores::postgres(&mut report, options, runtime);
    }
    if options.wants("redis") {
        stores::redis_single(&mut report, options, runtime);
        stores::redis_clustered(&mut report, options, runtime);
    }
    if options.wants("web") {
        web::bench(&mut report, options, runtime);
    }
    if options.wants("near") {
        near::bench(&mut report, options, runtime);
    }
    if options.wants("scale") {
        scale::bench(&mut report, options, runtime);
    }
    report
}

fn failed(reason: &str) -> ExitCode {
    eprintln!("hallpass-bench: {reason}");
    ExitCode::FAILURE
}
