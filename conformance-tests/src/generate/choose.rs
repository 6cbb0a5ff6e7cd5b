//! Chooses the next step: any that the trait allows, usually one that matters in the store's present state.

use std::num::NonZeroU16;
use std::time::Duration;

use hallpass_core::store::{
    Action, EpochUpdate, Fence, Logins, Page, Record, RecordFilter, Revision, Revocation,
};
use hallpass_core::{Kinds, Note, Reason, Selector, Subject, Timestamp};

use super::call::{Call, Kind};
use super::form::Form;
use super::play::Step;
use super::state::State;
use super::world::{Theme, World};
use crate::rng::Rng;
use crate::specimen::page;

/// The maximum number of polls before a call is dropped or another call runs.
const POLLS: usize = 6;
/// The maximum number of dropped calls that the model follows in one sequence.
const DROPS: usize = 3;

/// Chooses the steps of one sequence.
#[derive(Debug)]
pub(crate) struct Chooser {
    pub(crate) world: World,
    pub(crate) rng: Rng,
    /// Whether the store keeps its records when all its handles are closed.
    pub(crate) restarts: bool,
    pub(crate) dropped: usize,
    /// The calls made so far: namespace, handle, call.
    pub(crate) made: Vec<(usize, usize, Call)>,
    /// The number of the last two forms that were called at once.
    pub(crate) pair: usize,
}

impl Chooser {
    /// The next step in `place`, given the store's `state`.
    pub(crate) fn step(&mut self, place: usize, state: &State) -> Step {
        let node = self.rng.below(2);
        let (drops, pairs) = (self.world.has(Theme::Drops), self.world.has(Theme::Pairs));
        let opens = self.world.has(Theme::Opens);
        // What a restart may undo is done only after the last one.
        if opens && self.rng.chance(4) {
            self.restarts = false;
        }
        match self.rng.below(100) {
            0..16 => Step::Look { place, node },
            16..20 if opens && self.restarts => Step::Restart { place },
            16..24 if opens => Step::Reopen { place, node },
            24..34 if drops && self.dropped < DROPS => {
                self.dropped += 1;
                let some = self.some(state);
                let call = match some.filter(|_| self.rng.chance(50)) {
                    Some(some) => {
                        let form = self.forms()[0];
                        self.call_about(form, &some, state)
                    }
                    None => self.call(state),
                };
                Step::Drop { place, node, call, polls: 1 + self.rng.below(POLLS) }
            }
            // A dropped call may take effect between any two others.
            16..60 if pairs && self.dropped == 0 => {
                let calls = self.rivals(state).unwrap_or_else(|| vec![self.insert(state), self.call(state)]);
                Step::Pair { place, calls, polls: self.rng.below(POLLS) }
            }
            60..66 => self.again(place, state).unwrap_or_else(|| self.fresh(place, node, state)),
            _ => self.fresh(place, node, state),
        }
    }

    fn fresh(&mut self, place: usize, node: usize, state: &State) -> Step {
        let call = self.call(state);
        self.made.push((place, node, call.clone()));
        Step::Do { place, node, call }
    }

    /// The next call.
    pub(super) fn call(&mut self, state: &State) -> Call {
        if !self.world.has(Theme::Crowd) && self.rng.chance(20) {
            let forms = self.forms();
            return self.form(forms[0], state, &[]);
        }
        // Few records are left: insert more.
        let few = state.records.len() * 4 < self.world.keys.len() * 3;
        let crowd = self.world.has(Theme::Crowd);
        let epochs = if self.world.has(Theme::Epochs) { 20 } else { 8 };
        // Records removed by a purge may be back after a restart.
        let purges = match () {
            () if self.restarts => 0,
            () if self.world.has(Theme::Purges) => 20,
            () if self.world.has(Theme::Epochs) => 14,
            () => 6,
        };
        let ends = if self.world.has(Theme::Ends) { 20 } else { 12 };
        let weights = [
            if few || crowd { 40 } else { 16 },
            6,
            if crowd { 6 } else { 22 },
            if crowd { 3 } else { 9 },
            if crowd { 3 } else { ends },
            10,
            epochs,
            purges,
        ];
        let mut left = self.rng.below(weights.iter().sum());
        let mut chosen = 0;
        while left >= weights[chosen] {
            left -= weights[chosen];
            chosen += 1;
        }
        self.call_of(chosen, state)
    }

