//! The demo's own program.

use std::path::Path;
use std::process::{Command, Output, Stdio};

pub(crate) use crate::program::Program as Server;

fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hallpass-demo"));
    command.args(args).stdin(Stdio::null());
    command
}

impl Server {
    /// Starts it on a free port with these flags.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::spawn(&mut program(&[&["--listen", "127.0.0.1:0"], args].concat()))
    }

    /// Starts it with plain cookies, over memory.
    pub(crate) fn memory(args: &[&str]) -> Self {
        Self::start(&[&["--insecure-cookies", "--store", "memory:"], args].concat())
    }

    /// Starts it with plain cookies, over a folder.
    pub(crate) fn sled(folder: &Path, args: &[&str]) -> Self {
        Self::start(&[&["--insecure-cookies", "--store", &store(folder)], args].concat())
    }
}

/// Runs the program until it exits by itself.
pub(crate) fn run(args: &[&str]) -> Output {
    program(args).output().expect("started")
}

/// The text of `--store` for this folder.
pub(crate) fn store(folder: &Path) -> String {
    format!("sled:{}", folder.display())
}
