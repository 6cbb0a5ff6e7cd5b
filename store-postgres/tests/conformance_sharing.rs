//! The suite on PostgreSQL, with the statements that concurrent calls share even where a call is alone: in
//! the other runs they seldom meet.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/suite.rs"]
mod suite;

use std::process::ExitCode;

use hallpass_test_servers::{Backend, Launch};

fn main() -> ExitCode {
    let launch = Launch::new(Backend::Postgres);
    suite::run("PostgreSQL, shared statements", &launch, false, |builder| builder.sharing_always())
}