    fn call_of(&mut self, operation: usize, state: &State) -> Call {
        match operation {
            0 => self.insert(state),
            1 => Call::Find { selector: self.selector(state) },
            2 => self.replace(state),
            3 => Call::Delete { selector: self.selector(state), note: self.world.note(&mut self.rng) },
            4 => self.revoke(state),
            5 => self.list(state),
            6 => self.epoch(),
            _ => self.purge(state),
        }
    }

    pub(super) fn epoch(&mut self) -> Call {
        Call::Epoch {
            subject: self.subject(),
            fresh: *self.rng.pick(&self.world.epochs),
            keep: self.world.keep(&mut self.rng),
            now: self.world.epoch_now(&mut self.rng),
        }
    }

    /// Conflicting calls, if there is a record to compete for: any two operations about one record, and reads while
    /// the first of them is held up.
    fn rivals(&mut self, state: &State) -> Option<Vec<Call>> {
        let some = self.some(state)?;
        let mut calls: Vec<_> =
            self.two_forms().into_iter().map(|form| self.call_about(form, &some, state)).collect();
        if calls.iter().all(|call| matches!(call, Call::Purge { .. })) {
            calls[1] = Call::Find { selector: some.selector };
        }
        let inserted = calls.iter().find_map(|call| match call {
            Call::Insert { record, .. } => Some(record.selector),
            _ => None,
        });
        // What another call has seen by then decides whether the first one may still take effect.
        for _ in 0..*self.rng.pick(&[0, 1, 1, 2]) {
            calls.push(match (self.rng.below(4), &some.subject, inserted) {
                (0, Some(subject), _) => Call::List { subject: subject.clone(), page: page(u16::MAX) },
                (1 | 2, _, Some(selector)) => Call::Find { selector },
                _ => Call::Find { selector: some.selector },
            });
        }
        Some(calls)
    }

    /// A call of `form` that concerns `some`.
    fn call_about(&mut self, form: Form, some: &Record, state: &State) -> Call {
        let new = self.kin(some);
        let kept = |record: &Record| record.subject.as_ref().and_then(|subject| state.epochs.get(subject));
        let until = kept(some).map(|kept| kept.until);
        match (form, some.subject.clone()) {
            // If the selector is taken, the insert could wait for a revocation that waits for its parent: a deadlock.
            (Form::InsertUnderParent, _) if state.record(new.selector).is_none() => {
                Call::Insert { record: new, fence: Fence::Parent(some.selector) }
            }
            (Form::InsertUnderEpoch, _) => {
                let fence = kept(&new).map_or(Fence::None, |kept| Fence::Epoch(kept.epoch));
                Call::Insert { record: new, fence }
            }
            (Form::Insert | Form::InsertUnderParent, _) => {
                // The selector is taken, as if another caller had inserted its own record; or it is free.
                let record = if self.rng.chance(60) { self.world.alike(&mut self.rng, some) } else { new };
                Call::Insert { record, fence: Fence::None }
            }
            (Form::Touch | Form::Rotate | Form::Update | Form::End, _) => {
                if self.rng.chance(25) {
                    return self.replace_of(some.clone());
                }
                let kind = match form {
                    Form::Touch => Kind::Touch,
                    Form::End => Kind::End(self.world.note(&mut self.rng)),
                    _ => Kind::Update,
                };
                self.write(some.clone(), some.revision, kind)
            }
            (Form::Delete, _) => Call::Delete { selector: some.selector, note: Note::none() },
            (
                Form::Mark | Form::MarkEverything | Form::Remove | Form::RemoveEverything | Form::SetEpoch,
                Some(subject),
            ) => {
                let mut revocation = self.revocation();
                revocation.action = match form {
                    Form::Remove | Form::RemoveEverything => Action::Remove,
                    _ => self.mark(),
                };
                if matches!(form, Form::Mark | Form::Remove) {
                    revocation.filter.logins = Logins::Only(some.login);
                }
                if form == Form::SetEpoch {
                    revocation.filter.kinds = Kinds::Only(Vec::new());
                    revocation.epoch = self.set();
                }
                Call::Revoke { subject, revocation }
            }
            (Form::List, Some(subject)) => Call::List { subject, page: page(u16::MAX) },
            (Form::Epoch, Some(subject)) => {
                let mut call = self.epoch();
                if let Call::Epoch { subject: of, .. } = &mut call {
                    *of = subject;
                }
                call
            }
            (Form::Purge, _) => {
                let now = if self.rng.chance(40) { until.unwrap_or(some.purge_at) } else { some.purge_at };
                Call::Purge { now, limit: 1_000 }
            }
            _ => Call::Find { selector: some.selector },
        }
    }

