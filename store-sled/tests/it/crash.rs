//! Tests `kill -9` at any moment: afterwards every acknowledged write is there, and nothing that was ended
//! lives.
//!
//! The parent starts this binary again as a child, which writes. The child prints a line before each call
//! (`?`), one when a reader saw its effect (`=`), and one after its acknowledgement (`!`). The parent kills
//! it after a random time, opens the folder and compares: an observed write counts as an acknowledged one.
//! Each task of the child owns a subject, so at most its last call is in doubt, and in lives with unflushed
//! touches the touches before it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use hallpass_core::store::{
    Action, Change, Fence, Listed, Page, Record, RecordFilter, Replace, Revision, Revocation, TokenStore,
};
use hallpass_core::{Note, Reason, Selector, Subject};
use hallpass_store_sled::{SledStore, danger};

use crate::support::{Rng, as_child, at, child, subject};

const ROUNDS: u64 = 200;
/// The number of rounds in one folder, so that the checks stay short.
const PER_FOLDER: u64 = 20;
const TASKS: u64 = 4;

/// One step of a task. What it writes depends only on the task's generator.
struct Step {
    /// The state of every record of the task after the step.
    after: HashMap<Selector, Record>,
    call: Call,
}

enum Call {
    Insert(Record),
    Replace(Record),
    Touch(Record),
    Delete(Selector),
    Revoke(Action),
}

/// The endless list of a task's steps, identical in parent and child.
struct Script {
    rng: Rng,
    subject: Subject,
    records: HashMap<Selector, Record>,
}

impl Script {
    fn new(seed: u64, task: u64) -> Self {
        let subject = subject(&format!("{seed:x}-{task}"));
        Self { rng: Rng::of(seed ^ (task << 48)), subject, records: HashMap::new() }
    }

    fn step(&mut self) -> Step {
        let mut live: Vec<_> = self.records.values().filter(|record| record.revoked.is_none()).collect();
        live.sort_unstable_by_key(|record| record.selector);
        let what = self.rng.below(100);
        let call = if live.is_empty() || what < 25 {
            Call::Insert(self.rng.record(Some(&self.subject)))
        } else {
            let victim = live[self.rng.below(live.len() as u64) as usize].clone();
            match what {
                25..40 => Call::Touch(self.rng.touched(&victim)),
                40..70 => Call::Replace(self.rng.rotated(&victim)),
                70..80 => {
                    let spent = Some(Reason::Spent);
                    Call::Replace(Record {
                        revoked: spent,
                        purge_at: victim.expires_at,
                        ..self.rng.rotated(&victim)
                    })
                }
                80..90 => Call::Delete(victim.selector),
                90..95 => Call::Revoke(Action::Remove),
                _ => Call::Revoke(Action::Mark { reason: Reason::LoggedOutElsewhere, at: at(3_000_000) }),
            }
        };
        match &call {
            Call::Insert(record) | Call::Replace(record) | Call::Touch(record) => {
                self.records.insert(record.selector, record.clone());
            }
            Call::Delete(selector) => {
                self.records.remove(selector);
            }
            Call::Revoke(Action::Remove) => self.records.clear(),
            Call::Revoke(Action::Mark { reason, at }) => {
                self.records.values_mut().for_each(|record| record.mark(*reason, *at));
            }
        }
        Step { after: self.records.clone(), call }
    }
}

/// What the parent knows about one task when the child is dead.
struct Fate {
    subject: Subject,
    acknowledged: HashMap<Selector, Record>,
    /// The states after each later call that may have been done.
    in_doubt: Vec<HashMap<Selector, Record>>,
}

#[test]
fn writer() {
    let Some(folder) = as_child() else { return };
    let seed: u64 = std::env::var("SEED").unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let builder = SledStore::builder(&folder);
    let builder =
        if flushes_touches(seed) { builder } else { danger::acknowledge_touches_unflushed(builder) };
    let store = builder.open().unwrap();
    // The test harness has already printed part of a line.
    say("\nready");
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..TASKS {
            tasks.spawn(write_for_ever(store.clone(), Script::new(seed, task), task));
        }
        tasks.join_all().await;
    });
}

async fn write_for_ever(store: SledStore, mut script: Script, task: u64) {
    for step in 0_u64.. {
        let call = script.step().call;
        say(&format!("? {task} {step}"));
        match call {
            Call::Insert(record) => {
                assert!(store.insert(&record, Fence::None).await.unwrap().is_inserted());
            }
            Call::Replace(_) | Call::Touch(_) => {
                let change = if matches!(call, Call::Touch(_)) { Change::Touch } else { Change::Update };
                let (Call::Replace(next) | Call::Touch(next)) = call else { unreachable!() };
                let expected = Revision::new(next.revision.get() - 1).unwrap();
                let replace = store.replace(&next, expected, change);
                let (replaced, ()) = tokio::join!(replace, watch(&store, &next, task, step));
                assert_eq!(replaced.unwrap(), Replace::Replaced);
            }
            Call::Delete(selector) => assert!(store.delete(selector, &Note::none()).await.unwrap()),
            Call::Revoke(action) => {
                let all = RecordFilter::all();
                store
                    .revoke_by_subject(&script.subject, &Revocation::new(all.clone(), action))
                    .await
                    .unwrap();
            }
        }
        say(&format!("! {task} {step}"));
    }
}

