//! Random histories of several clients, which some order of single steps must explain.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::prelude::*;
use crate::generate::call::{Answer, Call, Kind};
use crate::generate::model::Model;
use crate::linearizability::{Observed, Op, beside, of_key, of_subject, swept, unexplained};
use crate::rng::Rng;

pub(super) const CASES: &[Case] = &[
    case!(Any Full [S6] each_selector_is_linearizable),
    case!(Any Full [S6] each_subject_is_linearizable),
    case!(Any Full [S8 S6 S11] a_sweep_ends_each_record_before_its_answer),
];

/// The number of histories, if time permits.
const HISTORIES: usize = 250;
const CLIENTS: usize = 4;
const CALLS: usize = 7;
/// The number of records of the subject; the last template has no subject.
const KEYS: usize = 3;

/// The number of sweeps, if time permits.
const SWEEPS: usize = 8;
/// The maximum number of calls that each client makes during a sweep.
const BESIDE: usize = 14;
/// More records than a revocation must end as a single event.
const FILLERS: u16 = 2_200;

/// How many kinds of call a client chooses from. The first ones must be ordered with each other on one subject:
/// fenced inserts, and the endings that the fence checks (S8, S11).
const OF_A_SUBJECT: usize = 13;
const OF_A_SELECTOR: usize = 20;

/// No purge removes an epoch here, and all times are far from the real clock.
const MODEL: Model = Model { purges: true, wall: Timestamp::MIN };

/// One client of a history: chooses calls, makes them, and records the results.
struct Client {
    node: Handle,
    number: usize,
    case: CaseContext,
    subject: Subject,
    templates: Vec<Record>,
    rng: Rng,
    /// The number of the last epoch made by this client; no other client uses it.
    fresh: u32,
    /// The latest revision seen of each record; `epoch` is the latest one seen.
    revisions: BTreeMap<Selector, u64>,
    epoch: Epoch,
}

async fn each_selector_is_linearizable(case: CaseContext) -> CaseResult {
    let nodes = case.pair().await?;
    contest_of(HISTORIES, async |round| {
        let (history, keys, overlap) = play(&case, &nodes, round, OF_A_SELECTOR).await?;
        for key in keys {
            judge(&case, S6, "one selector", &of_key(&history, key))?;
        }
        Ok(overlap)
    })
    .await
}

async fn each_subject_is_linearizable(case: CaseContext) -> CaseResult {
    let nodes = case.pair().await?;
    contest_of(HISTORIES, async |round| {
        let (history, _, overlap) = play(&case, &nodes, round, OF_A_SUBJECT).await?;
        judge(&case, S6, "one subject", &beside(&of_subject(&history)))?;
        Ok(overlap)
    })
    .await
}

/// Above 2,000 records a revocation may set the epoch first and then end the records one by one. When it returns, no
/// record from before the epoch is left alive, whatever other clients did meanwhile.
async fn a_sweep_ends_each_record_before_its_answer(case: CaseContext) -> CaseResult {
    let nodes = case.pair().await?;
    contest_of(SWEEPS, async |round| {
        let name = format!("swept {round}");
        let fillers = fillers(&name);
        nodes.0.put_all(&fillers).await?;
        let (history, keys, overlap) = sweep(&case, &nodes, &name).await?;
        judge(&case, S8, "one subject beside a sweep", &swept(&of_subject(&history), &keys))?;
        let list = nodes.1.list_by_subject(&subject(&name), &page(u16::MAX)).await?;
        let of_fillers = list.iter().filter(|record| record.login == fillers[0].login);
        let alive = of_fillers.filter(|record| record.revoked.is_none()).count();
        same(S8, "records that outlived the revocation", &alive, &0)?;
        let everything = RecordFilter::all();
        nodes.0.revoke_by_subject(&subject(&name), &everything, Action::Remove, EpochUpdate::Keep).await?;
        Ok(overlap)
    })
    .await
}

/// Many records that no client uses, newer than the ones they do.
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

