//! Random histories over two nodes with near caches, for a few seconds each.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and print its figures")]

use std::path::Path;
use std::time::Duration;

use hallpass_soak::{Needs, Options, Outcome, System, run};

/// Runs until the run counts. A busy machine makes fewer calls and may break many leases, so the time is no measure
/// here, and nor is the share of hits.
async fn histories(system: System) -> Option<Outcome> {
    let options = Options {
        system,
        lag: Duration::from_secs(1),
        least: Duration::from_secs(8),
        most: Duration::from_secs(240),
        needs: Needs { near: 20, half_hits: false },
    };
    let outcome = run(&options, Path::new(env!("CARGO_BIN_EXE_hallpass-soak"))).await.unwrap()?;
    println!("{system}: {outcome}");
    assert_eq!(outcome.verdict.violations, [], "{outcome}");
    assert_eq!(outcome.shortfalls(&options.needs), <[String; 0]>::default(), "{outcome}");
    Some(outcome)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_is_accepted_later_than_the_lag_in_one_process() {
    histories(System::Memory).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_is_accepted_later_than_the_lag_on_postgresql() {
    histories(System::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_is_accepted_later_than_the_lag_on_redis() {
    histories(System::Redis).await;
}
