//! Tests what each lock in a statement is for: without it, a guarantee is broken.

use std::time::Duration;

use hallpass_core::store::{Change, Epoch, Fence, Insert, Record, Replace, Revision, TokenStore};
use hallpass_core::{StoreError, Subject};
use hallpass_store_postgres::{Builder, PostgresStore};
use sqlx::{AssertSqlSafe, PgConnection};
use tokio::task::JoinHandle;

use crate::support::{
    INSERTED, ask, at, connection, next, put, record, say, schema, server, store, stored_many, until, waiting,
};

/// A statement's file, the text that is replaced, and its replacement.
type Patch = (&'static str, &'static str, &'static str);

fn patched(builder: Builder, patch: Option<Patch>) -> Builder {
    match patch {
        None => builder,
        Some((file, from, to)) => builder.patched(file, from, to),
    }
}

/// Returns whether all of these end before a statement that contains `word` waits for a lock.
async fn end_first<T>(tasks: &[JoinHandle<T>], on: &mut PgConnection, schema: &str, word: &str) -> bool {
    let mut waits = false;
    until("an end, or a wait", async || {
        let ended = tasks.iter().all(JoinHandle::is_finished);
        waits = !ended && waiting(on, schema, word).await > 0;
        ended || waits
    })
    .await;
    !waits
}

/// Runs forty replaces while another transaction holds one of the rows. Returns whether the others finish
/// without waiting for it.
async fn a_locked_row_stops_no_batch(patch: Option<Patch>, url: &str) -> bool {
    let schema = schema();
    let store = store(url, &schema, |builder| patched(builder, patch)).await;
    let records = stored_many(&store, 40).await;
    let (mut on, mut eye) = (connection(url).await, connection(url).await);
    let held = records[20].selector;
    say(
        &mut on,
        format!("begin; select from {schema}.hallpass_tokens where selector = '\\x{held}' for update"),
    )
    .await;
    let write = |record: &Record| {
        let (store, next, expected) = (store.clone(), next(record), record.revision);
        tokio::spawn(async move { store.replace(&next, expected, Change::Update).await.unwrap() })
    };
    let mut writes: Vec<_> = records.iter().map(write).collect();
    let last = writes.remove(20);
    let kept = end_first(&writes, &mut eye, &schema, "unnest").await;
    say(&mut on, "rollback").await;
    for write in writes.into_iter().chain([last]) {
        assert_eq!(write.await.unwrap(), Replace::Replaced);
    }
    kept
}

/// Runs forty inserts behind fences of one sort while another transaction holds one of them.
async fn a_locked_fence_stops_no_batch(parents: bool, patch: Option<Patch>, url: &str) -> bool {
    let schema = schema();
    let store = store(url, &schema, |builder| patched(builder, patch)).await;
    let mut inserts = Vec::new();
    for number in 0..40 {
        let child = record(&format!("user {number}"));
        let subject = child.subject.clone().unwrap();
        let fence = if parents {
            let parent = record(subject.as_str());
            put(&store, &parent).await;
            Fence::Parent(parent.selector)
        } else {
            Fence::Epoch(epoch(&store, &subject, number).await)
        };
        inserts.push((child, fence));
    }
    let (mut on, mut eye) = (connection(url).await, connection(url).await);
    let table = if parents { "tokens" } else { "epochs" };
    say(
        &mut on,
        format!("begin; select from {schema}.hallpass_{table} where subject = 'user 20' for update"),
    )
    .await;
    let mut inserts: Vec<_> = inserts
        .into_iter()
        .map(|(child, fence)| {
            let store = store.clone();
            tokio::spawn(async move { store.insert(&child, fence).await.unwrap() })
        })
        .collect();
    let last = inserts.remove(20);
    let kept = end_first(&inserts, &mut eye, &schema, "unnest").await;
    say(&mut on, "rollback").await;
    for insert in inserts.into_iter().chain([last]) {
        assert_eq!(insert.await.unwrap(), INSERTED);
    }
    kept
}

async fn epoch(store: &PostgresStore, of: &Subject, number: u8) -> Epoch {
    store.epoch(of, Epoch([number; 16]), Duration::from_secs(60), at(1)).await.unwrap().epoch
}

/// On one thread, where the calls after the first two find those under way for certain.
#[tokio::test]
async fn no_batch_waits_for_a_locked_row() {
    let Some(server) = server() else { return };
    let url = server.url();
    let skip = |file, of| Some((file, of, ""));
    assert!(a_locked_row_stops_no_batch(None, url).await);
    assert!(!a_locked_row_stops_no_batch(skip("replace_batch.sql", " skip locked"), url).await);
    let alone = "    order by t.selector\n    for no key update of t skip locked\n";
    assert!(!a_locked_row_stops_no_batch(skip("replace_batch.sql", alone), url).await);
    for (parents, lock) in [(false, "for share of e skip locked"), (true, "for share of p skip locked")] {
        assert!(a_locked_fence_stops_no_batch(parents, None, url).await);
        let waits = Some(("insert_batch.sql", lock, &lock[..14]));
        assert!(!a_locked_fence_stops_no_batch(parents, waits, url).await);
    }
}

/// Returns a call that replaces `record`, under way.
fn replacing(
    store: &PostgresStore,
    record: &Record,
    expected: Revision,
) -> JoinHandle<Result<Replace, StoreError>> {
    let (store, mut next) = (store.clone(), next(record));
    next.revision = expected.next();
    tokio::spawn(async move { store.replace(&next, expected, Change::Update).await })
}

/// Two records, one of which another transaction holds.
struct Held {
    store: PostgresStore,
    schema: String,
    hot: Record,
    other: Record,
    on: PgConnection,
    eye: PgConnection,
}

impl Held {
    async fn set(url: &str) -> Self {
        let schema = schema();
        let store = store(url, &schema, |builder| builder).await;
        let (hot, other) = (record("alice"), record("bob"));
        put(&store, &hot).await;
        put(&store, &other).await;
        let (mut on, eye) = (connection(url).await, connection(url).await);
        let row = format!("{schema}.hallpass_tokens where selector = '\\x{}'", hot.selector);
        say(&mut on, format!("begin; select from {row} for update")).await;
        Self { store, schema, hot, other, on, eye }
    }

    async fn until_waiting(&mut self, calls: i64) {
        let Self { schema, eye, .. } = self;
        until("calls wait for the row", async || waiting(&mut *eye, schema, "").await == calls).await;
    }

    /// Ends that transaction, for which these calls have waited. Exactly one of them replaces the record.
    async fn release(mut self, calls: Vec<JoinHandle<Result<Replace, StoreError>>>) {
        assert!(calls.iter().all(|call| !call.is_finished()));
        say(&mut self.on, "rollback").await;
        let mut won = 0;
        for call in calls {
            won += u32::from(call.await.unwrap().unwrap() == Replace::Replaced);
        }
        assert_eq!(won, 1);
    }
}

/// A call that writes nothing needs no lock, and does not wait for those that do. On one thread, where the calls after
/// the first two share statements.
#[tokio::test]
async fn a_conflict_or_a_fence_is_told_while_other_calls_wait_for_a_lock() {
    let Some(server) = server() else { return };
    let mut held = Held::set(server.url()).await;
    let hot: Vec<_> = (0..40).map(|_| replacing(&held.store, &held.hot, held.hot.revision)).collect();
    // One alone, and half of the writers.
    held.until_waiting(8).await;
    let (store, other) = (&held.store, &held.other);
    let missing = record("bob");
    let conflicts: Vec<_> = (0..8).map(|_| replacing(store, other, other.revision.next())).collect();
    let nowhere: Vec<_> = (0..8).map(|_| replacing(store, &missing, missing.revision)).collect();
    let inserting = |record: Record, fence| {
        let store = store.clone();
        tokio::spawn(async move { store.insert(&record, fence).await })
    };
    let fenced: Vec<_> = (0..8)
        .map(|number| match number % 2 {
            0 => inserting(record("bob"), Fence::Epoch(Epoch([7; 16]))),
            _ => inserting(record("bob"), Fence::Parent(missing.selector)),
        })
        .collect();
    let duplicates: Vec<_> = (0..8).map(|_| inserting(other.clone(), Fence::None)).collect();
    for (conflict, nowhere) in conflicts.into_iter().zip(nowhere) {
        assert_eq!(conflict.await.unwrap().unwrap(), Replace::Conflict);
        assert_eq!(nowhere.await.unwrap().unwrap(), Replace::Missing);
    }
    for (fenced, duplicate) in fenced.into_iter().zip(duplicates) {
        assert_eq!(fenced.await.unwrap().unwrap(), Insert::Fenced);
        assert_eq!(duplicate.await.unwrap().unwrap(), Insert::Duplicate);
    }
    held.release(hot).await;
}

/// Each of them finds the slots stuck, and gets another one for itself.
#[tokio::test]
async fn calls_for_a_locked_row_one_after_another_leave_a_slot_to_the_other_rows() {
    let Some(server) = server() else { return };
    let mut held = Held::set(server.url()).await;
    let mut calls = Vec::new();
    // As many as there may be slots for replaces.
    for number in 1..=4 {
        calls.push(replacing(&held.store, &held.hot, held.hot.revision));
        held.until_waiting(number).await;
        // A slot counts as stuck after 50 ms.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let other = replacing(&held.store, &held.other, held.other.revision);
    assert_eq!(other.await.unwrap().unwrap(), Replace::Replaced);
    held.release(calls).await;
}

/// A log-out that waits for a record's lock has set the epoch already, and has not committed.
#[tokio::test]
async fn an_epoch_that_is_being_set_delays_those_of_no_other_subject() {
    let Some(server) = server() else { return };
    let schema = schema();
    let store = store(server.url(), &schema, |builder| builder).await;
    let (mut on, mut patient) = (connection(server.url()).await, connection(server.url()).await);
    let set = format!(
        "insert into {schema}.hallpass_epochs values ('user 20', decode(repeat('01', 16), 'hex'), now())"
    );
    say(&mut on, format!("begin; {set}")).await;
    let waits = format!("set lock_timeout = '5s'; {set}");
    let patient =
        tokio::spawn(async move { sqlx::raw_sql(AssertSqlSafe(waits)).execute(&mut patient).await });
    let calls = (0..40).map(|number| {
        let (store, subject) = (store.clone(), Subject::new(format!("user {number}")).unwrap());
        tokio::spawn(async move { epoch(&store, &subject, number).await })
    });
    let mut calls: Vec<_> = calls.collect();
    let last = calls.remove(20);
    for call in calls {
        call.await.unwrap();
    }
    // The store's statements wait as long as this one, and longer.
    assert!(!patient.is_finished(), "the others waited too");
    say(&mut on, "rollback").await;
    last.await.unwrap();
    // One of the two has made the epoch.
    drop(patient.await.unwrap());
}

/// Runs a purge while a due row is being used, which postpones its expiry. Returns whether the purge neither
/// removes it nor waits for it.
async fn a_purge_leaves_what_is_used(epochs: bool, patch: Option<Patch>, url: &str) -> bool {
    let schema = schema();
    let store = store(url, &schema, |builder| patched(builder, patch)).await;
    let (used, due) = (record("alice"), record("bob"));
    for record in [&used, &due] {
        put(&store, record).await;
        epoch(&store, record.subject.as_ref().unwrap(), 1).await;
    }
    let (mut on, mut eye) = (connection(url).await, connection(url).await);
    let table = format!("{schema}.hallpass_{}", if epochs { "epochs" } else { "tokens" });
    say(&mut on, format!("begin; update {table} set purge_at = '2026-01-01' where subject = 'alice'")).await;
    let purging = [tokio::spawn(async move { store.purge_expired(at(3_000_000), 100).await.unwrap() })];
    let kept = end_first(&purging, &mut eye, &schema, "gone").await;
    say(&mut on, "commit").await;
    for purge in purging {
        let removed = purge.await.unwrap().removed;
        assert!(removed >= 1, "{removed}");
    }
    kept && ask(&mut on, format!("select count(*) from {table} where subject = 'alice'")).await == 1
}

#[tokio::test]
async fn a_purge_neither_waits_for_what_is_used_nor_takes_it() {
    let Some(server) = server() else { return };
    for (epochs, file) in [(false, "purge.sql"), (true, "purge_epochs.sql")] {
        assert!(a_purge_leaves_what_is_used(epochs, None, server.url()).await);
        for lock in [" skip locked", "\n        for update skip locked"] {
            let patch = Some((file, lock, ""));
            assert!(!a_purge_leaves_what_is_used(epochs, patch, server.url()).await, "{file} {lock}");
        }
    }
}

/// Slows down statements on `table` at each row.
async fn slow_down(on: &mut PgConnection, schema: &str, table: &str) {
    let function = format!(
        "create function {schema}.slowly() returns trigger language plpgsql as \
         $$ begin perform pg_sleep(0.05); return new; end $$"
    );
    say(on, function).await;
    let trigger = format!(
        "create trigger slowly before insert on {schema}.{table} for each row execute function {schema}.slowly()"
    );
    say(on, trigger).await;
}

/// Returns whether two batches of the same twenty epochs or records, in opposite orders, end without an
/// error.
async fn opposite_orders_end_well(file: &str, table: &str, patch: Option<Patch>, url: &str) -> bool {
    let schema = schema();
    let store = store(url, &schema, |builder| patched(builder, patch)).await;
    let (_, sql) = store.statements().into_iter().find(|(name, _)| *name == file).unwrap();
    // Without a limit for the wait, which would end before the circle is noticed.
    let sql = sql.replace("'50ms'", "'0'");
    let (mut one, mut other) = (connection(url).await, connection(url).await);
    slow_down(&mut one, &schema, table).await;
    let arguments = |order: &str| {
        let all = |value: &str| {
            format!("(select array_agg({value} order by i {order}) from generate_series(10, 29) i)")
        };
        let (name, key) = (all("'user ' || i"), all("decode(repeat(i::text, 16), 'hex')"));
        let [text, bytes, null] = ["''::text", "'\\x00'::bytea", "null::bytea"].map(all);
        let [time, small, big] = ["now()", "0::smallint", "1"].map(all);
        match file {
            "epoch_batch" => vec![name, bytes, time.clone(), time],
            _ => {
                let times = std::iter::repeat_n(time, 6);
                let last = [small.clone(), big.clone(), big.clone(), text.clone(), bytes.clone()];
                let last = last.into_iter().chain([small, big, null.clone(), null]);
                [key, name, text, bytes].into_iter().chain(times).chain(last).collect()
            }
        }
    };
    let run = async |on: &mut PgConnection, order: &str| {
        let arguments = arguments(order).into_iter().enumerate().rev();
        let sql = arguments
            .fold(sql.clone(), |sql, (number, value)| sql.replace(&format!("${}", number + 1), &value));
        match sqlx::raw_sql(AssertSqlSafe(sql)).execute(on).await {
            Ok(_) => true,
            Err(error) => {
                let code = error.as_database_error().and_then(|error| error.code());
                assert_eq!(code.as_deref(), Some("40P01"), "{error}");
                false
            }
        }
    };
    let (one, other) = tokio::join!(run(&mut one, "asc"), run(&mut other, "desc"));
    one && other
}

#[tokio::test]
async fn batches_in_opposite_orders_never_wait_in_a_circle() {
    let Some(server) = server() else { return };
    let ordered = "select distinct on (subject collate \"C\") subject, fresh, until\n    from want\n    \
                   where place not in (select place from ready)\n        \
                   and (select set_config('lock_timeout', '50ms', true)) is not null\n    \
                   order by subject collate \"C\", until desc";
    let as_they_come = "select subject, fresh, until from want where place not in (select place from ready)";
    let epochs = ("epoch_batch.sql", ordered, as_they_come);
    let inserts = ("insert_batch.sql", "order by w.selector\n    on", "on");
    for (file, table, patch) in
        [("epoch_batch", "hallpass_epochs", epochs), ("insert_batch", "hallpass_tokens", inserts)]
    {
        assert!(opposite_orders_end_well(file, table, None, server.url()).await, "{file}");
        assert!(!opposite_orders_end_well(file, table, Some(patch), server.url()).await, "{file}");
    }
}
