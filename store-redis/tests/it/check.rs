//! Tests what `check` finds.

use std::time::Duration;

use hallpass_core::{Clock, SystemClock};
use hallpass_store_redis::{FindingKind, RedisStore};
use hallpass_test_servers::{Backend, Launch, needed, redis, redis_sentinel};

use crate::help::{NOW, sentinel};

async fn found(store: &RedisStore) -> Vec<(FindingKind, String)> {
    let findings = store.check(SystemClock.now()).await.unwrap();
    findings.iter().map(|finding| (finding.about, finding.to_string())).collect()
}

#[tokio::test]
async fn a_server_that_saves_nothing_is_found_and_a_durable_one_is_not() {
    let forgetful = Launch::new(Backend::Redis).setting("appendonly", "no");
    let Some(server) = needed("a Redis without persistence", forgetful.start()).unwrap() else { return };
    let found_here = found(&RedisStore::connect(server.url()).await.unwrap()).await;
    assert_eq!(found_here.len(), 1, "{found_here:?}");
    let (about, text) = &found_here[0];
    assert!(*about == FindingKind::Persistence && text.contains("forgets everything"), "{text}");
    assert!(text.starts_with("127.0.0.1:"), "{text}");

    let durable = Launch::new(Backend::Redis).setting("appendfsync", "always");
    let Some(server) = needed("a durable Redis", durable.start()).unwrap() else { return };
    let nothing = found(&RedisStore::connect(server.url()).await.unwrap()).await;
    assert!(nothing.is_empty(), "{nothing:?}");
}

#[tokio::test]
async fn a_power_loss_and_a_clock_are_worth_a_word() {
    let Some(server) = needed("a Redis", redis()).unwrap() else { return };
    let store = RedisStore::connect(server.url()).await.unwrap();
    let findings = store.check(NOW).await.unwrap();
    let about: Vec<_> = findings.iter().map(|finding| finding.about).collect();
    assert_eq!(about, [FindingKind::Persistence, FindingKind::Clock], "{findings:?}");
}

#[tokio::test]
async fn replicas_that_no_write_waits_for_are_found() {
    let Some(group) = needed("a Sentinel group", redis_sentinel()).unwrap() else { return };
    let count = |found: &[(FindingKind, String)]| {
        found.iter().filter(|(about, _)| *about == FindingKind::Replication).count()
    };
    let hosts: Vec<_> = group.sentinels().iter().map(|node| node.address().to_string()).collect();
    let url = format!("redis+sentinel://{}/{}", hosts.join(","), group.name());
    let plain = RedisStore::connect(&url).await.unwrap();
    assert_eq!(count(&found(&plain).await), 2, "min-replicas-to-write, and no wait for replicas");
    let within = Duration::from_millis(300);
    let two = sentinel(&group).wait_for_replicas(2, within).connect().await.unwrap();
    let found = found(&two).await;
    assert!(found.iter().any(|(_, text)| text.contains("1 replicas, and writes wait for 2")), "{found:?}");
}
