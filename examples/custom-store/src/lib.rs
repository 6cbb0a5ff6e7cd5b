#![doc = include_str!("../README.md")]

use std::{path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use hallpass_core::store::{
    Action, Admission, Body, Change, Epoch, EpochUpdate, Era, Fence, Insert, Listed, Logins, Page, Purged,
    Record, Replace, Revision, Revocation, TokenStore,
};
use hallpass_core::{
    BoxError, Device, Kind, Kinds, LoginId, Note, Purpose, Purposes, Reason, Selector, StoreError, Subject,
    Timestamp,
};
use rusqlite::TransactionBehavior::{self, Deferred as Read, Immediate as Write};
use rusqlite::types::{FromSql, ToSql};
use rusqlite::{Connection, ErrorCode as Code, Row, Transaction, named_params, params};
use tokio::{sync::Mutex, task::spawn_blocking, time::timeout};

type Result<T, E = StoreError> = std::result::Result<T, E>;

/// How long a call waits for the connection, and then for its answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Times are milliseconds since 1970; `revoked` is the code of a [`Reason`], or 0.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS tokens (
        selector BLOB PRIMARY KEY, subject TEXT, kind TEXT NOT NULL, purpose INTEGER NOT NULL,
        login BLOB NOT NULL, era INTEGER NOT NULL,
        created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, seen_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL, idle_at INTEGER, purge_at INTEGER NOT NULL, revoked INTEGER NOT NULL,
        revision INTEGER NOT NULL, generation INTEGER NOT NULL, device TEXT NOT NULL, body BLOB NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS tokens_by_subject ON tokens (subject, created_at, selector);
    CREATE INDEX IF NOT EXISTS tokens_by_purge_at ON tokens (purge_at);
    CREATE TABLE IF NOT EXISTS epochs
        (subject TEXT PRIMARY KEY, epoch BLOB NOT NULL, purge_at INTEGER NOT NULL) STRICT;
    CREATE INDEX IF NOT EXISTS epochs_by_purge_at ON epochs (purge_at);";

/// The columns in the order of the schema.
const INSERT: &str = "INSERT INTO tokens VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING";

/// The same columns by their numbers; `?18` is the expected revision.
const REPLACE: &str = "
    UPDATE tokens SET updated_at = ?8, seen_at = ?9, idle_at = ?11, purge_at = ?12, revoked = ?13,
                      revision = ?14, generation = ?15, device = ?16, body = ?17
    WHERE selector = ?1 AND revision = ?18 AND revoked = 0";

/// [`RecordFilter`](hallpass_core::store::RecordFilter) in SQL. A parameter that is NULL does not filter.
const MATCHING: &str =
    "subject = :subject AND (:kinds IS NULL OR kind IN (SELECT value FROM json_each(:kinds)))
    AND purpose IN (SELECT value FROM json_each(:purposes))";
const OF_LOGIN: &str = "(:only IS NULL OR login = :only) AND (:except IS NULL OR login <> :except)";

const REMOVE: &str = "DELETE FROM tokens WHERE";
/// [`Record::mark`] in SQL; the number is [`Revision::MAX`].
const MARK: &str = "
    UPDATE tokens SET revoked = :reason, idle_at = NULL, purge_at = expires_at,
                      updated_at = max(updated_at, :at), revision = min(revision + 1, 9007199254740991)
    WHERE revoked = 0 AND";

const AFTER: &str = "(created_at, selector) < (ifnull(:created_at, 1 << 62), ifnull(:selector, x''))
    ORDER BY created_at DESC, selector DESC LIMIT :limit";

/// Keeps tokens in a SQLite file of their own. Clones share one connection.
#[derive(Clone, Debug)]
pub struct SqliteStore(Arc<Mutex<Connection>>);

impl SqliteStore {
    /// Opens the store in the file at `path`, and creates the file if it is missing. Blocks: call it before
    /// serving.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let open = || {
            let connection = Connection::open(path)?;
            connection.busy_timeout(PATIENCE / 2)?; // below ours: SQLite then reports that it wrote nothing
            connection.pragma_update(None, "journal_mode", "wal")?;
            connection.pragma_update(None, "synchronous", "full")?; // every commit waits for the disk
            connection.execute_batch(SCHEMA)?;
            Ok(Self(Arc::new(Mutex::new(connection))))
        };
        open().map_err(failed)
    }

    /// Runs `job` in one transaction on a blocking thread. A dropped call leaves nothing half done: a job that has
    /// been handed over runs to its end, any other never begins.
    async fn call<T: Send + 'static>(
        &self,
        behavior: TransactionBehavior,
        job: impl FnOnce(&Transaction<'_>) -> Result<T, BoxError> + Send + 'static,
    ) -> Result<T> {
        let late = |source: BoxError, outcome_unknown| StoreError::Timeout { source, outcome_unknown };
        let connection = timeout(PATIENCE, Arc::clone(&self.0).lock_owned()).await;
        let mut connection = connection.map_err(|elapsed| late(elapsed.into(), false))?;
        let work = spawn_blocking(move || {
            let tx = connection.transaction_with_behavior(behavior)?;
            let done = job(&tx)?; // an error drops `tx`, which rolls it back
            tx.commit().map_err(|error| late(error.into(), true))?;
            Ok(done)
        });
        match timeout(PATIENCE, work).await {
            Ok(Ok(done)) => done.map_err(failed),
            Ok(Err(_)) => Err(StoreError::Other("the job panicked, or the runtime is shutting down".into())),
            Err(elapsed) => Err(late(elapsed.into(), matches!(behavior, Write))),
        }
    }
}

