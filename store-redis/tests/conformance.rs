//! The suite on real servers: one server, a Sentinel group, a cluster, and a container.
//!
//! `HALLPASS_REDIS_GROUPS=single,cluster` chooses groups. By default all run, the container only with
//! `HALLPASS_FULL=1` or `CI=true`.

use std::process::ExitCode;

use hallpass_conformance_tests::main as conform;
use support::{RedisHarness, chosen};

#[path = "support/harness.rs"]
mod support;

#[expect(clippy::print_stderr, reason = "a test binary reports to its terminal")]
fn main() -> ExitCode {
    if let Some(harness) = RedisHarness::of_the_parent() {
        return conform(harness);
    }
    let mut worst = ExitCode::SUCCESS;
    for kind in chosen() {
        match RedisHarness::start(kind, &[]) {
            Ok(Some(harness)) => {
                let code = conform(harness);
                worst = if code == ExitCode::SUCCESS { worst } else { code };
            }
            Ok(None) => {}
            Err(error) => {
                eprintln!("{kind:?}: {error}");
                worst = ExitCode::from(2);
            }
        }
    }
    worst
}
