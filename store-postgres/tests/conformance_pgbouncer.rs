//! The suite on PostgreSQL behind PgBouncer in transaction mode.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/suite.rs"]
mod suite;

use std::process::ExitCode;

use hallpass_test_servers::{Backend, Launch};

fn main() -> ExitCode {
    let launch = Launch::new(Backend::Postgres);
    suite::run("PostgreSQL behind PgBouncer", &launch, true, |builder| builder.pgbouncer())
}
