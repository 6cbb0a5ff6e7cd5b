//! The suite on PostgreSQL, with the statements for batches even for single calls: in the other runs, calls
//! seldom share one. Revocations are transactions here, not calls of the function.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/suite.rs"]
mod suite;

use std::process::ExitCode;

use hallpass_store_postgres::Builder;
use hallpass_test_servers::{Backend, Launch};

fn main() -> ExitCode {
    let launch = Launch::new(Backend::Postgres);
    // Also without functions, to test the transaction that replaces them.
    let configure = |builder: Builder| builder.sharing_always().without_functions();
    suite::run("PostgreSQL, shared statements, without functions", &launch, false, configure)
}
