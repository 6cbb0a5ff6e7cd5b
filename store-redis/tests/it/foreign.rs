//! Tests keys that an older version or another program wrote.

use hallpass_core::store::{Action, Epoch, EpochUpdate, Fence, RecordFilter, Revocation, TokenStore};
use hallpass_core::{Kind, Kinds, StoreError};
use hallpass_store_redis::RedisStore;
use hallpass_test_servers::{needed, redis};

use crate::help::{HOUR, MARK, NOW, ask, end, index, key, list, many, put, raw, record, subject, why};

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
        let index = index(&namespace, "alice");
        let _: i64 = ask(&mut raw, "DEL", &index, &[]).await;
        for record in &records {
            let created = record.created_at.as_millis().to_string();
            let _: i64 = ask(&mut raw, "ZADD", &index, &[created.as_bytes(), &record.selector.0[2..]]).await;
        }
        let alice = subject("alice");
        let some = RecordFilter::all().kinds(Kinds::Only(vec![Kind::REMEMBER]));
        for error in [
            end(&store, "alice", MARK).await.unwrap_err(),
            store.revoke_by_subject(&alice, &Revocation::new(some, Action::Remove)).await.unwrap_err(),
            list(&store, "alice", 9).await.unwrap_err(),
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
    let key = key("foreign", 'e', new.selector.shard(), b"alice");
    put(&store, &many("alice", Kind::REMEMBER, 3).await).await;
    for (name, arguments) in [("RPUSH", &[&b"x"[..]][..]), ("HSET", &[b"x", b"y"]), ("ZADD", &[b"1", b"x"])] {
        let _: i64 = ask(&mut raw, "DEL", &key, &[]).await;
        let _: i64 = ask(&mut raw, name, &key, arguments).await;
        let before: Vec<u8> = ask(&mut raw, "DUMP", &key, &[]).await;
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
        let after: Vec<u8> = ask(&mut raw, "DUMP", &key, &[]).await;
        assert_eq!(before, after, "{name}");
        assert_eq!(list(&store, "alice", 9).await.unwrap().len(), 3, "{name}: nothing was ended");
    }
}
