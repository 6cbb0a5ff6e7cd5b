//! Servers, stores with a schema of their own, and records built by hand.

use std::num::NonZeroU16;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hallpass_core::store::{
    Action, Admission, Body, Change, Epoch, EpochUpdate, Era, Fence, Insert, Listed, Page, Record,
    RecordFilter, Replace, Revision, Revocation, TokenStore,
};
use hallpass_core::{Device, Kind, LoginId, Note, Purpose, Selector, StoreError, Subject, Timestamp};
use hallpass_store_postgres::{Builder, PostgresStore};
use hallpass_test_servers::{Server, needed, postgres};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// The server shared by tests that do no harm; `None` if there is none and the test may be skipped.
pub(crate) fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(own_server).as_ref()
}

/// A separate server, for tests that do harm.
pub(crate) fn own_server() -> Option<Server> {
    needed("the adapter on PostgreSQL", postgres()).unwrap()
}

/// A number that is unique in this process.
pub(crate) fn unique() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A name for a schema that does not exist yet on any server.
pub(crate) fn schema() -> String {
    format!("it_{}_{}", std::process::id(), unique())
}

/// The timeout for tests that do not measure time: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// A store with tables of its own.
pub(crate) async fn store(url: &str, schema: &str, configure: impl Fn(Builder) -> Builder) -> PostgresStore {
    let builder = PostgresStore::builder().schema(schema).timeout(PATIENCE);
    let store = configure(builder).connect(url).await.unwrap();
    store.migrate().await.unwrap();
    store
}

/// The shared server, and a store with new tables on it.
pub(crate) async fn fresh() -> Option<(&'static Server, String, PostgresStore)> {
    let (server, schema) = (server()?, schema());
    let store = store(server.url(), &schema, |builder| builder).await;
    Some((server, schema, store))
}

/// A connection besides those of the store.
pub(crate) async fn connection(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}

/// Runs SQL on a connection of the test's own.
pub(crate) async fn say(on: &mut PgConnection, sql: impl Into<String>) {
    sqlx::raw_sql(AssertSqlSafe(sql.into())).execute(on).await.unwrap();
}

/// Runs SQL that returns a number.
pub(crate) async fn ask(on: &mut PgConnection, sql: impl Into<String>) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(sql.into())).fetch_one(on).await.unwrap()
}

/// How many statements on `schema` that contain `word` wait for a lock. Must not run in a transaction, where
/// the answer would never change.
pub(crate) async fn waiting(on: &mut PgConnection, schema: &str, word: &str) -> i64 {
    let waits = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'";
    ask(on, format!("{waits} and query like '%{schema}%' and query like '%{word}%'")).await
}

/// Waits until the condition holds, for a limited time.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..1_200 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("30 s and still not: {what}");
}

/// The result of an insert in this store.
pub(crate) const INSERTED: Insert = Insert::Inserted { of_subject: None };

/// An admission with any epoch.
pub(crate) const fn admission(epoch: Epoch) -> Admission {
    Admission { epoch, era: Era::FIRST }
}

/// A revocation of everything of a subject.
pub(crate) fn revocation(action: Action) -> Revocation {
    Revocation::new(RecordFilter::all(), action)
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
        purpose: Purpose::Device,
        login: LoginId(number.to_be_bytes()),
        era: Era::FIRST,
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

/// The record after its next write.
pub(crate) fn next(record: &Record) -> Record {
    let mut next = record.clone();
    next.revision = record.revision.next();
    next.generation += 1;
    next.body = Body::new(unique().to_be_bytes().repeat(16)).unwrap();
    next
}

pub(crate) async fn put(store: &PostgresStore, record: &Record) {
    assert_eq!(store.insert(record, Fence::None).await.unwrap(), INSERTED);
}

/// A new record of `name`, stored.
pub(crate) async fn stored(store: &PostgresStore, name: &str) -> Record {
    let record = record(name);
    put(store, &record).await;
    record
}

/// `count` new records of alice, stored.
pub(crate) async fn stored_many(store: &PostgresStore, count: usize) -> Vec<Record> {
    let mut records = Vec::with_capacity(count);
    for _ in 0..count {
        records.push(stored(store, "alice").await);
    }
    records
}

/// What a user does with a login, call after call.
pub(crate) async fn a_login_lives_and_ends(store: &PostgresStore) {
    let (alice, keep) = (subject("alice"), Duration::from_secs(3_600));
    let epoch = store.epoch(&alice, Epoch([1; 16]), keep, at(1)).await.unwrap().epoch;
    let mut records = Vec::new();
    for _ in 0..10 {
        let record = record("alice");
        assert_eq!(store.insert(&record, Fence::Epoch(epoch)).await.unwrap(), INSERTED);
        let next = next(&record);
        assert_eq!(store.replace(&next, record.revision, Change::Update).await.unwrap(), Replace::Replaced);
        assert_eq!(store.find(next.selector).await.unwrap().as_ref(), Some(&next));
        records.push(next);
    }
    let child = record("alice");
    assert_eq!(store.insert(&child, Fence::Parent(records[0].selector)).await.unwrap(), INSERTED);
    assert!(store.delete(child.selector, &Note::none()).await.unwrap());
    let page = Page::first(NonZeroU16::new(20).unwrap());
    let listed = store.list_by_subject(&alice, &page).await.unwrap();
    assert!(listed.into_iter().filter_map(Listed::record).eq(records.into_iter().rev()));
    let update = EpochUpdate::Set { epoch: Epoch([2; 16]), now: at(1), keep };
    let everywhere = revocation(Action::Remove).epoch(update);
    assert_eq!(store.revoke_by_subject(&alice, &everywhere).await.unwrap(), 10);
    assert_eq!(store.insert(&record("alice"), Fence::Epoch(epoch)).await.unwrap(), Insert::Fenced);
    assert!(store.list_by_subject(&alice, &page).await.unwrap().is_empty());
}

/// The text of an error with all its sources, in `Display` and in `Debug`.
pub(crate) fn words(error: &StoreError) -> String {
    format!("{error:?} {}", hallpass_core::error_chain(error))
}
