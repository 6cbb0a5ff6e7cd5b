//! Tests the removal of announcements that no feed needs any more.

use std::sync::OnceLock;

use hallpass_core::store::{Lost, Proven, TokenStore};
use hallpass_core::{Note, Selector};
use hallpass_store_postgres::PostgresStore;
use hallpass_test_servers::Server;
use sqlx::PgConnection;
use tokio::sync::{Mutex, MutexGuard};

use super::ear::{Ear, Patch, STEPS, patched};
use super::snapshots::{begin, deletion};
use crate::support::{ask, at, connection, own_server, put, record, say, schema, store};

/// A server that no other test uses at the same time: a transaction of any of its databases stops the removal.
async fn alone() -> Option<(&'static Server, MutexGuard<'static, ()>)> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    static ALONE: Mutex<()> = Mutex::const_new(());
    let guard = ALONE.lock().await;
    Some((SERVER.get_or_init(own_server).as_ref()?, guard))
}

/// Ends a new record, and returns its selector.
async fn end(store: &PostgresStore) -> Selector {
    let record = record("alice");
    put(store, &record).await;
    assert!(store.delete(record.selector, &Note::none()).await.unwrap());
    record.selector
}

/// Does a step, through the purge.
async fn step(store: &PostgresStore) {
    let _ = store.purge_expired(at(0), 1).await.unwrap();
}

/// Returns what a feed says after all announcements were removed at once, before it has read the last.
async fn emptied_at_once(url: &str, how: &str, patch: Option<Patch>) -> Proven {
    let schema = schema();
    let store = store(url, &schema, |builder| patched(builder, patch)).await;
    let mut ear = Ear::open(&store).await;
    end(&store).await;
    assert_eq!(ear.hears().await.ended.len(), 1);
    end(&store).await;
    say(&mut connection(url).await, how.replace("{}", &format!("{schema}.hallpass_changes"))).await;
    let proven = ear.turn().await;
    assert!(ear.told().is_empty(), "it was not removed");
    Ear::open(&store).await.hears().await;
    proven
}

#[tokio::test]
async fn a_truncated_table_is_a_loss() {
    let Some((server, _alone)) = alone().await else { return };
    let flushed = Proven::Lost(Lost::Flushed);
    assert_eq!(emptied_at_once(server.url(), "truncate {}", None).await, flushed);
    let again = "create table {}_too (like {} including all); drop table {}; \
                 alter table {}_too rename to hallpass_changes";
    assert_eq!(emptied_at_once(server.url(), again, None).await, flushed);
    let blind = Some(("poll.sql", "pg_relation_filenode('hallpass_changes')", "1"));
    assert_eq!(emptied_at_once(server.url(), "truncate {}", blind).await, Proven::ThisTurn);
}

async fn kept(on: &mut PgConnection, schema: &str) -> i64 {
    ask(on, format!("select count(*) from {schema}.hallpass_changes")).await
}

#[tokio::test]
async fn a_purge_removes_what_every_feed_has_had_a_minute_to_hear() {
    let Some((server, _alone)) = alone().await else { return };
    let schema = schema();
    let store = store(server.url(), &schema, |builder| patched(builder, Some(STEPS))).await;
    let mut ear = Ear::open(&store).await;
    let mut on = connection(server.url()).await;
    for _ in 0..5 {
        end(&store).await;
    }
    step(&store).await;
    assert_eq!(kept(&mut on, &schema).await, 5, "removed before a feed can know of the step");
    assert_eq!(store.changes_rows().await.unwrap(), 5);
    assert_eq!(ear.hears().await.ended.len(), 5);
    end(&store).await;
    step(&store).await;
    assert_eq!(kept(&mut on, &schema).await, 1, "what was over at the step before is removed");
    assert_eq!(ear.hears().await.ended.len(), 1);
    step(&store).await;
    assert_eq!(kept(&mut on, &schema).await, 0);
    assert!(ear.hears().await.is_empty());
}

