//! The reference model for overlapping calls, and the parts of a history that can be judged separately.

use std::num::NonZeroU16;
use std::sync::Arc;

use hallpass_core::store::{Action, EpochUpdate, Fence, Insert, Page, Record, Replace, Revocation};
use hallpass_core::{Kinds, Purposes, Selector, Subject, Timestamp};

use super::{Meaning, Op};
use crate::generate::call::{Answer, Call};
use crate::generate::model::Model;
use crate::generate::spared::Beside;
use crate::generate::state::State;
use crate::watched::{brief, brief_epoch, found_text};

/// A call, or the part of it that one selector or the subject can observe.
#[derive(Clone, Debug)]
pub(crate) enum Observed {
    Call(Call),
    /// The fence of an insert looked up this parent, which was alive or was not.
    Looked {
        parent: Selector,
        lived: bool,
    },
    /// A revocation, or a later part of the sweep with this number, ends one record if it matches.
    Ended {
        selector: Selector,
        subject: Subject,
        revocation: Revocation,
        sweep: Option<usize>,
    },
    /// A revocation during which these inserts ran: it may have missed them (S8).
    Revoked {
        subject: Subject,
        revocation: Revocation,
        beside: Vec<Beside>,
    },
    /// The first part of a sweep, which sets the epoch.
    Swept {
        number: usize,
        subject: Subject,
        update: EpochUpdate,
    },
    /// A purge removes one record, or leaves it.
    Collected {
        selector: Selector,
        now: Timestamp,
    },
}

impl Meaning for Model {
    type State = State;

    fn initial(&self) -> State {
        State::default()
    }

    fn step(&self, before: &State, op: &Op) -> Vec<State> {
        match &op.observed {
            Observed::Call(Call::Revoke { subject, revocation }) if op.answer == Answer::Unknown => {
                vec![before.clone(), self.revoke(before, subject, revocation).0]
            }
            Observed::Call(call) if op.answer == Answer::Unknown => {
                let done = self.late(before, call).into_iter().map(|(after, _)| after);
                [before.clone()].into_iter().chain(done).collect()
            }
            Observed::Call(call) => self.judge(before, call, &op.answer).unwrap_or_default(),
            Observed::Looked { parent, lived } => {
                let lives = before.record(*parent).is_some_and(|record| record.revoked.is_none());
                if lives == *lived { vec![before.clone()] } else { Vec::new() }
            }
            Observed::Revoked { subject, revocation, beside } => {
                let count = match op.answer {
                    Answer::Revoke(count) => Some(count),
                    _ => None,
                };
                let after = self.revoke_beside(before, subject, revocation, count, beside);
                let undone = count.is_none().then(|| before.clone());
                after.unwrap_or_default().into_iter().chain(undone).collect()
            }
            Observed::Ended { selector, subject, revocation, sweep } => {
                if sweep.is_some_and(|number| !before.pending.contains(&number)) {
                    return Vec::new();
                }
                vec![before.ended(*selector, subject, revocation)]
            }
            Observed::Swept { number, subject, update } => {
                let mut after = self.set_epoch(before, subject, *update);
                after.pending.insert(*number);
                vec![after]
            }
            Observed::Collected { selector, now } => {
                let taken = before.due(*now).find(|due| due == selector).map(|due| before.without(due));
                [before.clone()].into_iter().chain(taken).collect()
            }
        }
    }

    fn tell(&self, state: &State) -> String {
        let epochs = state.epochs.values().map(|kept| format!("epoch {}", brief_epoch(kept.epoch)));
        let records =
            state.all().map(|record| format!("{} at {}", brief(record.selector), found_text(Some(record))));
        let all: Vec<_> = epochs.chain(records).collect();
        if all.is_empty() { "nothing".to_owned() } else { all.join("; ") }
    }

    fn is_idle(&self, op: &Op) -> bool {
        match (&op.observed, &op.answer) {
            (_, Answer::Unknown) => false,
            (Observed::Looked { .. } | Observed::Call(Call::Find { .. } | Call::List { .. }), _) => true,
            (_, Answer::Insert(answer)) => !answer.is_inserted(),
            (_, Answer::Replace(answer)) => *answer != Replace::Replaced,
            (_, Answer::Delete(found)) => !found,
            (_, answer) => *answer == Answer::Refused,
        }
    }
}

/// The part of `history` that concerns one selector. Its promises hold for each selector separately.
pub(crate) fn of_key(history: &[Op], key: Selector) -> Vec<Op> {
    history.iter().flat_map(|op| seen_by(op, key)).collect()
}

