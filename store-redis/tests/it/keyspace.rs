//! Tests that nothing is left in the server when everything has expired.

use hallpass_core::store::{
    Action, Change, Epoch, EpochUpdate, Fence, Insert, Listed, RecordFilter, Replace, Revocation, TokenStore,
};
use hallpass_core::{Kind, Note, Selector, StoreError};
use hallpass_store_redis::RedisStore;
use hallpass_test_servers::{needed, redis};
use redis::aio::MultiplexedConnection;
use tokio::task::JoinSet;

use crate::help::{
    HOUR, MARK, NOW, ask, calls, end, index, keys, list, next, raw, record, row, stored, subject,
};

/// Lets `millis` pass for every key, as far as Redis can tell: a test cannot wait for a month.
async fn age(raw: &mut MultiplexedConnection, millis: i64) {
    for key in keys(raw).await {
        let left: i64 = ask(raw, "PTTL", &key, &[]).await;
        assert!(left >= 0, "a key without a time to live: {}", String::from_utf8_lossy(&key));
        let _: i64 = ask(raw, "PEXPIRE", &key, &[(left - millis).to_string().as_bytes()]).await;
    }
}

#[tokio::test]
async fn nothing_is_left_when_everything_has_expired_and_no_index_goes_before_its_records() {
    let Some(server) = needed("what is left in Redis", redis()).unwrap() else { return };
    let store = RedisStore::single(server.url()).namespace("left").connect().await.unwrap();
    let mut longest = 0;
    for name in ["alice", "bob", "carol", "dave"] {
        let epoch = store.epoch(&subject(name), Epoch([1; 16]), HOUR, NOW).await.unwrap().epoch;
        for kind in [Kind::SESSION, Kind::REMEMBER, Kind::API_KEY] {
            let first = record(name, kind).await;
            let _ = store.insert(&first, Fence::Epoch(epoch)).await.unwrap();
            let mut later = next(&first);
            later.updated_at = later.updated_at.saturating_add(HOUR);
            let _ = store.replace(&later, first.revision, Change::Update).await.unwrap();
            longest = longest.max(first.expires_at.as_millis() - NOW.as_millis());
        }
    }
    end(&store, "alice", MARK).await.unwrap();
    let set = EpochUpdate::Set { epoch: Epoch([2; 16]), now: NOW, keep: HOUR };
    let all = Revocation::new(RecordFilter::all(), Action::Remove).epoch(set);
    store.revoke_by_subject(&subject("bob"), &all).await.unwrap();

    let mut raw = raw(&server).await;
    let step = i64::try_from(longest / 40).unwrap();
    let mut steps = 0;
    while !keys(&mut raw).await.is_empty() {
        let names: Vec<_> =
            keys(&mut raw).await.iter().map(|key| String::from_utf8_lossy(key).into_owned()).collect();
        for name in names.iter().filter(|name| name.contains(":t:")) {
            let tag = name.split(":t:").next().unwrap();
            let index = names.iter().any(|name| name.starts_with(&format!("{tag}:s:")));
            assert!(index, "a record without its index after {steps} steps");
        }
        age(&mut raw, step).await;
        steps += 1;
        assert!(steps < 60, "still there: {names:?}");
    }
    assert!(steps >= 40, "gone before its time: {steps} steps");
}

#[tokio::test]
async fn what_is_no_record_is_said_to_be_corrupt_and_keeps_no_other_alive() {
    let Some(server) = needed("a corrupt record", redis()).unwrap() else { return };
    let store = RedisStore::single(server.url()).namespace("torn").connect().await.unwrap();
    let mut raw = raw(&server).await;
    let records =
        [stored(&store, "alice", Kind::SESSION).await, stored(&store, "alice", Kind::SESSION).await];
    let torn = row("torn", records[0].selector);
    let set = async |raw: &mut MultiplexedConnection, value: &str| {
        let _: String = ask(raw, "SET", &torn, &[value.as_bytes(), b"PX", b"99999"]).await;
    };
    let _: i64 = ask(&mut raw, "SETRANGE", &torn, &[b"0", b"\x7f"]).await;
    let error = store.find(records[0].selector).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { selector: Some(_), .. }), "{error:?}");
    set(&mut raw, "x").await;
    assert!(store.find(records[0].selector).await.is_err());
    // A value too short to have a revision is in the way, and not missing (S4).
    for value in ["x", ""] {
        set(&mut raw, value).await;
        let answer = store.replace(&next(&records[0]), records[0].revision, Change::Update).await.unwrap();
        assert_eq!(answer, Replace::Conflict, "{value:?}");
    }
    assert!(store.delete(records[0].selector, &Note::none()).await.unwrap());
    set(&mut raw, "x").await;
    assert_eq!(end(&store, "alice", MARK).await.unwrap(), 1);
    assert!(store.find(records[1].selector).await.unwrap().unwrap().revoked.is_some());
    assert!(store.delete(records[0].selector, &Note::none()).await.unwrap());
}

