//! The suite on PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/suite.rs"]
mod suite;

use std::process::ExitCode;

use hallpass_test_servers::{Backend, Launch};

fn main() -> ExitCode {
    suite::run("PostgreSQL", &Launch::new(Backend::Postgres), false, |builder| builder)
}