fn seen_by(op: &Op, key: Selector) -> Vec<Op> {
    let part = |observed| vec![Op { observed, ..op.clone() }];
    let Observed::Call(call) = &op.observed else { return Vec::new() };
    match (call, &op.answer) {
        (Call::Insert { record, fence }, answer) => {
            let (inserted, fenced) = match answer {
                Answer::Insert(answer) => (answer.is_inserted(), *answer == Insert::Fenced),
                _ => (false, false),
            };
            let mut seen = Vec::new();
            match fence {
                // If the selector was taken, the result says nothing about the fence.
                Fence::Parent(parent) if *parent == key && (inserted || fenced) && record.selector != key => {
                    seen.extend(part(Observed::Looked { parent: key, lived: inserted }));
                }
                _ => {}
            }
            if record.selector == key && !fenced {
                let answer = match answer {
                    Answer::Insert(answer) if answer.is_inserted() => {
                        Answer::Insert(Insert::Inserted { of_subject: None })
                    }
                    answer => answer.clone(),
                };
                let call = Call::Insert { record: record.clone(), fence: Fence::None };
                seen.push(Op { observed: Observed::Call(call), answer, ..op.clone() });
            }
            seen
        }
        (Call::Replace { next, .. }, _) if next.selector == key => vec![op.clone()],
        (Call::Delete { selector, .. } | Call::Find { selector }, _) if *selector == key => vec![op.clone()],
        (Call::Revoke { subject, revocation }, _) => {
            let (subject, revocation) = (subject.clone(), revocation.clone());
            part(Observed::Ended { selector: key, subject, revocation, sweep: None })
        }
        (Call::List { page, .. }, Answer::List(list)) if is_whole(page) => {
            let found = list.iter().find(|record| record.selector == key);
            // The record may belong to another subject.
            let Some(found) = found else { return Vec::new() };
            let call = Call::Find { selector: key };
            vec![Op {
                observed: Observed::Call(call),
                answer: Answer::Find(Some(found.clone())),
                ..op.clone()
            }]
        }
        (Call::Purge { now, .. }, _) => part(Observed::Collected { selector: key, now: *now }),
        _ => Vec::new(),
    }
}

/// Whether a page includes every record.
fn is_whole(page: &Page) -> bool {
    let all = Page::first(NonZeroU16::MAX);
    page.after.is_none()
        && page.kinds == Kinds::Any
        && page.purposes == Purposes::ALL
        && page.limit == all.limit
}

/// The part of `history` that concerns the subject: every call but the look-ups by selector.
pub(crate) fn of_subject(history: &[Op]) -> Vec<Op> {
    history.iter().filter(|op| !matches!(op.observed, Observed::Call(Call::Find { .. }))).cloned().collect()
}

/// The same history with each revocation told which inserts ran at the same time.
pub(crate) fn beside(history: &[Op]) -> Vec<Op> {
    let overlap = |one: &Op, other: &Op| {
        let began_first = |one: &Op, other: &Op| other.ended.is_none_or(|ended| one.began <= ended);
        began_first(one, other) && began_first(other, one)
    };
    let told = |op: &Op| {
        let Observed::Call(Call::Revoke { subject, revocation }) = &op.observed else { return op.clone() };
        let insert = |other: &Op| match &other.observed {
            Observed::Call(call) if overlap(op, other) => Beside::of(call, &other.answer),
            _ => None,
        };
        let beside: Vec<_> = history.iter().filter_map(insert).collect();
        if beside.is_empty() {
            return op.clone();
        }
        let (subject, revocation) = (subject.clone(), revocation.clone());
        Op { observed: Observed::Revoked { subject, revocation, beside }, ..op.clone() }
    };
    history.iter().map(told).collect()
}

/// The same history with each revocation that sets an epoch turned into a sweep: it sets the epoch first, and then
/// ends each of `keys` at its own instant before it returns (S8). A revocation in a single event is a special case.
pub(crate) fn swept(history: &[Op], keys: &[Selector]) -> Vec<Op> {
    let parts = |(number, op): (usize, &Op)| {
        let Observed::Call(Call::Revoke { subject, revocation }) = &op.observed else {
            return vec![op.clone()];
        };
        if revocation.epoch == EpochUpdate::Keep {
            return vec![op.clone()];
        }
        let part = |observed| Op { observed, ..op.clone() };
        // Once for each time the key was taken: a sweep may go over the records again to find those inserted behind
        // it, and then ends records inserted under the new epoch meanwhile.
        let taken = |key: Selector| {
            let took = |op: &&Op| match (&op.observed, &op.answer) {
                (Observed::Call(Call::Insert { record, .. }), Answer::Insert(answer)) => {
                    record.selector == key && answer.is_inserted()
                }
                (Observed::Call(Call::Insert { record, .. }), Answer::Unknown) => record.selector == key,
                _ => false,
            };
            history.iter().filter(took).count()
        };
        let ends = |key: &Selector| {
            let (subject, revocation) = (subject.clone(), revocation.clone());
            let end = Observed::Ended { selector: *key, subject, revocation, sweep: Some(number) };
            std::iter::repeat_n(part(end), taken(*key).max(1))
        };
        let epoch = Observed::Swept { number, subject: subject.clone(), update: revocation.epoch };
        [part(epoch)].into_iter().chain(keys.iter().flat_map(ends)).collect()
    };
    history.iter().enumerate().flat_map(parts).collect()
}

impl State {
    fn without(&self, selector: Selector) -> Self {
        let mut after = self.clone();
        Arc::make_mut(&mut after.records).remove(&selector);
        after
    }

    /// The state after a revocation has reached this record.
    fn ended(&self, selector: Selector, subject: &Subject, revocation: &Revocation) -> Self {
        let hit = |record: &&Record| {
            record.subject.as_ref() == Some(subject)
                && revocation.filter.matches(record)
                && (revocation.action == Action::Remove || record.revoked.is_none())
        };
        let mut after = self.clone();
        if self.record(selector).filter(hit).is_some() {
            after.end(selector, revocation.action);
        }
        after
    }
}
