//! Tests which writes are announced, and that each of them is.

use std::time::Duration;

use hallpass_core::store::{
    Action, Change, Epoch, Record, RecordFilter, Replace, Revision, Revocation, TokenStore,
};
use hallpass_core::{Kind, Note, Purpose, Reason};
use hallpass_store_postgres::{Builder, PostgresStore};

use super::ear::{Ear, Patch, Told, patched};
use crate::support::{at, next, put, record, schema, server, store, subject};

const MARK: Action = Action::Mark { reason: Reason::LoggedOut, at: at(3_000_000) };

/// How a record of Alice is ended.
#[derive(Clone, Copy, Debug)]
enum Way {
    Delete,
    Replace,
    Revoke(Action),
    RevokeLogin(Action),
}

/// The statement that a way takes, with a configuration that makes it so.
const WAYS: [(Way, &str); 12] = [
    (Way::Delete, "delete.sql"),
    (Way::Replace, "end.sql"),
    (Way::Replace, "end_batch.sql"),
    (Way::Revoke(Action::Remove), "0005_announcing.sql"),
    (Way::Revoke(MARK), "0005_announcing.sql"),
    (Way::RevokeLogin(Action::Remove), "0005_announcing.sql"),
    (Way::RevokeLogin(MARK), "0005_announcing.sql"),
    (Way::Revoke(Action::Remove), "remove.sql"),
    (Way::Revoke(MARK), "mark.sql"),
    (Way::RevokeLogin(Action::Remove), "remove.sql"),
    (Way::Revoke(Action::Remove), "remove_page.sql"),
    (Way::Revoke(MARK), "mark_page.sql"),
];

/// A store that takes the statement of `file`.
fn configured(builder: Builder, file: &str) -> Builder {
    match file {
        "end_batch.sql" => builder.sharing_always(),
        "remove.sql" | "mark.sql" => builder.without_functions(),
        // Every revocation of more than two records is a sweep.
        "remove_page.sql" | "mark_page.sql" => builder.sweeping(2, 2),
        _ => builder,
    }
}

/// Ends all of these, and returns what is heard of it.
async fn end(store: &PostgresStore, way: Way, records: &[Record]) -> Told {
    let mut ear = Ear::open(store).await;
    let alice = subject("alice");
    match way {
        Way::Delete => {
            for record in records {
                assert!(store.delete(record.selector, &Note::none()).await.unwrap());
            }
        }
        Way::Replace => {
            for record in records {
                let mut ended = next(record);
                ended.revoked = Some(Reason::Superseded);
                let change = Change::End(&Note::none());
                let replaced = store.replace(&ended, record.revision, change).await.unwrap();
                assert_eq!(replaced, Replace::Replaced);
            }
        }
        Way::Revoke(action) => {
            let revocation = Revocation::new(RecordFilter::all(), action);
            let ended = store.revoke_by_subject(&alice, &revocation).await.unwrap();
            assert_eq!(ended, records.len() as u64);
        }
        Way::RevokeLogin(action) => {
            for record in records {
                let revocation = Revocation::new(RecordFilter::login(record.login), action);
                assert_eq!(store.revoke_by_subject(&alice, &revocation).await.unwrap(), 1);
            }
        }
    }
    let told = ear.hears().await;
    assert!(ear.hears().await.is_empty(), "an ending is announced twice");
    told
}

/// Five records of Alice, one of them for a single use, and one of Bob.
async fn some(store: &PostgresStore) -> (Vec<Record>, Record) {
    let mut records: Vec<_> = (0..5).map(|_| record("alice")).collect();
    records[2].purpose = Purpose::SingleUse;
    records[2].kind = Kind::ONE_TIME;
    let bob = record("bob");
    for record in records.iter().chain([&bob]) {
        put(store, record).await;
    }
    (records, bob)
}

#[tokio::test]
async fn each_way_to_end_a_record_is_heard_by_the_next_turn() {
    let Some(server) = server() else { return };
    for (way, file) in WAYS {
        let store = store(server.url(), &schema(), |builder| configured(builder, file)).await;
        let (records, _) = some(&store).await;
        let expected = records.iter().filter(|record| record.purpose != Purpose::SingleUse);
        let expected = Told { ended: expected.map(|record| record.selector).collect(), ..Told::default() };
        assert_eq!(end(&store, way, &records).await, expected, "{way:?} with {file}");
    }
}

/// Each statement that ends records, and what makes it announce them.
#[tokio::test]
async fn a_statement_that_announces_nothing_is_noticed() {
    let Some(server) = server() else { return };
    for (way, file) in WAYS {
        let condition = match file {
            "0005_announcing.sql" => "having count(*) > 0;",
            "delete.sql" | "end.sql" => "where purpose <> 3",
            _ => "having count(*) > 0",
        };
        let never: String = condition.replace("count(*) > 0", "false").replace("<> 3", "> 3");
        let store = store(server.url(), &schema(), |builder| {
            configured(builder, file).patched(file, condition, &never)
        })
        .await;
        let (records, _) = some(&store).await;
        assert!(end(&store, way, &records).await.is_empty(), "{way:?} with {file}");
    }
}

