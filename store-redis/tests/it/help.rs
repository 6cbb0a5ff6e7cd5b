//! Records to store, and commands to servers.

use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hallpass_core::store::{
    Action, Body, Change, Fence, Listed, Page, Record, RecordFilter, Replace, Revocation, TokenStore,
};
use hallpass_core::{
    Kind, ManualClock, MemoryStore, Reason, Selector, StoreError, Subject, Timestamp, Tokens,
};
use hallpass_store_redis::{Builder, RedisStore};
use hallpass_test_servers::{Sentinel, Server, redis_command};
use redis::FromRedisValue;
use redis::aio::MultiplexedConnection;
use tokio::task::JoinSet;

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const MARK: Action = Action::Mark { reason: Reason::CredentialChanged, at: NOW };

pub(crate) fn subject(name: &str) -> Subject {
    Subject::new(name).unwrap()
}

/// A record of `name`, as core issues it.
pub(crate) async fn record(name: &str, kind: Kind) -> Record {
    let store = MemoryStore::new();
    let tokens = Tokens::builder(store.clone()).clock(ManualClock::new(NOW)).build().unwrap();
    let login = tokens.begin_login(&subject(name)).await.unwrap();
    let issued = tokens.issue(&login, kind).device("Firefox on Linux").await.unwrap();
    store.find(issued.token.selector()).await.unwrap().unwrap()
}

/// A new record of `name`, stored.
pub(crate) async fn stored(store: &RedisStore, name: &str, kind: Kind) -> Record {
    let record = record(name, kind).await;
    assert!(store.insert(&record, Fence::None).await.unwrap().is_inserted());
    record
}

/// Replaces `record` by `next`.
pub(crate) async fn replaced(store: &RedisStore, next: &Record, record: &Record) {
    let answer = store.replace(next, record.revision, Change::Update).await;
    assert_eq!(answer.unwrap(), Replace::Replaced);
}

/// Ends every record of `name`.
pub(crate) async fn end(store: &RedisStore, name: &str, action: Action) -> Result<u64, StoreError> {
    store.revoke_by_subject(&subject(name), &Revocation::new(RecordFilter::all(), action)).await
}

/// The first `limit` records of `name`.
pub(crate) async fn list(store: &RedisStore, name: &str, limit: u16) -> Result<Vec<Listed>, StoreError> {
    store.list_by_subject(&subject(name), &Page::first(limit.try_into().unwrap())).await
}

/// `count` records of `name`, copied from one: only their selectors differ, and all have the same instant.
pub(crate) async fn many(name: &str, kind: Kind, count: u32) -> Vec<Record> {
    let like = record(name, kind).await;
    let with = |number: u32| {
        let mut selector = like.selector;
        selector.0[10..14].copy_from_slice(&number.to_be_bytes());
        Record { selector, ..like.clone() }
    };
    (0..count).map(with).collect()
}

/// Stores records, with 32 concurrent tasks.
pub(crate) async fn put(store: &RedisStore, records: &[Record]) {
    let mut tasks = JoinSet::new();
    for share in records.chunks(records.len().div_ceil(32).max(1)) {
        let (store, share) = (store.clone(), share.to_vec());
        tasks.spawn(async move {
            for record in &share {
                assert!(store.insert(record, Fence::None).await.unwrap().is_inserted());
            }
        });
    }
    tasks.join_all().await;
}

/// `record` after one more write: another revision, another write id.
pub(crate) fn next(record: &Record) -> Record {
    let mut next = record.clone();
    next.revision = record.revision.next();
    next.generation += 1;
    let mut body = record.body.as_bytes().to_vec();
    static WRITE_ID: AtomicU64 = AtomicU64::new(1);
    body[2..10].copy_from_slice(&WRITE_ID.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    next.body = Body::new(body).unwrap();
    next
}

/// `record` after its token was used up.
pub(crate) fn spent(record: &Record) -> Record {
    Record { revoked: Some(Reason::Spent), idle_at: None, purge_at: record.expires_at, ..next(record) }
}

/// A builder for the servers of this group.
pub(crate) fn sentinel(group: &Sentinel) -> Builder {
    RedisStore::sentinel(group.sentinels().iter().map(Server::url), group.name())
}

/// A server's answer to a command whose arguments have no blanks.
pub(crate) fn tell(server: &Server, command: &str) -> String {
    redis_command(server.address(), command, Duration::from_secs(10)).unwrap()
}

/// One of the numbers in `INFO`.
pub(crate) fn info(server: &Server, name: &str) -> u64 {
    let text = tell(server, "INFO");
    let line = text.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("INFO says nothing of {name}")).parse().unwrap()
}

/// How often a command was called, as named in `INFO commandstats`: `get`, `cluster|slots`.
pub(crate) fn calls(server: &Server, command: &str) -> u64 {
    let text = tell(server, "INFO commandstats");
    let begin = format!("cmdstat_{command}:calls=");
    let line = text.lines().find_map(|line| line.strip_prefix(&begin));
    line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
}

/// A connection of the driver, to read and write without the store.
pub(crate) async fn raw(server: &Server) -> MultiplexedConnection {
    let client = redis::Client::open(server.url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

/// The answer to a command about one key.
pub(crate) async fn ask<T: FromRedisValue>(
    raw: &mut MultiplexedConnection,
    name: &str,
    key: &[u8],
    more: &[&[u8]],
) -> T {
    redis::cmd(name).arg(key).arg(more).query_async(raw).await.unwrap()
}

/// Every key.
pub(crate) async fn keys(raw: &mut MultiplexedConnection) -> Vec<Vec<u8>> {
    ask(raw, "KEYS", b"*", &[]).await
}

/// A key of a namespace. `what` is its letter in the layout, which `src/keys.rs` documents.
pub(crate) fn key(namespace: &str, what: char, shard: [u8; 2], rest: &[u8]) -> Vec<u8> {
    let head = format!("hp:{namespace}:{{{:02x}{:02x}}}:{what}:", shard[0], shard[1]);
    [head.as_bytes(), rest].concat()
}

/// The key of a record.
pub(crate) fn row(namespace: &str, selector: Selector) -> Vec<u8> {
    key(namespace, 't', selector.shard(), &selector.0[2..])
}

/// The key of the index of `name`.
pub(crate) fn index(namespace: &str, name: &str) -> Vec<u8> {
    key(namespace, 's', subject(name).shard(), name.as_bytes())
}

/// The texts of an error and its causes.
pub(crate) fn why(error: &StoreError) -> String {
    let (mut said, mut cause) = (Vec::new(), error.source());
    while let Some(next) = cause {
        said.push(next.to_string());
        cause = next.source();
    }
    said.join(": ")
}

/// Waits for something outside this process, at most two minutes: Sentinels whose election fails wait ten seconds before
/// the next.
pub(crate) async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    for _ in 0..2_400 {
        if done().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("waited in vain for {what}");
}
