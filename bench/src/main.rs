//! Side by side with what people use today: every speed claim of the project comes from here.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a table is what it is for")]
#![expect(clippy::unwrap_used, reason = "a benchmark that meets an error has nothing to report")]
#![expect(clippy::disallowed_methods, reason = "it measures time")]

mod maker;
mod memory;
mod options;
mod ours;
mod peers;
mod report;
mod run;
mod sled;

use std::process::ExitCode;

use options::{HELP, Options};
use report::Report;

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
    let mut report = Report::new();
    if options.wants("memory") {
        memory::bench(&mut report, &options);
    }
    if options.wants("sled") {
        sled::bench(&mut report, &options);
    }
    report.close();
    match options.json.as_ref().map_or(Ok(()), |file| report.write_json(file)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hallpass-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
