//! One namespace of a sequence: its handles, and the states that the model considers possible.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use hallpass_core::store::{Epoch, Fence, Insert, Record, Replace, Revision};
use hallpass_core::{Selector, StoreError, Subject, Timestamp};
use tokio::task::{JoinError, JoinSet};
use tokio::time::error::Elapsed;

use super::call::{Answer, Call};
use super::model::{Broken, Model};
use super::pieces::after_all;
use super::spared::Beside;
use super::state::State;
use crate::clause::Clause::{self, S1, S2, S3, S4, S5, S7, S8, S10, S11, S12, S13};
use crate::handle::{Handle, IDLE};
use crate::harness::Fault;
use crate::outcome::{CaseResult, Stop, hold};
use crate::specimen::{NOW, page};

/// The maximum number of possible states; beyond it the sequence is given up without a verdict.
const MANY: usize = 256;

/// One namespace.
pub(super) struct Place {
    pub(super) name: String,
    pub(super) nodes: Vec<Handle>,
    /// The possible states of the store, the most likely first.
    pub(super) states: Vec<State>,
    pub(super) dropped: Vec<Call>,
    /// For each selector, the clause that governed the latest write, or a write that may have happened.
    pub(super) blame: BTreeMap<Selector, Clause>,
    pub(super) selectors: BTreeSet<Selector>,
    pub(super) subjects: BTreeSet<Subject>,
    /// Whether the namespace holds records that the model does not know, and that no purge may touch.
    pub(super) is_shared: bool,
}

/// The result of a step that broke no promise.
pub(crate) enum StepOutcome {
    On,
    /// Too many states are possible: further steps would prove nothing.
    Nowhere,
}

impl Place {
    /// An empty namespace.
    pub(super) fn new(name: String, nodes: Vec<Handle>) -> Self {
        Self {
            name,
            nodes,
            states: vec![State::default()],
            dropped: Vec::new(),
            blame: BTreeMap::new(),
            selectors: BTreeSet::new(),
            subjects: BTreeSet::new(),
            is_shared: false,
        }
    }

    /// Whether a replace keeps the immutable fields. It may not if shrinking has removed its insert.
    pub(super) fn is_well_formed(&self, call: &Call, others: &[Call]) -> bool {
        let Call::Replace { next, .. } = call else { return true };
        let settled = |old: &Record| {
            let Record { subject, kind, purpose, login, era, created_at, expires_at, .. } = old;
            (subject, kind, purpose, login, era, created_at, expires_at)
                == (
                    &next.subject,
                    &next.kind,
                    &next.purpose,
                    &next.login,
                    &next.era,
                    &next.created_at,
                    &next.expires_at,
                )
        };
        let inserted = |call: &Call| match call {
            Call::Insert { record, .. } => record.selector != next.selector || settled(record),
            _ => true,
        };
        self.states.iter().all(|state| state.record(next.selector).is_none_or(settled))
            && self.dropped.iter().chain(others).all(inserted)
    }

    /// Notes the selectors and subjects of a call, for the final look.
    pub(super) fn meet(&mut self, call: &Call) {
        match call {
            Call::Insert { record, .. } => {
                self.selectors.insert(record.selector);
                self.subjects.extend(record.subject.clone());
            }
            Call::Replace { next, .. } => {
                self.selectors.insert(next.selector);
                self.subjects.extend(next.subject.clone());
            }
            Call::Find { selector } | Call::Delete { selector, .. } => drop(self.selectors.insert(*selector)),
            Call::Revoke { subject, .. } | Call::List { subject, .. } | Call::Epoch { subject, .. } => {
                self.subjects.insert(subject.clone());
            }
            Call::Purge { .. } => {}
        }
    }

