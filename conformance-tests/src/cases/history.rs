//! Random histories of several clients, explained or not by some order of single steps.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hallpass_core::{
    Action, Epoch, EpochUpdate, Fence, Record, RecordFilter, Revision, Selector, StoreError, Subject,
};

use crate::case::{Case, case};
use crate::clause::Clause::{self, S6, S8};
use crate::handle::Handle;
use crate::linearizability::{Did, Model, Op, Row, Saw, is_linearizable, of_key, of_subject, swept};
use crate::outcome::{Ran, hold, same};
use crate::race::{Entrant, contest_of, overlapped, race};
use crate::rng::Rng;
use crate::specimen::{NOW, at, page, record, subject};
use crate::stage::Stage;

pub(super) const CASES: &[Case] = &[
    case!(Any Full [S6] each_selector_is_linearizable),
    case!(Any Full [S6] each_subject_is_linearizable),
    case!(Any Full [S8 S6 S11] a_sweep_ends_each_record_before_its_answer),
];

/// How many histories are played, if there is time.
const HISTORIES: usize = 250;
const CLIENTS: usize = 4;
const CALLS: usize = 7;
const KEYS: u8 = 3;
const KEEP: Duration = Duration::from_secs(3_600);

/// How many sweeps are played, if there is time.
const SWEEPS: usize = 8;
/// How many calls each client makes beside a sweep at most.
const BESIDE: usize = 14;
/// More records than a revocation may end as one event only.
const FILLERS: u16 = 2_200;

/// One client of a history: chooses calls, makes them, and writes down what it saw.
struct Client {
    node: Handle,
    stage: Stage,
    subject: Subject,
    templates: Vec<Record>,
    rng: Rng,
    /// Contents and epochs that nobody else writes.
    fresh: u32,
    /// The revision and the epoch that it saw last.
    revisions: BTreeMap<u8, u64>,
    epoch: u32,
}

async fn each_selector_is_linearizable(stage: Stage) -> Ran {
    let nodes = stage.pair().await?;
    contest_of(HISTORIES, async |round| {
        let (history, overlap) = play(&stage, &nodes, round, 14).await?;
        for key in 0..KEYS {
            judge(S6, "one selector", &of_key(&history, key))?;
        }
        Ok(overlap)
    })
    .await
}

async fn each_subject_is_linearizable(stage: Stage) -> Ran {
    let nodes = stage.pair().await?;
    contest_of(HISTORIES, async |round| {
        // Only fenced inserts and advancing revocations: those are ordered among each other (S8, S11).
        let (history, overlap) = play(&stage, &nodes, round, 10).await?;
        judge(S6, "one subject", &of_subject(&history))?;
        Ok(overlap)
    })
    .await
}

/// Above 2,000 records a revocation may set the epoch and then end one record after the other. When it
/// answers, nothing that was there before the epoch is left, whatever other clients did meanwhile.
async fn a_sweep_ends_each_record_before_its_answer(stage: Stage) -> Ran {
    let nodes = stage.pair().await?;
    contest_of(SWEEPS, async |round| {
        let name = format!("swept {round}");
        let fillers = fillers(&name);
        nodes.0.put_all(&fillers).await?;
        let (history, overlap) = sweep(&stage, &nodes, &name).await?;
        judge(S8, "one subject beside a sweep", &swept(&of_subject(&history), KEYS))?;
        let list = nodes.1.list_by_subject(&subject(&name), &page(u16::MAX)).await?;
        let of_fillers = list.iter().filter(|record| record.login == fillers[0].login);
        let alive = of_fillers.filter(|record| record.revoked.is_none()).count();
        same(S8, "how many of many records outlived their end", &alive, &0)?;
        let everything = RecordFilter::all();
        nodes.0.revoke_by_subject(&subject(&name), &everything, Action::Remove, EpochUpdate::Keep).await?;
        Ok(overlap)
    })
    .await
}

/// Many records that no client touches, newer than those that they do.
fn fillers(name: &str) -> Vec<Record> {
    let template = record(name);
    let numbered = |number: u16| {
        let mut record = template.clone();
        record.selector.0[14..].copy_from_slice(&number.to_be_bytes());
        record.created_at = at(1 + u64::from(number));
        record
    };
    (0..FILLERS).map(numbered).collect()
}