/// One client that ends everything, while others log in, rotate, log out and list.
async fn sweep(
    case: &CaseContext,
    nodes: &(Handle, Handle),
    name: &str,
) -> CaseResult<(Vec<Op>, Vec<Selector>, bool)> {
    let templates = templates(name);
    let keys = templates.iter().map(|record| record.selector).collect();
    let client = |number: usize| Client::new(case, nodes, number, name, &templates);
    let mut first = client(9);
    let begin = Call::Epoch { subject: subject(name), fresh: epoch(1), keep: KEEP, now: NOW };
    let mut history = vec![first.call(begin).await?];
    for key in 0..KEYS {
        let record = first.content(key, 1);
        history.push(first.call(Call::Insert { record, fence: Fence::Epoch(first.epoch) }).await?);
    }
    let over = Arc::new(AtomicBool::new(false));
    let mut racers: Vec<Racer<Vec<Op>>> = Vec::new();
    for number in 0..3 {
        let (mut client, over, epoch) = (client(number), Arc::clone(&over), first.epoch);
        client.epoch = epoch;
        racers.push(Box::pin(async move {
            let mut history = Vec::new();
            while history.len() < BESIDE && !over.load(Ordering::SeqCst) {
                let call = match client.choose(10) {
                    Call::Revoke { .. } => client.list(),
                    call => call,
                };
                history.push(client.call(call).await?);
                // Spread the calls over the whole sweep.
                tokio::time::sleep(Duration::from_micros(client.rng.below(1_500) as u64)).await;
            }
            Ok(history)
        }));
    }
    let mut last = client(4);
    let action = last.action();
    let end = last.revoke(RecordFilter::all(), action, true);
    racers.push(Box::pin(async move {
        let ended = last.call(end).await;
        over.store(true, Ordering::SeqCst);
        Ok(vec![ended?])
    }));
    let timed = race(racers).await?;
    let overlap = overlapped(&timed);
    history.extend(timed.into_iter().flat_map(|timed| timed.value));
    history.push(first.call(first.list()).await?);
    history.retain(tells);
    // The count includes fillers that the sweep has not reached.
    for op in &mut history {
        if let Answer::Insert(Insert::Inserted { of_subject }) = &mut op.answer {
            *of_subject = None;
        }
    }
    Ok((history, keys, overlap))
}

/// Whether the call adds information: a read with an unknown outcome does not.
fn tells(op: &Op) -> bool {
    op.ended.is_some() || !matches!(&op.observed, Observed::Call(call) if call.reads())
}

/// Requires that some order explains `history`. The message shows all of it, so the recorded calls are cleared.
fn judge(case: &CaseContext, clause: Clause, whose: &str, history: &[Op]) -> CaseResult {
    let Some(told) = unexplained(&MODEL, history) else { return Ok(()) };
    case.forget();
    hold(clause, false, format_args!("{told}\n  (calls on {whose})"))
}

/// Plays a history over a fresh subject; returns it with its selectors and whether its clients overlapped.
async fn play(
    case: &CaseContext,
    nodes: &(Handle, Handle),
    round: usize,
    choices: usize,
) -> CaseResult<(Vec<Op>, Vec<Selector>, bool)> {
    let name = format!("subject {choices} {round}");
    let templates = templates(&name);
    let keys = templates.iter().map(|record| record.selector).collect();
    let clients = (0..CLIENTS)
        .map(|number| -> Racer<Vec<Op>> {
            Box::pin(Client::new(case, nodes, number, &name, &templates).play(choices))
        })
        .collect();
    let timed = race(clients).await?;
    let overlap = overlapped(&timed);
    Ok((timed.into_iter().flat_map(|timed| timed.value).collect(), keys, overlap))
}

/// Three records of `name`, two of them in one login, and an anonymous one in the same shard.
fn templates(name: &str) -> Vec<Record> {
    let mut templates: Vec<_> = (0..KEYS).map(|_| record(name)).collect();
    templates[1].login = templates[0].login;
    let mut anonymous = anonymous();
    anonymous.selector.0[..2].copy_from_slice(&templates[0].selector.0[..2]);
    templates.push(anonymous);
    templates
}

impl Client {
    fn new(
        case: &CaseContext,
        nodes: &(Handle, Handle),
        number: usize,
        name: &str,
        templates: &[Record],
    ) -> Self {
        Self {
            node: if number.is_multiple_of(2) { nodes.0.clone() } else { nodes.1.clone() },
            number: 1 + number % 2,
            case: case.clone(),
            subject: subject(name),
            templates: templates.to_vec(),
            rng: case.rng(),
            fresh: 1_000 * (number as u32 + 1),
            revisions: BTreeMap::new(),
            epoch: epoch(0),
        }
    }

    async fn play(mut self, choices: usize) -> CaseResult<Vec<Op>> {
        let mut history = Vec::new();
        for _ in 0..CALLS {
            let call = self.choose(choices);
            history.push(self.call(call).await?);
        }
        history.retain(tells);
        Ok(history)
    }

