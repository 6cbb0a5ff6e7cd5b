//! Tests what a turn proves while others write (S19), also while scripts keep the server busy.
//!
//! Each test has a reader that is wrong in one way, to show that the load would reveal it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hallpass_core::store::{Change, Fence, Replace, TokenStore};
use hallpass_core::{Kind, Note, Selector};
use hallpass_store_redis::{FeedFault, RedisStore};
use hallpass_test_servers::{Backend, Launch, Server, needed, redis};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::help::{MARK, end, many, spent, stored, until};
use crate::listener::{Listener, Turn};

const WRITERS: usize = 24;
const READERS: usize = 8;

/// What readers found.
#[derive(Debug, Default)]
struct Found {
    /// Endings that a proof covered, for each reader.
    covered: usize,
    /// Of these, those that were not heard.
    unheard: usize,
    /// Turns that failed.
    failed: usize,
}

/// Endings that were acknowledged, and when, in this order.
type Acknowledged = Arc<Mutex<Vec<(Instant, Selector)>>>;

/// Ends `count` records per writer, while readers have their turns.
async fn read_under_load(store: &RedisStore, count: u32) -> Found {
    let acknowledged = Acknowledged::default();
    let done = Arc::new(AtomicBool::new(false));
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        let listener = Listener::open(store).await;
        readers.spawn(read(listener, Arc::clone(&acknowledged), Arc::clone(&done)));
    }
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let name = format!("user {writer}");
        let (store, acknowledged) = (store.clone(), Arc::clone(&acknowledged));
        let records = many(&name, Kind::SESSION, count).await;
        writers.spawn(async move {
            for record in records {
                assert!(store.insert(&record, Fence::None).await.unwrap().is_inserted());
                let none = Note::none();
                match writer % 3 {
                    0 => assert!(store.delete(record.selector, &none).await.unwrap()),
                    1 => {
                        let ended = store.replace(&spent(&record), record.revision, Change::End(&none)).await;
                        assert_eq!(ended.unwrap(), Replace::Replaced);
                    }
                    _ => assert_eq!(end(&store, &name, MARK).await.unwrap(), 1),
                }
                let mut acknowledged = acknowledged.lock().unwrap();
                acknowledged.push((Instant::now(), record.selector));
            }
        });
    }
    writers.join_all().await;
    done.store(true, Ordering::SeqCst);
    let mut found = Found::default();
    for one in readers.join_all().await {
        found.covered += one.covered;
        found.unheard += one.unheard;
        found.failed += one.failed;
    }
    found
}

/// Has turns until one proves that everything was heard which was acknowledged when it was `done`.
async fn read(mut listener: Listener, acknowledged: Acknowledged, done: Arc<AtomicBool>) -> Found {
    let mut found = Found::default();
    loop {
        let last = done.load(Ordering::SeqCst);
        match listener.turn().await {
            Turn::Proven(Some(proven)) => {
                let acknowledged = acknowledged.lock().unwrap();
                for (at, selector) in &acknowledged[found.covered..] {
                    if *at >= proven {
                        break;
                    }
                    found.covered += 1;
                    found.unheard += usize::from(!listener.has(*selector));
                }
                if last && found.covered == acknowledged.len() {
                    return found;
                }
            }
            Turn::Proven(None) => {}
            Turn::Failed(_) => found.failed += 1,
            Turn::Lost(why) => panic!("{why}"),
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_was_acknowledged_before_what_a_turn_proves_was_heard() {
    let Some(server) = needed("proofs under load", redis()).unwrap() else { return };
    let store = RedisStore::single(server.url()).connections(8).connect().await.unwrap();
    let found = read_under_load(&store, 60).await;
    assert_eq!((found.covered, found.unheard), (READERS * WRITERS * 60, 0));
}

/// A script during which the server looks at its connections four times. It looks once in 100,000 instructions of the
/// interpreter, if the script has run for long enough; what takes time in between is a single instruction.
const BUSY: &str = "
local function busy(times) for _ = 1, times do string.rep('x', 100000) end end
local function look() for _ = 1, 100000 do end end
busy(20) look() busy(20) look() busy(20) look() busy(20) look() busy(40)";

/// A proxy that parts a report from an answer before it, if both arrive together: the report follows when the client has
/// sent its next request. A network may part them anywhere, and a client that was given the answer has drawn its
/// conclusion by then.
async fn parted(server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = TcpStream::connect(server).await.unwrap().into_split();
            let (requests, mut request) = watch::channel(());
            tokio::spawn(async move {
                let mut bytes = [0; 4096];
                while let Ok(count @ 1..) = from_client.read(&mut bytes).await {
                    requests.send_replace(());
                    to_server.write_all(&bytes[..count]).await.unwrap();
                }
            });
            tokio::spawn(async move {
                const REPORT: &[u8] = b">2\r\n$10\r\ninvalidate";
                let mut bytes = vec![0; 65_536];
                while let Ok(count @ 1..) = from_server.read(&mut bytes).await {
                    let report = bytes[..count].windows(REPORT.len()).position(|window| window == REPORT);
                    let (before, after) = bytes[..count].split_at(report.unwrap_or(count));
                    request.mark_unchanged();
                    if to_client.write_all(before).await.is_err()
                        || (!before.is_empty() && !after.is_empty() && request.changed().await.is_err())
                        || to_client.write_all(after).await.is_err()
                    {
                        break;
                    }
                }
            });
        }
    });
    address
}

