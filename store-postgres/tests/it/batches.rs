//! Calls that share a statement notice nothing of each other.

use std::time::Duration;

use hallpass_core::{Fence, Insert, Replace, StoreError, TokenStore};
use hallpass_store_postgres::PostgresStore;
use sqlx::PgConnection;
use tokio::time::Instant;

use crate::support::{ask, connection, next, put, record, say, schema, server, store, words};

/// A trigger before each row that is written, with `body` between `begin` and `return new`.
async fn trigger(on: &mut PgConnection, schema: &str, body: &str) {
    say(on, format!("create sequence if not exists {schema}.calls")).await;
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

/// Replaces all of these at once, each in a task.
async fn replace_all(
    store: &PostgresStore,
    records: &[hallpass_core::Record],
) -> Vec<(hallpass_core::Record, Result<Replace, StoreError>)> {
    let writes = records.iter().map(|record| {
        let (store, next, expected) = (store.clone(), next(record), record.revision);
        tokio::spawn(async move {
            let answer = store.replace(&next, expected).await;
            (next, answer)
        })
    });
    let mut answers = Vec::new();
    for write in writes.collect::<Vec<_>>() {
        answers.push(write.await.unwrap());
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_at_once_share_statements_and_a_lone_one_goes_alone() {
    let Some(server) = server() else { return };
    let schema = schema();
    let store = store(server.url(), &schema, |builder| builder).await;
    let records: Vec<_> = (0..64).map(|_| record("alice")).collect();
    for record in &records {
        put(&store, record).await;
    }
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
    assert_eq!(store.replace(&alone, records[0].revision).await.unwrap(), Replace::Replaced);
    assert_eq!(ask(&mut on, count()).await, 1);
    let answers = replace_all(&store, &records[1..]).await;
    assert!(answers.iter().all(|(_, answer)| matches!(answer, Ok(Replace::Replaced))));
    let statements = ask(&mut on, count()).await - 1;
    assert!(statements <= 63 / 4, "{statements} statements for 63 calls");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_undoes_is_done_again_one_by_one() {
    let Some(server) = server() else { return };
    for code in ["40001", "40P01"] {
        let schema = schema();
        let store = store(server.url(), &schema, |builder| builder).await;
        let mut records: Vec<_> = (0..40).map(|_| record("alice")).collect();
        for record in &records {
            put(&store, record).await;
        }
        let mut on = connection(server.url()).await;
        let body = format!("if nextval('{schema}.calls') % 5 = 2 then raise sqlstate '{code}'; end if;");
        trigger(&mut on, &schema, &body).await;
        for _ in 0..5 {
            let answers = replace_all(&store, &records).await;
            for (_, answer) in &answers {
                assert!(matches!(answer, Ok(Replace::Replaced)), "{answer:?}");
            }
            records = answers.into_iter().map(|(next, _)| next).collect();
        }
        for record in &records {
            assert_eq!(store.find(record.selector).await.unwrap().as_ref(), Some(record));
        }
        let fresh: Vec<_> = (0..40).map(|_| record("bob")).collect();
        let inserts = fresh.iter().map(|record| {
            let (store, record) = (store.clone(), record.clone());
            tokio::spawn(async move { store.insert(&record, Fence::None).await })
        });
        for insert in inserts.collect::<Vec<_>>() {
            assert_eq!(insert.await.unwrap().unwrap(), Insert::Inserted);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_reaches_its_own_caller_only_and_quotes_nothing() {
    let Some(server) = server() else { return };
    let schema = schema();
    let store = store(server.url(), &schema, |builder| builder).await;
    let records: Vec<_> = (0..40).map(|_| record("alice")).collect();
    for record in &records {
        put(&store, record).await;
    }
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

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_somebody_holds_keeps_nobody_else_waiting() {
    let Some(server) = server() else { return };
    let schema = schema();
    let store = store(server.url(), &schema, |builder| builder.timeout(Duration::from_secs(4))).await;
    let records: Vec<_> = (0..60).map(|_| record("alice")).collect();
    for record in &records {
        put(&store, record).await;
    }
    let mut on = connection(server.url()).await;
    let held = [&records[0], &records[1], &records[30], &records[31]].map(|record| record.selector);
    let held_sql = held.map(|selector| format!("'\\x{selector}'")).join(", ");
    say(&mut on, "begin").await;
    say(&mut on, format!("select from {schema}.hallpass_tokens where selector in ({held_sql}) for update"))
        .await;
    let started = Instant::now();
    let writes = records.iter().map(|record| {
        let (store, next, expected) = (store.clone(), next(record), record.revision);
        tokio::spawn(async move { (store.replace(&next, expected).await, started.elapsed()) })
    });
    for (record, write) in records.iter().zip(writes.collect::<Vec<_>>()) {
        let (answer, took) = write.await.unwrap();
        match held.contains(&record.selector) {
            false => {
                assert_eq!(answer.unwrap(), Replace::Replaced);
                assert!(took < Duration::from_millis(1_500), "{took:?} behind somebody else's lock");
            }
            // The server gives up before we do, so nothing is in doubt.
            true => match answer {
                Err(StoreError::Timeout { outcome_unknown, .. }) => assert!(!outcome_unknown),
                other => panic!("{other:?}"),
            },
        }
    }
    say(&mut on, "rollback").await;
    for record in records.iter().filter(|record| held.contains(&record.selector)) {
        assert_eq!(store.replace(&next(record), record.revision).await.unwrap(), Replace::Replaced);
    }
}

/// Of 300 such pairs of batches 21 met in a deadlock before locks were taken in order.
#[tokio::test(flavor = "multi_thread")]
async fn batches_in_opposite_orders_meet_in_no_deadlock() {
    let Some(server) = server() else { return };
    let schema = schema();
    let (here, there) = (
        store(server.url(), &schema, |builder| builder).await,
        store(server.url(), &schema, |builder| builder).await,
    );
    let mut on = connection(server.url()).await;
    let deadlocks = "select deadlocks from pg_stat_database where datname = current_database()";
    let before = ask(&mut on, deadlocks).await;
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
    assert_eq!(ask(&mut on, deadlocks).await, before);
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
            inserted += u32::from(insert.await.unwrap() == Insert::Inserted);
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
async fn callers_that_leave_amid_a_batch_take_nobody_along() {
    let Some(server) = server() else { return };
    let store = store(server.url(), &schema(), |builder| builder).await;
    let mut records: Vec<_> = (0..64).map(|_| record("alice")).collect();
    for record in &records {
        put(&store, record).await;
    }
    // What callers that left had sent: it may be written later, whole, or never.
    let mut left = vec![Vec::new(); records.len()];
    for round in 0..30_u64 {
        let writes = records.iter().map(|record| {
            let (store, next, expected) = (store.clone(), next(record), record.revision);
            let sent = next.clone();
            (sent, tokio::spawn(async move { store.replace(&next, expected).await }))
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
                    other => assert!(!left.is_empty(), "{other:?} though nobody else writes"),
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
                assert_eq!(store.replace(&next, record.revision).await.unwrap(), Replace::Replaced);
                assert_eq!(store.find(record.selector).await.unwrap(), Some(next));
                assert!(store.delete(record.selector).await.unwrap());
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}
