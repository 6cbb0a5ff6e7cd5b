//! The reference model: what the clauses say about consecutive calls.
//!
//! A state is one that a correct store may be in. If the contract leaves freedom, a call leads to several states:
//! which of the due records a purge removed, or which part of a dropped call has happened. Otherwise it leads to one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hallpass_core::store::{
    Epoch, EpochUpdate, Fence, Insert, Page, Purged, Record, Replace, Revision, Revocation,
};
use hallpass_core::{Selector, Subject, Timestamp};

use super::call::{Answer, Call};
use super::state::{Kept, State, differ};
use crate::clause::Clause::{self, S1, S2, S4, S5, S7, S8, S9, S10, S11, S16};

/// The maximum number of states after one call; beyond it the model gives up.
const MANY: usize = 1_024;

/// What the store under test promises.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Model {
    /// Whether `purge_expired` collects ([`Capability::Purge`](crate::Capability::Purge)).
    pub(crate) purges: bool,
    /// A time that no real clock has reached: an epoch that ends by then may have been removed by the backend itself.
    pub(crate) wall: Timestamp,
}

/// Why a result is not accepted.
#[derive(Clone, Debug)]
pub(crate) enum Broken {
    /// It violates this clause.
    Promise(Clause, String),
    /// The model cannot follow, because too many states are possible.
    Unjudged,
}

type Judged = Result<Vec<State>, Broken>;

fn broken(clause: Clause, observed: impl Into<String>) -> Judged {
    Err(Broken::Promise(clause, observed.into()))
}

impl Model {
    /// The states that `call` may lead to from `before` if it returned `answer`.
    pub(crate) fn judge(&self, before: &State, call: &Call, answer: &Answer) -> Judged {
        match (call, answer) {
            (Call::Insert { record, fence }, Answer::Insert(answer)) => {
                self.insert(before, record, *fence, *answer)
            }
            (Call::Find { selector }, Answer::Find(found)) => {
                let expected = before.records.get(selector).map(|row| &*row.0);
                match differ(expected, found.as_ref()) {
                    None => same(before),
                    Some(how) => broken(S1, format!("a found record {how}")),
                }
            }
            (Call::Replace { next, expected, .. }, Answer::Replace(answer)) => {
                replace(before, next, *expected, *answer)
            }
            (Call::Delete { selector, .. }, Answer::Delete(answer)) => {
                let mut after = before.clone();
                let there = Arc::make_mut(&mut after.records).remove(selector).is_some();
                match there == *answer {
                    true => Ok(vec![after]),
                    false => {
                        broken(S7, format!("delete returned {answer}; whether the record was there: {there}"))
                    }
                }
            }
            (Call::Revoke { subject, revocation }, Answer::Revoke(answer)) => {
                let (after, count) = self.revoke(before, subject, revocation);
                match count == *answer {
                    true => Ok(vec![after]),
                    false => broken(S8, format!("a revocation that ended {count} records returned {answer}")),
                }
            }
            (Call::List { subject, page }, Answer::List(list)) => listed(before, subject, page, list),
            (Call::Epoch { subject, fresh, keep, now }, Answer::Epoch(answer)) => {
                self.epoch(before, subject, *fresh, now.saturating_add(*keep), *keep, *now, *answer)
            }
            (Call::Purge { now, limit }, Answer::Purge(purged)) => self.purge(before, *now, *limit, *purged),
            (call, Answer::Refused) => match may_be_refused(call) {
                true => same(before),
                false => broken(S16, "a call within the limits of the types was refused"),
            },
            (call, answer) => unreachable!("{call:?} never answers {answer:?}"),
        }
    }

