//! Tests sessions that the server ends, limits or hides, and users that act as another user.

use std::time::Duration;

use hallpass_core::store::{Change, Fence, Replace, TokenStore};
use hallpass_core::{Note, StoreError};
use hallpass_store_postgres::PostgresStore;
use hallpass_test_servers::{Mode, Proxy};

use crate::support::{
    INSERTED, ask, connection, next, put, record, say, schema, server, store, stored, unique, until, words,
};

/// Creates a role with `options` that may do everything, and returns its URL.
async fn role(options: &str) -> Option<(String, String)> {
    let server = server()?;
    let name = format!("role_{}_{}", std::process::id(), unique());
    let mut on = connection(server.url()).await;
    say(&mut on, format!("create role {name} login {options}; grant all on schema public to {name}")).await;
    say(&mut on, format!("grant create on database postgres to {name}")).await;
    Some((server.url().replace("postgres@", &format!("{name}@")), name))
}

async fn sessions(role: &str) -> i64 {
    let mut on = connection(server().unwrap().url()).await;
    ask(&mut on, format!("select count(*) from pg_stat_activity where usename = '{role}'")).await
}

/// `idle_session_timeout`, which PostgreSQL has from 14 on.
#[tokio::test]
async fn a_session_that_ended_while_it_was_idle_leaves_no_call_in_doubt() {
    let Some((url, name)) = role("superuser").await else { return };
    let mut on = connection(server().unwrap().url()).await;
    let known = "select count(*) from pg_settings where name = 'idle_session_timeout'";
    if ask(&mut on, known).await == 0 {
        return;
    }
    let store = store(&url, &schema(), |builder| builder).await;
    say(&mut on, format!("alter role {name} set idle_session_timeout = 1000")).await;
    // Existing sessions do not have the new setting.
    say(&mut on, format!("select pg_terminate_backend(pid) from pg_stat_activity where usename = '{name}'"))
        .await;
    until("the handle works", async || store.find(record("alice").selector).await.is_ok()).await;
    let alice = stored(&store, "alice").await;
    for round in 0..3 {
        until("the session ends", async || sessions(&name).await == 0).await;
        let record = record("alice");
        match store.insert(&record, Fence::None).await {
            Ok(answer) => assert_eq!(answer, INSERTED),
            Err(error) => panic!("round {round}: {}", words(&error)),
        }
    }
    until("the session ends", async || sessions(&name).await == 0).await;
    let replaced = store.replace(&next(&alice), alice.revision, Change::Update).await;
    assert_eq!(replaced.unwrap(), Replace::Replaced);
}

/// The connection is new, and ends while the store asks for its process.
#[tokio::test]
async fn a_connection_that_breaks_before_the_call_is_sent_leaves_it_undone() {
    let Some(server) = server() else { return };
    let schema = schema();
    let store = store(server.url(), &schema, |builder| {
        let ends = format!(
            "case when to_regclass('{schema}.trap') is null then false else pg_terminate_backend(pg_backend_pid()) end"
        );
        let ask = "where pid = pg_backend_pid()";
        builder.patched("process.sql", ask, &format!("{ask} and {ends} is not null"))
    })
    .await;
    let mut on = connection(server.url()).await;
    say(&mut on, format!("create table {schema}.trap ()")).await;
    // Only the connections of this store: no other role's name contains this one.
    let ours = format!(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity \
         where application_name = 'hallpass' and position('\"{schema}\"' in query) > 0"
    );
    ask(&mut on, ours).await;
    // The first call may meet the connection that has just ended.
    until("a new connection", async || {
        let error = store.find(record("alice").selector).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{}", words(&error));
        true
    })
    .await;
    let error = store.insert(&record("alice"), Fence::None).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{}", words(&error));
    say(&mut on, format!("drop table {schema}.trap")).await;
    put(&store, &record("alice")).await;
}

/// The server ends the session while the answer that causes a roll-back is on its way.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_whose_roll_back_failed_is_not_used_again() {
    let Some(server) = server() else { return };
    let proxy = Proxy::start(server.address()).await.unwrap();
    let url = server.url_at(proxy.address());
    let store = store(&url, &schema(), |builder| {
        // From here on the server waits only a millisecond for the next statement of the transaction.
        let hurry = "where subject = $1\n        and set_config('idle_in_transaction_session_timeout', '1', true) is not null";
        builder.without_functions().sweeping(3, 100).patched("remove.sql", "where subject = $1", hurry)
    })
    .await;
    for _ in 0..20 {
        put(&store, &record("alice")).await;
    }
    proxy.set(Mode::Delay(Duration::from_millis(20)));
    let revocation = crate::support::revocation(hallpass_core::store::Action::Remove);
    // Too many records for one step: rolled back, and swept in pages over another connection.
    let _ = store.revoke_by_subject(&crate::support::subject("alice"), &revocation).await;
    proxy.set(Mode::Pass);
    let mut on = connection(server.url()).await;
    let left = store.statements().into_iter().find(|(name, _)| *name == "exists").unwrap().1;
    let table = left.split_whitespace().nth(3).unwrap().to_owned();
    assert_eq!(ask(&mut on, format!("select count(*) from {table}")).await, 0, "the pages were not reached");
}

/// The server offers fewer connections than the store may open.
#[tokio::test(flavor = "multi_thread")]
async fn calls_share_the_connections_that_the_server_gives() {
    let Some((url, _)) = role("connection limit 3").await else { return };
    let store = store(&url, &schema(), |builder| {
        // Makes every list slow.
        builder.timeout(Duration::from_secs(20)).patched(
            "list_by_subject.sql",
            "select pg_is_in_recovery() as is_standby",
            "select pg_is_in_recovery() as is_standby from pg_sleep(0.2)",
        )
    })
    .await;
    let calls = (0..30).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            let page = hallpass_core::store::Page::first(std::num::NonZeroU16::MIN);
            store.list_by_subject(&crate::support::subject("alice"), &page).await
        })
    });
    for call in calls.collect::<Vec<_>>() {
        let listed = call.await.unwrap();
        assert!(listed.is_ok(), "{}", words(&listed.unwrap_err()));
    }
}

/// As with dynamic credentials: a user that acts as the owner of the tables.
#[tokio::test]
async fn a_user_that_acts_as_another_is_served() {
    let Some((url, owner)) = role("").await else { return };
    let Some((_, lease)) = role("").await else { return };
    let mut on = connection(server().unwrap().url()).await;
    say(&mut on, format!("grant {owner} to {lease}; alter role {lease} set role = {owner}")).await;
    let url = url.replace(&format!("{owner}@"), &format!("{lease}@"));
    let store = store(&url, &schema(), |builder| builder).await;
    let alice = stored(&store, "alice").await;
    assert!(store.delete(alice.selector, &Note::none()).await.unwrap());
}

#[tokio::test]
async fn more_connections_than_a_server_can_have_are_as_many_as_it_can() {
    let Some(server) = server() else { return };
    let builder = PostgresStore::builder().schema(schema()).connections(u32::MAX);
    let store = builder.connect(server.url()).await.unwrap();
    store.migrate().await.unwrap();
    put(&store, &record("alice")).await;
}