    /// Makes one call and records the result.
    async fn call(&mut self, call: Call) -> CaseResult<Op> {
        let (asked, began) = (call.text(), self.case.history().elapsed());
        let answer = call.make(self.node.watched()).await;
        let ended = self.case.history().elapsed();
        let (mut answer, ended) = match answer {
            Ok(answer) => (answer, Some(ended)),
            Err(StoreError::Timeout { outcome_unknown: true, .. }) => (Answer::Unknown, None),
            Err(error) => return Err(error.into()),
        };
        match &mut answer {
            Answer::Find(found) => self.saw(found.as_ref()),
            // Leaves out the fillers, which no client uses.
            Answer::List(list) => {
                list.retain(|record| record.created_at <= NOW);
                list.iter().for_each(|record| self.saw(Some(record)));
            }
            Answer::Epoch(epoch) => self.epoch = *epoch,
            _ => {}
        }
        Ok(Op { node: self.number, asked, began, ended, observed: Observed::Call(call), answer })
    }

    fn saw(&mut self, record: Option<&Record>) {
        self.revisions.extend(record.map(|record| (record.selector, record.revision.get())));
    }

    fn choose(&mut self, choices: usize) -> Call {
        let key = self.rng.below(KEYS);
        // A record without a subject does not belong to the subject.
        let any = self.rng.below(if choices == OF_A_SELECTOR { KEYS + 1 } else { KEYS });
        let selector = self.templates[any].selector;
        match self.rng.below(choices) {
            0 | 1 => Call::Insert { record: self.content(key, 1), fence: Fence::Epoch(self.epoch) },
            2 => {
                let fresh = self.fresh_epoch();
                Call::Epoch { subject: self.subject.clone(), fresh, keep: KEEP, now: NOW }
            }
            3 | 4 => self.replace(any, Kind::Update),
            5 => self.replace(any, Kind::Touch),
            6 => Call::Delete { selector, note: Note::none() },
            7 => {
                let action = self.action();
                self.revoke(RecordFilter::all(), action, true)
            }
            8 | 9 => self.list(),
            10 | 11 => {
                let parent = self.templates[(key + 1) % KEYS].selector;
                Call::Insert { record: self.content(key, 1), fence: Fence::Parent(parent) }
            }
            12 => self.replace(key, Kind::End(Note::none())),
            13 | 14 => Call::Insert { record: self.content(any, 1), fence: Fence::None },
            15 | 16 => {
                let login = self.templates[key].login;
                let filter = [RecordFilter::login(login), RecordFilter::except(login), RecordFilter::all()];
                let filter = self.rng.pick(&filter).clone();
                let (action, sets) = (self.action(), self.rng.chance(30));
                self.revoke(filter, action, sets)
            }
            17 => Call::Purge { now: self.templates[0].purge_at, limit: 9 },
            _ => Call::Find { selector },
        }
    }

    fn list(&self) -> Call {
        Call::List { subject: self.subject.clone(), page: page(u16::MAX) }
    }

    fn action(&mut self) -> Action {
        let (reason, after) = (*self.rng.pick(&Reason::ALL), self.rng.below(9) as u64);
        let mark = Action::Mark { reason, at: at(after) };
        if self.rng.chance(50) { Action::Remove } else { mark }
    }

    fn revoke(&mut self, filter: RecordFilter, action: Action, sets: bool) -> Call {
        let update = EpochUpdate::Set { epoch: self.fresh_epoch(), now: NOW, keep: KEEP };
        let epoch = if sets { update } else { EpochUpdate::Keep };
        Call::Revoke {
            subject: self.subject.clone(),
            revocation: Revocation::new(filter, action).epoch(epoch),
        }
    }

    fn replace(&mut self, key: usize, kind: Kind) -> Call {
        let guess = 1 + self.rng.below(3) as u64;
        let number = self.revisions.get(&self.templates[key].selector).copied().unwrap_or(guess);
        let expected = Revision::new(number).unwrap_or(Revision::FIRST);
        let mut next = self.content(key, expected.next().get());
        if let Kind::End(_) = kind {
            (next.revoked, next.idle_at, next.purge_at) = (Some(Reason::Spent), None, next.expires_at);
        }
        Call::Replace { next, expected, kind }
    }

    /// A record whose body no other client writes.
    fn content(&mut self, key: usize, revision: u64) -> Record {
        let mut record = self.templates[key].clone();
        record.revision = Revision::new(revision).unwrap_or(Revision::FIRST);
        record.body = body(self.rng.vec(24));
        record
    }

    fn fresh_epoch(&mut self) -> Epoch {
        self.fresh += 1;
        epoch(self.fresh)
    }
}

fn epoch(number: u32) -> Epoch {
    let mut bytes = [7; 16];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    Epoch(bytes)
}
