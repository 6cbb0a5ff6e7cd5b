//! Tests feeds behind PgBouncer.

use std::sync::Arc;

use hallpass_core::Note;
use hallpass_core::store::{Lost, Proven, TokenStore};
use hallpass_test_servers::{Server, needed, pgbouncer};

use super::ear::Ear;
use crate::support::{connection, own_server, put, record, say, schema, server, store, until};

fn pooler() -> Option<Server> {
    needed("a feed behind PgBouncer", pgbouncer(server()?)).unwrap()
}

async fn set(pooler: &Server, setting: &str) {
    let (base, _) = pooler.url().rsplit_once('/').unwrap();
    say(&mut connection(&format!("{base}/pgbouncer")).await, format!("SET {setting}")).await;
}

#[tokio::test]
async fn a_pooler_that_keeps_sessions_serves_a_feed() {
    let Some(pooler) = pooler() else { return };
    set(&pooler, "ignore_startup_parameters='extra_float_digits,options'").await;
    set(&pooler, "pool_mode=session").await;
    let store = store(pooler.url(), &schema(), |builder| builder.connections(3)).await;
    let mut ear = Ear::open(&store).await;
    let alice = record("alice");
    put(&store, &alice).await;
    assert!(store.delete(alice.selector, &Note::none()).await.unwrap());
    assert_eq!(ear.hears().await.ended, [alice.selector].into());
}

/// Each turn is a transaction of its own, on any of the server's connections. Its settings end with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_keeps_no_sessions_serves_a_feed_too() {
    let Some(pooler) = pooler() else { return };
    let store = store(pooler.url(), &schema(), |builder| builder.pgbouncer()).await;
    let mut ears = Vec::new();
    for _ in 0..20 {
        ears.push(Ear::open(&store).await);
    }
    for _ in 0..10 {
        let alice = record("alice");
        put(&store, &alice).await;
        assert!(store.delete(alice.selector, &Note::none()).await.unwrap());
        for ear in &mut ears {
            assert_eq!(ear.hears().await.ended, [alice.selector].into());
        }
    }
    let mut clients = Vec::new();
    for _ in 0..8 {
        let mut client = connection(pooler.url()).await;
        say(&mut client, "begin").await;
        clients.push(client);
    }
    for client in &mut clients {
        for (name, default) in [("jit", "on"), ("enable_seqscan", "on"), ("plan_cache_mode", "auto")] {
            let show = format!("show {name}");
            let row = sqlx::raw_sql(sqlx::AssertSqlSafe(show)).fetch_one(&mut *client).await.unwrap();
            let value: String = sqlx::Row::get(&row, 0);
            assert_eq!(value, default, "{name} was left changed for other clients");
        }
        say(client, "rollback").await;
    }
    assert_eq!(ears[0].turn().await, Proven::ThisTurn);
}

/// A clean restart keeps the tables, and a dump or a copy of the server brings them along, in which other transactions
/// count. Only the pooler's own connections have ended.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_that_only_the_pooler_notices_is_a_loss() {
    let Some(server) = own_server().map(Arc::new) else { return };
    let Some(pooler) = needed("a feed behind PgBouncer", pgbouncer(&server)).unwrap() else { return };
    let store = store(pooler.url(), &schema(), |builder| builder.pgbouncer()).await;
    let mut ear = Ear::open(&store).await;
    let restarting = Arc::clone(&server);
    tokio::task::spawn_blocking(move || restarting.restart().unwrap()).await.unwrap();
    let alice = record("alice");
    until("the pooler is connected", async || store.find(alice.selector).await.is_ok()).await;
    assert_eq!(ear.turn().await, Proven::Lost(Lost::Restarted));
    let mut ear = Ear::open(&store).await;
    put(&store, &alice).await;
    assert!(store.delete(alice.selector, &Note::none()).await.unwrap());
    assert_eq!(ear.hears().await.ended, [alice.selector].into());
}
