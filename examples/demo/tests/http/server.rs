//! The real program, started and killed.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

/// A running server; killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) child: Child,
    pub(crate) stdout: BufReader<ChildStdout>,
}

fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hallpass-demo"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl Server {
    /// Starts it on a free port with these flags.
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut command = program(&[&["--listen", "127.0.0.1:0"], args].concat());
        let mut child = command.stderr(Stdio::null()).spawn().expect("started");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("its first line");
        let address = line.trim_end().strip_prefix("listening on http://").expect("an address");
        Self { address: address.parse().expect("an address"), child, stdout }
    }

    /// Starts it with plain cookies, over memory.
    pub(crate) fn memory(args: &[&str]) -> Self {
        Self::start(&[&["--insecure-cookies", "--store", "memory:"], args].concat())
    }

    /// Starts it with plain cookies, over a folder.
    pub(crate) fn sled(folder: &Path, args: &[&str]) -> Self {
        Self::start(&[&["--insecure-cookies", "--store", &store(folder)], args].concat())
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
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
