//! Tests the map of a cluster: whose map is accepted, which addresses it names, and how often it is
//! requested.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hallpass_core::store::{Action, TokenStore};
use hallpass_core::{Kind, StoreError};
use hallpass_store_redis::RedisStore;
use hallpass_test_servers::{needed, redis_cluster};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet, block_in_place};

use crate::help::{calls, end, stored, tell, until, why};
use crate::reshard::Move;

/// Forwards connections at `address` to `server`, as if the server had this address now.
async fn stand_in(address: SocketAddr, server: SocketAddr) -> JoinHandle<()> {
    let listener = TcpListener::bind(address).await.unwrap();
    tokio::spawn(async move {
        let mut served = JoinSet::new();
        while let Ok((mut client, _)) = listener.accept().await {
            served.spawn(async move {
                let mut server = TcpStream::connect(server).await?;
                copy_bidirectional(&mut client, &mut server).await
            });
        }
    })
}

/// Addresses are reused where containers come and go. A foreign cluster at an address of ours has none of our
/// tokens: it would report that a token does not exist, and a revocation there would end nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_cluster_at_our_addresses_is_not_believed() {
    let Some(ours) = needed("a cluster", redis_cluster()).unwrap() else { return };
    let Some(foreign) = needed("another cluster", redis_cluster()).unwrap() else { return };
    let store = RedisStore::cluster(ours.urls()).timeout(Duration::from_secs(4)).connect().await.unwrap();
    let token = stored(&store, "alice", Kind::REMEMBER).await;
    let log_out = async || end(&store, "alice", Action::Remove).await;
    // First at one address, the only one that then answers; then at all addresses.
    for at_all in [false, true] {
        block_in_place(|| ours.nodes().iter().for_each(|node| node.crash().unwrap()));
        let mut stand_ins = Vec::new();
        for (own, other) in ours.nodes().iter().zip(foreign.nodes()).take(if at_all { 6 } else { 1 }) {
            stand_ins.push(stand_in(own.address(), other.address()).await);
        }
        for _ in 0..3 {
            let found = store.find(token.selector).await;
            assert!(matches!(found, Err(StoreError::Unavailable(_))), "{found:?}");
            let ended = log_out().await;
            assert!(matches!(ended, Err(StoreError::Unavailable(_))), "{ended:?}");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        let error = log_out().await.unwrap_err();
        assert!(why(&error).contains("another cluster") || !at_all, "{error:?}");
        for stand_in in stand_ins {
            stand_in.abort();
            let _ = stand_in.await;
        }
        block_in_place(|| ours.nodes().iter().for_each(|node| node.start().unwrap()));
        until("the own cluster", async || matches!(store.find(token.selector).await, Ok(Some(_)))).await;
    }
    assert_eq!(log_out().await.unwrap(), 1);
}

/// Nodes that announce no name write `?` or nothing in its place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_whose_nodes_have_no_names_is_reached() {
    let Some(cluster) = needed("a cluster without names", redis_cluster()).unwrap() else { return };
    for kind in ["hostname", "unknown-endpoint"] {
        for node in cluster.nodes() {
            let set = tell(node, &format!("CONFIG SET cluster-preferred-endpoint-type {kind}"));
            assert_eq!(set, "OK");
        }
        let store = RedisStore::cluster([cluster.urls()[0]]).connect().await.unwrap();
        for number in 0..24 {
            let token = stored(&store, &format!("{kind} {number}"), Kind::SESSION).await;
            assert_eq!(store.find(token.selector).await.unwrap(), Some(token));
        }
        // Redirections do not name a host either.
        let token = stored(&store, kind, Kind::SESSION).await;
        let moving = Move::of(&cluster, kind);
        moving.begin();
        moving.carry(&moving.keys().await).await;
        assert_eq!(store.find(token.selector).await.unwrap().as_ref(), Some(&token), "ASK");
        moving.end();
        assert_eq!(store.find(token.selector).await.unwrap(), Some(token), "MOVED");
    }
}

/// A shard without master and replica stays down for a while. Without a limit, every call to it would ask for
/// the map.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_that_is_down_does_not_make_the_others_tell_the_map_all_the_time() {
    let Some(cluster) = needed("a cluster with a shard down", redis_cluster()).unwrap() else { return };
    let store = RedisStore::cluster(cluster.urls()).timeout(Duration::from_secs(2)).connect().await.unwrap();
    let mut tokens = Vec::new();
    for number in 0..24 {
        tokens.push(stored(&store, &format!("user {number}"), Kind::SESSION).await);
    }
    block_in_place(|| [0, 3].map(|number| cluster.nodes()[number].crash().unwrap()));
    let others = [1, 2, 4, 5].map(|number| &cluster.nodes()[number]);
    let asked = || others.iter().map(|node| calls(node, "cluster|slots")).sum::<u64>();
    let (before, began) = (asked(), Instant::now());
    let mut failed = 0;
    while began.elapsed() < Duration::from_secs(5) {
        for token in &tokens {
            failed += usize::from(store.find(token.selector).await.is_err());
        }
    }
    let (asked, seconds) = (asked() - before, began.elapsed().as_secs_f64());
    println!("{asked} questions for the map in {seconds:.1} s, {failed} calls failed");
    assert!(failed > 20, "no call failed");
    // All four nodes once a second, and the first requests, which come faster. Before the limit, all nodes
    // were asked ten times a second.
    assert!((asked as f64) < 4.0 * (seconds + 4.0), "{asked} in {seconds} s");
}
