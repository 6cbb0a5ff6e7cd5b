//! Tests what no call shows to the suite: entries without records, and how long keys are kept. Each test
//! reads the server directly, with the original script, and with the line in question made wrong.

use std::time::Duration;

use hallpass_core::store::{Action, Epoch, Record, RecordFilter, Revocation, TokenStore};
use hallpass_core::{Kind, Kinds, Note, Selector};
use hallpass_store_redis::RedisStore;
use hallpass_test_servers::{Server, needed, redis};
use redis::aio::MultiplexedConnection;

use crate::help::{
    HOUR, MARK, NOW, ask, end, index, key, many, next, put, raw, replaced, row, stored, subject,
};

const AN_HOUR: i64 = 3_600_000;

/// A store of its own, possibly with a patched script, and a direct connection.
struct Bench {
    store: RedisStore,
    namespace: String,
    raw: MultiplexedConnection,
}

impl Bench {
    async fn new(server: &Server, number: usize, patch: Option<[&str; 3]>) -> Self {
        let namespace = format!("left{number}{}", if patch.is_some() { "-patched" } else { "" });
        let builder = RedisStore::single(server.url()).namespace(&namespace).timeout(Duration::from_secs(2));
        let builder = match patch {
            Some([script, from, to]) => builder.patched(script, from, to),
            None => builder,
        };
        Self { store: builder.connect().await.unwrap(), namespace, raw: raw(server).await }
    }

    fn index(&self) -> Vec<u8> {
        index(&self.namespace, "alice")
    }

    async fn ask(&mut self, command: &str, key: &[u8]) -> i64 {
        ask(&mut self.raw, command, key, &[]).await
    }

    /// The number of entries in alice's index.
    async fn entries(&mut self) -> i64 {
        self.ask("ZCARD", &self.index()).await
    }

    async fn put(&self, count: usize) -> Vec<Record> {
        let mut made = Vec::new();
        for _ in 0..count {
            made.push(stored(&self.store, "alice", Kind::REMEMBER).await);
        }
        made
    }

    /// Lets a record expire: Redis removes it, but not its entry in the index.
    async fn expire(&mut self, selector: Selector) {
        assert_eq!(self.ask("DEL", &row(&self.namespace, selector)).await, 1);
    }

    async fn log_out(&self, action: Action) -> u64 {
        end(&self.store, "alice", action).await.unwrap()
    }
}

/// Runs `holds` with the original scripts, where it must be true, and with this patch, where it must be
/// false.
async fn only_without(patch: [&str; 3], number: usize, holds: impl AsyncFn(&mut Bench) -> bool) {
    let Some(server) = needed("what is left behind", redis()).unwrap() else { return };
    assert!(holds(&mut Bench::new(&server, number, None).await).await, "the script as it is");
    let mut patched = Bench::new(&server, number, Some(patch)).await;
    assert!(!holds(&mut patched).await, "not noticed: {patch:?}");
}

#[tokio::test]
async fn a_deleted_record_leaves_no_entry() {
    let patch = ["delete.lua", "if index then redis.call('ZREM', index, member) end", ""];
    only_without(patch, 1, async |bench| {
        let made = bench.put(2).await;
        assert!(bench.store.delete(made[0].selector, &Note::none()).await.unwrap());
        bench.entries().await == 1
    })
    .await;
}

#[tokio::test]
async fn removed_records_leave_no_entries() {
    let patch = ["revoke.lua", "in_shares('ZREM', KEYS[1], entries)", ""];
    only_without(patch, 2, async |bench| {
        bench.put(3).await;
        stored(&bench.store, "alice", Kind::SESSION).await;
        let some = RecordFilter::all().kinds(Kinds::Only(vec![Kind::REMEMBER]));
        let some = Revocation::new(some, Action::Remove);
        assert_eq!(bench.store.revoke_by_subject(&subject("alice"), &some).await.unwrap(), 3);
        bench.entries().await == 1
    })
    .await;
}

#[tokio::test]
async fn an_index_goes_with_the_last_of_its_records() {
    let patch = ["revoke.lua", "keys[#keys + 1] = KEYS[1]", ""];
    only_without(patch, 8, async |bench| {
        let made = bench.put(3).await;
        bench.expire(made[1].selector).await;
        assert_eq!(bench.log_out(Action::Remove).await, 2);
        bench.entries().await == 0
    })
    .await;
}