#[tokio::test]
async fn steps_are_a_minute_apart_whoever_purges() {
    let Some((server, _alone)) = alone().await else { return };
    let schema = schema();
    let store = store(server.url(), &schema, |builder| builder).await;
    let mut ear = Ear::open(&store).await;
    let mut on = connection(server.url()).await;
    let pass = format!("select pass from {schema}.hallpass_feed");
    for _ in 0..3 {
        step(&store).await;
    }
    assert_eq!(ask(&mut on, pass.clone()).await, 0);
    let ago = format!("update {schema}.hallpass_feed set at = now() - interval '61 s'");
    say(&mut on, ago).await;
    let purges: Vec<_> = (0..4).map(|_| step(&store)).collect();
    for purge in purges {
        purge.await;
    }
    assert_eq!(ask(&mut on, pass.clone()).await, 1);
    // The server's clock was turned back.
    say(&mut on, format!("update {schema}.hallpass_feed set at = now() + interval '1 h'")).await;
    step(&store).await;
    assert_eq!(ask(&mut on, pass).await, 2);
    assert_eq!(ear.turn().await, Proven::Lost(Lost::Trimmed));
}

/// Two nodes purge in the same moment, and the one whose transaction began first comes second. Returns what a feed says
/// that has slept through the moment.
async fn after_two_at_once(url: &str, patch: Option<Patch>) -> Proven {
    let schema = schema();
    let store = store(url, &schema, |builder| patched(builder, patch)).await;
    let mut ear = Ear::open(&store).await;
    let (mut on, mut early) = (connection(url).await, connection(url).await);
    say(&mut on, format!("update {schema}.hallpass_feed set at = now() - interval '61 s'")).await;
    let (_, advance) = store.statements().into_iter().find(|(name, _)| *name == "advance").unwrap();
    say(&mut early, "begin; select now()").await;
    step(&store).await;
    say(&mut early, format!("{advance}; commit")).await;
    ear.turn().await
}

#[tokio::test]
async fn of_two_steps_at_once_one_counts() {
    let Some((server, _alone)) = alone().await else { return };
    assert_eq!(after_two_at_once(server.url(), None).await, Proven::ThisTurn);
    let both = Some(("advance.sql", " + interval '1 min'", ""));
    assert_eq!(after_two_at_once(server.url(), both).await, Proven::Lost(Lost::Trimmed));
}

/// Without a feed there is no row in `hallpass_feed`, and nothing should pile up.
#[tokio::test]
async fn without_a_feed_nothing_is_kept() {
    let Some((server, _alone)) = alone().await else { return };
    let schema = schema();
    let store = store(server.url(), &schema, |builder| builder).await;
    let mut on = connection(server.url()).await;
    end(&store).await;
    assert_eq!(kept(&mut on, &schema).await, 0, "an ending was announced to no feed");
    // Under another isolation it is announced in any case.
    let record = record("alice");
    put(&store, &record).await;
    let delete = deletion(&store, record.selector);
    say(&mut on, format!("begin isolation level repeatable read; {delete}; commit")).await;
    assert_eq!(kept(&mut on, &schema).await, 1);
    step(&store).await;
    assert_eq!(kept(&mut on, &schema).await, 0);
}

/// A transaction that has been open since before the announcements: a feed may still need what comes after it.
#[tokio::test]
async fn an_open_transaction_stops_the_removal_until_it_ends() {
    let Some((server, _alone)) = alone().await else { return };
    let schema = schema();
    let store = store(server.url(), &schema, |builder| patched(builder, Some(STEPS))).await;
    let mut ear = Ear::open(&store).await;
    let (mut on, mut open) = (connection(server.url()).await, connection(server.url()).await);
    begin(&mut open).await;
    for _ in 0..3 {
        end(&store).await;
    }
    for _ in 0..4 {
        step(&store).await;
        assert_eq!(ear.turn().await, Proven::ThisTurn);
    }
    assert_eq!(kept(&mut on, &schema).await, 3);
    let record = record("alice");
    put(&store, &record).await;
    say(&mut open, deletion(&store, record.selector)).await;
    step(&store).await;
    say(&mut open, "commit").await;
    ear.told();
    assert_eq!(ear.hears().await.ended, [record.selector].into());
    for _ in 0..2 {
        step(&store).await;
        assert_eq!(ear.turn().await, Proven::ThisTurn);
    }
    assert_eq!(kept(&mut on, &schema).await, 0);
}

