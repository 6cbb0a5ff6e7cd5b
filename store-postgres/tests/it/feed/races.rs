//! Tests that 32 writers in every state of a transaction hide nothing from a feed.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use hallpass_core::store::{Action, Change, RecordFilter, Revocation, TokenStore};
use hallpass_core::{Note, Reason, Selector};
use hallpass_store_postgres::PostgresStore;
use tokio::sync::watch;

use super::ear::{Ear, Patch, STEPS, patched};
use super::snapshots::{begin, deletion};
use crate::support::{at, connection, next, put, record, say, schema, server, store};

/// What was acknowledged, in this order.
#[derive(Clone, Default)]
struct Journal(Arc<Mutex<Vec<Selector>>>);

impl Journal {
    fn acknowledge(&self, selector: Selector) {
        self.0.lock().unwrap().push(selector);
    }

    /// Everything that was acknowledged until now.
    fn so_far(&self) -> Vec<Selector> {
        self.0.lock().unwrap().clone()
    }
}

/// Ends records through the store, one way after another.
async fn end(store: PostgresStore, journal: Journal, number: usize, rounds: usize) {
    let name = format!("user {number}");
    for round in 0..rounds {
        let record = record(&name);
        put(&store, &record).await;
        match round % 4 {
            0 => assert!(store.delete(record.selector, &Note::none()).await.unwrap()),
            1 => {
                let mut ended = next(&record);
                ended.revoked = Some(Reason::Superseded);
                let note = Note::none();
                let _ = store.replace(&ended, record.revision, Change::End(&note)).await.unwrap();
            }
            way => {
                let mark = Action::Mark { reason: Reason::LoggedOut, at: at(3_000_000) };
                let action = if way == 2 { Action::Remove } else { mark };
                let revocation = Revocation::new(RecordFilter::login(record.login), action);
                let subject = record.subject.as_ref().unwrap();
                assert_eq!(store.revoke_by_subject(subject, &revocation).await.unwrap(), 1);
            }
        }
        journal.acknowledge(record.selector);
    }
}

/// Ends records in transactions that take their ids early, last for a while, and keep or undo savepoints.
async fn end_late(url: String, store: PostgresStore, journal: Journal, number: usize, rounds: usize) {
    let mut on = connection(&url).await;
    for round in 0..rounds {
        let (kept, undone) = (record("alice"), record("alice"));
        put(&store, &kept).await;
        put(&store, &undone).await;
        begin(&mut on).await;
        say(&mut on, format!("select pg_sleep({})", 0.001 * ((round * 7 + number * 3) % 23) as f64)).await;
        say(&mut on, format!("savepoint a; {}", deletion(&store, undone.selector))).await;
        say(&mut on, if round % 2 == 0 { "rollback to a" } else { "release a" }).await;
        say(&mut on, format!("savepoint b; {}", deletion(&store, kept.selector))).await;
        say(&mut on, format!("select pg_sleep({})", 0.001 * ((round * 5 + number) % 11) as f64)).await;
        let whole = round % 5 != 4;
        say(&mut on, if whole { "commit" } else { "rollback" }).await;
        if whole {
            journal.acknowledge(kept.selector);
            if round % 2 == 1 {
                journal.acknowledge(undone.selector);
            }
        }
    }
}

/// Holds a transaction id while others come and go, then ends a record with it.
async fn hold(url: String, store: PostgresStore, journal: Journal, rounds: usize) {
    let mut on = connection(&url).await;
    for _ in 0..rounds {
        let record = record("alice");
        put(&store, &record).await;
        begin(&mut on).await;
        say(&mut on, "select pg_sleep(0.3)").await;
        say(&mut on, deletion(&store, record.selector)).await;
        say(&mut on, "commit").await;
        journal.acknowledge(record.selector);
    }
}

/// How many endings were acknowledged before a turn began that did not hear of them, and how many there were.
async fn unheard(url: &str, rounds: usize, patch: Option<Patch>) -> (usize, usize) {
    let schema = schema();
    let store = store(url, &schema, |builder| patched(patched(builder, Some(STEPS)), patch)).await;
    let mut ear = Ear::open(&store).await;
    let (journal, done) = (Journal::default(), Arc::new(AtomicBool::new(false)));
    let mut writers = Vec::new();
    for number in 0..32 {
        let (store, journal) = (store.clone(), journal.clone());
        writers.push(match number {
            0 => tokio::spawn(hold(url.to_owned(), store, journal, rounds / 8)),
            1..16 => tokio::spawn(end_late(url.to_owned(), store, journal, number, rounds)),
            _ => tokio::spawn(end(store, journal, number, rounds)),
        });
    }
    let (turns, turned) = watch::channel(0_u64);
    let trimming = tokio::spawn({
        let (store, mut turned) = (store.clone(), turned);
        async move {
            let mut steps = 0;
            loop {
                let _ = store.purge_expired(at(0), 1).await.unwrap();
                steps += 1;
                // A whole turn lies between two steps, so that the feed loses nothing.
                let enough = *turned.borrow() + 2;
                if turned.wait_for(|turns| *turns >= enough).await.is_err() {
                    return steps;
                }
            }
        }
    });
    let finishing = tokio::spawn({
        let done = Arc::clone(&done);
        async move {
            for writer in writers {
                writer.await.unwrap();
            }
            done.store(true, Ordering::Relaxed);
        }
    });
    let (mut heard, mut missed, mut checked) = (HashSet::new(), 0, 0);
    let mut is_last = false;
    while !is_last {
        is_last = done.load(Ordering::Relaxed);
        // From here on it is t0.
        let acknowledged = journal.so_far();
        heard.extend(ear.hears().await.ended);
        turns.send_modify(|turns| *turns += 1);
        missed += acknowledged[checked..].iter().filter(|one| !heard.contains(*one)).count();
        checked = acknowledged.len();
    }
    finishing.await.unwrap();
    drop(turns);
    let steps = trimming.await.unwrap();
    assert!(steps > 2, "nothing was trimmed meanwhile");
    (missed, checked)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_acknowledged_before_a_turn_is_unheard() {
    let Some(server) = server() else { return };
    let (missed, all) = unheard(server.url(), 60, None).await;
    assert!(all > 1_000, "{all}");
    assert_eq!(missed, 0);
    // The same load finds a feed that forgets the transactions in progress.
    let forgets = ("poll.sql", "xid = any ($2::text::xid8[])", "$2::text is null");
    let (missed, _) = unheard(server.url(), 60, Some(forgets)).await;
    assert!(missed > 0, "the load is too tame");
}
