//! Tests that calls which share a statement do not affect each other.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hallpass_core::store::{Change, Fence, Record, Replace, TokenStore};
use hallpass_core::{Note, StoreError};
use hallpass_store_postgres::PostgresStore;
use sqlx::PgConnection;

use crate::support::{
    INSERTED, ask, connection, fresh, next, put, record, say, schema, server, store, stored, stored_many,
    until, waiting, words,
};

/// Creates a trigger before each written row, with `body` between `begin` and `return new`.
async fn trigger(on: &mut PgConnection, schema: &str, body: &str) {
    let function = format!(
        "create or replace function {schema}.meddle() returns trigger language plpgsql as \
         $$ begin {body} return new; end $$"
    );
    say(on, function).await;
    let trigger = format!(
        "create trigger meddle before insert or update on {schema}.hallpass_tokens \
         for each row execute function {schema}.meddle()"
    );
    say(on, trigger).await;
}

/// Replaces all of these concurrently, each in a task.
async fn replace_all(
    store: &PostgresStore,
    records: &[Record],
) -> Vec<(Record, Result<Replace, StoreError>)> {
    let writes = records.iter().map(|record| {
        let (store, next, expected) = (store.clone(), next(record), record.revision);
        tokio::spawn(async move {
            let answer = store.replace(&next, expected, Change::Update).await;
            (next, answer)
        })
    });
    let mut answers = Vec::new();
    for write in writes.collect::<Vec<_>>() {
        answers.push(write.await.unwrap());
    }
    answers
}

/// Runs on one thread, so that the calls after the first two are certain to find statements under way.
#[tokio::test]
async fn calls_at_once_share_statements_and_a_lone_one_goes_alone() {
    let Some((server, schema, store)) = fresh().await else { return };
    let records = stored_many(&store, 64).await;
    let mut on = connection(server.url()).await;
    say(&mut on, format!("create sequence {schema}.statements")).await;
    let function = format!(
        "create function {schema}.counted() returns trigger language plpgsql as \
         $$ begin perform nextval('{schema}.statements'); return null; end $$"
    );
    say(&mut on, function).await;
    let trigger = format!(
        "create trigger counted after update on {schema}.hallpass_tokens \
         for each statement execute function {schema}.counted()"
    );
    say(&mut on, trigger).await;
    let count = || format!("select case when is_called then last_value else 0 end from {schema}.statements");
    let alone = next(&records[0]);
    assert_eq!(store.replace(&alone, records[0].revision, Change::Update).await.unwrap(), Replace::Replaced);
    assert_eq!(ask(&mut on, count()).await, 1);
    let answers = replace_all(&store, &records[1..]).await;
    assert!(answers.iter().all(|(_, answer)| matches!(answer, Ok(Replace::Replaced))));
    let statements = ask(&mut on, count()).await - 1;
    assert!(statements <= 63 / 4, "{statements} statements for 63 calls");
}

/// Makes the server undo every statement that writes many rows, and, if requested, the first that writes one
/// row. A sequence for each row counts them, because sequences keep their value when a statement is undone.
async fn undo(on: &mut PgConnection, schema: &str, code: &str, alone_too: bool, records: &[Record]) {
    let selectors: Vec<_> = records.iter().map(|record| record.selector.to_string()).collect();
    let sequences: Vec<_> = ["together".to_owned(), "alone".to_owned()]
        .into_iter()
        .chain(selectors.iter().map(|selector| format!("of_{selector}")))
        .map(|name| format!("drop sequence if exists {schema}.{name}; create sequence {schema}.{name}; "))
        .collect();
    say(on, sequences.concat()).await;
    let function = format!(
        "create or replace function {schema}.undo() returns trigger language plpgsql as $$ \
         begin \
           if (select count(*) from written) > 1 then \
             perform nextval('{schema}.together'); raise sqlstate '{code}'; \
           end if; \
           if {alone_too} and (select nextval('{schema}.of_' || encode(selector, 'hex')) from written) = 1 then \
             perform nextval('{schema}.alone'); raise sqlstate '{code}'; \
           end if; \
           return null; \
         end $$"
    );
    say(on, function).await;
    for event in ["insert", "update"] {
        let trigger = format!(
            "drop trigger if exists undo_{event} on {schema}.hallpass_tokens; \
             create trigger undo_{event} after {event} on {schema}.hallpass_tokens \
             referencing new table as written for each statement execute function {schema}.undo()"
        );
        say(on, trigger).await;
    }
}

/// How many statements it has undone: those for many rows, and those for one.
async fn undone(on: &mut PgConnection, schema: &str) -> (i64, i64) {
    let of = |name| format!("select case when is_called then last_value else 0 end from {schema}.{name}");
    (ask(on, of("together")).await, ask(on, of("alone")).await)
}

