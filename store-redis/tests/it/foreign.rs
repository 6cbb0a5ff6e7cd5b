//! Tests keys that an older version or another program wrote.

use std::time::Duration;

use hallpass_core::store::{Action, Epoch, EpochUpdate, Fence, Page, RecordFilter, Revocation, TokenStore};
use hallpass_core::{Kind, Kinds, Reason, StoreError};
use hallpass_store_redis::RedisStore;
use hallpass_test_servers::{needed, redis};

use crate::help::{NOW, many, put, raw, record, subject, why};

const MARK: Action = Action::Mark { reason: Reason::CredentialChanged, at: NOW };
const HOUR: Duration = Duration::from_secs(3600);

/// Older members consisted of the 14 bytes of the selector. No filter matches them, so a log-out that ends
/// nothing would be acknowledged. Tested with one step and with a sweep.
#[tokio::test]
async fn an_index_of_an_older_layout_is_refused_and_nothing_is_done() {
    let Some(server) = needed("an older index", redis()).unwrap() else { return };
    let mut raw = raw(&server).await;
    for count in [3, 2_100] {
        let namespace = format!("old-{count}");
        let store = RedisStore::single(server.url()).namespace(&namespace).connect().await.unwrap();
        let records = many("alice", Kind::REMEMBER, count).await;
        put(&store, &records).await;
        let [first, second] = records[0].selector.shard();
        let index = format!("hp:{namespace}:{{{first:02x}{second:02x}}}:s:alice");
        let _: i64 = redis::cmd("DEL").arg(&index).query_async(&mut raw).await.unwrap();
        for record in &records {
            let mut add = redis::cmd("ZADD");
            add.arg(&index).arg(record.created_at.as_millis()).arg(&record.selector.0[2..]);
            let _: i64 = add.query_async(&mut raw).await.unwrap();
        }
        let alice = subject("alice");
        let some = RecordFilter::all().kinds(Kinds::Only(vec![Kind::REMEMBER]));
        for error in [
            store.revoke_by_subject(&alice, &Revocation::new(RecordFilter::all(), MARK)).await.unwrap_err(),
            store.revoke_by_subject(&alice, &Revocation::new(some, Action::Remove)).await.unwrap_err(),
            store.list_by_subject(&alice, &Page::first(9.try_into().unwrap())).await.unwrap_err(),
        ] {
            assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
            assert!(why(&error).contains("older version"), "{}", why(&error));
        }
        assert_eq!(store.find(records[0].selector).await.unwrap().as_ref(), Some(&records[0]));
    }
}

/// It does not count as a missing epoch: no login gets in, no epoch is created, and the key stays as it is.
#[tokio::test]
async fn an_epoch_of_another_type_is_an_error_and_is_left_alone() {
    let Some(server) = needed("a foreign epoch", redis()).unwrap() else { return };
    let store = RedisStore::single(server.url()).namespace("foreign").connect().await.unwrap();
    let mut raw = raw(&server).await;
    let new = record("alice", Kind::SESSION).await;
    let [first, second] = new.selector.shard();
    let key = format!("hp:foreign:{{{first:02x}{second:02x}}}:e:alice");
    put(&store, &many("alice", Kind::REMEMBER, 3).await).await;
    for (name, arguments) in [("RPUSH", &["x"][..]), ("HSET", &["x", "y"]), ("ZADD", &["1", "x"])] {
        let _: i64 = redis::cmd("DEL").arg(&key).query_async(&mut raw).await.unwrap();
        let _: i64 = redis::cmd(name).arg(&key).arg(arguments).query_async(&mut raw).await.unwrap();
        let before: Vec<u8> = redis::cmd("DUMP").arg(&key).query_async(&mut raw).await.unwrap();
        let alice = subject("alice");
        let set = EpochUpdate::Set { epoch: Epoch([2; 16]), now: NOW, keep: HOUR };
        let everywhere = Revocation::new(RecordFilter::all(), Action::Remove).epoch(set);
        for error in [
            store.epoch(&alice, Epoch([1; 16]), HOUR, NOW).await.unwrap_err(),
            store.insert(&new, Fence::Epoch(Epoch([1; 16]))).await.unwrap_err(),
            store.revoke_by_subject(&alice, &everywhere).await.unwrap_err(),
        ] {
            assert!(matches!(error, StoreError::Corrupt { .. }), "{name}: {error:?}");
            assert!(why(&error).contains("does not write"), "{name}: {}", why(&error));
        }
        assert_eq!(store.find(new.selector).await.unwrap(), None, "{name}");
        let after: Vec<u8> = redis::cmd("DUMP").arg(&key).query_async(&mut raw).await.unwrap();
        assert_eq!(before, after, "{name}");
        let page = Page::first(9.try_into().unwrap());
        assert_eq!(store.list_by_subject(&alice, &page).await.unwrap().len(), 3, "{name}: nothing was ended");
    }
}