/// Reads until `next` is visible, and prints that.
async fn watch(store: &SledStore, next: &Record, task: u64, step: u64) {
    while store.find(next.selector).await.unwrap().as_ref() != Some(next) {
        tokio::task::yield_now().await;
    }
    say(&format!("= {task} {step}"));
}

/// Every other life acknowledges touches before they are flushed.
fn flushes_touches(seed: u64) -> bool {
    seed.is_multiple_of(2)
}

/// Prints a line in one write, so that it appears entirely or not at all.
fn say(line: &str) {
    let line = format!("{line}\n");
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
    std::io::stdout().lock().flush().unwrap();
}

#[test]
fn s14_what_was_acknowledged_survives_two_hundred_kills() {
    let mut rng = Rng::seeded();
    let mut folder = tempfile::tempdir().unwrap();
    let (mut earlier, mut acknowledged, mut unclean) = (Vec::new(), 0, 0);
    for round in 0..ROUNDS {
        if round % PER_FOLDER == 0 {
            folder = tempfile::tempdir().unwrap();
            earlier.clear();
        }
        let seed = rng.seed();
        let life = Duration::from_micros(rng.below(60_000));
        let (steps, fates) = live_and_die(folder.path(), seed, life);
        acknowledged += steps;
        let store = SledStore::open(folder.path()).unwrap_or_else(|error| {
            let kept = std::mem::replace(&mut folder, tempfile::tempdir().unwrap()).keep();
            println!("the folder is kept: {}", kept.display());
            panic!("round {round}, seed {seed}: {error:?}");
        });
        if let Some(repair) = store.repaired() {
            unclean += 1;
            assert_eq!(repair.added, 0, "round {round}, seed {seed}: a record without its entries");
            assert_eq!(repair.corrupt, 0, "round {round}, seed {seed}");
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            for fate in fates {
                earlier.push(judge(&store, fate, &format!("round {round}, seed {seed}")).await);
            }
            if (round + 1) % PER_FOLDER == 0 {
                for (subject, state) in &earlier {
                    assert_eq!(&stored(&store, subject).await, state, "a later crash changed {subject}");
                }
            }
        });
        store.close().unwrap();
    }
    println!("{acknowledged} acknowledged calls, {unclean} of {ROUNDS} openings found a crash");
    assert!(acknowledged > 5 * ROUNDS && unclean > ROUNDS / 2, "{acknowledged}, {unclean}: hardly a test");
}

/// Runs a child for `life` after it has opened the folder (or from its start), and kills it.
fn live_and_die(folder: &Path, seed: u64, life: Duration) -> (u64, Vec<Fate>) {
    let mut command = child("crash::writer", folder);
    let mut process = command.env("SEED", seed.to_string()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let (ready, is_ready) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut told: Vec<(char, u64)> = Vec::new();
        while let Some(Ok(line)) = lines.next() {
            let words: Vec<_> = line.split(' ').collect();
            match words[..] {
                ["ready"] => drop(ready.send(())),
                ["?", task, _] => told.push(('?', task.parse().unwrap())),
                ["=" | "!", task, _] => told.push(('!', task.parse().unwrap())),
                _ => {}
            }
        }
        told
    });
    // One life in four ends while the folder is being opened.
    let was_ready = seed.is_multiple_of(4) || is_ready.recv_timeout(Duration::from_secs(20)).is_ok();
    std::thread::sleep(life);
    process.kill().unwrap();
    assert!(was_ready, "seed {seed}: the child did not open the folder");
    assert_eq!(process.wait().unwrap().code(), None, "seed {seed}: the child ended by itself");
    let told = reader.join().unwrap();
    let mut acknowledged = 0;
    let fates = (0..TASKS).map(|task| {
        let mut script = Script::new(seed, task);
        let subject = script.subject.clone();
        let mut fate = Fate { subject, acknowledged: HashMap::new(), in_doubt: Vec::new() };
        let mut binds = true;
        for (mark, _) in told.iter().filter(|(_, of)| *of == task) {
            if *mark == '?' {
                let step = script.step();
                binds = flushes_touches(seed) || !matches!(step.call, Call::Touch(_));
                fate.in_doubt.push(step.after);
            } else if binds && let Some(after) = fate.in_doubt.pop() {
                acknowledged += 1;
                fate.acknowledged = after;
                fate.in_doubt.clear();
            }
        }
        fate
    });
    let fates = fates.collect();
    (acknowledged, fates)
}

/// Checks a task's records, and returns their present state.
async fn judge(store: &SledStore, fate: Fate, when: &str) -> (Subject, HashMap<Selector, Record>) {
    let now = stored(store, &fate.subject).await;
    let states = || std::iter::once(&fate.acknowledged).chain(&fate.in_doubt);
    for selector in states().flat_map(HashMap::keys).chain(now.keys()) {
        let found = store.find(*selector).await.unwrap();
        assert_eq!(found.as_ref(), now.get(selector), "{when}: find and list disagree");
        // A revocation of many records may be half done: each record is judged by itself.
        let allowed: Vec<_> = states().map(|state| state.get(selector)).collect();
        assert!(allowed.contains(&found.as_ref()), "{when}: {selector} is {found:?}, allowed {allowed:?}");
    }
    (fate.subject, now)
}

async fn stored(store: &SledStore, subject: &Subject) -> HashMap<Selector, Record> {
    let page = Page::first(NonZeroU16::MAX);
    let records = store.list_by_subject(subject, &page).await.unwrap();
    let records = records.into_iter().filter_map(Listed::record);
    records.map(|record| (record.selector, record)).collect()
}
