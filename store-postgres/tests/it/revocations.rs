//! Tests revocations, which take several statements.

use std::time::Duration;

use hallpass_core::store::{
    Action, Change, Epoch, EpochUpdate, Fence, Insert, Record, RecordFilter, Replace, Revocation, TokenStore,
};
use hallpass_core::{Kind, Kinds, Note, Purpose, Reason, StoreError};
use hallpass_store_postgres::PostgresStore;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::support::{
    ask, at, connection, next, put, record, revocation, say, schema, server, store, stored, stored_many,
    subject, until, waiting,
};

const KEEP: Duration = Duration::from_secs(3_600);
const MARK: Action = Action::Mark { reason: Reason::LoggedOut, at: at(3_000_000) };

/// Whether revocations call the function: `true`, then `false` for the transaction.
const WAYS: [bool; 2] = [true, false];

async fn store_of(url: &str, schema: &str, functions: bool) -> PostgresStore {
    store(url, schema, |builder| if functions { builder } else { builder.without_functions() }).await
}

async fn revoke(store: &PostgresStore, action: Action) -> Result<u64, StoreError> {
    store.revoke_by_subject(&subject("alice"), &revocation(action)).await
}

/// A session is being restored when the revocation comes: its parent is locked, and the session is not
/// visible yet.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_inserted_while_a_sweep_waits_is_found_by_the_next() {
    let Some(server) = server() else { return };
    for (functions, action) in WAYS.into_iter().flat_map(|way| [(way, Action::Remove), (way, MARK)]) {
        let schema = schema();
        let store = store_of(server.url(), &schema, functions).await;
        let (parent, mut child) = (record("alice"), record("alice"));
        child.login = parent.login;
        put(&store, &parent).await;
        put(&store, &child).await;
        let (mut on, mut eye) = (connection(server.url()).await, connection(server.url()).await);
        // As insert.sql does, but with the commit delayed.
        let columns = "selector, subject, kind, login, created_at, updated_at, seen_at, expires_at, idle_at, \
                       purge_at, revoked, revision, generation, device, body, purpose, era";
        let (of, tokens) = (child.selector, format!("{schema}.hallpass_tokens"));
        say(
            &mut on,
            format!("create table {schema}.later as select * from {tokens} where selector = '\\x{of}'"),
        )
        .await;
        assert!(store.delete(child.selector, &Note::none()).await.unwrap());
        let hold = format!("begin; select from {tokens} where selector = '\\x{}' for share", parent.selector);
        say(&mut on, hold).await;
        say(&mut on, format!("insert into {tokens} ({columns}) select {columns} from {schema}.later")).await;
        let revoking = tokio::spawn({
            let store = store.clone();
            async move { revoke(&store, action).await }
        });
        until("the sweep waits", async || waiting(&mut eye, &schema, "").await > 0).await;
        say(&mut on, "commit").await;
        assert_eq!(revoking.await.unwrap().unwrap(), 2, "the parent and the child");
        for record in [parent, child] {
            let found = store.find(record.selector).await.unwrap();
            assert!(found.is_none_or(|found| found.revoked == Some(Reason::LoggedOut)));
        }
    }
}

/// Raises `code` at the second sweep, even though that sweep writes no row.
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
    let failures = [(Action::Remove, "XX000"), (MARK, "55P03"), (MARK, "25006")];
    for (functions, (action, code)) in WAYS.into_iter().flat_map(|way| failures.map(|failure| (way, failure)))
    {
        let schema = schema();
        let store = store_of(server.url(), &schema, functions).await;
        let alice = stored(&store, "alice").await;
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
    for (functions, action) in WAYS.into_iter().flat_map(|way| [(way, Action::Remove), (way, MARK)]) {
        let schema = schema();
        let store = store_of(server.url(), &schema, functions).await;
        for _ in 0..3 {
            put(&store, &record("alice")).await;
        }
        break_the_second_sweep(&mut connection(server.url()).await, &schema, "40001").await;
        assert_eq!(revoke(&store, action).await.unwrap(), 3);
    }
}

