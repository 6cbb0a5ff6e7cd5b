//! The suite on PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/harness.rs"]
mod harness;

use std::process::ExitCode;

use hallpass_test_servers::{Backend, Launch, needed};
use tokio::runtime::Runtime;

use crate::harness::Postgres;

fn main() -> ExitCode {
    // The proxy lives in it.
    let runtime = Runtime::new().unwrap();
    let started = runtime.block_on(Postgres::start("PostgreSQL", &Launch::new(Backend::Postgres)));
    match needed("the suite on PostgreSQL", started).unwrap() {
        Some(postgres) => hallpass_conformance_tests::main(postgres),
        None => ExitCode::SUCCESS,
    }
}
