//! What calls of unknown outcome may have left behind, judged for each record and each epoch by itself: together they
//! lead to more states than a model can follow.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use hallpass_core::store::{Epoch, EpochUpdate, Fence, Record};
use hallpass_core::{Selector, Subject};

use super::call::Call;
use super::model::Model;
use super::place::Place;
use super::state::{Kept, State};
use crate::clause::Clause::{S9, S11, S12};
use crate::handle::Handle;
use crate::outcome::{CaseResult, hold};
use crate::specimen::{NOW, page};

type Found = BTreeMap<Selector, Option<Record>>;

impl Place {
    /// Checks every record, list and epoch.
    pub(super) async fn settle(&mut self, model: &Model) -> CaseResult {
        let (here, there) = (self.nodes[0].clone(), self.nodes[1].clone());
        for selector in &self.selectors {
            let (possible, found) = (self.may_be(model, *selector), here.find(*selector).await?);
            let clause = self.blame.get(selector).copied().unwrap_or(S12);
            let known = possible.contains(&found);
            hold(clause, known, "after a fault a record is in a state that no call explains")?;
        }
        for subject in self.subjects.clone() {
            let before = self.look_up(&here).await?;
            let list = there.list_by_subject(&subject, &page(u16::MAX)).await?;
            let after = self.look_up(&here).await?;
            // A call may still take effect.
            for (selector, found) in before.into_iter().filter(|(selector, found)| after[selector] == *found)
            {
                let own = found.as_ref().filter(|found| found.subject.as_ref() == Some(&subject));
                let listed = list.iter().find(|listed| listed.selector == selector);
                hold(S9, listed == own, "after a fault a list shows another record than is found")?;
            }
            self.settle_epoch(model, &subject, &there).await?;
        }
        Ok(())
    }

    async fn look_up(&self, store: &Handle) -> CaseResult<Found> {
        let mut found = Found::new();
        for selector in &self.selectors {
            found.insert(*selector, store.find(*selector).await?);
        }
        Ok(found)
    }

    /// Everything that `selector` may hold if each call took effect at any time, or never.
    fn may_be(&self, model: &Model, selector: Selector) -> Vec<Option<Record>> {
        let calls: Vec<_> = self.dropped.iter().filter_map(|call| about(call, selector)).collect();
        let mut open: Vec<_> = self.states.iter().map(|state| state.only(selector)).collect();
        let mut met: HashSet<State> = HashSet::new();
        while let Some(state) = open.pop() {
            if met.insert(state.clone()) {
                let late = calls.iter().flat_map(|call| model.late(&state, call));
                open.extend(late.map(|(after, _)| after.only(selector)));
            }
        }
        met.iter().map(|state| state.record(selector).cloned()).collect()
    }

    async fn settle_epoch(&self, model: &Model, subject: &Subject, store: &Handle) -> CaseResult {
        let fresh = Epoch([0x5b; 16]);
        let kept = || self.states.iter().map(|state| state.epochs.get(subject));
        let mut possible: BTreeSet<_> = kept().flatten().map(|kept| kept.epoch.0).collect();
        let over = |call: &Call| matches!(call, Call::Purge { .. });
        let may_be_gone =
            |kept: Option<&Kept>| kept.is_none_or(|kept| kept.over || kept.until <= NOW.max(model.wall));
        if kept().any(may_be_gone) || self.dropped.iter().any(over) {
            possible.insert(fresh.0);
        }
        let set = |call: &Call| match call {
            Call::Epoch { subject: of, fresh, .. } if of == subject => Some(fresh.0),
            Call::Revoke { subject: of, revocation } if of == subject => match revocation.epoch {
                EpochUpdate::Set { epoch, .. } => Some(epoch.0),
                EpochUpdate::Keep => None,
            },
            _ => None,
        };
        possible.extend(self.dropped.iter().filter_map(set));
        let answer = store.epoch(subject, fresh, Duration::from_secs(3_600), NOW).await?;
        hold(S11, possible.contains(&answer.0), "after a fault an epoch is one that no call has set")
    }
}

/// The part of `call` that concerns `selector`; its fence may have held.
fn about(call: &Call, selector: Selector) -> Option<Call> {
    match call {
        Call::Insert { record, .. } if record.selector == selector => {
            Some(Call::Insert { record: record.clone(), fence: Fence::None })
        }
        Call::Replace { next, .. } if next.selector == selector => Some(call.clone()),
        Call::Delete { selector: deleted, .. } if *deleted == selector => Some(call.clone()),
        Call::Revoke { subject, revocation } => {
            let revocation = revocation.clone().epoch(EpochUpdate::Keep);
            Some(Call::Revoke { subject: subject.clone(), revocation })
        }
        Call::Purge { .. } => Some(call.clone()),
        _ => None,
    }
}

impl State {
    /// The state as far as `selector` shows it.
    fn only(&self, selector: Selector) -> Self {
        let mut only = Self::default();
        if let Some(record) = self.record(selector) {
            only.put(record.clone());
        }
        only
    }
}
