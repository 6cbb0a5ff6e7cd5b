//! Caps on the live tokens of a subject: on its logins, and on the records of a login. The oldest end.
//!
//! A cap counts logins, and only after the insert.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::Tokens;
use super::backoff::Backoff;
use super::ending::Ending;
use super::write::SwapOutcome;
use crate::clock::Timestamp;
use crate::error::{Denied, Failure, Rejected};
use crate::event::{Event, EventKind};
use crate::facts::Origin;
use crate::ident::{LoginId, Subject};
use crate::purpose::{Purpose, Purposes};
use crate::record::state::State;
use crate::record::{Reason, Record};
use crate::selector::Selector;
use crate::store::{Change, RecordFilter};

/// A cap that a new record may exceed.
#[derive(Clone, Copy)]
pub(super) enum Cap {
    /// The cap on the subject's logins.
    Logins,
    /// The cap on the login's records; the new one was made from `parent`.
    Records { parent: Selector },
}

impl Tokens {
    /// Returns whether the cap may be exceeded, given that the subject has `of_subject` records with the new one.
    pub(super) fn may_exceed(&self, cap: Cap, of_subject: Option<u32>) -> bool {
        let max = match cap {
            Cap::Logins => self.shared.max_logins,
            Cap::Records { .. } => self.shared.max_records_per_login,
        };
        of_subject.is_none_or(|count| count > max.get())
    }

    /// Ends what exceeds the cap now that `new` is stored. The logins of `uncounted` do not count: they are about to
    /// end.
    ///
    /// # Errors
    /// [`Rejected::Revoked`] if `new` itself exceeds the cap.
    pub(super) async fn keep_to(
        &self,
        cap: Cap,
        new: &Record,
        uncounted: &[Record],
        now: Timestamp,
    ) -> Result<(), Denied> {
        let Some(subject) = &new.subject else { return Ok(()) };
        match cap {
            Cap::Logins => self.keep_newest_logins(subject, new, uncounted, now).await,
            Cap::Records { parent } => Ok(self.keep_newest_records(subject, new, parent, now).await?),
        }
    }

    /// Ends all but the newest logins. Each login reads the list after its own insert, and all use one total order.
    /// So of concurrent logins the last to read sees them all, and all end the same ones.
    async fn keep_newest_logins(
        &self,
        subject: &Subject,
        new: &Record,
        uncounted: &[Record],
        now: Timestamp,
    ) -> Result<(), Denied> {
        let is_about_to_end = |record: &Record| {
            uncounted.iter().any(|old| old.login == record.login && old.subject == record.subject)
        };
        let rows = self.records(subject, Purpose::Device.into()).await?;
        let mut logins: HashMap<LoginId, Timestamp> = HashMap::new();
        let mut renewed: HashMap<LoginId, LoginId> = HashMap::new();
        let counts = |record: &&Record| self.is_live(record, now) && !is_about_to_end(record);
        for record in rows.records.iter().filter(counts) {
            let Some(state) = self.state(record) else { continue };
            let at = state.facts.auth_at;
            logins.entry(record.login).and_modify(|first| *first = at.min(*first)).or_insert(at);
            renewed.extend(state.renews.map(|old| (record.login, old)));
        }
        // A login from the future was written by a broken clock. It counts as the oldest; otherwise it would keep its
        // place against every later login.
        let latest = now.saturating_add(self.max_skew());
        // A renewal under way has two logins, or more if several run concurrently. They count as one, together with
        // the login they renew, ended or not, and as new as the newest of them. As two, they would evict another
        // login, or one of them would evict the other.
        let mut places = HashMap::new();
        for (&login, &at) in &logins {
            let mut first = login;
            // The number of steps is bounded, because a writer of the database could make a ring.
            for _ in 0..logins.len() {
                let Some(old) = renewed.get(&first) else { break };
                first = *old;
            }
            let place = (at <= latest, at, login);
            let (newest, of_one) = places.entry(first).or_insert((place, Vec::new()));
            *newest = place.max(*newest);
            of_one.push(login);
        }
        let mut order: Vec<_> = places.into_values().collect();
        order.sort_unstable_by_key(|(newest, _)| Reverse(*newest));
        let max = usize::try_from(self.shared.max_logins.get()).unwrap_or(usize::MAX);
        for login in order.iter().skip(max).flat_map(|(_, of_one)| of_one) {
            let filter = RecordFilter::login(*login).purposes(Purposes::NOT_KEYS);
            let ending = Ending::mark(subject, filter, Reason::Evicted, now).event_kind(EventKind::Evicted);
            self.end_here(ending.only_if_some()).await?;
        }
        // A new record that has expired already, because its lifetime is zero for instance, does not count either.
        let stays =
            !self.is_live(new, now) || order.iter().take(max).any(|(_, of_one)| of_one.contains(&new.login));
        if stays {
            return Ok(());
        }
        // Another call may have ended this login before it read the list.
        let ended = rows.records.iter().find(|record| record.selector == new.selector);
        match (ended, ended.and_then(|record| record.revoked)) {
            (None, _) => Err(Rejected::Fenced.into()),
            (Some(_), reason) => Err(Rejected::Revoked(reason.unwrap_or(Reason::Evicted)).into()),
        }
    }