    /// The possible states just before a call: dropped calls may have taken effect meanwhile.
    fn meanwhile(&self, model: &Model) -> Option<Vec<State>> {
        if self.dropped.is_empty() {
            return Some(self.states.clone());
        }
        let (mut all, mut met) = (Vec::new(), HashSet::new());
        let mut open = self.states.clone();
        open.reverse();
        while let Some(state) = open.pop() {
            if !met.insert(state.clone()) {
                continue;
            }
            if met.len() > MANY {
                return None;
            }
            for number in &state.pending {
                for (mut late, done) in model.late(&state, &self.dropped[*number]) {
                    if done {
                        late.pending.remove(number);
                    }
                    open.push(late);
                }
            }
            all.push(state);
        }
        Some(all)
    }

    /// Whether a replace returned Conflict although it could have succeeded.
    pub(super) fn is_spurious(&self, model: &Model, call: &Call, answer: &Answer) -> bool {
        let (Call::Replace { expected, .. }, Answer::Replace(Replace::Conflict)) = (call, answer) else {
            return false;
        };
        let done = Answer::Replace(Replace::Replaced);
        self.dropped.is_empty()
            && *expected != Revision::MAX
            && self.states.iter().all(|state| model.judge(state, call, &done).is_ok())
    }

    pub(super) fn answered(
        &mut self,
        model: &Model,
        call: &Call,
        answer: &Answer,
    ) -> CaseResult<StepOutcome> {
        let Some(before) = self.meanwhile(model) else { return Ok(StepOutcome::Nowhere) };
        let judge = |state: &State| model.judge(state, call, answer);
        let outcome = self.follow(&before, judge, call)?;
        self.blame(call, answer);
        Ok(outcome)
    }

    /// Judges a call that ran while `others` were made one after the other: it took effect before one of them, or
    /// last.
    pub(super) fn all_answered(
        &mut self,
        model: &Model,
        held: (&Call, &Answer),
        others: &[(&Call, Answer)],
    ) -> CaseResult<StepOutcome> {
        let Some(before) = self.meanwhile(model) else { return Ok(StepOutcome::Nowhere) };
        let others: Vec<_> = others.iter().map(|(call, answer)| (*call, answer)).collect();
        // The others follow each other, so an insert and a revocation ran at the same time if one of them was held.
        let holds_insert = matches!(held.0, Call::Insert { .. });
        let beside: Vec<_> =
            [held].iter().chain(&others).filter_map(|(call, answer)| Beside::of(call, answer)).collect();
        let judge_one = |state: &State, (call, answer): (&Call, &Answer)| match (call, answer) {
            (Call::Revoke { subject, revocation }, Answer::Revoke(count))
                if holds_insert || std::ptr::eq(call, held.0) =>
            {
                let beside = if holds_insert { &beside[..beside.len().min(1)] } else { &beside[..] };
                model.revoke_beside(state, subject, revocation, Some(*count), beside)
            }
            _ => model.judge(state, call, answer),
        };
        let in_order = |state: &State, at: usize| {
            let mut order = others.clone();
            order.insert(at, held);
            after_all(vec![state.clone()], &order, judge_one)
        };
        let judge = |state: &State| {
            let (mut after, mut last) = (Vec::new(), None);
            let orders = (0..=others.len()).map(|at| in_order(state, at));
            // A purge is no single event: it removes each record at its own instant.
            for order in orders.chain(model.in_pieces(state, held, &others)) {
                match order {
                    Ok(states) => after.extend(states),
                    Err(Broken::Unjudged) => return Err(Broken::Unjudged),
                    Err(broken) => drop(last.get_or_insert(broken)),
                }
            }
            match last {
                Some(Broken::Promise(clause, how)) if after.is_empty() => {
                    Err(Broken::Promise(clause, format!("no order explains these concurrent calls: {how}")))
                }
                _ => Ok(after),
            }
        };
        let outcome = self.follow(&before, judge, held.0)?;
        for (call, answer) in [held].into_iter().chain(others) {
            self.blame(call, answer);
        }
        Ok(outcome)
    }

