//! Servers, stores in schemas of their own, and records filled by hand.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hallpass_core::{
    Body, Device, Fence, Insert, Kind, LoginId, Record, Revision, Selector, StoreError, Subject, Timestamp,
    TokenStore,
};
use hallpass_store_postgres::{Builder, PostgresStore};
use hallpass_test_servers::{Server, needed, postgres};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// The server that harmless tests share; `None` where there is none and that may be.
pub(crate) fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(own_server).as_ref()
}

/// A server to mistreat.
pub(crate) fn own_server() -> Option<Server> {
    needed("the adapter on PostgreSQL", postgres()).unwrap()
}

/// A number that nothing else in this process has.
pub(crate) fn unique() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A schema that is not there yet, on whichever server.
pub(crate) fn schema() -> String {
    format!("it_{}_{}", std::process::id(), unique())
}

/// What a call may take where time is not what a test is about: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// A store with tables of its own.
pub(crate) async fn store(url: &str, schema: &str, configure: impl Fn(Builder) -> Builder) -> PostgresStore {
    let builder = PostgresStore::builder().schema(schema).timeout(PATIENCE);
    let store = configure(builder).connect(url).await.unwrap();
    store.migrate().await.unwrap();
    store
}

/// A connection beside the store's.
pub(crate) async fn connection(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}

/// Says something to the server that nobody else may hear.
pub(crate) async fn say(on: &mut PgConnection, sql: impl Into<String>) {
    sqlx::raw_sql(AssertSqlSafe(sql.into())).execute(on).await.unwrap();
}

/// A number that the server answers.
pub(crate) async fn ask(on: &mut PgConnection, sql: impl Into<String>) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(sql.into())).fetch_one(on).await.unwrap()
}

/// How many statements about `schema` with `word` in them wait for a lock. Not over a connection that is in a
/// transaction: there the answer stays what it was at first.
pub(crate) async fn waiting(on: &mut PgConnection, schema: &str, word: &str) -> i64 {
    let waits = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'";
    ask(on, format!("{waits} and query like '%{schema}%' and query like '%{word}%'")).await
}

/// Waits, a bounded time, until it is so.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..1_200 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("30 s and still not: {what}");
}

pub(crate) const fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(crate) fn subject(name: &str) -> Subject {
    Subject::new(name).unwrap()
}

/// A record as core would issue it.
pub(crate) fn record(name: &str) -> Record {
    let number = unique();
    let mut selector = [0; 16];
    selector[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    selector[8..].copy_from_slice(&number.to_be_bytes());
    Record {
        selector: Selector(selector),
        subject: Some(subject(name)),
        kind: Kind::SESSION,
        login: LoginId(number.to_be_bytes()),
        created_at: at(1_000_000 + number),
        updated_at: at(1_000_000 + number),
        seen_at: at(1_000_000 + number),
        expires_at: at(90_000_000),
        idle_at: Some(at(2_000_000)),
        purge_at: at(2_500_000),
        revoked: None,
        revision: Revision::FIRST,
        generation: 0,
        device: Device::new("Firefox").unwrap(),
        body: Body::new(vec![number as u8; 130]).unwrap(),
    }
}

/// What the next write makes of it.
pub(crate) fn next(record: &Record) -> Record {
    let mut next = record.clone();
    next.revision = record.revision.next();
    next.generation += 1;
    next.body = Body::new(unique().to_be_bytes().repeat(16)).unwrap();
    next
}

pub(crate) async fn put(store: &PostgresStore, record: &Record) {
    assert_eq!(store.insert(record, Fence::None).await.unwrap(), Insert::Inserted);
}

/// An error with all its sources, in `Display` and in `Debug`.
pub(crate) fn words(error: &StoreError) -> String {
    let mut words = format!("{error:?} {error}");
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        words += &format!(": {error}");
        source = error.source();
    }
    words
}
