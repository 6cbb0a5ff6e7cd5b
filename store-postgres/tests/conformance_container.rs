//! The suite on PostgreSQL in a container, where nothing may be left out: with `CI=true` or `HALLPASS_FULL=1`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic, and says what it leaves out"
)]

#[path = "support/suite.rs"]
mod suite;

use std::process::ExitCode;

use hallpass_test_servers::{Backend, Launch, Origin};

fn main() -> ExitCode {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    // A crash child has the environment of its parent.
    if !is_set("CI") && !is_set("HALLPASS_FULL") {
        println!("left out: the suite in a container, without CI=true or HALLPASS_FULL=1");
        return ExitCode::SUCCESS;
    }
    let launch = Launch::new(Backend::Postgres).only(Origin::Container);
    suite::run("PostgreSQL in a container", &launch, false, |builder| builder)
}
