//! Tests that errors explain what is wrong and show no stored data.

use std::time::Duration;

use hallpass_core::store::{Change, Fence, TokenStore};
use hallpass_core::{Note, StoreError};
use hallpass_store_postgres::PostgresStore;
use sqlx::postgres::PgPoolOptions;

use crate::support::{
    ask, connection, fresh, next, own_server, put, record, say, schema, server, store, stored, words,
};

async fn refusal(url: &str) -> String {
    let error = PostgresStore::connect(url).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused(_)), "{}", words(&error));
    words(&error)
}

#[tokio::test]
async fn a_wrong_url_is_told_without_being_repeated() {
    for url in ["postgres:secret@nowhere", "mysql://root:secret@localhost/db", "secret", ""] {
        let words = refusal(url).await;
        assert!(words.contains("not the URL of a PostgreSQL server"), "{words}");
        assert!(!words.contains("secret"), "{words}");
    }
}

#[tokio::test]
async fn no_server_is_unavailable() {
    let builder = PostgresStore::builder().timeout(Duration::from_secs(2));
    let error = builder.connect("postgres://a:secret@127.0.0.1:1/x").await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{}", words(&error));
    assert!(words(&error).contains("refused") && !words(&error).contains("secret"), "{}", words(&error));
}

#[tokio::test]
async fn a_wrong_database_or_password_is_refused() {
    let Some(server) = own_server() else { return };
    let words_of = refusal(&format!("{}x", server.url())).await;
    assert!(words_of.contains("does not exist") && words_of.contains("3D000"), "{words_of}");
    let mut on = connection(server.url()).await;
    say(&mut on, "create role guarded login password 'right'").await;
    // The server trusts every user until it is configured otherwise.
    let hba: String = sqlx::query_scalar("show hba_file").fetch_one(&mut on).await.unwrap();
    let rules = "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
    std::fs::write(hba, rules).unwrap();
    say(&mut on, "select pg_reload_conf()").await;
    let url = server.url().replace("postgres@", "guarded:wrong-secret@");
    let mut words_of = String::new();
    for _ in 0..1_500 {
        match PostgresStore::connect(&url).await {
            // The rules are not in force yet.
            Ok(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(error) => {
                assert!(matches!(error, StoreError::Refused(_)), "{}", words(&error));
                words_of = words(&error);
                break;
            }
        }
    }
    assert!(words_of.contains("password authentication failed"), "{words_of}");
    assert!(!words_of.contains("wrong-secret"), "{words_of}");
}

#[tokio::test]
async fn missing_tables_say_what_to_do() {
    let Some(server) = server() else { return };
    let store = PostgresStore::builder().schema(schema()).connect(server.url()).await.unwrap();
    for error in [
        store.find(record("alice").selector).await.unwrap_err(),
        store.insert(&record("alice"), Fence::None).await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::Refused(_)), "{}", words(&error));
        assert!(words(&error).contains("run migrate()"), "{}", words(&error));
    }
    store.migrate().await.unwrap();
    put(&store, &record("alice")).await;
}

#[tokio::test]
async fn a_replica_reads_and_is_unavailable_for_writes() {
    let Some(server) = server() else { return };
    let schema = schema();
    let writer = store(server.url(), &schema, |builder| builder).await;
    let alice = stored(&writer, "alice").await;
    let url = format!("{}?options=-c default_transaction_read_only=on", server.url());
    let pool = PgPoolOptions::new().connect(&url).await.unwrap();
    let reader = PostgresStore::builder().schema(&schema).from_pool(pool).await.unwrap();
    assert_eq!(reader.find(alice.selector).await.unwrap().as_ref(), Some(&alice));
    let error = reader.replace(&next(&alice), alice.revision, Change::Update).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{}", words(&error));
    assert!(words(&error).contains("read-only"), "{}", words(&error));
}

#[tokio::test]
async fn a_row_that_is_no_record_is_corrupt_for_its_caller_alone() {
    let Some((server, schema, store)) = fresh().await else { return };
    let (good, bad) = (record("alice"), record("alice"));
    put(&store, &good).await;
    put(&store, &bad).await;
    let mut on = connection(server.url()).await;
    for change in
        ["revoked = 77", "kind = 'NO KIND'", "login = '\\x00'", "seen_at = '1969-01-01'", "revision = 0"]
    {
        let selector = bad.selector;
        let sql = format!("update {schema}.hallpass_tokens set {change} where selector = '\\x{selector}'");
        say(&mut on, sql).await;
        let finds = (0..20).map(|number| {
            let (store, selector) = (store.clone(), if number == 7 { bad.selector } else { good.selector });
            tokio::spawn(async move { store.find(selector).await })
        });
        for (number, find) in finds.collect::<Vec<_>>().into_iter().enumerate() {
            match find.await.unwrap() {
                Ok(found) => assert_eq!((found.as_ref(), number == 7), (Some(&good), false), "{change}"),
                Err(StoreError::Corrupt { selector, .. }) => {
                    assert_eq!((selector, number), (Some(bad.selector), 7));
                }
                Err(error) => panic!("{change}: {}", words(&error)),
            }
        }
    }
    assert!(store.delete(bad.selector, &Note::none()).await.unwrap());
}