    /// A new record in the shard of `some`.
    fn kin(&mut self, some: &Record) -> Record {
        let fits = |key: &usize| self.world.keys[*key].selector.shard() == some.selector.shard();
        let kin: Vec<_> = (0..self.world.keys.len()).filter(fits).collect();
        let key = if kin.is_empty() { self.rng.below(self.world.keys.len()) } else { *self.rng.pick(&kin) };
        self.world.record(&mut self.rng, key)
    }

    /// The next two forms: any two have their turn.
    fn two_forms(&mut self) -> [Form; 2] {
        let count = Form::ALL.len();
        // A step that has no divisor with the number of pairs visits each of them.
        self.pair = (self.pair + 101) % (count * count);
        let forms = [Form::ALL[self.pair / count], Form::ALL[self.pair % count]];
        let one = self.forms()[0];
        forms.map(|form| if !self.restarts || form.is_durable() { form } else { one })
    }

    /// Repeats an earlier call exactly, on the same handle, which may have cached the result.
    fn again(&mut self, place: usize, state: &State) -> Option<Step> {
        let made: Vec<_> = self.made.iter().filter(|(at, ..)| *at == place).collect();
        let (place, node, call) = (!made.is_empty()).then(|| (*self.rng.pick(&made)).clone())?;
        let is_new = match &call {
            // All bytes are equal: the store may take it for its own earlier send (S5).
            Call::Insert { record, .. } => state.record(record.selector).is_none(),
            Call::Replace { .. } => false,
            _ => true,
        };
        is_new.then_some(Step::Do { place, node, call })
    }

    /// A revocation of every record.
    fn revocation(&mut self) -> Revocation {
        let epoch = if self.rng.chance(50) { self.set() } else { EpochUpdate::Keep };
        Revocation::new(RecordFilter::all(), self.action()).epoch(epoch)
    }

    pub(super) fn action(&mut self) -> Action {
        if self.rng.chance(35) { Action::Remove } else { self.mark() }
    }

    pub(super) fn mark(&mut self) -> Action {
        Action::Mark { reason: *self.rng.pick(&Reason::ALL), at: *self.rng.pick(&self.world.instants) }
    }

    pub(super) fn set(&mut self) -> EpochUpdate {
        EpochUpdate::Set {
            epoch: *self.rng.pick(&self.world.epochs),
            now: self.world.epoch_now(&mut self.rng),
            keep: self.world.keep(&mut self.rng),
        }
    }

    pub(super) fn subject(&mut self) -> Subject {
        self.rng.pick(&self.world.subjects).clone()
    }

    /// Usually a selector with a record.
    pub(super) fn selector(&mut self, state: &State) -> Selector {
        match self.some(state) {
            Some(record) if self.rng.chance(75) => record.selector,
            _ => self.rng.pick(&self.world.keys).selector,
        }
    }

    fn some(&mut self, state: &State) -> Option<Record> {
        let count = state.records.len();
        (count > 0).then(|| state.all().nth(self.rng.below(count)).cloned()).flatten()
    }

