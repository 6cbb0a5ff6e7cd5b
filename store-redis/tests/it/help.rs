//! Records to store, and commands to servers.

use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hallpass_core::store::{Fence, Record, TokenStore};
use hallpass_core::{Kind, ManualClock, MemoryStore, StoreError, Subject, Timestamp, Tokens};
use hallpass_store_redis::RedisStore;
use hallpass_test_servers::{Server, redis_command};
use tokio::task::JoinSet;

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

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
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

/// `record` after one more write: another revision, another write id.
pub(crate) fn next(record: &Record) -> Record {
    let mut next = record.clone();
    next.revision = record.revision.next();
    next.generation += 1;
    let mut body = record.body.as_bytes().to_vec();
    static WRITE_ID: AtomicU64 = AtomicU64::new(1);
    body[2..10].copy_from_slice(&WRITE_ID.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    next.body = hallpass_core::store::Body::new(body).unwrap();
    next
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
pub(crate) async fn raw(server: &Server) -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(server.url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

/// Every key.
pub(crate) async fn keys(raw: &mut redis::aio::MultiplexedConnection) -> Vec<Vec<u8>> {
    redis::cmd("KEYS").arg("*").query_async(raw).await.unwrap()
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

/// Waits for something outside this process, at most half a minute.
pub(crate) async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    for _ in 0..600 {
        if done().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("waited in vain for {what}");
}
