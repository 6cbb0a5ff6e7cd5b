//! Tests that opening a store detects a pooler that was not declared, or that does not do what was declared.

use std::time::Duration;

use hallpass_core::StoreError;
use hallpass_store_postgres::PostgresStore;
use hallpass_test_servers::{Server, needed, pgbouncer};
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgConnection, Row};

use crate::support::{connection, put, record, say, schema, server, words};

/// A busy machine may ask late.
const PATIENCE: Duration = Duration::from_secs(20);

fn pooler() -> Option<Server> {
    needed("a wrong set-up behind PgBouncer", pgbouncer(server()?)).unwrap()
}

/// Changes a setting through the pooler's own database, which admits any user.
async fn set(pooler: &Server, setting: &str) {
    say(&mut console(pooler).await, format!("SET {setting}")).await;
}

async fn console(pooler: &Server) -> PgConnection {
    let (base, _) = pooler.url().rsplit_once('/').unwrap();
    connection(&format!("{base}/pgbouncer")).await
}

fn refused(opened: Result<PostgresStore, StoreError>) -> String {
    let error = opened.unwrap_err();
    assert!(matches!(error, StoreError::Refused(_)), "{}", words(&error));
    words(&error)
}

#[tokio::test]
async fn behind_a_pooler_without_the_switch_says_so() {
    let Some(pooler) = pooler() else { return };
    let words = refused(PostgresStore::connect(pooler.url()).await);
    assert!(words.contains("Builder::pgbouncer"), "{words}");
}

/// The pooler ignores parameters that it does not know, so only the lost session reveals it.
#[tokio::test]
async fn a_pooler_that_keeps_no_session_is_noticed() {
    let Some(pooler) = pooler() else { return };
    set(&pooler, "ignore_startup_parameters='extra_float_digits,options'").await;
    let pool = PgPoolOptions::new().max_connections(4).connect(pooler.url()).await.unwrap();
    let builder = || PostgresStore::builder().timeout(PATIENCE);
    for opened in [builder().connect(pooler.url()).await, builder().from_pool(pool.clone()).await] {
        let words = refused(opened);
        assert!(words.contains("pgbouncer_prepared") && words.contains("Builder::pgbouncer "), "{words}");
    }
    // No transaction was left open in the application's pool.
    let open = "select count(*) from pg_stat_activity where state = 'idle in transaction' \
                and application_name = '' and pid <> pg_backend_pid()";
    // In one message: such a pooler may change the server between two.
    let left: i64 = sqlx::raw_sql(open).fetch_one(&pool).await.unwrap().get(0);
    assert_eq!(left, 0);
    let store = PostgresStore::builder().schema(schema()).pgbouncer().connect(pooler.url()).await.unwrap();
    store.migrate().await.unwrap();
    put(&store, &record("alice")).await;
}

#[tokio::test]
async fn a_pooler_that_keeps_sessions_needs_no_switch() {
    let Some(pooler) = pooler() else { return };
    set(&pooler, "ignore_startup_parameters='extra_float_digits,options'").await;
    set(&pooler, "pool_mode=session").await;
    let store = PostgresStore::builder().schema(schema()).connect(pooler.url()).await.unwrap();
    store.migrate().await.unwrap();
    put(&store, &record("alice")).await;
}

#[tokio::test]
async fn a_pooler_that_keeps_no_statements_is_refused_as_one_that_does() {
    let Some(pooler) = pooler() else { return };
    // Before 1.21 this setting does not exist, and the pooler keeps no statements.
    let off = sqlx::raw_sql("SET max_prepared_statements=0").execute(&mut console(&pooler).await).await;
    println!("max_prepared_statements is off: {off:?}");
    let words =
        refused(PostgresStore::builder().timeout(PATIENCE).pgbouncer_prepared().connect(pooler.url()).await);
    assert!(words.contains("max_prepared_statements"), "{words}");
}