    fn insert(&mut self, state: &State) -> Call {
        let mut key = self.rng.below(self.world.keys.len());
        for _ in 0..4 {
            if state.record(self.world.keys[key].selector).is_some() {
                key = self.rng.below(self.world.keys.len());
            }
        }
        let calm = !self.world.has(Theme::Drops) && !self.world.has(Theme::Pairs);
        if calm && self.rng.chance(15) && state.record(self.world.keys[key].selector).is_none() {
            self.world.give_away(&mut self.rng, key);
        }
        let record = self.world.record(&mut self.rng, key);
        let fence = match self.rng.below(10) {
            0..4 => Fence::None,
            4..7 => {
                let current = record.subject.as_ref().and_then(|subject| state.epochs.get(subject));
                let other = self.rng.pick(&self.world.subjects);
                let others = state.epochs.get(other);
                match self.rng.below(10) {
                    0..6 => Fence::Epoch(current.map_or(self.world.epochs[0], |kept| kept.epoch)),
                    6 => Fence::Epoch(others.map_or(self.world.epochs[0], |kept| kept.epoch)),
                    _ => Fence::Epoch(*self.rng.pick(&self.world.epochs)),
                }
            }
            _ => {
                let parent = self.selector(state);
                let shard = record.selector.shard();
                let fits = |record: &&Record| record.selector.shard() == shard;
                // A parent of another shard may be refused, which would test nothing.
                let kin = state.all().filter(fits).map(|record| record.selector);
                let kin: Vec<_> = kin.collect();
                if kin.is_empty() || self.rng.chance(20) {
                    Fence::Parent(if parent.shard() == shard { parent } else { record.selector })
                } else {
                    Fence::Parent(*self.rng.pick(&kin))
                }
            }
        };
        Call::Insert { record, fence }
    }

    pub(super) fn replace(&mut self, state: &State) -> Call {
        let old = match self.some(state) {
            Some(record) if self.rng.chance(90) => record,
            _ => {
                let key = self.rng.below(self.world.keys.len());
                let other = self.world.record(&mut self.rng, key);
                state.record(other.selector).cloned().unwrap_or(other)
            }
        };
        self.replace_of(old)
    }

    fn replace_of(&mut self, old: Record) -> Call {
        let is = old.revision.get();
        if is > 1 && self.rng.chance(8) {
            // As another caller wrote it a moment ago, except for one column.
            let next = self.world.alike(&mut self.rng, &old);
            let expected = Revision::new(is - 1).unwrap_or(Revision::FIRST);
            let kind = if next.revoked.is_some() { Kind::End(Note::none()) } else { Kind::Update };
            return Call::Replace { next, expected, kind };
        }
        let wrong =
            [is.wrapping_sub(1), is + 1, is + (1 << 16), is + (1 << 32), is % (1 << 16), is % (1 << 32), 1];
        let number = if self.rng.chance(75) { is } else { *self.rng.pick(&wrong) };
        let expected = Revision::new(number).unwrap_or(old.revision);
        let kind = match self.rng.below(10) {
            0..3 if !self.restarts => Kind::Touch,
            0..7 => Kind::Update,
            _ => Kind::End(self.world.note(&mut self.rng)),
        };
        self.write(old, expected, kind)
    }

    /// A replace of `old`, if it is at revision `expected`.
    pub(super) fn write(&mut self, old: Record, expected: Revision, kind: Kind) -> Call {
        let (rng, world) = (&mut self.rng, &self.world);
        let instant = |rng: &mut Rng, world: &World| *rng.pick(&world.instants);
        if !matches!(kind, Kind::End(_)) && old.revoked.is_none() && rng.chance(30) {
            // An adapter may write only what has changed, or what it takes for that.
            let mut next = world.alike(rng, &old);
            (next.revision, next.body) = (expected.next(), world.body(rng));
            return Call::Replace { next, expected, kind };
        }
        let mut next = old;
        next.revision = expected.next();
        next.body = world.body(rng);
        next.revoked = None;
        next.updated_at = instant(rng, world);
        if let Kind::End(_) = kind {
            (next.revoked, next.idle_at, next.purge_at) =
                (Some(*rng.pick(&Reason::ALL)), None, next.expires_at);
        } else {
            next.seen_at = instant(rng, world);
            next.idle_at = rng.chance(70).then(|| instant(rng, world));
            next.purge_at = instant(rng, world);
            world.fit(&mut next);
        }
        if !matches!(kind, Kind::Touch) {
            next.generation = next.generation.wrapping_add(u32::from(rng.chance(65)));
            if rng.chance(30) {
                next.device = world.device(rng);
            }
        }
        Call::Replace { next, expected, kind }
    }