/// Runs on one thread, so that the calls after the first two are certain to find statements under way.
#[tokio::test]
async fn what_the_server_undoes_is_done_again_one_by_one() {
    let Some(server) = server() else { return };
    // A call that waited too long for a lock is not repeated by itself: it would wait as long again.
    for (code, alone_too) in [("40001", true), ("40P01", true), ("55P03", false)] {
        let schema = schema();
        let store = store(server.url(), &schema, |builder| builder).await;
        let records = stored_many(&store, 40).await;
        let mut on = connection(server.url()).await;
        undo(&mut on, &schema, code, alone_too, &records).await;
        let expected = |(together, alone)| together > 0 && alone == if alone_too { 40 } else { 0 };
        for (next, answer) in replace_all(&store, &records).await {
            assert!(matches!(answer, Ok(Replace::Replaced)), "{code}: {answer:?}");
            assert_eq!(store.find(next.selector).await.unwrap(), Some(next));
        }
        let seen = undone(&mut on, &schema).await;
        assert!(expected(seen), "{code}: replaces were undone {seen:?} times");
        let fresh: Vec<_> = (0..40).map(|_| record("bob")).collect();
        undo(&mut on, &schema, code, alone_too, &fresh).await;
        let inserts = fresh.iter().map(|record| {
            let (store, record) = (store.clone(), record.clone());
            tokio::spawn(async move { store.insert(&record, Fence::None).await })
        });
        for insert in inserts.collect::<Vec<_>>() {
            let answer = insert.await.unwrap();
            assert!(matches!(answer, Ok(INSERTED)), "{code}: {answer:?}");
        }
        let seen = undone(&mut on, &schema).await;
        assert!(expected(seen), "{code}: inserts were undone {seen:?} times");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_reaches_its_own_caller_only_and_quotes_nothing() {
    let Some((server, schema, store)) = fresh().await else { return };
    let records = stored_many(&store, 40).await;
    let mut on = connection(server.url()).await;
    let poison = records[20].selector;
    let check = format!("if new.selector = '\\x{poison}' then raise exception 'secret %', new.body; end if;");
    trigger(&mut on, &schema, &check).await;
    for (number, (_, answer)) in replace_all(&store, &records).await.into_iter().enumerate() {
        match answer {
            Ok(answer) => assert_eq!((number == 20, answer), (false, Replace::Replaced)),
            Err(error) => {
                assert!(number == 20 && matches!(error, StoreError::Other(_)), "{number}: {}", words(&error));
                assert!(!words(&error).contains("secret"), "{}", words(&error));
            }
        }
    }
}

/// As happens for a character that the database's encoding lacks, or for an entry that is too large for an index of the
/// application's own.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_refuses_of_one_call_is_done_for_the_others() {
    for code in ["22P05", "54000"] {
        let Some((server, schema, store)) = fresh().await else { return };
        let records: Vec<_> = (0..60).map(|_| record("alice")).collect();
        let mut on = connection(server.url()).await;
        let poison = records[30].selector;
        let check = format!("if new.selector = '\\x{poison}' then raise sqlstate '{code}'; end if;");
        trigger(&mut on, &schema, &check).await;
        let inserts = records.iter().map(|record| {
            let (store, record) = (store.clone(), record.clone());
            tokio::spawn(async move { store.insert(&record, Fence::None).await })
        });
        let (mut done, mut refused) = (0, 0);
        for insert in inserts.collect::<Vec<_>>() {
            match insert.await.unwrap() {
                Ok(answer) => done += u32::from(answer == INSERTED),
                Err(StoreError::Refused(_) | StoreError::Timeout { outcome_unknown: false, .. }) => {
                    refused += 1;
                }
                Err(error) => panic!("{}", words(&error)),
            }
        }
        assert_eq!((done, refused), (59, 1), "{code}: logins that were done, and refused");
    }
}

/// Locks rows in an open transaction.
async fn hold(on: &mut PgConnection, schema: &str, records: &[&Record]) {
    let selectors: Vec<_> = records.iter().map(|record| format!("'\\x{}'", record.selector)).collect();
    let selectors = selectors.join(", ");
    say(on, "begin").await;
    say(on, format!("select from {schema}.hallpass_tokens where selector in ({selectors}) for update")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_row_delays_no_other_call() {
    let Some((server, schema, store)) = fresh().await else { return };
    let records = stored_many(&store, 60).await;
    let mut on = connection(server.url()).await;
    let held = [0, 1, 30, 31];
    hold(&mut on, &schema, &held.map(|number| &records[number])).await;
    let mut writes: Vec<_> = records
        .iter()
        .map(|record| {
            let (store, next, expected) = (store.clone(), next(record), record.revision);
            Some(tokio::spawn(async move { store.replace(&next, expected, Change::Update).await }))
        })
        .collect();
    for (number, write) in writes.iter_mut().enumerate().filter(|(number, _)| !held.contains(number)) {
        assert_eq!(write.take().unwrap().await.unwrap().unwrap(), Replace::Replaced, "{number}");
    }
    // All other calls finish while these wait.
    assert!(writes.iter().flatten().all(|write| !write.is_finished()));
    say(&mut on, "rollback").await;
    for write in writes.into_iter().flatten() {
        assert_eq!(write.await.unwrap().unwrap(), Replace::Replaced);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_gives_up_waiting_before_we_do_so_nothing_is_in_doubt() {
    let Some(server) = server() else { return };
    let schema = schema();
    let store = store(server.url(), &schema, |builder| builder.timeout(Duration::from_secs(8))).await;
    let records = stored_many(&store, 6).await;
    let mut on = connection(server.url()).await;
    hold(&mut on, &schema, &records.iter().collect::<Vec<_>>()).await;
    for (_, answer) in replace_all(&store, &records).await {
        assert!(matches!(answer, Err(StoreError::Timeout { outcome_unknown: false, .. })), "{answer:?}");
    }
    say(&mut on, "rollback").await;
    for record in &records {
        assert_eq!(
            store.replace(&next(record), record.revision, Change::Update).await.unwrap(),
            Replace::Replaced
        );
    }
}

/// No batch waits for a row that another batch has locked, so batches never wait for each other in a circle.
/// The rows they leave out are written one by one. (`locks.rs` shows what the orders and locks of the
/// statements are for.)
#[tokio::test(flavor = "multi_thread")]
async fn batches_of_the_same_rows_in_opposite_orders_meet_in_no_deadlock() {
    let Some(server) = server() else { return };
    // A database of its own, because deadlocks are counted for each database.
    let database = schema();
    let mut on = connection(server.url()).await;
    say(&mut on, format!("create database {database}")).await;
    let url = format!("{}/{database}", server.url().rsplit_once('/').unwrap().0);
    let (here, there) =
        (store(&url, "public", |builder| builder).await, store(&url, "public", |builder| builder).await);
    let mut records: Vec<_> = (0..100).map(|_| record("alice")).collect();
    for record in &records {
        put(&here, record).await;
    }
    for _ in 0..30 {
        let backwards: Vec<_> = records.iter().rev().cloned().collect();
        let (ours, theirs) = tokio::join!(replace_all(&here, &records), replace_all(&there, &backwards));
        for ((record, ours), theirs) in records.iter_mut().zip(ours).zip(theirs.into_iter().rev()) {
            let won = match (ours.1.unwrap(), theirs.1.unwrap()) {
                (Replace::Replaced, Replace::Conflict) => ours.0,
                (Replace::Conflict, Replace::Replaced) => theirs.0,
                both => panic!("{both:?}"),
            };
            *record = won;
        }
    }
    // A backend reports its counts when it ends, at the latest.
    tokio::join!(here.close(), there.close());
    let of = |what| format!("select {what}::bigint from pg_stat_database where datname = '{database}'");
    until("all have reported", async || ask(&mut on, of("numbackends")).await == 0).await;
    assert_eq!(ask(&mut on, of("deadlocks")).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_calls_for_one_record_one_wins() {
    let Some(server) = server() else { return };
    let store = store(server.url(), &schema(), |builder| builder).await;
    for _ in 0..10 {
        let one = record("alice");
        let inserts = (0..50).map(|_| {
            let (store, one) = (store.clone(), one.clone());
            tokio::spawn(async move { store.insert(&one, Fence::None).await.unwrap() })
        });
        let mut inserted = 0;
        for insert in inserts.collect::<Vec<_>>() {
            inserted += u32::from(insert.await.unwrap() == INSERTED);
        }
        assert_eq!(inserted, 1);
        let answers = replace_all(&store, &vec![one.clone(); 50]).await;
        let won: Vec<_> =
            answers.iter().filter(|(_, answer)| matches!(answer, Ok(Replace::Replaced))).collect();
        assert_eq!(won.len(), 1);
        assert!(
            answers.iter().all(|(_, answer)| matches!(answer, Ok(Replace::Replaced | Replace::Conflict)))
        );
        assert_eq!(store.find(one.selector).await.unwrap().as_ref(), Some(&won[0].0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_that_leave_a_batch_cancel_no_other_call() {
    let Some(server) = server() else { return };
    let store = store(server.url(), &schema(), |builder| builder).await;
    let mut records: Vec<_> = (0..64).map(|_| record("alice")).collect();
    for record in &records {
        put(&store, record).await;
    }
    // The writes of callers that left: each may happen later, entirely, or never.
    let mut left = vec![Vec::new(); records.len()];
    for round in 0..30_u64 {
        let writes = records.iter().map(|record| {
            let (store, next, expected) = (store.clone(), next(record), record.revision);
            let sent = next.clone();
            (sent, tokio::spawn(async move { store.replace(&next, expected, Change::Update).await }))
        });
        let writes: Vec<_> = writes.collect();
        tokio::time::sleep(Duration::from_micros(round * 100)).await;
        for (_, write) in writes.iter().step_by(2) {
            write.abort();
        }
        for ((record, left), (sent, write)) in records.iter_mut().zip(&mut left).zip(writes) {
            match write.await {
                Ok(answer) => match answer.unwrap() {
                    Replace::Replaced => {
                        left.clear();
                        *record = sent;
                    }
                    other => assert!(!left.is_empty(), "{other:?} without another writer"),
                },
                Err(_) => left.push(sent),
            }
            let found = store.find(record.selector).await.unwrap().unwrap();
            assert!(found == *record || left.contains(&found), "a record is torn, or went back");
            *record = found;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_tasks_share_one_connection() {
    let Some(server) = server() else { return };
    let store = store(server.url(), &schema(), |builder| builder.connections(1)).await;
    let tasks = (0..50).map(|number| {
        let store = store.clone();
        tokio::spawn(async move {
            let name = format!("user {number}");
            for _ in 0..10 {
                let record = record(&name);
                put(&store, &record).await;
                let next = next(&record);
                assert_eq!(
                    store.replace(&next, record.revision, Change::Update).await.unwrap(),
                    Replace::Replaced
                );
                assert_eq!(store.find(record.selector).await.unwrap(), Some(next));
                assert!(store.delete(record.selector, &Note::none()).await.unwrap());
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

/// Counts how often a future is woken and polled.
struct Counted<F> {
    of: Pin<Box<F>>,
    polls: u32,
}

impl<F: Future> Future for Counted<F> {
    type Output = (F::Output, u32);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.polls += 1;
        let polls = self.polls;
        self.of.as_mut().poll(context).map(|answer| (answer, polls))
    }
}

/// Twenty thousand waiting calls that wake up twenty times a second would cost half a core.
#[tokio::test]
async fn a_call_that_waits_for_its_turn_sleeps_until_it_has_an_answer() {
    let Some((server, schema, store)) = fresh().await else { return };
    let alice = stored(&store, "alice").await;
    let mut on = connection(server.url()).await;
    say(&mut on, format!("begin; lock table {schema}.hallpass_tokens in access exclusive mode")).await;
    let calls = (0..200).map(|_| {
        let store = store.clone();
        let find = async move { store.find(alice.selector).await };
        tokio::spawn(Counted { of: Box::pin(find), polls: 0 })
    });
    let calls: Vec<_> = calls.collect();
    tokio::time::sleep(Duration::from_secs(2)).await;
    say(&mut on, "rollback").await;
    let mut most = 0;
    for call in calls {
        let (found, polls) = call.await.unwrap();
        assert!(found.unwrap().is_some());
        most = most.max(polls);
    }
    assert!(most <= 12, "a call was woken {most} times in two seconds");
}

#[tokio::test]
async fn more_calls_than_may_wait_are_turned_away_at_once() {
    let Some(server) = server() else { return };
    let schema = schema();
    let store = store(server.url(), &schema, |builder| builder.queue(100)).await;
    let alice = stored(&store, "alice").await;
    let (mut on, mut eye) = (connection(server.url()).await, connection(server.url()).await);
    say(&mut on, format!("begin; lock table {schema}.hallpass_tokens in access exclusive mode")).await;
    let find = || {
        let (store, selector) = (store.clone(), alice.selector);
        tokio::spawn(async move { store.find(selector).await })
    };
    // First those that go straight to the server, then those that wait.
    let first: Vec<_> = (0..2).map(|_| find()).collect();
    until("a look-up waits for the table", async || waiting(&mut eye, &schema, "selector").await > 0).await;
    let mut waiting: Vec<_> = (0..1_000).map(|_| find()).collect();
    let mut refused = 0;
    until("the rest is turned away", async || {
        waiting.retain(|call| {
            !call.is_finished() || {
                refused += 1;
                false
            }
        });
        refused > 0 && waiting.len() < 500
    })
    .await;
    say(&mut on, "rollback").await;
    for call in first.into_iter().chain(waiting) {
        assert_eq!(call.await.unwrap().unwrap().as_ref(), Some(&alice));
    }
}
