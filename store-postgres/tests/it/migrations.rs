//! Tests creating and changing the tables.

use hallpass_core::store::TokenStore;
use hallpass_store_postgres::{PostgresStore, migrations};

use crate::support::{ask, connection, put, record, say, schema, server, store, stored_many, until, words};

#[tokio::test(flavor = "multi_thread")]
async fn ten_instances_may_migrate_at_once() {
    let Some(server) = server() else { return };
    let schema = schema();
    let migrate = || async {
        let store =
            PostgresStore::builder().schema(&schema).connections(1).connect(server.url()).await.unwrap();
        store.migrate().await.unwrap();
        store
    };
    let stores = tokio::join!(
        migrate(),
        migrate(),
        migrate(),
        migrate(),
        migrate(),
        migrate(),
        migrate(),
        migrate(),
        migrate(),
        migrate()
    );
    put(&stores.9, &record("alice")).await;
    let mut on = connection(server.url()).await;
    assert_eq!(ask(&mut on, format!("select count(*) from {schema}.hallpass_schema")).await, 5);
}

#[tokio::test]
async fn an_upgrade_keeps_every_row() {
    let Some(server) = server() else { return };
    let schema = schema();
    let old = PostgresStore::builder().schema(&schema).connect(server.url()).await.unwrap();
    old.migrate_to(1).await.unwrap();
    let records = stored_many(&old, 50).await;
    let store = store(server.url(), &schema, |builder| builder).await;
    for record in &records {
        assert_eq!(store.find(record.selector).await.unwrap().as_ref(), Some(record));
    }
    let mut on = connection(server.url()).await;
    assert_eq!(ask(&mut on, format!("select max(version)::bigint from {schema}.hallpass_schema")).await, 5);
    let options =
        "select count(*) from pg_class where relname = 'hallpass_tokens' and reloptions::text like '%0.05%'";
    let here = format!("{options} and relnamespace = '{schema}'::regnamespace");
    assert_eq!(ask(&mut on, here).await, 1, "the second migration has run");
}

#[tokio::test]
async fn the_published_sql_makes_the_same_tables() {
    let Some(server) = server() else { return };
    let (by_hand, ours) = (schema(), schema());
    let mut on = connection(server.url()).await;
    say(&mut on, format!("create schema {by_hand}")).await;
    for sql in migrations(&by_hand, "shop").unwrap() {
        say(&mut on, sql.clone()).await;
        say(&mut on, sql).await;
    }
    let shop = PostgresStore::builder().schema(&by_hand).prefix("shop").connect(server.url()).await.unwrap();
    put(&shop, &record("alice")).await;
    shop.migrate().await.unwrap();
    store(server.url(), &ours, |builder| builder.prefix("shop")).await;
    let columns = |schema: &str| {
        format!(
            "select hashtext(string_agg(relname || attname || atttypid::text || attnotnull::text || attnum, ',' \
             order by relname, attnum))::bigint from pg_attribute join pg_class on oid = attrelid \
             where relnamespace = '{schema}'::regnamespace"
        )
    };
    assert_eq!(ask(&mut on, columns(&by_hand)).await, ask(&mut on, columns(&ours)).await);
}

/// sqlx keeps its migrations in `_sqlx_migrations`, behind an advisory lock on the database.
#[tokio::test]
async fn the_applications_migrations_are_left_alone() {
    let Some(server) = server() else { return };
    let schema = schema();
    let mut on = connection(server.url()).await;
    // The id of the lock, as sqlx 0.9 computes it: 0x3d32ad9e × CRC32 of the database's name.
    say(&mut on, "create table if not exists _sqlx_migrations (version bigint primary key)").await;
    say(&mut on, "insert into _sqlx_migrations values (20260101) on conflict do nothing").await;
    say(&mut on, format!("select pg_advisory_lock({})", 0x3d32_ad9e_i64 * 0x4fa6_1e29)).await;
    store(server.url(), &schema, |builder| builder).await;
    assert_eq!(ask(&mut on, "select count(*) from _sqlx_migrations").await, 1);
}

/// A migration that waits for another transaction's lock is cancelled. It must leave neither a lock nor
/// incomplete tables behind.
#[tokio::test]
async fn a_migration_that_was_given_up_leaves_nothing_behind() {
    let Some(server) = server() else { return };
    let schema = schema();
    let mut on = connection(server.url()).await;
    let first = PostgresStore::builder().schema(&schema).connect(server.url()).await.unwrap();
    first.migrate_to(1).await.unwrap();
    say(&mut on, format!("begin; lock table {schema}.hallpass_tokens in access exclusive mode")).await;
    let store = PostgresStore::builder().schema(&schema).connect(server.url()).await.unwrap();
    let migrating = tokio::spawn({
        let store = store.clone();
        async move { store.migrate().await }
    });
    let waiting = "select count(*) from pg_locks where not granted and relation = ";
    let waiting = format!("{waiting}'{schema}.hallpass_tokens'::regclass");
    until("the migration waits", async || ask(&mut on, waiting.clone()).await > 0).await;
    migrating.abort();
    let _ = migrating.await;
    say(&mut on, "commit").await;
    store.migrate().await.unwrap();
    put(&store, &record("alice")).await;
}

/// A release is deployed, migrates, and is rolled back: the old release starts again on the newer tables.
#[tokio::test]
async fn an_older_release_starts_on_newer_tables_that_are_compatible() {
    let Some(server) = server() else { return };
    let schema = schema();
    let alice = record("alice");
    put(&store(server.url(), &schema, |builder| builder).await, &alice).await;
    let mut on = connection(server.url()).await;
    let newer = format!("insert into {schema}.hallpass_schema (version, compatible) values (99, 1)");
    say(&mut on, newer).await;
    let store = store(server.url(), &schema, |builder| builder).await;
    assert_eq!(store.find(alice.selector).await.unwrap().as_ref(), Some(&alice));
    put(&store, &record("bob")).await;
}

#[tokio::test]
async fn newer_tables_that_are_not_compatible_are_refused() {
    let Some(server) = server() else { return };
    let schema = schema();
    let open = store(server.url(), &schema, |builder| builder).await;
    let mut on = connection(server.url()).await;
    say(&mut on, format!("insert into {schema}.hallpass_schema (version, compatible) values (99, 98)")).await;
    let error = PostgresStore::builder().schema(&schema).connect(server.url()).await.unwrap_err();
    assert!(words(&error).contains("need a program that knows version 98"), "{}", words(&error));
    let error = open.migrate().await.unwrap_err();
    assert!(words(&error).contains("need a program that knows version 98"), "{}", words(&error));
    // A store that was open before keeps working until it is closed.
    put(&open, &record("alice")).await;
}