/// For a value that is not a string, `MGET` returns nil, and a script reports that the key is elsewhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_even_a_string_is_corrupt_and_never_unknown() {
    let Some(server) = needed("a key of another type", redis()).unwrap() else { return };
    let store = RedisStore::single(server.url()).namespace("other").connect().await.unwrap();
    let mut raw = raw(&server).await;
    let lost = stored(&store, "alice", Kind::SESSION).await;
    let kept = stored(&store, "alice", Kind::SESSION).await;
    let (key, unknown) = (row("other", lost.selector), Selector([7; 16]));
    let _: i64 = ask(&mut raw, "DEL", &key, &[]).await;
    let _: i64 = ask(&mut raw, "RPUSH", &key, &[b"x"]).await;

    fn is_corrupt<T: std::fmt::Debug>(answer: &Result<T, StoreError>) {
        assert!(matches!(answer, Err(StoreError::Corrupt { .. })), "{answer:?}");
    }
    is_corrupt(&store.find(lost.selector).await);
    is_corrupt(&store.replace(&next(&lost), lost.revision, Change::Update).await);
    assert_eq!(store.insert(&lost, Fence::None).await.unwrap(), Insert::Duplicate);
    // In a list it is an entry of its own, and hides no other entry.
    let listed = list(&store, "alice", 99).await.unwrap();
    let corrupt = listed.iter().filter(|entry| matches!(entry, Listed::Corrupt { .. }));
    assert_eq!(corrupt.map(Listed::place).collect::<Vec<_>>(), [(lost.created_at, lost.selector)]);
    let records: Vec<_> = listed.into_iter().filter_map(Listed::record).collect();
    assert_eq!(records.as_slice(), std::slice::from_ref(&kept));

    let before = calls(&server, "mget");
    // Reads that share a batch: each gets its own answer.
    let mut readers = JoinSet::new();
    for (at, selector) in [lost.selector, kept.selector, unknown].into_iter().cycle().take(300).enumerate() {
        let store = store.clone();
        readers.spawn(async move { (at % 3, store.find(selector).await) });
    }
    while let Some(read) = readers.join_next().await {
        match read.unwrap() {
            (0, answer) => is_corrupt(&answer),
            (1, answer) => assert_eq!(answer.unwrap().as_ref(), Some(&kept)),
            (_, answer) => assert_eq!(answer.unwrap(), None),
        }
    }
    assert!(calls(&server, "mget") > before, "no batch was shared");

    // It keeps no other record alive, and can be deleted.
    assert_eq!(end(&store, "alice", MARK).await.unwrap(), 1);
    assert!(store.find(kept.selector).await.unwrap().unwrap().revoked.is_some());
    assert!(store.delete(lost.selector, &Note::none()).await.unwrap());
    assert_eq!(store.find(lost.selector).await.unwrap(), None);
}

#[tokio::test]
async fn an_index_keeps_in_proportion_to_what_lives() {
    let Some(server) = needed("the size of an index", redis()).unwrap() else { return };
    let store = RedisStore::single(server.url()).namespace("size").connect().await.unwrap();
    let mut raw = raw(&server).await;
    let mut records = Vec::new();
    for _ in 0..400 {
        records.push(stored(&store, "alice", Kind::SESSION).await);
        if records.len() > 10 {
            // The record expires: Redis removes it, but not its entry in the index.
            let old = records.remove(0);
            assert_eq!(ask::<i64>(&mut raw, "DEL", &row("size", old.selector), &[]).await, 1);
        }
    }
    let entries: i64 = ask(&mut raw, "ZCARD", &index("size", "alice"), &[]).await;
    // About 20 on average; an insert looks at a random part of the entries.
    assert!(entries < 120, "{entries} entries for 10 records, of 400");
    let count = end(&store, "alice", Action::Remove).await.unwrap();
    assert_eq!(count, 10, "none of the living was swept");
    assert!(keys(&mut raw).await.is_empty());
}