#[tokio::test]
async fn a_sweep_leaves_no_entries() {
    let patch = ["sweep.lua", "in_shares('ZREM', KEYS[1], entries)", ""];
    only_without(patch, 9, async |bench| {
        let records = many("alice", Kind::REMEMBER, 2_010).await;
        put(&bench.store, &records).await;
        for record in &records[..5] {
            bench.expire(record.selector).await;
        }
        // With the patch it finds the same entries over and over, until its time is up.
        let ended = end(&bench.store, "alice", Action::Remove).await;
        ended.is_ok_and(|ended| ended == 2_005) && bench.entries().await == 0
    })
    .await;
}

#[tokio::test]
async fn a_sweep_takes_the_records_with_their_entries() {
    let patch = ["sweep.lua", "in_shares('DEL', nil, keys)", ""];
    only_without(patch, 10, async |bench| {
        let records = many("alice", Kind::REMEMBER, 2_010).await;
        put(&bench.store, &records).await;
        assert_eq!(bench.log_out(Action::Remove).await, 2_010);
        bench.store.find(records[7].selector).await.unwrap().is_none()
    })
    .await;
}

#[tokio::test]
async fn a_log_out_clears_the_entries_of_what_has_expired() {
    let patch = ["revoke.lua", "for _, member in ipairs(gone) do entries[#entries + 1] = member end", ""];
    only_without(patch, 3, async |bench| {
        let made = bench.put(3).await;
        bench.expire(made[1].selector).await;
        assert_eq!(bench.log_out(MARK).await, 2);
        bench.entries().await == 2
    })
    .await;
}

#[tokio::test]
async fn inserts_clear_the_entries_of_what_has_expired() {
    let patch = ["insert.lua", "redis.call('ZREM', KEYS[2], entry)", ""];
    only_without(patch, 4, async |bench| {
        for _ in 0..200 {
            let new = bench.put(1).await;
            bench.expire(new[0].selector).await;
        }
        // One insert in four looks at eight entries: 200 of them leave nothing to chance.
        bench.entries().await < 100
    })
    .await;
}

/// All selectors of the suite may have the byte for which no insert looks, so this is not one of its patches.
#[tokio::test]
async fn inserts_clear_no_entry_of_what_lives() {
    let patch = ["insert.lua", "records[at]) == 0", "records[at]) == 1"];
    only_without(patch, 7, async |bench| {
        for _ in 0..40 {
            let new = bench.put(5).await;
            bench.expire(new[0].selector).await;
        }
        bench.entries().await >= 160
    })
    .await;
}

#[tokio::test]
async fn an_epoch_that_is_asked_for_again_is_kept_longer() {
    let patch = ["epoch.lua", "redis.call('SET', KEYS[1], value, 'PX', string.format('%.0f', ttl))", ""];
    only_without(patch, 5, async |bench| {
        let alice = subject("alice");
        let key = key(&bench.namespace, 'e', alice.shard(), b"alice");
        let epoch = bench.store.epoch(&alice, Epoch([1; 16]), HOUR, NOW).await.unwrap();
        let later = NOW.saturating_add(HOUR);
        assert!(bench.ask("PTTL", &key).await > AN_HOUR);
        let half = (AN_HOUR / 2).to_string();
        assert_eq!(ask::<i64>(&mut bench.raw, "PEXPIRE", &key, &[half.as_bytes()]).await, 1);
        assert_eq!(bench.store.epoch(&alice, Epoch([2; 16]), HOUR, later).await.unwrap(), epoch);
        bench.ask("PTTL", &key).await > AN_HOUR
    })
    .await;
}

#[tokio::test]
async fn an_index_is_kept_for_a_record_that_is_kept_longer() {
    let patch = ["replace.lua", "redis.call('PEXPIRE', KEYS[2], ARGV[5])", ""];
    only_without(patch, 6, async |bench| {
        let first = &bench.put(1).await[0];
        let mut later = next(first);
        later.purge_at = first.expires_at.saturating_add(HOUR * 999);
        replaced(&bench.store, &later, first).await;
        let record = row(&bench.namespace, later.selector);
        bench.ask("PTTL", &bench.index()).await > bench.ask("PTTL", &record).await
    })
    .await;
}