/// Returns what a feed says that was paused for `steps` steps, and whether it then knows what ended before each.
async fn paused(url: &str, steps: usize, patch: Option<Patch>) -> (Proven, bool) {
    let store = store(url, &schema(), |builder| patched(patched(builder, Some(STEPS)), patch)).await;
    let mut ear = Ear::open(&store).await;
    let mut ended = Vec::new();
    for _ in 0..steps {
        ended.push(end(&store).await);
        step(&store).await;
    }
    ended.push(end(&store).await);
    let proven = ear.turn().await;
    let told = ear.told();
    (proven, ended.iter().all(|one| told.knows(*one)))
}

#[tokio::test]
async fn a_feed_may_sleep_through_one_step_and_not_through_two() {
    let Some((server, _alone)) = alone().await else { return };
    assert_eq!(paused(server.url(), 1, None).await, (Proven::ThisTurn, true));
    for steps in [2, 3, 7] {
        let lost = Proven::Lost(Lost::Trimmed);
        assert_eq!(paused(server.url(), steps, None).await, (lost, false), "{steps} steps");
    }
    // A feed that allowed a step more would miss endings without knowing it.
    let one_more = ("poll.sql", "f.pass,", "f.pass / 2,");
    assert_eq!(paused(server.url(), 2, Some(one_more)).await, (Proven::ThisTurn, false));
    // So would one whose announcements are removed a step too soon.
    let soon = (
        "advance.sql",
        "trim_before = pg_snapshot_xmin(snap)",
        "trim_before = pg_snapshot_xmin(pg_current_snapshot())",
    );
    assert_eq!(paused(server.url(), 1, Some(soon)).await, (Proven::ThisTurn, false));
}

/// More announcements than one statement removes.
#[tokio::test]
async fn a_long_list_is_removed_in_one_call() {
    let Some((server, _alone)) = alone().await else { return };
    let schema = schema();
    let store = store(server.url(), &schema, |builder| patched(builder, Some(STEPS))).await;
    let mut ear = Ear::open(&store).await;
    let mut on = connection(server.url()).await;
    let many = format!(
        "insert into {schema}.hallpass_changes (announced) select '\\x020000' from generate_series(1, 25000)"
    );
    say(&mut on, many).await;
    step(&store).await;
    assert_eq!(ear.hears().await.shards, [[0, 0]].into());
    step(&store).await;
    assert_eq!(kept(&mut on, &schema).await, 0);
}

/// Returns whether an ending is heard after the tables were restored from a dump of a server that had counted more
/// transactions.
async fn heard_after_a_restore(url: &str, is_believed: bool) -> bool {
    let schema = schema();
    let store = store(url, &schema, |builder| {
        let builder = patched(builder, Some(STEPS));
        let here = "started = pg_postmaster_start_time()";
        match is_believed {
            false => builder,
            true => ["marked.sql", "trim.sql", "poll.sql", "advance.sql"]
                .into_iter()
                .fold(builder, |builder, file| builder.patched(file, here, "started is not null")),
        }
    })
    .await;
    let mut on = connection(url).await;
    let dumped = "(ready, pass, snap, trim_before, at, started) \
                  values (true, 7, '90000:90000:', '90000', '2026-01-01', '2026-01-01')";
    say(&mut on, format!("insert into {schema}.hallpass_feed {dumped}")).await;
    let mut ear = Ear::open(&store).await;
    let ended = end(&store).await;
    step(&store).await;
    ear.hears().await.knows(ended)
}

#[tokio::test]
async fn what_a_dump_brought_along_does_not_count() {
    let Some((server, _alone)) = alone().await else { return };
    assert!(heard_after_a_restore(server.url(), false).await);
    assert!(!heard_after_a_restore(server.url(), true).await);
}
