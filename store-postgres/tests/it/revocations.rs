//! Revocations, which are several statements.

use std::time::Duration;

use hallpass_core::{Action, Advance, Epoch, Reason, Replace, StoreError, TokenStore, Which};
use hallpass_store_postgres::PostgresStore;
use sqlx::PgConnection;

use crate::support::{
    ask, at, connection, next, put, record, say, schema, server, store, subject, until, waiting,
};

const MARK: Action = Action::Mark { reason: Reason::LoggedOut, at: at(3_000_000) };

async fn revoke(store: &PostgresStore, action: Action) -> Result<u64, StoreError> {
    store.revoke_by_subject(&subject("alice"), &Which::all(), action, Advance::Keep).await
}

/// A session that is being restored when the revocation comes: its parent is held, and it is not yet to be seen.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_inserted_while_a_sweep_waits_is_found_by_the_next() {
    let Some(server) = server() else { return };
    for action in [Action::Remove, MARK] {
        let schema = schema();
        let store = store(server.url(), &schema, |builder| builder).await;
        let (parent, mut child) = (record("alice"), record("alice"));
        child.login = parent.login;
        put(&store, &parent).await;
        put(&store, &child).await;
        let (mut on, mut eye) = (connection(server.url()).await, connection(server.url()).await);
        // As insert.sql does it, with the commit put off.
        let columns = "selector, subject, kind, login, created_at, updated_at, seen_at, expires_at, idle_at, \
                       purge_at, revoked, revision, generation, device, body";
        let (of, tokens) = (child.selector, format!("{schema}.hallpass_tokens"));
        say(
            &mut on,
            format!("create table {schema}.later as select * from {tokens} where selector = '\\x{of}'"),
        )
        .await;
        assert!(store.delete(child.selector).await.unwrap());
        let hold = format!("begin; select from {tokens} where selector = '\\x{}' for share", parent.selector);
        say(&mut on, hold).await;
        say(&mut on, format!("insert into {tokens} ({columns}) select {columns} from {schema}.later")).await;
        let revoking = tokio::spawn({
            let store = store.clone();
            async move { revoke(&store, action).await }
        });
        until("the sweep waits", async || waiting(&mut eye, &schema, "held").await > 0).await;
        say(&mut on, "commit").await;
        assert_eq!(revoking.await.unwrap().unwrap(), 2, "the parent and the child");
        for record in [parent, child] {
            let found = store.find(record.selector).await.unwrap();
            assert!(found.is_none_or(|found| found.revoked == Some(Reason::LoggedOut)));
        }
    }
}

/// Raises `code` at the second sweep, though it writes no row.
async fn break_the_second_sweep(on: &mut PgConnection, schema: &str, code: &str) {
    say(on, format!("create sequence {schema}.sweeps")).await;
    let function = format!(
        "create function {schema}.break() returns trigger language plpgsql as $$ begin \
         if nextval('{schema}.sweeps') = 2 then raise sqlstate '{code}'; end if; return null; end $$"
    );
    say(on, function).await;
    let trigger = format!(
        "create trigger break before delete or update on {schema}.hallpass_tokens \
         for each statement execute function {schema}.break()"
    );
    say(on, trigger).await;
}

#[tokio::test]
async fn a_failure_amid_a_revocation_leaves_nothing_of_it() {
    let Some(server) = server() else { return };
    for (action, code) in [(Action::Remove, "XX000"), (MARK, "55P03"), (MARK, "25006")] {
        let schema = schema();
        let store = store(server.url(), &schema, |builder| builder).await;
        let alice = record("alice");
        put(&store, &alice).await;
        break_the_second_sweep(&mut connection(server.url()).await, &schema, code).await;
        let error = revoke(&store, action).await.unwrap_err();
        assert!(!matches!(error, StoreError::Timeout { outcome_unknown: true, .. }), "{code}: {error:?}");
        assert_eq!(store.find(alice.selector).await.unwrap().as_ref(), Some(&alice), "{code}");
        assert_eq!(revoke(&store, action).await.unwrap(), 1, "{code}");
    }
}

#[tokio::test]
async fn a_revocation_that_was_undone_is_repeated_and_its_count_is_exact() {
    let Some(server) = server() else { return };
    for action in [Action::Remove, MARK] {
        let schema = schema();
        let store = store(server.url(), &schema, |builder| builder).await;
        for _ in 0..3 {
            put(&store, &record("alice")).await;
        }
        break_the_second_sweep(&mut connection(server.url()).await, &schema, "40001").await;
        assert_eq!(revoke(&store, action).await.unwrap(), 3);
    }
}

/// A revocation is a transaction: dropped amid it, nothing of it stays, and no lock.
#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_revocation_leaves_no_lock() {
    let Some(server) = server() else { return };
    let schema = schema();
    let store = store(server.url(), &schema, |builder| builder).await;
    let alice = record("alice");
    put(&store, &alice).await;
    let (mut on, mut eye) = (connection(server.url()).await, connection(server.url()).await);
    say(&mut on, "begin").await;
    say(&mut on, format!("select from {schema}.hallpass_tokens for update")).await;
    let revoking = tokio::spawn({
        let store = store.clone();
        async move {
            let advance = Advance::To { epoch: Epoch([1; 16]), now: at(1), keep: Duration::from_secs(60) };
            store.revoke_by_subject(&subject("alice"), &Which::all(), Action::Remove, advance).await
        }
    });
    until("the revocation waits", async || waiting(&mut eye, &schema, "held").await > 0).await;
    revoking.abort();
    let _ = revoking.await;
    say(&mut on, "rollback").await;
    assert_eq!(store.replace(&next(&alice), alice.revision).await.unwrap(), Replace::Replaced);
    let open = format!(
        "select count(*) from pg_stat_activity where state like 'idle in transaction%' and query like '%{schema}%'"
    );
    until("no transaction is left open", async || ask(&mut on, open.clone()).await == 0).await;
}
