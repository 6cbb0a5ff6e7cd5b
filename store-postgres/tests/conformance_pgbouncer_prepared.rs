//! The suite on PostgreSQL behind a PgBouncer that keeps prepared statements, from 1.21 on.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic, and says what it leaves out"
)]

#[path = "support/suite.rs"]
mod suite;

use std::process::ExitCode;

use hallpass_test_servers::{Backend, Launch, needed, pgbouncer};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::runtime::Runtime;

/// Whether a statement that was prepared on one of the pooler's connections is known on another.
async fn keeps_statements(url: &str) -> bool {
    let options = url.parse::<sqlx::postgres::PgConnectOptions>().unwrap();
    let (mut one, mut other) = (
        PgConnection::connect_with(&options).await.unwrap(),
        PgConnection::connect_with(&options).await.unwrap(),
    );
    let ask = "select $1::integer";
    sqlx::query(AssertSqlSafe(ask)).bind(1).execute(&mut one).await.unwrap();
    // Occupies the server connection that was used last.
    sqlx::raw_sql("begin; select 1").execute(&mut other).await.unwrap();
    sqlx::query(AssertSqlSafe(ask)).bind(1).execute(&mut one).await.is_ok()
}

fn main() -> ExitCode {
    let launch = Launch::new(Backend::Postgres);
    // The parent of a crash child has already checked.
    if std::env::var_os("HALLPASS_CONFORMANCE_CHILD").is_none() {
        let servers = launch.start().and_then(|server| pgbouncer(&server).map(|pooler| (server, pooler)));
        let Some((_server, pooler)) = needed("PgBouncer with prepared statements", servers).unwrap() else {
            return ExitCode::SUCCESS;
        };
        if !Runtime::new().unwrap().block_on(keeps_statements(pooler.url())) {
            assert!(
                std::env::var_os("HALLPASS_TEST_ROOT").is_none(),
                "the PgBouncer of a chosen root keeps prepared statements"
            );
            println!(
                "left out: the PgBouncer of this machine is older than 1.21 and keeps no prepared statements"
            );
            return ExitCode::SUCCESS;
        }
    }
    let name = "PostgreSQL behind PgBouncer, prepared statements";
    suite::run(name, &launch, true, |builder| builder.pgbouncer_prepared())
}
