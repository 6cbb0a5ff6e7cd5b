#![doc = include_str!("../README.md")]

mod clock;
mod deed;
mod line;
mod node;
mod outcome;
mod process;
mod run;
mod site;
mod system;
mod user;
mod watched;
mod world;

use std::process::ExitCode;

use hallpass_core::error_chain;

pub use outcome::{Needs, Outcome};
pub use run::{Options, run};
pub use system::System;

/// In a process of a node, is that node until its parent ends; otherwise returns `None`. A `main` calls this first.
#[expect(clippy::print_stderr, reason = "the parent shows what its nodes say")]
pub async fn serve_node() -> Option<ExitCode> {
    if std::env::args().nth(1).as_deref() != Some(process::NODE) {
        return None;
    }
    match process::be_a_node().await {
        Ok(()) => Some(ExitCode::SUCCESS),
        Err(error) => {
            eprintln!("a node: {}", error_chain(&*error));
            Some(ExitCode::FAILURE)
        }
    }
}
