//! Tests a server that evicts keys: it is refused, and this shows what it would cost.

use std::collections::BTreeMap;
use std::error::Error;

use hallpass_core::store::{Action, Change, Fence, Record, Replace, TokenStore};
use hallpass_core::{Kind, Reason, StoreError};
use hallpass_store_redis::{FindingKind, RedisStore, danger};
use hallpass_test_servers::{Backend, Launch, needed};

use crate::help::{MARK, NOW, end, info, next, record, spent, stored};

#[tokio::test]
async fn an_evicting_server_is_refused_unless_the_danger_is_taken() {
    for policy in ["allkeys-lru", "allkeys-random", "volatile-ttl", "volatile-lru"] {
        let evicting = Launch::new(Backend::Redis).setting("maxmemory-policy", policy);
        let Some(server) = needed("an evicting Redis", evicting.start()).unwrap() else { return };
        let error = RedisStore::connect(server.url()).await.unwrap_err();
        let why = error.source().unwrap().to_string();
        assert!(matches!(error, StoreError::Refused(_)) && why.contains("noeviction"), "{why}");
        let store = danger::allow_eviction(RedisStore::single(server.url())).connect().await.unwrap();
        let findings = store.check(NOW).await.unwrap();
        assert!(findings.iter().any(|finding| finding.about == FindingKind::Eviction), "{findings:?}");
    }
}

#[tokio::test]
async fn what_eviction_loses_is_logins_and_indexes_and_no_ended_token_lives_again() {
    let evicting = Launch::new(Backend::Redis)
        .setting("maxmemory-policy", "allkeys-random")
        .setting("maxmemory", "2600kb");
    let Some(server) = needed("an evicting Redis", evicting.start()).unwrap() else { return };
    let store = danger::allow_eviction(RedisStore::single(server.url())).connect().await.unwrap();
    // The last acknowledged state of each record.
    let mut known: BTreeMap<_, Record> = BTreeMap::new();
    let names: Vec<String> = (0..400).map(|number| format!("user {number}")).collect();
    for name in &names {
        for number in 0..3 {
            let first = record(name, Kind::SESSION).await;
            if !store.insert(&first, Fence::None).await.unwrap().is_inserted() {
                continue;
            }
            // One record in three is spent.
            let mut last = if number == 2 { spent(&first) } else { next(&first) };
            let answer = store.replace(&last, first.revision, Change::Update).await.unwrap();
            if answer == Replace::Missing {
                last = first;
            }
            known.insert(last.selector, last);
        }
        if name.ends_with('7') {
            end(&store, name, MARK).await.unwrap();
        }
    }
    for record in known.values_mut() {
        if let Some(found) = store.find(record.selector).await.unwrap() {
            assert!(found.revision >= record.revision, "a replaced token lives again");
            *record = found;
        }
    }
    // More records of other subjects, so that more keys are evicted.
    for number in 0..4000 {
        stored(&store, &format!("filler {}", number % 50), Kind::SESSION).await;
    }
    assert!(info(&server, "evicted_keys") > 0);
    let (mut lost_logins, mut missed, mut spent) = (0, 0, 0);
    for record in known.values() {
        match store.find(record.selector).await.unwrap() {
            Some(found) => {
                assert_eq!(&found, record, "a record went back in time");
                spent += usize::from(found.revoked == Some(Reason::Spent));
                // An ended record stays ended, whatever else was evicted.
                if found.revoked.is_some() {
                    let answer = store.replace(&next(&found), found.revision, Change::Update).await.unwrap();
                    assert_ne!(answer, Replace::Replaced, "an ended token was used again");
                }
            }
            None => lost_logins += 1,
        }
    }
    assert!(spent > 0, "no spent record is left to look at");
    for name in &names {
        end(&store, name, Action::Remove).await.unwrap();
    }
    for record in known.values() {
        missed += usize::from(store.find(record.selector).await.unwrap().is_some());
    }
    println!(
        "of {} records {lost_logins} were evicted; {missed} outlived \"log out everywhere\"",
        known.len()
    );
    assert!(lost_logins > 0 && missed > 0, "this is what the documentation warns of");
}