#[async_trait]
impl TokenStore for SqliteStore {
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert> {
        let record = record.clone();
        self.call(Write, move |tx| {
            let who = record.subject.as_ref().map(Subject::as_str);
            let holds = match fence {
                Fence::None => true,
                Fence::Epoch(is) => any(tx, "epochs WHERE (subject, epoch) = (?1, ?2)", params![who, is.0])?,
                Fence::Parent(is) => any(tx, "tokens WHERE selector = ?1 AND revoked = 0", params![is.0])?,
            };
            Ok(match holds {
                false => Insert::Fenced,
                true if write(tx, INSERT, &record, &[])? => Insert::Inserted { of_subject: None },
                true => Insert::Duplicate,
            })
        })
        .await
    }

    async fn find(&self, selector: Selector) -> Result<Option<Record>> {
        self.call(Read, move |tx| {
            let mut find = tx.prepare("SELECT * FROM tokens WHERE selector = ?1")?;
            find.query_and_then([selector.0], record)?.next().transpose()
        })
        .await
    }

    async fn replace(&self, next: &Record, expected: Revision, _: Change<'_>) -> Result<Replace> {
        if expected == Revision::MAX {
            return Err(StoreError::Refused("the revision cannot be counted any further".into()));
        }
        let next = next.clone();
        self.call(Write, move |tx| {
            Ok(match write(tx, REPLACE, &next, params![expected.get()])? {
                true => Replace::Replaced,
                false if any(tx, "tokens WHERE selector = ?1", &[&next.selector.0])? => Replace::Conflict,
                false => Replace::Missing,
            })
        })
        .await
    }

    async fn delete(&self, selector: Selector, _: &Note) -> Result<bool> {
        let delete = "DELETE FROM tokens WHERE selector = ?1";
        self.call(Write, move |tx| Ok(tx.execute(delete, [selector.0])? == 1)).await
    }

