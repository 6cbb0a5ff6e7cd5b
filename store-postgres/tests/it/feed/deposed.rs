//! Tests what feeds say of a primary that was deposed and does not know it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hallpass_core::store::{Announcer, Heard, Proven, TokenStore};
use hallpass_core::{Note, Selector, StoreError};
use hallpass_store_postgres::PostgresStore;
use hallpass_test_servers::{Backend, Launch, Origin, Server, needed, pgbouncer};
use sqlx::{AssertSqlSafe, PgConnection};

use super::ear::Ear;
use crate::failover::follow;
use crate::support::{ask, connection, put, record, say, schema, server, store, until, words};

const EVERY: Duration = Duration::from_millis(100);

/// A primary, and its synchronous standby.
async fn pair() -> Option<(Arc<Server>, Arc<Server>)> {
    let launch = || needed("a primary", Launch::new(Backend::Postgres).only(Origin::Local).start()).unwrap();
    let (primary, standby) = (launch().map(Arc::new)?, launch().map(Arc::new)?);
    follow(&primary, &standby).await;
    Some((primary, standby))
}

/// Sets the standbys for which commits wait.
async fn require(on: &mut PgConnection, names: &str) {
    say(&mut *on, format!("alter system set synchronous_standby_names = '{names}'")).await;
    say(on, "select pg_reload_conf()").await;
}

async fn turn(ear: &mut Ear) -> Result<Proven, StoreError> {
    ear.feed.turn(&Heard::new(|_| {})).await
}

async fn until_confirmed(ear: &mut Ear) {
    until("a proof", async || matches!(turn(ear).await, Ok(Proven::ThisTurn))).await;
}

/// Waits until the turns have proved nothing for as long as an old confirmation counts. On a busy machine they may do so
/// for a moment.
#[expect(clippy::disallowed_methods, reason = "real servers are measured by the real clock")]
async fn until_doubt(ear: &mut Ear) {
    let mut since = None;
    until("doubt", async || {
        match turn(ear).await {
            Err(StoreError::Unavailable(_)) => since = since.or_else(|| Some(Instant::now())),
            Ok(Proven::ThisTurn) => since = None,
            other => panic!("{other:?}"),
        }
        since.is_some_and(|since: Instant| since.elapsed() > 2 * EVERY)
    })
    .await;
}

/// Fifty turns that all prove nothing.
async fn stays_in_doubt(ear: &mut Ear) {
    for _ in 0..50 {
        let turn = turn(ear).await;
        assert!(matches!(&turn, Err(StoreError::Unavailable(_))), "{turn:?}");
    }
}

/// Ends a record on the standby, once that is the primary.
async fn end_at(promoted: &Server, schema: &str, selector: Selector) {
    let mut of = None;
    until("the promotion", async || {
        of = PostgresStore::builder().schema(schema).connect(promoted.url()).await.ok();
        of.is_some()
    })
    .await;
    assert!(of.unwrap().delete(selector, &Note::none()).await.unwrap());
}

const PROBES: &str =
    "select count(*) from pg_stat_activity where query like '%emit_message%' and pid <> pg_backend_pid()";

async fn probes(on: &mut PgConnection) -> i64 {
    ask(on, PROBES).await
}