    /// Ends the oldest restored records of a login that has too many.
    ///
    /// It spares the new record, the one that it was made from, and younger ones: a younger one was restored
    /// concurrently, and each would end the other.
    async fn keep_newest_records(
        &self,
        subject: &Subject,
        new: &Record,
        parent: Selector,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let rows = self.records(subject, Purpose::Device.into()).await?;
        let mut records = rows.records;
        records.retain(|record| record.login == new.login && self.is_live(record, now));
        let max = usize::try_from(self.shared.max_records_per_login.get()).unwrap_or(usize::MAX);
        let mut excess = records.len().saturating_sub(max);
        // The list is newest first.
        for record in records.iter().rev() {
            if excess == 0 || record.created_at > new.created_at {
                break;
            }
            if record.selector != new.selector
                && record.selector != parent
                && let Some(state) = self.state(record)
                && state.facts.origin == Origin::Restored
            {
                self.supersede_record(record.clone(), state, now).await?;
                excess -= 1;
            }
        }
        Ok(())
    }

    /// Marks one record, even if other calls write to it meanwhile.
    async fn supersede_record(
        &self,
        mut record: Record,
        mut state: State,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let mut backoff = Backoff::default();
        loop {
            state.write_id = self.random()?;
            match self.mark_revision(&record, &state, now).await? {
                SwapOutcome::Done => return Ok(()),
                SwapOutcome::Lost(Some(newer)) if newer.revoked.is_none() => {
                    let Some(newer_state) = self.state(&newer) else { return Ok(()) };
                    (record, state) = (newer, newer_state);
                }
                SwapOutcome::Lost(_) => return Ok(()),
            }
            backoff.pause(self).await?;
        }
    }

    /// Marks `record` as superseded if it still has this revision, and emits an event.
    ///
    /// The caller gives `state` a fresh write id. A retry with the same id writes the same mark, and recognises it if
    /// it was written before (contract S5).
    pub(super) async fn mark_revision(
        &self,
        record: &Record,
        state: &State,
        now: Timestamp,
    ) -> Result<SwapOutcome, Failure> {
        let mut next = record.clone();
        next.mark(Reason::Superseded, now);
        next.body = state.encode();
        let written = self.replace(&next, record, Change::End(&self.note())).await;
        let event = Event::new(EventKind::Revoked(Reason::Superseded), now).record(record);
        match &written {
            Ok(SwapOutcome::Done) => self.emit(&event.count(1)),
            Ok(SwapOutcome::Lost(_)) => {}
            Err(failure) => self.emit(&event.source(failure)),
        }
        written
    }
}