    fn insert(&self, before: &State, record: &Record, fence: Fence, answer: Insert) -> Judged {
        let taken = before.records.contains_key(&record.selector);
        let mut after = before.clone();
        let (may_hold, may_fail) = self.fence(before, record, fence);
        match answer {
            Insert::Duplicate if taken => same(before),
            Insert::Duplicate => broken(S2, "insert of a free selector returned Duplicate"),
            Insert::Fenced if taken && !may_fail => {
                broken(S2, "insert of a taken selector under a fence that holds returned Fenced")
            }
            Insert::Fenced if may_fail => {
                if let (Fence::Epoch(_), true, Some(subject)) = (fence, may_hold, &record.subject) {
                    Arc::make_mut(&mut after.epochs).remove(subject);
                }
                Ok(vec![after])
            }
            Insert::Fenced => broken(S11, format!("insert was fenced, but its fence holds: {fence:?}")),
            Insert::Inserted { .. } if taken => broken(S2, "insert of a taken selector returned Inserted"),
            Insert::Inserted { .. } if !may_hold => {
                broken(S11, format!("insert passed a fence that does not hold: {fence:?}"))
            }
            Insert::Inserted { of_subject } => {
                after.put(record.clone());
                if let (Fence::Epoch(_), Some(subject)) = (fence, &record.subject)
                    && let Some(kept) = Arc::make_mut(&mut after.epochs).get_mut(subject)
                {
                    kept.over = false;
                }
                let count = record.subject.as_ref().map(|subject| after.of(subject).count() as u32);
                match of_subject.is_none() || of_subject == count {
                    true => Ok(vec![after]),
                    false => {
                        broken(S2, format!("insert counted {of_subject:?} records; there are {count:?}"))
                    }
                }
            }
        }
    }

    /// Whether `fence` may hold, and whether it may fail.
    fn fence(&self, state: &State, record: &Record, fence: Fence) -> (bool, bool) {
        match fence {
            Fence::None => (true, false),
            Fence::Parent(parent) => {
                let lives = state.records.get(&parent).is_some_and(|row| row.0.revoked.is_none());
                (lives, !lives)
            }
            Fence::Epoch(epoch) => {
                let kept = record.subject.as_ref().and_then(|subject| state.epochs.get(subject));
                let right = kept.is_some_and(|kept| kept.epoch == epoch);
                (right, !right || kept.is_some_and(|kept| self.may_be_gone(kept)))
            }
        }
    }

    fn may_be_gone(&self, kept: &Kept) -> bool {
        kept.over || kept.until <= self.wall
    }

    /// The state after a revocation, and the number of records that it ends.
    pub(crate) fn revoke(&self, before: &State, subject: &Subject, revocation: &Revocation) -> (State, u64) {
        let mut after = self.set_epoch(before, subject, revocation.epoch);
        let doomed: Vec<_> = before.to_end(subject, revocation).collect();
        for selector in &doomed {
            after.end(*selector, revocation.action);
        }
        (after, doomed.len() as u64)
    }

    pub(crate) fn set_epoch(&self, before: &State, subject: &Subject, update: EpochUpdate) -> State {
        let mut after = before.clone();
        if let EpochUpdate::Set { epoch, now, keep } = update {
            let kept = before.epochs.get(subject).filter(|kept| !self.may_be_gone(kept));
            let until = now.saturating_add(keep);
            let until = kept.map_or(until, |kept| until.max(kept.until));
            Arc::make_mut(&mut after.epochs).insert(subject.clone(), Kept { epoch, until, over: false });
        }
        after
    }

    #[expect(clippy::too_many_arguments, reason = "the arguments of `epoch` and its answer")]
    fn epoch(
        &self,
        before: &State,
        subject: &Subject,
        fresh: Epoch,
        until: Timestamp,
        keep: Duration,
        now: Timestamp,
        answer: Epoch,
    ) -> Judged {
        let kept = before.epochs.get(subject);
        let made = Kept { epoch: fresh, until, over: false };
        let mut possible = Vec::new();
        if let Some(kept) = kept.filter(|kept| kept.epoch == answer) {
            // A read may leave the time of an epoch alone while half of it is left.
            let half = keep / 2;
            let enough = kept.until.since(now) >= half && kept.until > now;
            let until = if enough { kept.until } else { kept.until.max(now.saturating_add(half)) };
            possible.push(Kept { until, over: false, ..kept.clone() });
        }
        // An expired epoch may still serve, or be replaced by a new one.
        if answer == fresh && kept.is_none_or(|kept| self.may_be_gone(kept) || kept.until <= now) {
            possible.push(made);
        }
        if possible.is_empty() {
            return broken(
                S11,
                match kept {
                    None => "reading a missing epoch returned another one than the fresh one",
                    Some(_) => "reading an epoch returned another one than the stored one",
                },
            );
        }
        let with = |kept| {
            let mut after = before.clone();
            Arc::make_mut(&mut after.epochs).insert(subject.clone(), kept);
            after
        };
        Ok(possible.into_iter().map(with).collect())
    }

