//! Tests the near cache of core over this store: what one node ends, the other refuses.

use std::time::Duration;

use hallpass_core::{Kind, NearCache, Policy, Tokens};
use hallpass_store_redis::{Builder, RedisStore};
use hallpass_test_servers::{needed, redis, redis_cluster, redis_sentinel};

use crate::help::{sentinel, subject, until};

/// A node that keeps sessions.
async fn node(builder: Builder) -> Tokens {
    let kept = Policy::session().cached_for(Duration::from_secs(60));
    let store = builder.connect().await.unwrap();
    Tokens::builder(store).policy(kept).near_cache(NearCache::new()).build().unwrap()
}

/// Logs users in, has one node accept them from its memory, ends them on the other, and waits for the refusals.
async fn ends_on_both(build: impl Fn() -> Builder) {
    let (here, there) = (node(build()).await, node(build()).await);
    for name in ["alice", "bob", "carol", "dave"] {
        let login = here.begin_login(&subject(name)).await.unwrap();
        let issued = here.issue(&login, Kind::SESSION).await.unwrap();
        let text = issued.token.expose();
        let before = there.near_cache_stats().unwrap().hits;
        until("a hit", async || {
            there.verify(Kind::SESSION, text).await.unwrap();
            there.near_cache_stats().unwrap().hits > before
        })
        .await;
        match name {
            "alice" => here.revoke(Kind::SESSION, text).await.unwrap(),
            _ => drop(here.forget_subject(&subject(name)).await.unwrap()),
        }
        assert!(here.verify(Kind::SESSION, text).await.is_err(), "a node sees its own endings at once");
        until("the refusal", async || there.verify(Kind::SESSION, text).await.is_err()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_ends_the_other_refuses() {
    let Some(server) = needed("a near cache over Redis", redis()).unwrap() else { return };
    ends_on_both(|| RedisStore::single(server.url())).await;
    let Some(group) = needed("a near cache under Sentinel", redis_sentinel()).unwrap() else { return };
    ends_on_both(|| sentinel(&group).confirm_masters(1, Duration::from_millis(250))).await;
    let Some(cluster) = needed("a near cache over a cluster", redis_cluster()).unwrap() else { return };
    ends_on_both(|| RedisStore::cluster(cluster.urls()).confirm_masters(1, Duration::from_millis(250))).await;
}