    async fn revoke_by_subject(&self, subject: &Subject, revocation: &Revocation) -> Result<u64> {
        let (subject, revocation) = (subject.clone(), revocation.clone());
        self.call(Write, move |tx| {
            if let EpochUpdate::Set { epoch, now, keep } = revocation.epoch {
                let set = "INSERT INTO epochs VALUES (?1, ?2, ?3) ON CONFLICT (subject) DO UPDATE
                    SET epoch = excluded.epoch, purge_at = max(purge_at, excluded.purge_at)";
                let until = now.saturating_add(keep).as_millis();
                tx.execute(set, params![subject.as_str(), epoch.0, until])?;
            }
            let filter = &revocation.filter;
            let only = if let Logins::Only(login) = filter.logins { Some(login.0) } else { None };
            let except = if let Logins::Except(login) = filter.logins { Some(login.0) } else { None };
            let matching = named_params! {
                ":subject": subject.as_str(), ":kinds": kinds(&filter.kinds),
                ":purposes": purposes(filter.purposes), ":only": only, ":except": except,
            };
            Ok(match revocation.action {
                Action::Remove => tx.execute(&format!("{REMOVE} {MATCHING} AND {OF_LOGIN}"), matching)?,
                Action::Mark { reason, at } => {
                    let mark = named_params! { ":reason": reason.code(), ":at": at.as_millis() };
                    tx.execute(&format!("{MARK} {MATCHING} AND {OF_LOGIN}"), &*[matching, mark].concat())?
                }
            } as u64)
        })
        .await
    }

    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Listed>> {
        let (subject, page) = (subject.clone(), page.clone());
        self.call(Read, move |tx| {
            let (created_at, selector) = page.after.map(|(at, is)| (at.as_millis(), is.0)).unzip();
            let params = named_params! {
                ":subject": subject.as_str(), ":kinds": kinds(&page.kinds), ":limit": page.limit.get(),
                ":purposes": purposes(page.purposes), ":created_at": created_at, ":selector": selector,
            };
            let list = format!("SELECT * FROM tokens WHERE {MATCHING} AND {AFTER}");
            tx.prepare(&list)?.query_and_then(params, listed)?.collect()
        })
        .await
    }

    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Admission> {
        let subject = subject.clone();
        self.call(Write, move |tx| {
            // Usually nothing changes, and a transaction that changes nothing does not touch the disk.
            let keep_it = "INSERT INTO epochs VALUES (?1, ?2, ?3) ON CONFLICT (subject) DO UPDATE
                SET purge_at = excluded.purge_at WHERE purge_at < ?4";
            let (until, half) = (now.saturating_add(keep), now.saturating_add(keep / 2));
            tx.execute(keep_it, params![subject.as_str(), fresh.0, until.as_millis(), half.as_millis()])?;
            let read = "SELECT epoch FROM epochs WHERE subject = ?1";
            let epoch = Epoch(tx.query_row(read, [subject.as_str()], |row| row.get(0))?);
            Ok(Admission { epoch, era: Era::FIRST })
        })
        .await
    }

    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged> {
        let limit = limit.min(10_000); // so that it ends in time
        self.call(Write, move |tx| {
            let tokens = "DELETE FROM tokens WHERE rowid IN
                (SELECT rowid FROM tokens WHERE purge_at <= ?1 LIMIT ?2)";
            let removed = tx.execute(tokens, params![now.as_millis(), limit])? as u64;
            tx.execute("DELETE FROM epochs WHERE purge_at <= ?1", [now.as_millis()])?;
            Ok(Purged { removed, more: removed == u64::from(limit) })
        })
        .await
    }
}

fn any(tx: &Transaction<'_>, what: &str, params: &[&dyn ToSql]) -> rusqlite::Result<bool> {
    tx.prepare(&format!("SELECT 1 FROM {what}"))?.exists(params)
}