    fn purge(&self, before: &State, now: Timestamp, limit: u32, purged: Purged) -> Judged {
        let Purged { removed, more } = purged;
        let due: Vec<_> = before.due(now).collect();
        if removed > u64::from(limit) {
            return broken(S10, format!("a purge of at most {limit} removed {removed}"));
        }
        if removed > due.len() as u64 {
            return broken(S10, format!("a purge of {} due records removed {removed}", due.len()));
        }
        if self.purges && !more && removed < due.len() as u64 {
            let left = due.len() as u64 - removed;
            return broken(S10, format!("a purge that leaves {left} due records reports that none is left"));
        }
        let mut base = before.clone();
        base.lapse(now);
        let mut after = Vec::new();
        for taken in subsets(&due, removed as usize)? {
            let mut state = base.clone();
            Arc::make_mut(&mut state.records).retain(|selector, _| !taken.contains(selector));
            after.push(state);
        }
        Ok(after)
    }

    /// The states that a part of the dropped `call` may lead to from `before`, each with whether that was all of it.
    pub(crate) fn late(&self, before: &State, call: &Call) -> Vec<(State, bool)> {
        let one = |after: State| vec![(after, true)];
        match call {
            Call::Insert { record, fence } => {
                let free = !before.records.contains_key(&record.selector);
                if !free || !self.fence(before, record, *fence).0 {
                    return Vec::new();
                }
                let mut after = before.clone();
                after.put(record.clone());
                one(after)
            }
            Call::Replace { next, expected, .. } => replace(before, next, *expected, Replace::Replaced)
                .map_or(Vec::new(), |mut after| after.drain(..).map(|after| (after, true)).collect()),
            Call::Delete { selector, .. } => {
                let mut after = before.clone();
                match Arc::make_mut(&mut after.records).remove(selector) {
                    Some(_) => one(after),
                    None => Vec::new(),
                }
            }
            Call::Epoch { subject, fresh, keep, now } => {
                let there = before.epochs.get(subject).map(|kept| kept.epoch);
                let until = now.saturating_add(*keep);
                let read = |answer| self.epoch(before, subject, *fresh, until, *keep, *now, answer);
                let answers = there.into_iter().chain([*fresh]);
                answers.filter_map(|answer| read(answer).ok()).flatten().map(|after| (after, true)).collect()
            }
            Call::Revoke { subject, revocation } => {
                let end = |selector| {
                    let mut after = before.clone();
                    after.end(selector, revocation.action);
                    (after, false)
                };
                let ended = before.to_end(subject, revocation).map(end);
                let set = self.set_epoch(before, subject, revocation.epoch);
                ended.chain((set != *before).then_some((set, false))).collect()
            }
            Call::Purge { now, .. } => {
                let take = |selector| {
                    let mut after = before.clone();
                    Arc::make_mut(&mut after.records).remove(&selector);
                    (after, false)
                };
                let mut lapsed = before.clone();
                lapsed.lapse(*now);
                let taken = before.due(*now).map(take);
                taken.chain((lapsed != *before).then_some((lapsed, false))).collect()
            }
            Call::Find { .. } | Call::List { .. } => Vec::new(),
        }
    }
}

fn same(state: &State) -> Judged {
    Ok(vec![state.clone()])
}