#[tokio::test]
async fn names_are_whitelisted() {
    for name in ["a\"; drop table x; --", "", "1a", "ä", &"x".repeat(41)] {
        let error = PostgresStore::builder().prefix(name).connect("postgres://127.0.0.1:1/x").await;
        assert!(error.is_err());
        assert!(hallpass_store_postgres::migrations("public", name).is_err(), "{name}");
    }
}

/// The index on the epochs of one prefix would have the same name as that of the other, and would be left
/// out.
#[tokio::test]
async fn a_prefix_whose_index_another_prefix_has_is_refused() {
    let Some(server) = server() else { return };
    let schema = schema();
    let open =
        |prefix: &'static str| PostgresStore::builder().schema(&schema).prefix(prefix).connect(server.url());
    let error = open("p_epochs").await.unwrap_err();
    assert!(
        matches!(error, StoreError::Refused(_)) && words(&error).contains("_epochs"),
        "{}",
        words(&error)
    );
    for prefix in ["p", "p_tokens"] {
        open(prefix).await.unwrap().migrate().await.unwrap();
    }
    let mut on = connection(server.url()).await;
    let indexes = format!(
        "select count(*) from pg_indexes where schemaname = '{schema}' and indexdef like '%purge_at%'"
    );
    assert_eq!(ask(&mut on, indexes).await, 4, "two of each");
}

#[tokio::test]
async fn a_parameter_that_the_driver_would_ignore_is_refused_and_never_shown() {
    let Some(server) = server() else { return };
    let separator = if server.url().contains('?') { '&' } else { '?' };
    let with = |parameters: &str| format!("{}{separator}{parameters}", server.url());
    for parameters in ["sslmod=top-secret", "channel_binding=top-secret", "sslpassword=top-secret"] {
        let words = refusal(&with(parameters)).await;
        assert!(words.contains("sslmode") && !words.contains("top-secret"), "{words}");
    }
    let plain =
        "channel_binding=prefer&target_session_attrs=read-write&application_name=shop&gssencmode=disable";
    let store = PostgresStore::connect(&with(plain)).await.unwrap();
    let mut on = connection(server.url()).await;
    let ours = "select count(*) from pg_stat_activity where application_name = 'shop'";
    assert!(ask(&mut on, ours).await > 0);
    store.close().await;
}

/// Whatever timeout is requested, a call ends within the limit of the contract (S12).
#[tokio::test]
async fn a_timeout_has_bounds() {
    let Some(server) = server() else { return };
    for (asked, limit) in
        [(Duration::MAX, "20s"), (Duration::from_secs(21), "20s"), (Duration::from_secs(7), "7s")]
    {
        let is_other = format!("pg_is_in_recovery() or current_setting('statement_timeout') <> '{limit}'");
        let builder = PostgresStore::builder().timeout(asked);
        let opened =
            builder.patched("server.sql", "pg_is_in_recovery()", &is_other).connect(server.url()).await;
        assert!(opened.is_ok(), "{asked:?}: {}", words(&opened.unwrap_err()));
    }
}

/// A fence is checked under locks and with fresh snapshots, whatever the database's default isolation.
#[tokio::test]
async fn a_stricter_isolation_by_default_changes_nothing() {
    let Some(server) = server() else { return };
    let schema = schema();
    store(server.url(), &schema, |builder| builder).await;
    let url = format!("{}?options=-c default_transaction_isolation=serializable", server.url());
    let pool = PgPoolOptions::new().max_connections(8).connect(&url).await.unwrap();
    let store = PostgresStore::builder().schema(&schema).from_pool(pool).await.unwrap();
    let mut alice = record("alice");
    put(&store, &alice).await;
    for _ in 0..20 {
        let writes = (0..8).map(|_| {
            let (store, next, expected) = (store.clone(), next(&alice), alice.revision);
            tokio::spawn(async move { (store.replace(&next, expected, Change::Update).await, next) })
        });
        let mut won = Vec::new();
        for write in writes.collect::<Vec<_>>() {
            let (answer, next) = write.await.unwrap();
            if answer.unwrap() == hallpass_core::store::Replace::Replaced {
                won.push(next);
            }
        }
        assert_eq!(won.len(), 1);
        alice = won.remove(0);
    }
}

#[tokio::test]
async fn a_database_that_is_not_in_utf_8_is_refused() {
    let Some(server) = server() else { return };
    let database = schema();
    let mut on = connection(server.url()).await;
    let latin = "encoding 'LATIN1' lc_collate 'C' lc_ctype 'C' template template0";
    say(&mut on, format!("create database {database} {latin}")).await;
    let url = format!("{}/{database}", server.url().rsplit_once('/').unwrap().0);
    let words = refusal(&url).await;
    assert!(words.contains("encoding is LATIN1") && words.contains("UTF8"), "{words}");
}
