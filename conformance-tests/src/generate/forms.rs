//! A call of each form, chosen so that it takes effect.

use hallpass_core::store::{Action, EpochUpdate, Fence, Logins, Record, RecordFilter, Revision, Revocation};
use hallpass_core::{Kinds, Note, Selector};

use super::call::{Call, Kind};
use super::choose::Chooser;
use super::form::Form;
use super::state::State;

/// How many calls are drawn before one that does nothing is accepted.
const DRAWN: usize = 12;

impl Chooser {
    /// Every form in random order; without those that a crash may undo if the store is reopened.
    pub(crate) fn forms(&mut self) -> Vec<Form> {
        let mut left = Form::ALL.to_vec();
        left.retain(|form| !self.restarts || form.is_durable());
        let mut forms = Vec::new();
        while !left.is_empty() {
            forms.push(left.swap_remove(self.rng.below(left.len())));
        }
        forms
    }

    /// A call of `form` that takes effect in `state`, if there is one, and that concerns none of `others`.
    pub(crate) fn form(&mut self, form: Form, state: &State, others: &[Selector]) -> Call {
        match form {
            Form::Insert | Form::InsertUnderEpoch | Form::InsertUnderParent => {
                self.insert_form(form, state, others)
            }
            Form::Touch | Form::Rotate | Form::Update | Form::End => self.replace_form(form, state, others),
            Form::Delete => {
                let there: Vec<_> = state.records.keys().filter(|key| !others.contains(key)).collect();
                let selector = match there.as_slice() {
                    [] => self.selector(state),
                    there => **self.rng.pick(there),
                };
                Call::Delete { selector, note: self.world.note(&mut self.rng) }
            }
            Form::Mark | Form::MarkEverything | Form::Remove | Form::RemoveEverything | Form::SetEpoch => {
                self.revoke_form(form, state)
            }
            Form::Find => Call::Find { selector: self.selector(state) },
            Form::List => self.list(state),
            Form::Epoch => self.epoch(),
            Form::Purge => self.purge(state),
        }
    }

    fn insert_form(&mut self, form: Form, state: &State, others: &[Selector]) -> Call {
        let kin = |key: &Record| -> Vec<Selector> {
            let lives = |record: &&Record| {
                record.selector.shard() == key.selector.shard() && record.revoked.is_none()
            };
            state.all().filter(lives).map(|record| record.selector).collect()
        };
        let epoch = |key: &Record| key.subject.as_ref().and_then(|subject| state.epochs.get(subject));
        let holds = |key: &Record| match form {
            Form::InsertUnderEpoch => epoch(key).is_some(),
            Form::InsertUnderParent => !kin(key).is_empty(),
            _ => true,
        };
        let mut chosen = self.rng.below(self.world.keys.len());
        for _ in 0..DRAWN {
            let key = &self.world.keys[chosen];
            let free = state.record(key.selector).is_none() && !others.contains(&key.selector);
            if free && holds(key) {
                break;
            }
            chosen = self.rng.below(self.world.keys.len());
        }
        let record = self.world.record(&mut self.rng, chosen);
        let fence = match form {
            Form::InsertUnderEpoch => {
                Fence::Epoch(epoch(&record).map_or(self.world.epochs[0], |kept| kept.epoch))
            }
            Form::InsertUnderParent => match kin(&record).as_slice() {
                [] => Fence::Parent(record.selector),
                kin => Fence::Parent(*self.rng.pick(kin)),
            },
            _ => Fence::None,
        };
        Call::Insert { record, fence }
    }

    fn replace_form(&mut self, form: Form, state: &State, others: &[Selector]) -> Call {
        let fits = |record: &&Record| {
            record.revoked.is_none() && record.revision != Revision::MAX && !others.contains(&record.selector)
        };
        let there: Vec<_> = state.all().filter(fits).collect();
        if there.is_empty() {
            return self.replace(state);
        }
        let old = (*self.rng.pick(&there)).clone();
        let kind = match form {
            Form::Touch => Kind::Touch,
            Form::End => Kind::End(self.world.note(&mut self.rng)),
            _ => Kind::Update,
        };
        let (expected, generation) = (old.revision, old.generation);
        let mut call = self.write(old, expected, kind);
        if let Call::Replace { next, .. } = &mut call {
            next.generation = generation.wrapping_add(u32::from(form == Form::Rotate));
        }
        call
    }

    fn revoke_form(&mut self, form: Form, state: &State) -> Call {
        if form == Form::SetEpoch {
            let filter = RecordFilter::all().kinds(Kinds::Only(Vec::new()));
            let revocation = Revocation::new(filter, self.action()).epoch(self.set());
            return Call::Revoke { subject: self.subject(), revocation };
        }
        let everything = matches!(form, Form::MarkEverything | Form::RemoveEverything);
        let removes = matches!(form, Form::Remove | Form::RemoveEverything);
        let mut call = self.revoke(state);
        for _ in 0..DRAWN {
            if let Call::Revoke { subject, revocation } = &mut call {
                revocation.action = if removes { Action::Remove } else { self.mark() };
                let of_subject: Vec<_> = state.of(subject).map(|record| record.login).collect();
                if everything {
                    revocation.filter = RecordFilter::all();
                } else if !of_subject.is_empty() && self.rng.chance(50) {
                    let login = *self.rng.pick(&of_subject);
                    revocation.filter = RecordFilter { logins: Logins::Only(login), ..RecordFilter::all() };
                }
                if state.to_end(subject, revocation).next().is_some() {
                    break;
                }
            }
            call = self.revoke(state);
        }
        if let Call::Revoke { revocation, .. } = &mut call {
            revocation.action = if removes { Action::Remove } else { self.mark() };
            if self.rng.chance(50) {
                (revocation.epoch, revocation.note) = (EpochUpdate::Keep, Note::none());
            }
        }
        call
    }
}
