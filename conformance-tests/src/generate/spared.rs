//! A revocation that misses records inserted at the same time: up to some 2,000 records it may, if no fence turns the
//! insert away (S8).

use hallpass_core::store::{EpochUpdate, Fence, Insert, Revocation};
use hallpass_core::{Selector, Subject};

use super::call::{Answer, Call};
use super::model::{Broken, Model};
use super::state::State;
use crate::clause::Clause::S8;

/// The maximum number of records that may have been missed; beyond it the model gives up.
const MANY: usize = 6;

/// An insert that ran at the same time as a revocation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beside {
    selector: Selector,
    fence: Fence,
}

impl Beside {
    /// The insert that `call` is, if it stored its record or may have.
    pub(crate) fn of(call: &Call, answer: &Answer) -> Option<Self> {
        match (call, answer) {
            (Call::Insert { record, fence }, Answer::Insert(Insert::Inserted { .. }) | Answer::Unknown) => {
                Some(Self { selector: record.selector, fence: *fence })
            }
            _ => None,
        }
    }

    /// Whether the fence still holds after a revocation that ends `ended`.
    fn passes(self, before: &State, revocation: &Revocation, ended: &[Selector]) -> bool {
        match (self.fence, revocation.epoch) {
            (Fence::None, _) | (Fence::Epoch(_), EpochUpdate::Keep) => true,
            (Fence::Epoch(epoch), EpochUpdate::Set { epoch: set, .. }) => epoch == set,
            (Fence::Parent(parent), _) => {
                let lives = before.record(parent).is_some_and(|parent| parent.revoked.is_none());
                lives && !ended.contains(&parent)
            }
        }
    }
}

impl Model {
    /// The states after a revocation that ended `count` records, any number if it is not known, while the inserts
    /// `beside` ran.
    pub(crate) fn revoke_beside(
        &self,
        before: &State,
        subject: &Subject,
        revocation: &Revocation,
        count: Option<u64>,
        beside: &[Beside],
    ) -> Result<Vec<State>, Broken> {
        let doomed: Vec<_> = before.to_end(subject, revocation).collect();
        let new: Vec<_> = beside.iter().copied().filter(|insert| doomed.contains(&insert.selector)).collect();
        if new.len() > MANY {
            return Err(Broken::Unjudged);
        }
        let mut after = Vec::new();
        for missed in 0..1_u32 << new.len() {
            let missed = (0..new.len()).filter(|at| missed & (1 << at) != 0).map(|at| new[at]);
            let missed: Vec<_> = missed.collect();
            let is_missed = |selector: &Selector| missed.iter().any(|insert| insert.selector == *selector);
            let ended: Vec<_> = doomed.iter().copied().filter(|selector| !is_missed(selector)).collect();
            let right = count.is_none_or(|count| count == ended.len() as u64);
            if right && missed.iter().all(|insert| insert.passes(before, revocation, &ended)) {
                let mut state = self.set_epoch(before, subject, revocation.epoch);
                ended.iter().for_each(|selector| state.end(*selector, revocation.action));
                after.push(state);
            }
        }
        match (after.is_empty(), count) {
            (true, Some(count)) => {
                let how = format!("a revocation that ended {} records returned {count}", doomed.len());
                Err(Broken::Promise(S8, how))
            }
            _ => Ok(after),
        }
    }
}
