//! Making and changing the tables.

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use tokio::time::timeout;

use crate::connections::TEST;
use crate::error::Trouble;
use crate::names::Names;

const MIGRATIONS: [&str; 2] =
    [include_str!("../migrations/0001_tables.sql"), include_str!("../migrations/0002_care.sql")];

/// The version that this code reads and writes.
pub(crate) const VERSION: i32 = MIGRATIONS.len() as i32;

/// The migrations as SQL, oldest first, for the schema and the table prefix that the store will be opened
/// with ("public" and "hallpass" unless told otherwise): for whoever migrates with a tool of their own. The
/// schema itself must be there. Each may be run again; their files are in `migrations/`.
///
/// # Errors
/// [`StoreError::Refused`](hallpass_core::StoreError::Refused) for names that the builder refuses too.
pub fn migrations(schema: &str, prefix: &str) -> Result<Vec<String>, hallpass_core::StoreError> {
    let names = Names { schema: schema.to_owned(), prefix: prefix.to_owned() };
    names.check().map_err(|trouble| trouble.into_error(false))?;
    Ok(MIGRATIONS.iter().map(|sql| names.fill(sql)).collect())
}

/// Brings the tables up to date over a connection of its own, which is closed at the end whatever happens.
///
/// One instance does it while the others wait: the lock belongs to the transaction, so that it cannot stay
/// behind, and to these tables, so that the host's own migrations do not wait for ours.
pub(crate) async fn migrate(names: &Names, mut on: PgConnection, until: i32) -> Result<(), Trouble> {
    let done = migrate_on(names, &mut on, until).await;
    // Nothing depends on a farewell.
    let _ = timeout(TEST, on.close()).await;
    done
}

async fn migrate_on(names: &Names, on: &mut PgConnection, until: i32) -> Result<(), Trouble> {
    // Others may be at it for as long as an index takes.
    sqlx::raw_sql(
        "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0",
    )
    .execute(&mut *on)
    .await?;
    let table = names.name("schema").to_string();
    let lock = "select pg_advisory_xact_lock(hashtextextended($1, 4860))";
    sqlx::query(lock).persistent(false).bind(format!("hallpass {table}")).execute(&mut *on).await?;
    // "create schema if not exists" asks for a right that is not needed where it exists.
    let exists = "select exists (select from pg_namespace where nspname = $1)";
    let row = sqlx::query(exists).persistent(false).bind(names.schema.clone()).fetch_one(&mut *on).await?;
    if !row.try_get::<bool, _>(0)? {
        let create = format!("create schema \"{}\"", names.schema);
        sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut *on).await?;
    }
    let done = version(names, &mut *on).await?.unwrap_or(0);
    newer(done)?;
    for (sql, number) in MIGRATIONS.iter().zip(1..=until) {
        if number > done {
            sqlx::raw_sql(AssertSqlSafe(names.fill(sql))).execute(&mut *on).await?;
        }
    }
    sqlx::raw_sql("COMMIT").execute(on).await?;
    Ok(())
}

/// The version of the tables; `None` if there are none.
pub(crate) async fn version(names: &Names, on: &mut PgConnection) -> Result<Option<i32>, Trouble> {
    let table = names.name("schema").to_string();
    let there = sqlx::query("select to_regclass($1) is not null").persistent(false);
    let row = there.bind(table.clone()).fetch_one(&mut *on).await?;
    if !row.try_get::<bool, _>(0)? {
        return Ok(None);
    }
    let latest = format!("select max(version) from {table}");
    let row = sqlx::query(AssertSqlSafe(latest)).persistent(false).fetch_one(on).await?;
    row.try_get(0).map_err(Trouble::from)
}

/// # Errors
/// [`Trouble`] if a later version of this crate made the tables.
pub(crate) fn newer(version: i32) -> Result<(), Trouble> {
    if version > VERSION {
        return Err(Trouble::refused(format!(
            "the tables are of version {version}, newer than this program, which knows up to {VERSION}: update it"
        )));
    }
    Ok(())
}