/// Binds the columns of `record`, then `more`, to `sql`, and returns whether that wrote a row.
fn write(tx: &Transaction<'_>, sql: &str, record: &Record, more: &[&dyn ToSql]) -> rusqlite::Result<bool> {
    let (r, ms) = (record, Timestamp::as_millis);
    let names = params![r.selector.0, r.subject.as_ref().map(Subject::as_str), r.kind.as_str()];
    let belongs = params![r.purpose.code(), r.login.0, r.era.get()];
    let past = params![ms(r.created_at), ms(r.updated_at), ms(r.seen_at), ms(r.expires_at)];
    let ends = params![r.idle_at.map(ms), ms(r.purge_at), r.revoked.map_or(0, Reason::code)];
    let rest = params![r.revision.get(), r.generation, r.device.as_str(), r.body.as_bytes()];
    Ok(tx.execute(sql, &*[names, belongs, past, ends, rest, more].concat())? == 1)
}

fn record(row: &Row<'_>) -> Result<Record, BoxError> {
    let selector = row.get("selector").map(Selector).ok();
    decode(row).map_err(|source| StoreError::Corrupt { selector, source }.into())
}

/// Decodes an entry of a list: a row that does not decode hides no other.
fn listed(row: &Row<'_>) -> Result<Listed, BoxError> {
    let source = match decode(row) {
        Ok(record) => return Ok(record.into()),
        Err(source) => source,
    };
    let created_at = Timestamp::from_millis(column(row, "created_at")?);
    Ok(Listed::Corrupt { selector: Selector(column(row, "selector")?), created_at, source })
}

fn decode(row: &Row<'_>) -> Result<Record, BoxError> {
    let time = |name| column(row, name).map(Timestamp::from_millis);
    Ok(Record {
        selector: Selector(column(row, "selector")?),
        subject: column::<Option<String>>(row, "subject")?.map(Subject::new).transpose()?,
        kind: Kind::new(&column::<String>(row, "kind")?)?,
        purpose: Purpose::from_code(column(row, "purpose")?)?,
        login: LoginId(column(row, "login")?),
        era: Era::new(column(row, "era")?),
        created_at: time("created_at")?,
        updated_at: time("updated_at")?,
        seen_at: time("seen_at")?,
        expires_at: time("expires_at")?,
        idle_at: column::<Option<u64>>(row, "idle_at")?.map(Timestamp::from_millis),
        purge_at: time("purge_at")?,
        revoked: Reason::from_code(column(row, "revoked")?)?,
        revision: Revision::new(column(row, "revision")?)?,
        generation: column(row, "generation")?,
        device: Device::new(column::<String>(row, "device")?)?,
        body: Body::new(column(row, "body")?)?,
    })
}

/// Reads a column as a `T`. The error names the column and, unlike SQLite's own, contains no value.
fn column<T: FromSql>(row: &Row<'_>, name: &'static str) -> Result<T, BoxError> {
    row.get(name).map_err(|_| format!("{name} is not what it should be").into())
}

/// The kinds as a JSON array; NULL for all of them. A kind needs no escaping.
fn kinds(kinds: &Kinds) -> Option<String> {
    let Kinds::Only(kinds) = kinds else { return None };
    Some(format!("{:?}", kinds.iter().map(Kind::as_str).collect::<Vec<_>>()))
}

/// The codes of the purposes as a JSON array.
fn purposes(purposes: Purposes) -> String {
    format!("{:?}", purposes.iter().map(Purpose::code).collect::<Vec<_>>())
}

/// Maps an error to the variant that the contract asks for.
fn failed(error: BoxError) -> StoreError {
    let source = match error.downcast::<StoreError>() {
        Ok(error) => return *error,
        Err(other) => other,
    };
    match source.downcast_ref().and_then(rusqlite::Error::sqlite_error_code) {
        Some(Code::DatabaseBusy) => StoreError::Timeout { source, outcome_unknown: false },
        Some(Code::CannotOpen | Code::DiskFull | Code::SystemIoFailure) => StoreError::Unavailable(source),
        Some(Code::PermissionDenied | Code::ReadOnly | Code::TooBig) => StoreError::Refused(source),
        Some(Code::DatabaseCorrupt | Code::NotADatabase) => StoreError::Corrupt { selector: None, source },
        _ => StoreError::Other(source),
    }
}