/// One client that ends everything, and others that log in, rotate, log out and look on meanwhile.
async fn sweep(stage: &Stage, nodes: &(Handle, Handle), name: &str) -> Ran<(Vec<Op>, bool)> {
    let templates: Vec<_> = (0..KEYS).map(|_| record(name)).collect();
    let client = |number: usize| Client {
        node: if number.is_multiple_of(2) { nodes.0.clone() } else { nodes.1.clone() },
        stage: stage.clone(),
        subject: subject(name),
        templates: templates.clone(),
        rng: stage.rng(),
        fresh: 1_000 * (number as u32 + 1),
        revisions: BTreeMap::new(),
        epoch: 0,
    };
    let mut first = client(9);
    let mut history = vec![first.call(Did::Epoch { fresh: 1 }).await?];
    for key in 0..KEYS {
        history
            .push(first.call(Did::Insert { key, version: u32::from(key), fence: Some(first.epoch) }).await?);
    }
    let over = Arc::new(AtomicBool::new(false));
    let mut entrants: Vec<Entrant<Vec<Op>>> = Vec::new();
    for number in 0..3 {
        let (mut client, over, epoch) = (client(number), Arc::clone(&over), first.epoch);
        client.epoch = epoch;
        entrants.push(Box::pin(async move {
            let mut history = Vec::new();
            while history.len() < BESIDE && !over.load(Ordering::SeqCst) {
                let did = match client.choose(10) {
                    Did::Revoke { .. } => Did::List,
                    did => did,
                };
                history.push(client.call(did).await?);
                // They go on for as long as a sweep takes.
                tokio::time::sleep(Duration::from_micros(client.rng.below(1_500) as u64)).await;
            }
            Ok(history)
        }));
    }
    let mut last = client(4);
    let remove = last.rng.below(2) == 0;
    entrants.push(Box::pin(async move {
        let ended = last.call(Did::Revoke { remove, advance: Some(last.fresh) }).await;
        over.store(true, Ordering::SeqCst);
        Ok(vec![ended?])
    }));
    let timed = race(entrants).await?;
    let overlap = overlapped(&timed);
    history.extend(timed.into_iter().flat_map(|timed| timed.value));
    history.push(first.call(Did::List).await?);
    history.retain(tells);
    Ok((history, overlap))
}

/// A read whose outcome is not known says nothing.
fn tells(op: &Op) -> bool {
    op.ended.is_some() || !matches!(op.did, Did::Find { .. } | Did::List)
}

fn judge(clause: Clause, whose: &str, history: &[Op]) -> Ran {
    if is_linearizable(&Model, history) {
        return Ok(());
    }
    let mut calls: Vec<_> = history.iter().collect();
    calls.sort_unstable_by_key(|op| op.began);
    let line = |op: &&Op| {
        format!("\n    {:?} – {:?}  {:?} → {:?}", op.began, op.ended.unwrap_or_default(), op.did, op.saw)
    };
    let text: String = calls.iter().map(line).collect();
    hold(clause, false, format_args!("no order of single steps explains these calls on {whose}:{text}"))
}

/// A history over a fresh subject, and whether its clients overlapped. Of the first `choices` kinds of call.
async fn play(stage: &Stage, nodes: &(Handle, Handle), round: usize, choices: usize) -> Ran<(Vec<Op>, bool)> {
    let name = format!("subject {choices} {round}");
    let templates: Vec<_> = (0..KEYS).map(|_| record(&name)).collect();
    let clients = (0..CLIENTS).map(|number| -> Entrant<Vec<Op>> {
        let node = if number % 2 == 0 { nodes.0.clone() } else { nodes.1.clone() };
        let client = Client {
            node,
            stage: stage.clone(),
            subject: subject(&name),
            templates: templates.clone(),
            rng: stage.rng(),
            fresh: 1_000 * (number as u32 + 1),
            revisions: BTreeMap::new(),
            epoch: 0,
        };
        Box::pin(client.play(choices))
    });
    let timed = race(clients.collect()).await?;
    let overlap = overlapped(&timed);
    Ok((timed.into_iter().flat_map(|timed| timed.value).collect(), overlap))
}

impl Client {
    async fn play(mut self, choices: usize) -> Ran<Vec<Op>> {
        let mut history = Vec::new();
        for _ in 0..CALLS {
            let did = self.choose(choices);
            history.push(self.call(did).await?);
        }
        history.retain(tells);
        Ok(history)
    }

