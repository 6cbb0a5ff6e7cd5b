//! Checks for a pooler between the store and the server when a store is opened.

use sqlx::{Connection, PgConnection, Row};

use crate::error::Error;

/// Checks that a session lasts from one transaction to the next. If a pooler gives each transaction a
/// different server connection, time limits are lost, and a statement prepared on one connection is unknown
/// on the next.
pub(crate) async fn keeps_sessions(first: &mut PgConnection, second: &mut PgConnection) -> Result<(), Error> {
    let before = process(first).await?;
    // Occupies the server connection that was used last.
    let mut held = second.begin().await?;
    sqlx::raw_sql("select 1").execute(&mut *held).await?;
    let after = process(first).await?;
    held.rollback().await?;
    if before == after {
        return Ok(());
    }
    Err(Error::refused(
        "a pooler hands each transaction another connection of the server: use Builder::pgbouncer_prepared for \
         PgBouncer 1.21 or later with max_prepared_statements, Builder::pgbouncer for any other",
    ))
}

/// Returns the number of the server's process. The query is one message, so that nothing is prepared.
async fn process(on: &mut PgConnection) -> Result<i32, Error> {
    Ok(sqlx::raw_sql("select pg_backend_pid()").fetch_one(on).await?.try_get(0)?)
}

/// Checks that a pooler knows a prepared statement on every server connection. Otherwise a look-up might run
/// the deletion that another connection prepared under the same name.
pub(crate) async fn keeps_statements(
    first: &mut PgConnection,
    second: &mut PgConnection,
) -> Result<(), Error> {
    const ASK: &str = "select $1::integer";
    sqlx::query(ASK).bind(1).execute(&mut *first).await?;
    // Occupies the server connection that was used last.
    let mut held = second.begin().await?;
    sqlx::raw_sql("select 1").execute(&mut *held).await?;
    sqlx::query(ASK).bind(1).fetch_one(first).await?.try_get::<i32, _>(0)?;
    Ok(held.rollback().await?)
}
