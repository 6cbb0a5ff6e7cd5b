//! The suite on PostgreSQL, with the statements that concurrent calls share even where a call is alone: in
//! the other runs they seldom meet. Revocations are transactions here, not calls of the function.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/suite.rs"]
mod suite;

use std::process::ExitCode;

use hallpass_store_postgres::Builder;
use hallpass_test_servers::{Backend, Launch};

fn main() -> ExitCode {
    let launch = Launch::new(Backend::Postgres);
    // And without functions: the transaction is left for servers where they are unwelcome.
    let configure = |builder: Builder| builder.sharing_always().without_functions();
    suite::run("PostgreSQL, shared statements, without functions", &launch, false, configure)
}
