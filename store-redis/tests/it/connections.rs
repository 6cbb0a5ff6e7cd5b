//! Tests how many connections the store opens, and what a call sends over them.

use hallpass_core::store::{Action, TokenStore};
use hallpass_core::{Kind, Selector};
use hallpass_store_redis::{Builder, RedisStore};
use hallpass_test_servers::{Server, needed, redis, redis_cluster};
use tokio::task::JoinSet;

use crate::help::{calls, end, stored, tell, until};

/// How many connections the test user has.
fn open(server: &Server) -> usize {
    tell(server, "CLIENT LIST").lines().filter(|line| line.contains(" user=hallpass ")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_are_as_many_connections_as_asked_for_and_they_belong_to_the_named_user() {
    let Some(server) = needed("several connections", redis()).unwrap() else { return };
    assert_eq!(tell(&server, "ACL SETUSER hallpass on >secret ~* +@all"), "OK");
    // The URL names another user, which the credentials override.
    let url = server.url().replace("redis://", "redis://nobody:nothing@");
    let builder = || RedisStore::single(&url).credentials("hallpass", "secret");
    let connections: [(Builder, usize); 3] =
        [(builder(), 1), (builder().connections(3), 3), (builder().connections(2).nodelay(true), 2)];
    for (builder, number) in connections {
        let store = builder.connect().await.unwrap();
        let token = stored(&store, "alice", Kind::SESSION).await;
        let mut readers = JoinSet::new();
        for _ in 0..64 {
            let (store, token) = (store.clone(), token.clone());
            readers.spawn(async move {
                assert_eq!(store.find(token.selector).await.unwrap(), Some(token));
                assert_eq!(store.find(Selector([7; 16])).await.unwrap(), None);
            });
        }
        readers.join_all().await;
        assert_eq!(open(&server), number);
        drop(store);
        until("the end of the connections", async || open(&server) == 0).await;
    }
}

/// "Log out everywhere" of ten tokens: one script, sent once, to one node.
#[tokio::test]
async fn ending_all_tokens_of_a_subject_is_one_round_trip_on_a_cluster() {
    let Some(cluster) = needed("a round trip on a cluster", redis_cluster()).unwrap() else { return };
    let store = RedisStore::cluster(cluster.urls()).connect().await.unwrap();
    let revoke = async |name: &str, count: u64| {
        for _ in 0..count {
            stored(&store, name, Kind::REMEMBER).await;
        }
        let masters = &cluster.nodes()[..3];
        for node in masters {
            assert_eq!(tell(node, "CONFIG RESETSTAT"), "OK");
        }
        assert_eq!(end(&store, name, Action::Remove).await.unwrap(), count);
        // The commands that a client sends. All others in the statistics were called by the script, or belong
        // to the replica or to this test.
        let sent = ["evalsha", "eval", "get", "mget", "cluster|slots", "hello", "wait", "script|load"];
        let sent = |node| sent.map(|command| calls(node, command));
        masters.iter().map(sent).fold([0; 8], |sum, node| std::array::from_fn(|at| sum[at] + node[at]))
    };
    // The first revocation makes the script known to the node.
    revoke("alice", 1).await;
    assert_eq!(revoke("alice", 10).await, [1, 0, 0, 0, 0, 0, 0, 0]);
}