    pub(super) fn revoke(&mut self, state: &State) -> Call {
        let logins = match (self.rng.below(4), self.some(state)) {
            (0, _) => Logins::Any,
            (1, Some(record)) => Logins::Except(record.login),
            (2, Some(record)) => Logins::Only(record.login),
            (3, _) => Logins::Only(*self.rng.pick(&self.world.logins)),
            _ => Logins::Any,
        };
        let sets = self.world.has(Theme::Sets) || self.world.has(Theme::Joins);
        let kinds = self.kinds(if sets { 80 } else { 35 });
        let filter = RecordFilter { kinds, purposes: self.world.purposes(&mut self.rng), logins };
        let subject = match self.some(state).and_then(|record| record.subject) {
            Some(subject) if self.rng.chance(80) => subject,
            _ => self.subject(),
        };
        let action = self.action();
        let sets = if self.world.has(Theme::Epochs) { 70 } else { 40 };
        let epoch = if self.rng.chance(sets) { self.set() } else { EpochUpdate::Keep };
        let note = self.world.note(&mut self.rng);
        Call::Revoke { subject, revocation: Revocation::new(filter, action).epoch(epoch).note(note) }
    }

    /// A set of kinds in `percent` of 100 cases, otherwise every kind.
    fn kinds(&mut self, percent: usize) -> Kinds {
        if !self.rng.chance(percent) {
            return Kinds::Any;
        }
        let mut some = self.world.kinds.clone();
        some.retain(|_| self.rng.chance(50));
        match self.rng.below(5) {
            0 => some.extend(some.clone()),
            1 => {
                let numbered = (0..12).filter_map(|number| format!("kind-{number}").parse().ok());
                let at = self.rng.below(some.len() + 1);
                some.splice(at..at, numbered);
                some.push(*self.rng.pick(&self.world.kinds));
            }
            2 => some.push(*self.rng.pick(&self.world.kinds)),
            _ => {}
        }
        Kinds::Only(some)
    }

    pub(super) fn list(&mut self, state: &State) -> Call {
        let near = |rng: &mut Rng, place: (Timestamp, Selector)| match rng.below(4) {
            0 => (place.0.saturating_add(Duration::from_millis(1)), place.1),
            1 => (place.0, Selector([0xff; 16])),
            _ => place,
        };
        let gone = self.rng.pick(&self.world.keys).clone();
        let some = if self.rng.chance(30) { Some(gone) } else { self.some(state) };
        let after = match (self.rng.below(2), some) {
            (0, Some(record)) => Some(near(&mut self.rng, (record.created_at, record.selector))),
            _ => None,
        };
        let count = state.records.len().clamp(1, 1_000) as u16;
        let limit = *self.rng.pick(&[1, 2, 3, count, count + 1, 1_000, u16::MAX]);
        let subject = match self.some(state).and_then(|record| record.subject) {
            Some(subject) if self.rng.chance(80) => subject,
            _ => self.subject(),
        };
        let page = Page {
            kinds: self.kinds(if self.world.has(Theme::Sets) { 70 } else { 40 }),
            purposes: self.world.purposes(&mut self.rng),
            after,
            limit: NonZeroU16::new(limit).unwrap_or(NonZeroU16::MIN),
        };
        Call::List { subject, page }
    }

    pub(super) fn purge(&mut self, state: &State) -> Call {
        let millisecond = Duration::from_millis(1);
        let epochs = self.world.has(Theme::Epochs) && self.rng.chance(60);
        let mut instants: Vec<_> = state.epochs.values().map(|kept| kept.until).collect();
        if !epochs {
            instants.extend(state.all().flat_map(|record| [record.purge_at, record.expires_at]));
        }
        let now = match instants.is_empty() || self.rng.chance(10) {
            true => *self.rng.pick(&self.world.instants),
            false => *self.rng.pick(&instants),
        };
        let now = match self.rng.below(5) {
            0 | 1 => now.saturating_sub(millisecond),
            2 => now.saturating_add(millisecond),
            _ => now,
        };
        let due = state.due(now).count() as u32;
        let few = [0, 1, 2, 3, due.saturating_sub(1), due, due + 1, 1_000, u32::MAX];
        let limit = if due > 8 { u32::MAX } else { *self.rng.pick(&few) };
        Call::Purge { now, limit }
    }
}