fn replace(before: &State, next: &Record, expected: Revision, answer: Replace) -> Judged {
    let old = before.records.get(&next.selector).map(|row| &*row.0);
    let fits = old.is_some_and(|old| old.revision == expected && old.revoked.is_none());
    match (answer, old) {
        (Replace::Missing, None) => same(before),
        (Replace::Missing, Some(_)) => broken(S4, "replace of an existing record returned Missing"),
        // The conflict may be spurious.
        (Replace::Conflict, Some(_)) => same(before),
        (Replace::Conflict, None) => broken(S4, "replace of a missing record returned Conflict"),
        (Replace::Replaced, Some(_)) if fits && expected != Revision::MAX => {
            let mut after = before.clone();
            after.put(next.clone());
            Ok(vec![after])
        }
        // All bytes are equal: the store may take it for its own earlier send.
        (Replace::Replaced, Some(old)) if old == next => same(before),
        (Replace::Replaced, None) => broken(S4, "replace of a missing record returned Replaced"),
        (Replace::Replaced, Some(old)) if old.revoked.is_some() => {
            broken(S4, "replace of a marked record returned Replaced")
        }
        (Replace::Replaced, Some(old)) => {
            let (is, wants) = (old.revision.get(), expected.get());
            broken(S5, format!("replace at revision {wants} of a record at {is} returned Replaced"))
        }
    }
}

fn listed(state: &State, subject: &Subject, page: &Page, list: &[Record]) -> Judged {
    let expected = state.list(subject, page);
    if expected.iter().map(|row| &*row.0).eq(list) {
        return same(state);
    }
    for (at, row) in expected.iter().enumerate() {
        let there: Vec<_> = list.iter().filter(|record| record.selector == row.0.selector).collect();
        let how = match (there.as_slice(), list.get(at)) {
            ([], _) => "misses an existing record".to_owned(),
            ([_, _, ..], _) => "shows a record twice".to_owned(),
            ([one], _) if **one != *row.0 => {
                format!("shows a record that {}", differ(Some(&row.0), Some(one)).unwrap_or_default())
            }
            (_, Some(other)) if other.selector != row.0.selector => {
                format!("shows a record in another place than number {}", at + 1)
            }
            _ => continue,
        };
        return broken(S9, format!("a list of {} records {how}", expected.len()));
    }
    let (most, limit) = (expected.len(), page.limit);
    broken(S9, format!("a list of {most} records, at most {limit}, shows {}", list.len()))
}

/// Whether a store that routes by shard may refuse the call (T7), or it is a replace at the largest revision (S5).
fn may_be_refused(call: &Call) -> bool {
    let foreign = |record: &Record| {
        record.subject.as_ref().is_some_and(|subject| subject.shard() != record.selector.shard())
    };
    match call {
        Call::Insert { record, fence } => {
            let elsewhere = |parent: &Selector| parent.shard() != record.selector.shard();
            foreign(record) || matches!(fence, Fence::Parent(parent) if elsewhere(parent))
        }
        Call::Replace { next, expected, .. } => *expected == Revision::MAX || foreign(next),
        _ => false,
    }
}

/// Every subset of `all` with `count` elements.
fn subsets(all: &[Selector], count: usize) -> Result<Vec<BTreeSet<Selector>>, Broken> {
    let mut sets = vec![BTreeSet::new()];
    if count == all.len() {
        return Ok(vec![all.iter().copied().collect()]);
    }
    for (at, one) in all.iter().enumerate() {
        let left = all.len() - at - 1;
        let with = |set: &BTreeSet<Selector>| set.iter().chain([one]).copied().collect::<BTreeSet<_>>();
        let taken: Vec<_> = sets.iter().filter(|set| set.len() < count).map(with).collect();
        sets.retain(|set| set.len() + left >= count);
        sets.extend(taken);
        if sets.len() > MANY {
            return Err(Broken::Unjudged);
        }
    }
    sets.retain(|set| set.len() == count);
    Ok(sets)
}
