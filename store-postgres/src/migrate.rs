//! Creates and changes the tables.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use tokio::time::timeout;

use crate::connection::TEST;
use crate::error::Error;
use crate::names::Names;
use crate::patches::Patches;

/// The files of `migrations/`.
const FILES: [(&str, &str); 5] = [
    ("0001_tables.sql", include_str!("../migrations/0001_tables.sql")),
    ("0002_care.sql", include_str!("../migrations/0002_care.sql")),
    ("0003_functions.sql", include_str!("../migrations/0003_functions.sql")),
    ("0004_feed.sql", include_str!("../migrations/0004_feed.sql")),
    ("0005_announcing.sql", include_str!("../migrations/0005_announcing.sql")),
];
/// The files that may be left out.
const FUNCTIONS: [&str; 2] = ["0003_functions.sql", "0005_announcing.sql"];

/// The version that this code reads and writes.
pub(crate) const VERSION: i32 = FILES.len() as i32;

/// A migration that this store runs.
#[derive(Clone, Debug)]
pub(crate) struct Migration {
    number: i32,
    sql: String,
}

/// Returns every migration, or all but the functions, with the patches for their files applied.
///
/// # Errors
/// [`Error`] if a patch does not fit.
pub(crate) fn patched(patches: &Patches, functions: bool) -> Result<Vec<Migration>, Error> {
    let mut migrations = Vec::new();
    for ((file, sql), number) in FILES.iter().zip(1..) {
        if functions || !FUNCTIONS.contains(file) {
            migrations.push(Migration { number, sql: patches.apply(file, sql)? });
        }
    }
    Ok(migrations)
}

/// Whether a migration has this file name.
pub(crate) fn is_file(name: &str) -> bool {
    FILES.iter().any(|(file, _)| *file == name)
}

/// The contents of the table of versions.
#[derive(Default)]
struct Versions {
    /// The migrations that were run.
    done: Vec<i32>,
    /// The oldest version that a program must know to work on these tables.
    compatible: i32,
}

/// Returns the migrations as SQL, oldest first, for a migration tool of your own.
///
/// Pass the schema and the table prefix with which the store will be opened ("public" and "hallpass" by
/// default). The schema itself must exist. Each migration may be run again. Their files are in `migrations/`.
///
/// # Errors
/// [`StoreError::Refused`](hallpass_core::StoreError::Refused) for names that the builder refuses too.
pub fn migrations(schema: &str, prefix: &str) -> Result<Vec<String>, hallpass_core::StoreError> {
    let names = Names { schema: schema.to_owned(), prefix: prefix.to_owned() };
    names.check().map_err(|error| error.into_error(false))?;
    Ok(FILES.iter().map(|(_, sql)| names.fill(sql)).collect())
}

/// Brings the tables up to date over a connection of its own, which it closes in any case. `limit` is how long
/// connecting may take.
///
/// One instance migrates while the others wait. The lock belongs to the transaction, so that it cannot be
/// left behind, and to these tables, so that migrations of the application do not wait for it.
pub(crate) async fn migrate(
    names: &Names,
    migrations: &[Migration],
    to: &PgConnectOptions,
    limit: Duration,
    until: i32,
) -> Result<(), Error> {
    let connecting = timeout(limit, PgConnection::connect_with(to)).await.map_err(|_| Error::unanswered())?;
    let mut on = connecting.map_err(|error| Error::connecting(&error))?;
    let done = migrate_on(names, migrations, &mut on, until).await;
    // A failure to close is harmless.
    let _ = timeout(TEST, on.close()).await;
    done
}

async fn migrate_on(
    names: &Names,
    migrations: &[Migration],
    on: &mut PgConnection,
    until: i32,
) -> Result<(), Error> {
    // Another instance may be migrating, for as long as an index takes to build.
    sqlx::raw_sql(
        "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0",
    )
    .execute(&mut *on)
    .await?;
    let table = names.name("schema").to_string();
    let lock = "select pg_advisory_xact_lock(hashtextextended($1, 4860))";
    sqlx::query(lock).persistent(false).bind(format!("hallpass {table}")).execute(&mut *on).await?;
    // "create schema if not exists" requires the right to create one even if the schema exists.
    let exists = "select exists (select from pg_namespace where nspname = $1)";
    let row = sqlx::query(exists).persistent(false).bind(names.schema.clone()).fetch_one(&mut *on).await?;
    if !row.try_get::<bool, _>(0)? {
        let create = format!("create schema \"{}\"", names.schema);
        sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut *on).await?;
    }
    let versions = versions(names, &mut *on).await?;
    versions.admit()?;
    for migration in migrations.iter().filter(|migration| migration.number <= until) {
        // Checked one by one, because one may have been left out.
        if !versions.done.contains(&migration.number) {
            tracing::info!(version = migration.number, "PostgreSQL: a migration is run");
            sqlx::raw_sql(AssertSqlSafe(names.fill(&migration.sql))).execute(&mut *on).await?;
        }
    }
    sqlx::raw_sql("COMMIT").execute(on).await?;
    Ok(())
}

/// Checks that this program may work on the tables, if there are any.
///
/// # Errors
/// [`Error`] if a later version changed them in a way that breaks this one.
pub(crate) async fn check(names: &Names, on: &mut PgConnection) -> Result<(), Error> {
    versions(names, on).await?.admit()
}

async fn versions(names: &Names, on: &mut PgConnection) -> Result<Versions, Error> {
    let table = names.name("schema").to_string();
    // One message each: between two messages a pooler may change the server connection. The name was checked.
    let there = format!("select to_regclass('{table}') is not null");
    let row = sqlx::raw_sql(AssertSqlSafe(there)).fetch_one(&mut *on).await?;
    if !row.try_get::<bool, _>(0)? {
        return Ok(Versions::default());
    }
    let latest = format!(
        "select coalesce(array_agg(version order by version), array[]::integer[]), coalesce(max(compatible), 0) \
         from {table}"
    );
    let row = sqlx::raw_sql(AssertSqlSafe(latest)).fetch_one(on).await?;
    Ok(Versions { done: row.try_get(0)?, compatible: row.try_get(1)? })
}

impl Versions {
    fn admit(&self) -> Result<(), Error> {
        if self.compatible > VERSION {
            return Err(Error::refused(format!(
                "the tables are of version {} and need a program that knows version {}; this one knows up to \
                 {VERSION}: update it",
                self.done.last().copied().unwrap_or(0),
                self.compatible
            )));
        }
        Ok(())
    }
}
