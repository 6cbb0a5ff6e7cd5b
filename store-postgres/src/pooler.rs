//! What is between the store and the server: asked when a store is opened.

use sqlx::{Connection, PgConnection, Row};

use crate::error::Trouble;

/// That a session lasts from one transaction to the next. Where a pooler hands each transaction another server
/// connection, limits of time are lost, and a statement that one connection prepared is unknown on the next.
pub(crate) async fn keeps_sessions(
    first: &mut PgConnection,
    second: &mut PgConnection,
) -> Result<(), Trouble> {
    let before = process(first).await?;
    // Takes the server's connection that was used last, and keeps it.
    let mut held = second.begin().await?;
    sqlx::raw_sql("select 1").execute(&mut *held).await?;
    let after = process(first).await?;
    held.rollback().await?;
    if before == after {
        return Ok(());
    }
    Err(Trouble::refused(
        "a pooler hands each transaction another connection of the server: use Builder::pgbouncer_prepared for \
         PgBouncer 1.21 or later with max_prepared_statements, Builder::pgbouncer for any other",
    ))
}

/// The server's process, in one message: nothing is prepared.
async fn process(on: &mut PgConnection) -> Result<i32, Trouble> {
    Ok(sqlx::raw_sql("select pg_backend_pid()").fetch_one(on).await?.try_get(0)?)
}

/// That a pooler knows a statement on each connection of the server. From one that does not, a look-up may get the
/// deletion that another of our connections has prepared under the same name.
pub(crate) async fn keeps_statements(
    first: &mut PgConnection,
    second: &mut PgConnection,
) -> Result<(), Trouble> {
    const ASK: &str = "select $1::integer";
    sqlx::query(ASK).bind(1).execute(&mut *first).await?;
    // Takes the server's connection that was used last, and keeps it.
    let mut held = second.begin().await?;
    sqlx::raw_sql("select 1").execute(&mut *held).await?;
    sqlx::query(ASK).bind(1).fetch_one(first).await?.try_get::<i32, _>(0)?;
    Ok(held.rollback().await?)
}
