//! One run of the suite, which is a whole test target.

use std::process::ExitCode;

use hallpass_store_postgres::Builder;
use hallpass_test_servers::{Launch, needed};
use tokio::runtime::Runtime;

#[path = "harness.rs"]
mod harness;

use harness::{Place, Postgres};

/// Runs the suite on stores with this configuration, on a server with these launch options, behind PgBouncer
/// or not.
pub(crate) fn run(
    name: &str,
    launch: &Launch,
    pooler: bool,
    configure: impl Fn(Builder) -> Builder + Send + Sync + 'static,
) -> ExitCode {
    // The proxy runs on this runtime.
    let runtime = Runtime::new().unwrap();
    let place = runtime.block_on(Place::start(launch, pooler));
    match needed(name, place).unwrap() {
        Some(place) => hallpass_conformance_tests::main(Postgres::new(name, &place, Box::new(configure))),
        None => ExitCode::SUCCESS,
    }
}
