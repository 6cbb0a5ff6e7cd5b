//! The contents of a store, as the model knows them.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use hallpass_core::store::{Action, Epoch, Page, Record, Revocation};
use hallpass_core::{Selector, Subject, Timestamp};

/// Everything that a store contains; cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) records: Arc<BTreeMap<Selector, Row>>,
    pub(crate) epochs: Arc<BTreeMap<Subject, Kept>>,
    /// The numbers of dropped calls that may still take effect.
    pub(crate) pending: BTreeSet<usize>,
}

/// A record, cheap to clone and to compare.
#[derive(Clone, Debug)]
pub(crate) struct Row(pub(super) Arc<Record>);

/// An epoch, and the time until which it must be kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Kept {
    pub(crate) epoch: Epoch,
    pub(crate) until: Timestamp,
    /// It has expired and a purge has run since, so it may have been removed.
    pub(crate) over: bool,
}

impl State {
    pub(super) fn put(&mut self, record: Record) {
        Arc::make_mut(&mut self.records).insert(record.selector, Row(Arc::new(record)));
    }

    /// The record of `selector`.
    pub(crate) fn record(&self, selector: Selector) -> Option<&Record> {
        self.records.get(&selector).map(|row| &*row.0)
    }

    /// The records of `subject`.
    pub(crate) fn of(&self, subject: &Subject) -> impl Iterator<Item = &Record> {
        self.all().filter(move |record| record.subject.as_ref() == Some(subject))
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Record> {
        self.records.values().map(|row| &*row.0)
    }

    /// The records that a revocation ends.
    pub(super) fn to_end(
        &self,
        subject: &Subject,
        revocation: &Revocation,
    ) -> impl Iterator<Item = Selector> {
        let removes = revocation.action == Action::Remove;
        let matching = self.of(subject).filter(|record| revocation.filter.matches(record));
        matching.filter(move |record| removes || record.revoked.is_none()).map(|record| record.selector)
    }

    pub(crate) fn due(&self, now: Timestamp) -> impl Iterator<Item = Selector> {
        self.all().filter(move |record| record.purge_at <= now).map(|record| record.selector)
    }

    pub(crate) fn end(&mut self, selector: Selector, action: Action) {
        match action {
            Action::Remove => drop(Arc::make_mut(&mut self.records).remove(&selector)),
            Action::Mark { reason, at } => {
                if let Some(mut record) = self.record(selector).cloned() {
                    record.mark(reason, at);
                    self.put(record);
                }
            }
        }
    }

    /// Marks epochs that have expired by `now`: they may be removed.
    pub(super) fn lapse(&mut self, now: Timestamp) {
        for kept in Arc::make_mut(&mut self.epochs).values_mut() {
            kept.over |= kept.until <= now;
        }
    }

    pub(super) fn list(&self, subject: &Subject, page: &Page) -> Vec<&Row> {
        let place = |record: &Record| (record.created_at, record.selector);
        let shown = |row: &&Row| {
            row.0.subject.as_ref() == Some(subject)
                && page.shows(&row.0.kind, row.0.purpose)
                && page.after.is_none_or(|after| place(&row.0) < after)
        };
        let mut rows: Vec<_> = self.records.values().filter(shown).collect();
        rows.sort_unstable_by_key(|row| std::cmp::Reverse(place(&row.0)));
        rows.truncate(page.limit.get().into());
        rows
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Eq for Row {}

impl Hash for Row {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Record { selector, revision, revoked, updated_at, body, .. } = &*self.0;
        (selector, revision, revoked, updated_at).hash(state);
        let body = body.as_bytes();
        body[..body.len().min(10)].hash(state);
    }
}

/// Describes how `got` differs from `expected`; `None` if it does not.
pub(crate) fn differ(expected: Option<&Record>, got: Option<&Record>) -> Option<String> {
    let (expected, got) = match (expected, got) {
        (None, None) => return None,
        (None, Some(got)) => return Some(format!("should not be there: {}", state_of(got))),
        (Some(expected), None) => return Some(format!("should be there: {}", state_of(expected))),
        (Some(expected), Some(got)) => (expected, got),
    };
    let mut fields = Vec::new();
    macro_rules! compare {
        ($($field:ident)+) => {$(
            if expected.$field != got.$field {
                let (name, expected, got) = (stringify!($field), &expected.$field, &got.$field);
                fields.push(format!("has {name} {got:?}, expected {expected:?}"));
            }
        )+};
    }
    compare!(selector subject kind purpose login era created_at updated_at seen_at expires_at idle_at
        purge_at revoked revision generation device body);
    (!fields.is_empty()).then(|| format!("is another: {}", fields.join(", ")))
}

fn state_of(record: &Record) -> String {
    let mark = record.revoked.map_or("not marked".to_owned(), |reason| format!("marked {reason:?}"));
    format!("revision {}, {mark}", record.revision.get())
}