#[tokio::test]
async fn what_ends_nothing_is_not_announced() {
    let Some(server) = server() else { return };
    for share in [false, true] {
        let store = store(server.url(), &schema(), |builder| match share {
            true => builder.sharing_always(),
            false => builder,
        })
        .await;
        let mut ear = Ear::open(&store).await;
        let mut alice = record("alice");
        put(&store, &alice).await;
        for change in [Change::Touch, Change::Update] {
            let next = next(&alice);
            assert_eq!(store.replace(&next, alice.revision, change).await.unwrap(), Replace::Replaced);
            alice = next;
        }
        store.epoch(&subject("alice"), Epoch([1; 16]), Duration::from_secs(60), at(1)).await.unwrap();
        // Neither is a write that does not happen.
        let note = Note::none();
        let late = store.replace(&next(&alice), Revision::FIRST, Change::End(&note)).await.unwrap();
        assert_eq!(late, Replace::Conflict);
        let gone = record("alice");
        assert!(!store.delete(gone.selector, &note).await.unwrap());
        let missing = store.replace(&next(&gone), gone.revision, Change::End(&note)).await.unwrap();
        assert_eq!(missing, Replace::Missing);
        let revocation = Revocation::new(RecordFilter::login(gone.login), MARK);
        assert_eq!(store.revoke_by_subject(&subject("alice"), &revocation).await.unwrap(), 0);
        // A record that has expired is not accepted anyway.
        assert_eq!(store.purge_expired(at(3_000_000), 10).await.unwrap().removed, 1);
        assert!(ear.hears().await.is_empty());
    }
}

/// Replaces that end a record and replaces that do not, in one statement.
#[tokio::test]
async fn of_a_batch_only_what_ended_is_heard() {
    let Some(server) = server() else { return };
    let heard = async |patch: Option<Patch>| {
        let store = store(server.url(), &schema(), |builder| patched(builder, patch)).await;
        let records: Vec<_> = (0..60).map(|_| record("alice")).collect();
        for record in &records {
            put(&store, record).await;
        }
        let mut ear = Ear::open(&store).await;
        let mut writes = Vec::new();
        for (number, record) in records.iter().enumerate() {
            let (store, mut next, expected) = (store.clone(), next(record), record.revision);
            writes.push(tokio::spawn(async move {
                let note = Note::none();
                let change = match number % 3 {
                    0 => Change::End(&note),
                    _ => Change::Update,
                };
                next.revoked = (number % 3 == 0).then_some(Reason::Superseded);
                store.replace(&next, expected, change).await.unwrap()
            }));
        }
        for write in writes {
            assert_eq!(write.await.unwrap(), Replace::Replaced);
        }
        let ended: Vec<_> = records.iter().step_by(3).map(|record| record.selector).collect();
        (ear.hears().await.ended, ended)
    };
    let (told, ended) = heard(None).await;
    assert_eq!(told, ended.into_iter().collect());
    let (told, ended) = heard(Some(("end_batch.sql", "where ends\n        and", "where"))).await;
    assert!(told.len() > ended.len(), "no batch had both sorts of writes");
}

/// A row for each record would be millions of bytes, which every node would read.
#[tokio::test]
async fn a_large_revocation_is_announced_by_its_shard() {
    let Some(server) = server() else { return };
    let files = ["0005_announcing.sql", "remove.sql", "mark.sql", "remove_page.sql", "mark_page.sql"];
    for file in files {
        let schema = schema();
        let store = store(server.url(), &schema, |builder| match file {
            "remove_page.sql" | "mark_page.sql" => builder.sweeping(200, 150),
            _ => configured(builder, file),
        })
        .await;
        for (number, name) in (0..301).map(|number| (number, "alice")).chain([(301, "bob")]) {
            let mut record = record(name);
            // As core does it: the records of a subject have the same shard.
            record.selector.0[..2].copy_from_slice(&name.as_bytes()[..2]);
            if number % 10 == 1 {
                record.purpose = Purpose::SingleUse;
            }
            put(&store, &record).await;
        }
        let mut ear = Ear::open(&store).await;
        let action = if file.starts_with("mark") { MARK } else { Action::Remove };
        let revocation = Revocation::new(RecordFilter::all(), action);
        assert_eq!(store.revoke_by_subject(&subject("alice"), &revocation).await.unwrap(), 301);
        let mut on = crate::support::connection(server.url()).await;
        let longest = format!("select max(length(announced))::bigint from {schema}.hallpass_changes");
        // What is left after the pages is one record, named by itself.
        let longest = crate::support::ask(&mut on, longest).await;
        assert!(longest <= 17, "{file}: {longest} bytes");
        let told = ear.hears().await;
        assert!(told.shards.contains(b"al") && told.shards.len() == 1, "{file}: {told:?}");
    }
}

#[tokio::test]
async fn namespaces_are_apart() {
    let Some(server) = server() else { return };
    let schema = schema();
    let ours = store(server.url(), &schema, |builder| builder).await;
    let others = [
        store(server.url(), &schema, |builder| builder.prefix("shop")).await,
        store(server.url(), &format!("{schema}_2"), |builder| builder).await,
    ];
    let mut ear = Ear::open(&ours).await;
    let mut others_hear = Vec::new();
    for other in &others {
        others_hear.push(Ear::open(other).await);
    }
    let (alice, bob) = (record("alice"), record("bob"));
    put(&ours, &alice).await;
    put(&others[0], &bob).await;
    assert!(ours.delete(alice.selector, &Note::none()).await.unwrap());
    assert!(others[0].delete(bob.selector, &Note::none()).await.unwrap());
    let told = ear.hears().await;
    assert!(told.ended == [alice.selector].into() && told.shards.is_empty(), "{told:?}");
    assert_eq!(others_hear[0].hears().await.ended, [bob.selector].into());
    assert!(others_hear[1].hears().await.is_empty());
}