/// As documented: without the check, the feed of a deposed primary proves what is not true.
#[tokio::test(flavor = "multi_thread")]
async fn a_deposed_primary_proves_on_unless_its_standbys_must_confirm_it() {
    let Some((primary, standby)) = pair().await else { return };
    let schema = schema();
    let plain = store(primary.url(), &schema, |builder| builder).await;
    let careful = store(primary.url(), &schema, |builder| builder.confirm_primary(EVERY)).await;
    let (mut trusting, mut doubting) = (Ear::open(&plain).await, Ear::open(&careful).await);
    until_confirmed(&mut doubting).await;
    let token = record("alice");
    put(&plain, &token).await;
    let mut on = connection(primary.url()).await;
    say(&mut connection(standby.url()).await, "select pg_promote(false)").await;
    end_at(&standby, &schema, token.selector).await;
    until_doubt(&mut doubting).await;
    assert!(trusting.hears().await.is_empty(), "the old primary has heard of it: nothing is shown");
    stays_in_doubt(&mut doubting).await;
    // The server cancels what it waits for, and a probe that was cancelled confirms nothing: it is an error, although
    // the commit is none.
    let (_, probe) = careful.statements().into_iter().find(|(name, _)| *name == "probe").unwrap();
    say(&mut on, "set statement_timeout = 200").await;
    let cancelled = sqlx::raw_sql(AssertSqlSafe(probe)).execute(&mut on).await.unwrap_err();
    assert_eq!(cancelled.as_database_error().unwrap().code().unwrap(), "57014");
    say(&mut on, "reset statement_timeout").await;
    let begun = "select (1000000 * extract(epoch from max(query_start)))::bigint from pg_stat_activity
        where query like '%emit_message%' and pid <> pg_backend_pid()";
    for _ in 0..3 {
        let before = ask(&mut on, begun).await;
        // The next probe begins when the one before has ended.
        until("another probe", async || {
            let _ = turn(&mut doubting).await;
            ask(&mut on, begun).await > before
        })
        .await;
        stays_in_doubt(&mut doubting).await;
    }
    drop(doubting);
    until("nothing is left of the feed", async || probes(&mut on).await == 0).await;
    // A check that fails refuses nothing but the proof.
    assert_eq!(plain.find(token.selector).await.unwrap().unwrap().selector, token.selector);

    // To set the old primary free again takes its standbys away, and with them the confirmation.
    let mut again = Ear::open(&careful).await;
    stays_in_doubt(&mut again).await;
    require(&mut on, "").await;
    until("a refusal", async || {
        careful.feed().await.is_err_and(|error| {
            matches!(error, StoreError::Refused(_)) && words(&error).contains("synchronous_standby_names")
        })
    })
    .await;
    until_doubt(&mut again).await;
    stays_in_doubt(&mut again).await;
}

/// A feed outlives a while in which the standbys are away.
#[tokio::test(flavor = "multi_thread")]
async fn a_primary_is_confirmed_again_when_its_standby_is_back() {
    let Some((primary, _standby)) = pair().await else { return };
    let careful = store(primary.url(), &schema(), |builder| builder.confirm_primary(EVERY)).await;
    let mut ear = Ear::open(&careful).await;
    until_confirmed(&mut ear).await;
    let mut on = connection(primary.url()).await;
    require(&mut on, "absent").await;
    let confirms = "select count(*) from pg_stat_replication where sync_state = 'sync'";
    until("the standby is not asked", async || ask(&mut on, confirms).await == 0).await;
    until_doubt(&mut ear).await;
    stays_in_doubt(&mut ear).await;
    require(&mut on, "standby").await;
    until_confirmed(&mut ear).await;
    // Its own connection is as much a part of the feed as the other one.
    let end = "select count(pg_terminate_backend(pid)) from pg_stat_activity where query like '%standby_names%' \
               and pid <> pg_backend_pid()";
    until("the end of the feed", async || {
        ask(&mut on, end).await;
        matches!(turn(&mut ear).await, Ok(Proven::Lost(_)))
    })
    .await;
}

#[tokio::test]
async fn a_server_that_nothing_can_confirm_is_refused() {
    let Some(server) = server() else { return };
    let careful = store(server.url(), &schema(), |builder| builder.confirm_primary(EVERY)).await;
    let error = careful.feed().await.err().unwrap();
    assert!(matches!(error, StoreError::Refused(_)), "{}", words(&error));
    assert!(words(&error).contains("synchronous_standby_names"), "{}", words(&error));
    // Without that check its commits would wait for nothing, and count as confirmed.
    let unchecked = store(server.url(), &schema(), |builder| {
        let builder = builder.confirm_primary(EVERY);
        builder.patched("standing.sql", "current_setting('synchronous_standby_names') <> ''", "true")
    })
    .await;
    until_confirmed(&mut Ear::open(&unchecked).await).await;
    let Some(pooler) = needed("a feed behind PgBouncer", pgbouncer(server)).unwrap() else { return };
    let behind = PostgresStore::builder().pgbouncer().confirm_primary(EVERY).connect(pooler.url()).await;
    let error = behind.err().unwrap();
    assert!(matches!(error, StoreError::Refused(_)) && words(&error).contains("pooler"), "{}", words(&error));
}