/// If the call is dropped, a transaction is undone, while the function completes. No lock remains.
#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_revocation_is_done_or_undone_and_leaves_no_lock() {
    let Some(server) = server() else { return };
    for functions in WAYS {
        let schema = schema();
        let store = store_of(server.url(), &schema, functions).await;
        let alice = stored(&store, "alice").await;
        let (mut on, mut eye) = (connection(server.url()).await, connection(server.url()).await);
        say(&mut on, "begin").await;
        say(&mut on, format!("select from {schema}.hallpass_tokens for update")).await;
        let revoking = tokio::spawn({
            let store = store.clone();
            async move {
                let update = EpochUpdate::Set { epoch: Epoch([1; 16]), now: at(1), keep: KEEP };
                let everywhere = revocation(Action::Remove).epoch(update);
                store.revoke_by_subject(&subject("alice"), &everywhere).await
            }
        });
        until("the revocation waits", async || waiting(&mut eye, &schema, "").await > 0).await;
        revoking.abort();
        let _ = revoking.await;
        say(&mut on, "rollback").await;
        // It waits for no lock. Which of the two gets the row first is open.
        let answer = store.replace(&next(&alice), alice.revision, Change::Update).await.unwrap();
        assert!(functions || answer == Replace::Replaced, "{answer:?}");
        let open = format!(
            "select count(*) from pg_stat_activity where state like 'idle in transaction%' and query like '%{schema}%'"
        );
        until("no transaction is left open", async || ask(&mut on, open.clone()).await == 0).await;
        match functions {
            true => {
                until("the function ends the record", async || find(&store, &alice).await.is_none()).await;
            }
            false => assert!(find(&store, &alice).await.is_some(), "half of the transaction was done"),
        }
    }
}

async fn find(store: &PostgresStore, record: &Record) -> Option<Record> {
    store.find(record.selector).await.unwrap()
}

/// An impossible number of children, inserted while each sweep waits: every sweep finds another row.
#[tokio::test]
async fn a_revocation_that_finds_rows_to_the_end_is_an_error() {
    let Some(server) = server() else { return };
    for (functions, action) in WAYS.into_iter().flat_map(|way| [(way, Action::Remove), (way, MARK)]) {
        let schema = schema();
        let store = store_of(server.url(), &schema, functions).await;
        let alice = stored(&store, "alice").await;
        let mut on = connection(server.url()).await;
        let tokens = format!("{schema}.hallpass_tokens");
        say(&mut on, format!("create table {schema}.later as select * from {tokens}")).await;
        let function = format!(
            "create function {schema}.again() returns trigger language plpgsql as $$ begin \
             update {schema}.later set selector = decode(md5(random()::text), 'hex'); \
             insert into {tokens} select * from {schema}.later; return null; end $$"
        );
        say(&mut on, function).await;
        let trigger = format!(
            "create trigger again after delete or update on {tokens} \
             for each statement execute function {schema}.again()"
        );
        say(&mut on, trigger).await;
        let answer = revoke(&store, action).await;
        assert!(matches!(answer, Err(StoreError::Timeout { outcome_unknown: false, .. })), "{answer:?}");
        assert_eq!(store.find(alice.selector).await.unwrap(), Some(alice), "nothing of it was done");
    }
}

const CROWD: u64 = 2_000;

/// Creates a subject with very many records, each of which takes two milliseconds to end.
async fn crowd(on: &mut PgConnection, schema: &str, store: &PostgresStore) -> Record {
    let alice = stored(store, "alice").await;
    let tokens = format!("{schema}.hallpass_tokens");
    let columns = "updated_at, seen_at, expires_at, purge_at, revision, generation, idle_at, revoked, login, kind, \
                   subject, device, body, purpose, era";
    let more = format!(
        "insert into {tokens} (selector, created_at, {columns}) \
         select decode(md5(n::text), 'hex'), created_at + n * interval '1 ms', {columns} \
         from {tokens}, generate_series(1, {CROWD} - 1) n"
    );
    say(on, more).await;
    let function = format!(
        "create function {schema}.slowly() returns trigger language plpgsql as $$ begin \
         perform pg_sleep(0.002); if tg_op = 'DELETE' then return old; end if; return new; end $$"
    );
    say(on, function).await;
    let trigger = format!(
        "create trigger slowly before delete or update on {tokens} \
         for each row execute function {schema}.slowly()"
    );
    say(on, trigger).await;
    alice
}

