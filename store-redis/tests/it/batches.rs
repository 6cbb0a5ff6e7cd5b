//! Tests reads that share a batch: each gets its own answer, and a read that is dropped takes no other's
//! answer.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::time::{Duration, Instant};

use hallpass_core::store::TokenStore;
use hallpass_core::{Kind, Selector};
use hallpass_store_redis::RedisStore;
use hallpass_test_servers::{Mode, Proxy, Server, needed, redis, redis_cluster};
use tokio::runtime::Builder;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::help::{calls, stored, tell};

const READERS: usize = 64;
const ROUNDS: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_reader_of_a_batch_gets_its_own_record() {
    let Some(server) = needed("batches of reads", redis()).unwrap() else { return };
    let store = RedisStore::single(server.url()).connect().await.unwrap();
    tell(&server, "CONFIG RESETSTAT");
    read_at_once(&store).await;
    assert!(shared(&server) > 0, "no batch was shared");
}

/// Sixteen tasks read all the time, and for a while many more do.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn few_readers_go_alone_and_do_so_again_after_many() {
    let Some(server) = needed("few readers", redis()).unwrap() else { return };
    let store = RedisStore::single(server.url()).connect().await.unwrap();
    tell(&server, "CONFIG RESETSTAT");
    let done = Arc::new(AtomicUsize::new(0));
    let mut few = JoinSet::new();
    for _ in 0..16 {
        few.spawn(read_again_and_again(store.clone(), usize::MAX, Arc::clone(&done)));
    }
    wait_for(&done, 5_000).await;
    assert_eq!(shared(&server), 0);
    let mut many = JoinSet::new();
    for _ in 0..112 {
        many.spawn(read_again_and_again(store.clone(), 200, Arc::clone(&done)));
    }
    many.join_all().await;
    let mut before = shared(&server);
    assert!(before > 0);
    // On a busy machine, reads may queue up for longer.
    for _ in 0..100 {
        wait_for(&done, 5_000).await;
        let after = shared(&server);
        if after == before {
            return;
        }
        before = after;
    }
    panic!("sharing has no end");
}

async fn read_again_and_again(store: RedisStore, times: usize, done: Arc<AtomicUsize>) {
    for _ in 0..times {
        assert_eq!(store.find(Selector([7; 16])).await.unwrap(), None);
        done.fetch_add(1, Ordering::Relaxed);
    }
}

/// Waits until `more` further reads are done.
async fn wait_for(done: &AtomicUsize, more: usize) {
    let until = done.load(Ordering::Relaxed) + more;
    while done.load(Ordering::Relaxed) < until {
        tokio::task::yield_now().await;
    }
}

/// How many batches there have been so far.
fn shared(server: &Server) -> u64 {
    calls(server, "mget")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn they_do_so_on_a_cluster_too() {
    let Some(cluster) = needed("batches of reads on a cluster", redis_cluster()).unwrap() else { return };
    let store = RedisStore::cluster(cluster.urls()).connect().await.unwrap();
    read_at_once(&store).await;
}

/// Many readers at the same instant; one in four stops waiting before the answer.
async fn read_at_once(store: &RedisStore) {
    let mut selectors = Vec::new();
    for number in 0..READERS {
        let record = stored(store, &format!("reader-{number}"), Kind::REMEMBER).await;
        selectors.push(record.selector);
    }
    let unknown = Selector([7; 16]);
    let barrier = Arc::new(Barrier::new(READERS));
    let mut readers = JoinSet::new();
    for (at, selector) in selectors.into_iter().enumerate() {
        let (store, barrier) = (store.clone(), Arc::clone(&barrier));
        readers.spawn(async move {
            for round in 0..ROUNDS {
                barrier.wait().await;
                let mut find = store.find(selector);
                if (at + round) % 4 == 0 {
                    let _ = std::future::poll_fn(|context| Poll::Ready(find.as_mut().poll(context))).await;
                    continue;
                }
                assert_eq!(find.await.unwrap().map(|found| found.selector), Some(selector));
                if at == 1 {
                    assert_eq!(store.find(unknown).await.unwrap(), None);
                }
            }
        });
    }
    readers.join_all().await;
}

/// A batch that is handed to a runtime that is shutting down comes back immediately.
#[test]
fn a_runtime_that_ends_amid_batches_ends() {
    let Some(server) = needed("the end of a runtime", redis()).unwrap() else { return };
    let outside = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let proxy = outside.block_on(Proxy::start(server.address())).unwrap();
    let inside = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let store = inside.block_on(RedisStore::connect(&server.url_at(proxy.address()))).unwrap();
    proxy.set(Mode::BlackHole);
    let asked = Arc::new(AtomicUsize::new(0));
    for _ in 0..READERS {
        let (store, asked) = (store.clone(), Arc::clone(&asked));
        inside.spawn(async move {
            let mut find = store.find(Selector([7; 16]));
            let first = std::future::poll_fn(|context| Poll::Ready(find.as_mut().poll(context))).await;
            assert!(first.is_pending());
            asked.fetch_add(1, Ordering::SeqCst);
            find.await
        });
    }
    let began = Instant::now();
    while asked.load(Ordering::SeqCst) < READERS {
        assert!(began.elapsed() < Duration::from_secs(20), "not all have asked");
        std::thread::yield_now();
    }
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        drop(inside);
        let _ = tell.send(());
    });
    assert!(told.recv_timeout(Duration::from_secs(20)).is_ok(), "the runtime hangs");
}
