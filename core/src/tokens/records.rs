//! Reads the records of a subject page by page, and checks which of them are live.

use std::num::NonZeroU16;

use super::Tokens;
use super::found::corrupt;
use crate::clock::Timestamp;
use crate::error::Failure;
use crate::event::{Event, EventKind};
use crate::ident::Subject;
use crate::limit::DecodeError;
use crate::policy::Policy;
use crate::purpose::Purposes;
use crate::record::Record;
use crate::record::state::State;
use crate::rotation::{Deadlines, Inputs, Presented, StampCheck};
use crate::selector::Selector;
use crate::store::{Listed, Page};

/// The number of records that one read of a list asks for.
const PAGE: NonZeroU16 = NonZeroU16::new(256).unwrap();

/// The rows of a subject.
pub(super) struct Rows {
    /// Its records, newest first.
    pub(super) records: Vec<Record>,
    /// The rows that do not decode.
    pub(super) unreadable: Vec<Selector>,
}

impl Tokens {
    /// Returns every row of `subject` of these purposes. A row that does not decode causes an event and hides no
    /// other.
    pub(super) async fn records(&self, subject: &Subject, purposes: Purposes) -> Result<Rows, Failure> {
        let mut page = Page { purposes, ..Page::first(PAGE) };
        let mut rows = Rows { records: Vec::new(), unreadable: Vec::new() };
        loop {
            let entries = self.store().list_by_subject(subject, &page).await?;
            let full = entries.len() >= usize::from(PAGE.get());
            let last = entries.last().map(Listed::place);
            // If a store returned pages out of order, this loop could run without end.
            if let Some((_, selector)) = last
                && page.after.is_some()
                && last >= page.after
            {
                return Err(corrupt(selector, DecodeError("the store returned list pages out of order")));
            }
            page.after = last;
            for entry in entries {
                match entry {
                    Listed::Record(record) => rows.records.push(*record),
                    Listed::Corrupt { selector, source, .. } => {
                        rows.unreadable.push(selector);
                        let event = Event::new(EventKind::Corrupt, self.now()).selector(selector);
                        self.emit(&event.subject(subject).source(&*source));
                    }
                }
            }
            if !full {
                return Ok(rows);
            }
        }
    }

    /// Returns the body of a listed record; `None`, with an event, if it does not decode.
    pub(super) fn state(&self, record: &Record) -> Option<State> {
        match State::decode(&record.body) {
            Ok(state) => Some(state),
            Err(error) => {
                let event = Event::new(EventKind::Corrupt, self.now()).selector(record.selector);
                self.emit(&Event { subject: record.subject.as_ref(), ..event.source(&error) });
                None
            }
        }
    }

    /// Returns whether a token of `record` can still be valid: not ended, and expired neither by what the record was
    /// promised nor by the present policy of its kind, if this process has one.
    pub(super) fn is_live(&self, record: &Record, now: Timestamp) -> bool {
        let allowed = |policy| now < self.deadlines(record, policy, now).first();
        record.is_live(now) && self.policy(record.kind).map_or(true, allowed)
    }

    /// Returns when `record` expires: the earlier of what it was promised and what the policy allows now.
    pub(super) fn deadlines(&self, record: &Record, policy: &Policy, now: Timestamp) -> Deadlines {
        let Record { created_at, seen_at, expires_at, idle_at, revoked, .. } = *record;
        let inputs = Inputs {
            presented: Presented::Current,
            created_at,
            seen_at,
            expires_at,
            idle_at,
            revoked,
            rotation: None,
            stamp: StampCheck::Unbound,
        };
        Deadlines::of(&inputs, now, policy, self.max_skew())
    }
}