/// The whole revocation takes longer than one call may. (`bench` does it with half a million.)
#[tokio::test(flavor = "multi_thread")]
async fn a_subject_of_very_many_records_is_logged_out() {
    let Some(server) = server() else { return };
    for action in [Action::Remove, MARK] {
        let schema = schema();
        let mut on = connection(server.url()).await;
        let store = store(server.url(), &schema, |builder| {
            builder.timeout(Duration::from_secs(3)).sweeping(200, 100)
        })
        .await;
        let before = store.epoch(&subject("alice"), Epoch([1; 16]), KEEP, at(1)).await.unwrap().epoch;
        crowd(&mut on, &schema, &store).await;
        let update = EpochUpdate::Set { epoch: Epoch([2; 16]), now: at(1), keep: KEEP };
        let mut answers = Vec::new();
        while answers.len() < 10 && !answers.last().is_some_and(Result::is_ok) {
            answers.push(store.revoke_by_subject(&subject("alice"), &revocation(action).epoch(update)).await);
        }
        let left = format!("select count(*) from {schema}.hallpass_tokens where revoked = 0");
        let left = ask(&mut on, left).await;
        assert!(
            answers.last().unwrap().is_ok() && left == 0,
            "{left} of {CROWD} are alive after {answers:?}"
        );
        let late = store.insert(&record("alice"), Fence::Epoch(before)).await.unwrap();
        assert_eq!(late, Insert::Fenced, "a login that began before");
    }
}

/// The records ended by a sweep that is cut off stay ended, and no login that began before it gets in after
/// it.
#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_that_is_cut_off_leaves_the_epoch_and_what_it_ended() {
    let Some(server) = server() else { return };
    let schema = schema();
    let mut on = connection(server.url()).await;
    let store = store(server.url(), &schema, |builder| builder.sweeping(200, 100)).await;
    let before = store.epoch(&subject("alice"), Epoch([1; 16]), KEEP, at(1)).await.unwrap().epoch;
    crowd(&mut on, &schema, &store).await;
    let sweeping = tokio::spawn({
        let store = store.clone();
        async move {
            let update = EpochUpdate::Set { epoch: Epoch([2; 16]), now: at(1), keep: KEEP };
            let everywhere = revocation(Action::Remove).epoch(update);
            store.revoke_by_subject(&subject("alice"), &everywhere).await
        }
    });
    let left = || format!("select count(*) from {schema}.hallpass_tokens");
    until("a page is done", async || ask(&mut on, left()).await < CROWD as i64).await;
    sweeping.abort();
    let _ = sweeping.await;
    assert!(ask(&mut on, left()).await < CROWD as i64);
    let late = store.insert(&record("alice"), Fence::Epoch(before)).await.unwrap();
    assert_eq!(late, Insert::Fenced, "a login that began before");
    until("the rest is ended", async || revoke(&store, Action::Remove).await.is_ok()).await;
    assert_eq!(ask(&mut on, left()).await, 0);
}

/// For both ways, with rows of which some match: every page, and the last step, must choose as one step does.
#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_ends_what_matches_and_nothing_else_and_counts_it() {
    let Some(server) = server() else { return };
    for (functions, action) in WAYS.into_iter().flat_map(|way| [(way, Action::Remove), (way, MARK)]) {
        let schema = schema();
        let builder = |builder: hallpass_store_postgres::Builder| {
            let builder = builder.sweeping(20, 7);
            if functions { builder } else { builder.without_functions() }
        };
        let store = store(server.url(), &schema, builder).await;
        let kept = record("alice");
        let mut records = vec![kept.clone()];
        for number in 0..100 {
            let mut record = record(if number % 10 == 9 { "bob" } else { "alice" });
            record.kind = [Kind::SESSION, Kind::REMEMBER, Kind::API_KEY][number % 3];
            record.purpose = if number % 3 == 2 { Purpose::Key } else { Purpose::Device };
            if number % 5 == 0 {
                record.login = kept.login;
            }
            if number % 7 == 0 {
                // Written by a node whose clock is ahead.
                record.updated_at = at(4_000_000);
            }
            // Some have the same millisecond, and only the selector orders them.
            record.created_at = at(1_000_000 + number as u64 / 4);
            records.push(record);
        }
        for record in &records {
            put(&store, record).await;
        }
        let filter = RecordFilter::except(kept.login)
            .kinds(Kinds::Only(vec![Kind::REMEMBER, Kind::API_KEY]))
            .purposes(Purpose::Device);
        let alice = subject("alice");
        let is_ended = |record: &Record| record.subject.as_ref() == Some(&alice) && filter.matches(record);
        let revocation = Revocation::new(filter.clone(), action);
        let ended = store.revoke_by_subject(&alice, &revocation).await.unwrap();
        assert_eq!(ended, records.iter().filter(|record| is_ended(record)).count() as u64);
        for record in &records {
            let found = store.find(record.selector).await.unwrap();
            let mut expected = Some(record.clone());
            if is_ended(record) {
                match action {
                    Action::Remove => expected = None,
                    Action::Mark { reason, at } => {
                        expected.iter_mut().for_each(|record| record.mark(reason, at));
                    }
                }
            }
            assert_eq!(found, expected);
        }
        assert_eq!(store.revoke_by_subject(&alice, &revocation).await.unwrap(), 0);
    }
}