    /// Makes one call and writes down what it saw.
    async fn call(&mut self, did: Did) -> Ran<Op> {
        let began = self.stage.history().elapsed();
        let answer = self.make(&did).await;
        let ended = self.stage.history().elapsed();
        match answer {
            Ok(saw) => Ok(Op { began, ended: Some(ended), did, saw }),
            Err(StoreError::Timeout { outcome_unknown: true, .. }) => {
                Ok(Op { began, ended: None, did, saw: Saw::Unknown })
            }
            Err(error) => Err(error.into()),
        }
    }

    fn choose(&mut self, choices: usize) -> Did {
        let key = self.rng.below(KEYS.into()) as u8;
        self.fresh += 1;
        let fresh = self.fresh;
        let guess = 1 + self.rng.below(3) as u64;
        let expected = self.revisions.get(&key).copied().unwrap_or(guess);
        match self.rng.below(choices) {
            0 | 1 => Did::Insert { key, version: fresh, fence: Some(self.epoch) },
            2 => Did::Epoch { fresh },
            3..=5 => Did::Replace { key, expected, version: fresh },
            6 => Did::Delete { key },
            7 => Did::Revoke { remove: fresh.is_multiple_of(2), advance: Some(fresh) },
            8 | 9 => Did::List,
            10 | 11 => Did::Insert { key, version: fresh, fence: None },
            12 => Did::Revoke { remove: fresh.is_multiple_of(3), advance: None },
            _ => Did::Find { key },
        }
    }

    async fn make(&mut self, did: &Did) -> Result<Saw, StoreError> {
        Ok(match *did {
            Did::Insert { key, version, fence } => {
                let fence = fence.map_or(Fence::None, |fence| Fence::Epoch(epoch(fence)));
                Saw::Insert(self.node.insert(&self.content(key, 1, version), fence).await?)
            }
            Did::Replace { key, expected, version } => {
                let next = self.content(key, expected + 1, version);
                let expected = Revision::new(expected).unwrap_or(Revision::FIRST);
                Saw::Replace(self.node.replace(&next, expected).await?)
            }
            Did::Delete { key } => {
                Saw::Delete(self.node.delete(self.templates[usize::from(key)].selector).await?)
            }
            Did::Revoke { remove, advance } => {
                let mark = Action::Mark { reason: hallpass_core::Reason::Administrative, at: NOW };
                let action = if remove { Action::Remove } else { mark };
                let to = |number| EpochUpdate::Set { epoch: epoch(number), now: NOW, keep: KEEP };
                let advance = advance.map_or(EpochUpdate::Keep, to);
                Saw::Revoke(
                    self.node.revoke_by_subject(&self.subject, &RecordFilter::all(), action, advance).await?,
                )
            }
            Did::Sweep { .. } | Did::SweepKey { .. } => unreachable!("parts of a revocation are no calls"),
            Did::Find { key } => {
                let found = self.node.find(self.templates[usize::from(key)].selector).await?;
                let row = found.as_ref().map(row);
                self.revisions.extend(row.map(|row| (key, row.revision)));
                Saw::Find(row)
            }
            Did::List => {
                let list = self.node.list_by_subject(&self.subject, &page(u16::MAX)).await?;
                let fillers = |record: &&Record| record.created_at > NOW;
                let rows: BTreeMap<_, _> = list
                    .iter()
                    .filter(|record| !fillers(record))
                    .map(|record| (self.key(record.selector), row(record)))
                    .collect();
                self.revisions.extend(rows.iter().map(|(key, row)| (*key, row.revision)));
                Saw::List(rows)
            }
            Did::Epoch { fresh } => {
                let current = self.node.epoch(&self.subject, epoch(fresh), KEEP, NOW).await?;
                self.epoch = u32::from_be_bytes([current.0[0], current.0[1], current.0[2], current.0[3]]);
                Saw::Epoch(self.epoch)
            }
        })
    }

    /// The version stands in the generation, which a store does not look at.
    fn content(&self, key: u8, revision: u64, version: u32) -> Record {
        let mut record = self.templates[usize::from(key)].clone();
        record.revision = Revision::new(revision).unwrap_or(Revision::FIRST);
        record.generation = version;
        record
    }

    fn key(&self, selector: Selector) -> u8 {
        self.templates.iter().position(|record| record.selector == selector).map_or(u8::MAX, |at| at as u8)
    }
}

fn epoch(number: u32) -> Epoch {
    let mut bytes = [7; 16];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    Epoch(bytes)
}

fn row(record: &Record) -> Row {
    Row { revision: record.revision.get(), version: record.generation, marked: record.revoked.is_some() }
}