    fn follow(
        &mut self,
        before: &[State],
        judge: impl Fn(&State) -> Result<Vec<State>, Broken>,
        call: &Call,
    ) -> CaseResult<StepOutcome> {
        let (mut after, mut met, mut first) = (Vec::new(), HashSet::new(), None);
        for state in before {
            match judge(state) {
                Ok(states) if before.len() == 1 => after = states,
                Ok(states) => after.extend(states.into_iter().filter(|state| met.insert(state.clone()))),
                Err(Broken::Unjudged) => return Ok(StepOutcome::Nowhere),
                Err(Broken::Promise(clause, how)) => drop(first.get_or_insert((clause, how))),
            }
        }
        if let (true, Some((clause, observed))) = (after.is_empty(), first) {
            let clause = match call {
                Call::Find { selector } => self.blame.get(selector).copied().unwrap_or(S3),
                _ => clause,
            };
            return Err(Stop::Violation { clause, observed });
        }
        if after.len() > MANY {
            return Ok(StepOutcome::Nowhere);
        }
        self.states = after;
        Ok(StepOutcome::On)
    }

    /// Notes the clause that is broken if a record is found in the wrong state after this call.
    fn blame(&mut self, call: &Call, answer: &Answer) {
        let (one, all) = match (call, answer) {
            (Call::Insert { record, .. }, Answer::Insert(answer)) => match answer {
                Insert::Inserted { .. } => (Some((record.selector, S1)), None),
                Insert::Duplicate => (Some((record.selector, S2)), None),
                Insert::Fenced => (Some((record.selector, S11)), None),
            },
            (Call::Replace { next, .. }, Answer::Replace(Replace::Replaced)) => {
                (Some((next.selector, S1)), None)
            }
            (Call::Replace { next, .. }, Answer::Replace(Replace::Missing)) => {
                (Some((next.selector, S4)), None)
            }
            (Call::Replace { next, .. }, _) => (Some((next.selector, S5)), None),
            (Call::Delete { selector, .. }, _) => (Some((*selector, S7)), None),
            (Call::Revoke { .. }, _) => (None, Some(S8)),
            (Call::Purge { .. }, _) => (None, Some(S10)),
            _ => (None, None),
        };
        self.blame.extend(one);
        if let Some(clause) = all {
            self.blame.extend(self.selectors.iter().map(|selector| (*selector, clause)));
        }
    }

    pub(super) fn was_dropped(&mut self, call: &Call) -> StepOutcome {
        if !call.reads() {
            let number = self.dropped.len();
            self.dropped.push(call.clone());
            for state in &mut self.states {
                state.pending.insert(number);
            }
            self.blame.extend(self.selectors.iter().map(|selector| (*selector, S13)));
        }
        StepOutcome::On
    }

    /// Judges a call that was made during a fault.
    pub(super) fn answered_in_fault(
        &mut self,
        model: &Model,
        call: &Call,
        asked: Result<Result<Result<Answer, StoreError>, Elapsed>, JoinError>,
        fault: Fault,
    ) -> CaseResult {
        let asked = asked.map_err(|error| Stop::Harness(error.to_string()))?;
        let Ok(answer) = asked else {
            return hold(S12, false, "a call during a fault has not ended in time");
        };
        // An epoch fences a record without a subject in any state of the store (S11), so the store need not be asked.
        let is_settled =
            matches!(call, Call::Insert { record, fence: Fence::Epoch(_) } if record.subject.is_none());
        match answer {
            Ok(Answer::Refused) => Ok(()),
            Ok(Answer::Insert(Insert::Fenced)) if is_settled => Ok(()),
            Ok(answer) if fault == Fault::Restart => self.answered(model, call, &answer).map(drop),
            Ok(answer) => hold(S12, false, format_args!("a call during a fault returned {}", answer.text())),
            Err(StoreError::Timeout { outcome_unknown: true, .. }) => {
                self.was_dropped(call);
                Ok(())
            }
            Err(StoreError::Corrupt { .. }) => hold(S12, false, "a fault was reported as a damaged row"),
            Err(_) => Ok(()),
        }
    }

    /// Looks at all records right after a purge, because the contract leaves open which ones it removes.
    pub(super) async fn after(
        &mut self,
        model: &Model,
        store: &Handle,
        call: &Call,
    ) -> CaseResult<StepOutcome> {
        match call {
            Call::Purge { .. } if self.states.len() > 1 => self.look(model, store).await,
            _ => Ok(StepOutcome::On),
        }
    }