/// A record that was last written by a node whose clock is ahead keeps its time; the suite has no such record
/// in a sweep.
#[tokio::test]
async fn a_page_that_marks_turns_no_time_back() {
    let Some(server) = server() else { return };
    for (to, expected) in [("greatest(updated_at, $10)", at(4_000_000)), ("$10", at(3_000_000))] {
        let store = store(server.url(), &schema(), |builder| {
            builder.sweeping(1, 2).patched("mark_page.sql", "greatest(updated_at, $10)", to)
        })
        .await;
        let mut records = vec![record("alice"), record("alice"), record("alice")];
        for record in &mut records {
            record.updated_at = at(4_000_000);
            put(&store, record).await;
        }
        assert_eq!(revoke(&store, MARK).await.unwrap(), 3);
        for record in &records {
            let found = store.find(record.selector).await.unwrap().unwrap();
            assert_eq!(found.updated_at, expected, "{to}");
        }
    }
}

/// Rows without a valid place in a list, at the ends of pages: from before the tables' checks, or from a copy
/// without them.
#[tokio::test]
async fn a_sweep_goes_past_rows_that_are_no_records() {
    let Some(server) = server() else { return };
    for action in [Action::Remove, MARK] {
        let schema = schema();
        let store = store(server.url(), &schema, |builder| builder.sweeping(2, 2)).await;
        let records = stored_many(&store, 12).await;
        let mut on = connection(server.url()).await;
        let tokens = format!("{schema}.hallpass_tokens");
        say(&mut on, format!("alter table {tokens} drop constraint if exists hallpass_tokens_place")).await;
        for (record, change) in records.iter().zip(
            ["created_at = '1960-01-01'", "created_at = '1961-01-01'", "created_at = '-infinity'"]
                .into_iter()
                .chain(["selector = substr(selector, 2)"; 4]),
        ) {
            let sql = format!("update {tokens} set {change} where selector = '\\x{}'", record.selector);
            say(&mut on, sql).await;
        }
        assert_eq!(revoke(&store, action).await.unwrap(), 12, "{action:?}");
        let left = format!("select count(*) from {tokens} where revoked = 0");
        assert_eq!(ask(&mut on, left).await, 0);
    }
}

/// A direct delete locks rows in the order in which it meets them, so it can deadlock with another transaction. The
/// server undoes one of the two. If that is the revocation, nothing is lost: the store repeats it.
#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_that_a_deadlock_undid_is_repeated() {
    let Some(server) = server() else { return };
    for functions in WAYS {
        let mut undone = false;
        // The server may undo the other transaction instead, if this process was late.
        for _ in 0..10 {
            undone = meets_a_deadlock(server.url(), functions).await;
            if undone {
                break;
            }
        }
        assert!(undone, "functions {functions}: the revocation was never the one to be undone");
    }
}

/// Revokes 20 records while another transaction takes two of them in the opposite order. Returns whether the server
/// undid the revocation, and not the other transaction.
async fn meets_a_deadlock(url: &str, functions: bool) -> bool {
    let schema = schema();
    let store = store_of(url, &schema, functions).await;
    let mut records: Vec<_> = (0..20).map(|_| record("alice")).collect();
    records.sort_by_key(|record| record.selector);
    for record in &records {
        put(&store, record).await;
    }
    let (mut on, mut eye) = (connection(url).await, connection(url).await);
    let tokens = format!("{schema}.hallpass_tokens");
    let lock = |record: &Record| {
        format!("select from {tokens} where selector = '\\x{}' for update", record.selector)
    };
    say(&mut on, format!("begin; {}", lock(&records[19]))).await;
    let revoking = tokio::spawn({
        let store = store.clone();
        async move { revoke(&store, Action::Remove).await }
    });
    until("the revocation waits for the last record", async || waiting(&mut eye, &schema, "").await > 0)
        .await;
    // The revocation holds the first record, so this waits until the server undoes one of the two.
    let undone = sqlx::raw_sql(AssertSqlSafe(lock(&records[0]))).execute(&mut on).await.is_ok();
    if undone {
        assert_eq!(ask(&mut on, format!("select count(*) from {tokens}")).await, 20);
    }
    say(&mut on, "rollback").await;
    assert_eq!(revoking.await.unwrap().unwrap(), 20);
    assert_eq!(ask(&mut eye, format!("select count(*) from {tokens}")).await, 0);
    undone
}
