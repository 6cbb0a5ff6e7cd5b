//! How many logins a subject has, and how many records a login: the oldest end.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::Tokens;
use super::backoff::Backoff;
use super::ending::Ending;
use super::write::Written;
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

/// Which cap a new record may exceed.
#[derive(Clone, Copy)]
pub(super) enum Cap {
    /// That of the subject's logins.
    Logins,
    /// That of the login's records, made from this one.
    Records { parent: Selector },
}

impl Tokens {
    /// Whether the cap may be exceeded by a record after which its subject has `of_subject` records.
    pub(super) fn may_exceed(&self, cap: Cap, of_subject: Option<u32>) -> bool {
        let max = match cap {
            Cap::Logins => self.shared.max_logins,
            Cap::Records { .. } => self.shared.max_records_per_login,
        };
        of_subject.is_none_or(|count| count > max.get())
    }

    /// Ends what exceeds the cap now that `new` is stored. The logins of `uncounted` take no place: they are about to end.
    ///
    /// # Errors
    /// [`Rejected::Revoked`] if that is `new` itself.
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

    /// Every login judges by the list that it reads behind its own insert, and by one total order. So of logins
    /// that run at once the last to read sees them all, and all of them end the same ones.
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
        // A login from the future was written by a broken clock: it counts as the oldest, or it would hold its
        // place against every later one.
        let latest = now.saturating_add(self.max_skew());
        // A renewal under way has two logins, or more if several run at once: with what they renew, ended or not, they
        // are one, as new as the newest. As two they would take the place of another, or one that of the other.
        let mut places = HashMap::new();
        for (&login, &at) in &logins {
            let mut first = login;
            // As many steps at most: a writer of the database could make a ring.
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
            let ending = Ending::mark(subject, filter, Reason::Evicted, now).told_as(EventKind::Evicted);
            self.end_here(ending.only_if_some()).await?;
        }
        // One without a lifetime takes no place either.
        let stays =
            !self.is_live(new, now) || order.iter().take(max).any(|(_, of_one)| of_one.contains(&new.login));
        if stays {
            return Ok(());
        }
        // Another login may have ended it before this one read the list.
        let ended = rows.records.iter().find(|record| record.selector == new.selector);
        match (ended, ended.and_then(|record| record.revoked)) {
            (None, _) => Err(Rejected::Fenced.into()),
            (Some(_), reason) => Err(Rejected::Revoked(reason.unwrap_or(Reason::Evicted)).into()),
        }
    }

    /// Ends the oldest restored records of a login that has too many, never the new one or the one that it was made
    /// from, nor a younger one: that was restored at the same time, and each would end the other.
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

    /// Marks one record, whatever is written to it meanwhile.
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
                Written::Done => return Ok(()),
                Written::Lost(Some(newer)) if newer.revoked.is_none() => {
                    let Some(newer_state) = self.state(&newer) else { return Ok(()) };
                    (record, state) = (newer, newer_state);
                }
                Written::Lost(_) => return Ok(()),
            }
            backoff.pause(self).await?;
        }
    }

    /// Marks `record` as superseded if it is still this revision, and tells the observer. `state` has a fresh write id:
    /// with the same one the same mark is tried again, and known again if it was made (contract S5).
    pub(super) async fn mark_revision(
        &self,
        record: &Record,
        state: &State,
        now: Timestamp,
    ) -> Result<Written, Failure> {
        let mut next = record.clone();
        next.mark(Reason::Superseded, now);
        next.body = state.encode();
        let written = self.replace(&next, record, Change::End(&self.note())).await;
        let event = Event::new(EventKind::Revoked(Reason::Superseded), now).record(record);
        match &written {
            Ok(Written::Done) => self.emit(&event.count(1)),
            Ok(Written::Lost(_)) => {}
            Err(failure) => self.emit(&event.source(failure)),
        }
        written
    }
}