    /// Finds every record, several concurrently.
    pub(super) async fn look(&mut self, model: &Model, store: &Handle) -> CaseResult<StepOutcome> {
        let mut finds = JoinSet::new();
        for selector in self.selectors.clone() {
            let store = store.clone();
            finds.spawn(async move { (selector, store.find(selector).await) });
        }
        let mut found = finds.join_all().await;
        found.sort_unstable_by_key(|(selector, _)| *selector);
        for (selector, found) in found {
            let call = Call::Find { selector };
            if let StepOutcome::Nowhere = self.answered(model, &call, &Answer::Find(found?))? {
                return Ok(StepOutcome::Nowhere);
            }
        }
        Ok(StepOutcome::On)
    }

    async fn ask(&mut self, model: &Model, store: &Handle, call: Call) -> CaseResult<StepOutcome> {
        let answer = call.make(store.watched()).await?;
        self.answered(model, &call, &answer)
    }

    /// Reads everything in every way, on both handles; then purges everything, and reads again.
    pub(super) async fn last_look(&mut self, model: &Model) -> CaseResult<StepOutcome> {
        let (here, there) = (self.nodes[0].clone(), self.nodes[1].clone());
        for node in [&there, &here] {
            if let StepOutcome::Nowhere = self.look(model, node).await? {
                return Ok(StepOutcome::Nowhere);
            }
        }
        for subject in self.subjects.clone() {
            for (node, limit) in [(&there, u16::MAX), (&here, 3)] {
                let call = Call::List { subject: subject.clone(), page: page(limit) };
                if let StepOutcome::Nowhere = self.ask(model, node, call).await? {
                    return Ok(StepOutcome::Nowhere);
                }
            }
            let (fresh, keep) = (Epoch([0x5a; 16]), Duration::from_secs(3_600));
            // Just before its time is over.
            let kept =
                self.states.iter().filter_map(|state| state.epochs.get(&subject)).map(|kept| kept.until);
            let end = kept.min().map_or(NOW, |until| until.saturating_sub(Duration::from_millis(1)));
            let call = Call::Epoch { subject, fresh, keep, now: end.max(NOW) };
            if let StepOutcome::Nowhere = self.ask(model, &there, call).await? {
                return Ok(StepOutcome::Nowhere);
            }
        }
        if model.purges && self.dropped.is_empty() && !self.is_shared {
            return self.collect(model, &here, &there).await;
        }
        Ok(StepOutcome::On)
    }

    /// Purges at the end of time; repeating the call removes every record (S10).
    async fn collect(&mut self, model: &Model, here: &Handle, there: &Handle) -> CaseResult<StepOutcome> {
        let mut idle = 0;
        while idle < IDLE && !self.states.iter().all(|state| state.records.is_empty()) {
            let before = self.states[0].records.len();
            let limit = if before > 8 { u32::MAX } else { 4 };
            let call = Call::Purge { now: Timestamp::MAX, limit };
            if let StepOutcome::Nowhere = self.ask(model, here, call.clone()).await? {
                return Ok(StepOutcome::Nowhere);
            }
            if let StepOutcome::Nowhere = self.after(model, there, &call).await? {
                return Ok(StepOutcome::Nowhere);
            }
            let unchanged = self.states[0].records.len() == before;
            idle = if unchanged { idle + 1 } else { 0 };
        }
        let left = self.states[0].records.len();
        hold(S10, left == 0, format_args!("purges at the end of time left {left} records"))?;
        if let StepOutcome::Nowhere = self.look(model, there).await? {
            return Ok(StepOutcome::Nowhere);
        }
        for subject in self.subjects.clone() {
            let call = Call::List { subject, page: page(9) };
            if let StepOutcome::Nowhere = self.ask(model, here, call).await? {
                return Ok(StepOutcome::Nowhere);
            }
        }
        Ok(StepOutcome::On)
    }
}
