//! Making and changing the tables.

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use tokio::time::timeout;

use crate::connections::TEST;
use crate::error::Trouble;
use crate::names::Names;
use crate::statements::Patch;

/// The files of `migrations/`.
const FILES: [(&str, &str); 3] = [
    ("0001_tables.sql", include_str!("../migrations/0001_tables.sql")),
    ("0002_care.sql", include_str!("../migrations/0002_care.sql")),
    (FUNCTIONS, include_str!("../migrations/0003_functions.sql")),
];
/// The one that may be left out.
const FUNCTIONS: &str = "0003_functions.sql";

/// The version that this code reads and writes.
pub(crate) const VERSION: i32 = FILES.len() as i32;

/// A migration that this store runs.
#[derive(Clone, Debug)]
pub(crate) struct Migration {
    number: i32,
    sql: String,
}

/// Every migration, or all but the functions, with the patches that fit a file of theirs.
///
/// # Errors
/// [`Trouble`] if a patch does not fit.
pub(crate) fn patched(patches: &[Patch], functions: bool) -> Result<Vec<Migration>, Trouble> {
    let mut migrations = Vec::new();
    for ((file, sql), number) in FILES.iter().zip(1..) {
        if functions || *file != FUNCTIONS {
            migrations.push(Migration { number, sql: Patch::apply(patches, file, sql)? });
        }
    }
    Ok(migrations)
}

/// Whether a file has this name.
pub(crate) fn is_file(name: &str) -> bool {
    FILES.iter().any(|(file, _)| *file == name)
}

/// What a table of versions says.
#[derive(Default)]
struct Versions {
    /// The migrations that were run.
    done: Vec<i32>,
    /// The oldest version that a program must know to work on these tables.
    compatible: i32,
}

/// The migrations as SQL, oldest first, for the schema and the table prefix that the store will be opened
/// with ("public" and "hallpass" by default), for a migration tool of your own. The
/// schema itself must be there. Each may be run again; their files are in `migrations/`.
///
/// # Errors
/// [`StoreError::Refused`](hallpass_core::StoreError::Refused) for names that the builder refuses too.
pub fn migrations(schema: &str, prefix: &str) -> Result<Vec<String>, hallpass_core::StoreError> {
    let names = Names { schema: schema.to_owned(), prefix: prefix.to_owned() };
    names.check().map_err(|trouble| trouble.into_error(false))?;
    Ok(FILES.iter().map(|(_, sql)| names.fill(sql)).collect())
}

/// Brings the tables up to date over a connection of its own, which is closed at the end whatever happens.
///
/// One instance does it while the others wait: the lock belongs to the transaction, so that it cannot stay
/// behind, and to these tables, so that the host's own migrations do not wait for ours.
pub(crate) async fn migrate(
    names: &Names,
    migrations: &[Migration],
    mut on: PgConnection,
    until: i32,
) -> Result<(), Trouble> {
    let done = migrate_on(names, migrations, &mut on, until).await;
    // Nothing depends on a farewell.
    let _ = timeout(TEST, on.close()).await;
    done
}

async fn migrate_on(
    names: &Names,
    migrations: &[Migration],
    on: &mut PgConnection,
    until: i32,
) -> Result<(), Trouble> {
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
    let versions = versions(names, &mut *on).await?;
    versions.admit()?;
    for migration in migrations.iter().filter(|migration| migration.number <= until) {
        // Each by itself, as one may have been left out.
        if !versions.done.contains(&migration.number) {
            tracing::info!(version = migration.number, "PostgreSQL: a migration is run");
            sqlx::raw_sql(AssertSqlSafe(names.fill(&migration.sql))).execute(&mut *on).await?;
        }
    }
    sqlx::raw_sql("COMMIT").execute(on).await?;
    Ok(())
}

/// That this program may work on the tables, if there are any.
///
/// # Errors
/// [`Trouble`] if a later version made them and broke with this one.
pub(crate) async fn check(names: &Names, on: &mut PgConnection) -> Result<(), Trouble> {
    versions(names, on).await?.admit()
}

async fn versions(names: &Names, on: &mut PgConnection) -> Result<Versions, Trouble> {
    let table = names.name("schema").to_string();
    // In one message each: between two of them a pooler may change the server's connection. The name is checked.
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
    fn admit(&self) -> Result<(), Trouble> {
        if self.compatible > VERSION {
            return Err(Trouble::refused(format!(
                "the tables are of version {} and need a program that knows version {}; this one knows up to \
                 {VERSION}: update it",
                self.done.last().copied().unwrap_or(0),
                self.compatible
            )));
        }
        Ok(())
    }
}