/// How many connections of a frozen server have something to read.
fn unread(server: &Server) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let port = format!(":{:04X}", server.address().port());
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row[1].ends_with(&port) && row[3] == "01" && !row[4].ends_with(":00000000")).count()
}

/// Has the server read in one round of its event loop: an ending, a long script, and the question of a feed. It then
/// acknowledges the ending in the middle of the script, and announces it after it has answered the feed.
async fn one_round(server: &Server, store: &RedisStore, reader: &RedisStore) -> Found {
    let token = stored(store, "alice", Kind::SESSION).await;
    let mut listener = Listener::open(reader).await;
    listener.catch_up().await;
    let client = redis::Client::open(server.url()).unwrap();
    let patient = redis::AsyncConnectionConfig::new().set_response_timeout(None);
    let mut raw = client.get_multiplexed_async_connection_with_config(&patient).await.unwrap();
    // Nothing is left unread.
    let _: redis::Value = redis::cmd("PING").query_async(&mut raw).await.unwrap();
    let (acknowledged, done) = (Acknowledged::default(), Arc::new(AtomicBool::new(false)));
    server.freeze().unwrap();
    let arrived = async |number| until("a request", async || unread(server) >= number).await;
    let ending = tokio::spawn({
        let (store, acknowledged, done) = (store.clone(), Arc::clone(&acknowledged), Arc::clone(&done));
        async move {
            assert!(store.delete(token.selector, &Note::none()).await.unwrap());
            acknowledged.lock().unwrap().push((Instant::now(), token.selector));
            done.store(true, Ordering::SeqCst);
        }
    });
    arrived(1).await;
    let script = tokio::spawn(async move {
        let _: redis::Value = redis::cmd("EVAL").arg(BUSY).arg(0).query_async(&mut raw).await.unwrap();
    });
    arrived(2).await;
    let reading = tokio::spawn(read(listener, acknowledged, done));
    arrived(3).await;
    server.thaw().unwrap();
    ending.await.unwrap();
    script.await.unwrap();
    reading.await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_server_is_proved_by_two_answers_and_neither_by_one_nor_by_busy() {
    let busy = Launch::new(Backend::Redis).setting("busy-reply-threshold", "1");
    let Some(server) = needed("proofs of a busy server", busy.start()).unwrap() else { return };
    let patient = Duration::from_secs(20);
    let store = RedisStore::single(server.url()).timeout(patient).connect().await.unwrap();
    let url = server.url_at(parted(server.address()).await);
    let reader = RedisStore::single(&url).timeout(patient).connect().await.unwrap();
    let mut failed = 0;
    for _ in 0..20 {
        let right = one_round(&server, &store, &reader).await;
        assert_eq!((right.covered, right.unheard), (1, 0), "{right:?}");
        failed += right.failed;
    }
    assert!(failed > 0, "the server was never busy");
    for fault in [FeedFault::OneAnswer, FeedFault::BusyProves] {
        let wrong = RedisStore::single(&url).timeout(patient).feed_fault(fault).connect().await.unwrap();
        let mut rounds = 1;
        while one_round(&server, &store, &wrong).await.unheard == 0 {
            rounds += 1;
            assert!(rounds < 100, "{fault:?} is not noticed");
        }
        println!("{fault:?} is noticed in round {rounds}");
    }
}
