//! Durable replaces on sled, beside the raw engine's insert and flush.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hallpass_core::{Fence, Insert, Kind, MemoryStore, Record, Replace, Subject, TokenStore, Tokens};
use hallpass_store_sled::SledStore;
use tokio::runtime::Runtime;

use crate::report;
use crate::rounds::{Contender, Turn, run};

/// Tasks at once, of which each replaces a record of its own.
const TASKS: usize = 64;

pub(crate) fn bench(rounds: usize, length: Duration) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn TokenStore> = Arc::new(SledStore::open(folder.path().join("ours")).unwrap());
    let raw = sled::Config::new().path(folder.path().join("raw")).flush_every_ms(None).open().unwrap();
    let records = runtime.block_on(records(&*store));
    let value = records[0].encode();

    let contender = |system, operation, tasks, turn| Contender { system, operation, tasks, turn };
    let ours = |tasks: usize| -> Box<dyn FnMut(Duration) -> Turn + '_> {
        let mut mine = records[..tasks].to_vec();
        let (runtime, store) = (&runtime, &store);
        Box::new(move |length| replace(runtime, store, &mut mine, length))
    };
    let theirs = |tasks: usize| -> Box<dyn FnMut(Duration) -> Turn + '_> {
        let (runtime, raw, value) = (&runtime, &raw, &value);
        Box::new(move |length| insert_and_flush(runtime, raw, value, tasks, length))
    };
    report::heading("sled: a write is done when it would survive kill -9");
    // The two sizes run apart, since both of ours work on the same records.
    let one = run(
        vec![
            contender("hallpass SledStore", "replace", 1, ours(1)),
            contender("raw sled", "insert + flush", 1, theirs(1)),
        ],
        rounds,
        length,
    );
    for record in &records {
        runtime.block_on(renew(&*store, record));
    }
    let many = run(
        vec![
            contender("hallpass SledStore", "replace", TASKS, ours(TASKS)),
            contender("raw sled", "insert + flush", TASKS, theirs(TASKS)),
            contender("raw sled", "insert + flush", 1, theirs(1)),
        ],
        rounds,
        length,
    );
    report::table(&one);
    report::table(&many);
    report::ratio("one task: replace to raw insert + flush", &one[0], &one[1]);
    report::ratio("64 tasks: replace to raw insert + flush from 64", &many[0], &many[1]);
    report::ratio("64 tasks: replace to raw insert + flush from one", &many[0], &many[2]);
}

/// Real records, made by the service.
async fn records(store: &dyn TokenStore) -> Vec<Record> {
    let made = MemoryStore::new();
    let tokens = Tokens::builder(made.clone()).build().unwrap();
    let mut records = Vec::new();
    for user in 0..TASKS {
        let subject = Subject::new(format!("user-{user}")).unwrap();
        let login = tokens.begin_login(&subject).await.unwrap();
        let issued = tokens.issue(&login, Kind::REMEMBER).device("Firefox on Linux").await.unwrap().unwrap();
        let record = made.find(issued.token.selector()).await.unwrap().unwrap();
        assert_eq!(store.insert(&record, Fence::None).await.unwrap(), Insert::Inserted);
        records.push(record);
    }
    records
}

/// Puts the record back to its first revision.
async fn renew(store: &dyn TokenStore, record: &Record) {
    store.delete(record.selector).await.unwrap();
    assert_eq!(store.insert(record, Fence::None).await.unwrap(), Insert::Inserted);
}

fn replace(runtime: &Runtime, store: &Arc<dyn TokenStore>, records: &mut [Record], length: Duration) -> Turn {
    let start = Instant::now();
    let tasks: Vec<_> = records
        .iter()
        .cloned()
        .map(|mut record| {
            let store = store.clone();
            runtime.spawn(async move {
                let mut turn = Turn::new();
                while start.elapsed() < length {
                    let before = Instant::now();
                    let expected = record.revision;
                    record.revision = expected.next();
                    record.generation += 1;
                    assert_eq!(store.replace(&record, expected).await.unwrap(), Replace::Replaced);
                    turn.note(start, before);
                }
                (turn, record)
            })
        })
        .collect();
    let mut all = Turn::new();
    for (task, record) in tasks.into_iter().zip(records) {
        let (turn, last) = runtime.block_on(task).unwrap();
        all.join(&turn);
        *record = last;
    }
    all
}

fn insert_and_flush(runtime: &Runtime, raw: &sled::Db, value: &[u8], tasks: usize, length: Duration) -> Turn {
    let start = Instant::now();
    let tasks: Vec<_> = (0..tasks as u64)
        .map(|task| {
            let (raw, mut value) = (raw.clone(), value.to_vec());
            runtime.spawn_blocking(move || {
                let mut turn = Turn::new();
                while start.elapsed() < length {
                    let before = Instant::now();
                    // sled writes nothing for a value that is there already.
                    value[..8].copy_from_slice(&(before - start).as_nanos().to_be_bytes()[8..]);
                    raw.insert(task.to_be_bytes(), value.as_slice()).unwrap();
                    raw.flush().unwrap();
                    turn.note(start, before);
                }
                turn
            })
        })
        .collect();
    let mut all = Turn::new();
    for task in tasks {
        all.join(&runtime.block_on(task).unwrap());
    }
    all
}
