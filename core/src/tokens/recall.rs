//! Accepts a token from the near cache, and keeps the records that it reads (contract S19).

use std::sync::Arc;

use super::Tokens;
use super::found::Found;
use crate::clock::Timestamp;
use crate::error::Denied;
use crate::near::{Entry, Kept, Known, Near, Unusable};
use crate::policy::Policy;
use crate::rotation::{Presented, StampCheck, standing};
use crate::secret::Validator;
use crate::selector::Selector;

/// A record, and the entry of the cache that it comes from, if it does.
pub(super) type Recalled = (Box<Found>, Option<Arc<Entry>>);

impl Tokens {
    /// Returns the cache, if records of this policy are kept and this handle may use it.
    pub(super) fn near(&self, policy: &Policy) -> Option<&Arc<Near>> {
        self.shared.near.as_ref().filter(|_| policy.cached_for.is_some() && !self.exact)
    }

    /// Returns the record of a token from the cache, if it can be accepted now as far as this can be said without a
    /// stamp. Otherwise the store decides, and nothing is reported.
    pub(super) fn recall(
        &self,
        near: &Near,
        policy: &Policy,
        selector: Selector,
        validator: &Validator,
        now: Timestamp,
    ) -> Option<(Box<Found>, Arc<Entry>)> {
        let Known::Entry(entry) = near.get(selector) else { return None };
        if self.check(near, &entry, policy).is_err() {
            return None;
        }
        let Kept { record, state, .. } = &entry.value;
        if record.kind != policy.kind {
            return None;
        }
        let Ok(Some(Presented::Current)) = self.identify(policy, record, state, validator, now) else {
            return None;
        };
        let deadlines = self.deadlines(record, policy, now);
        let (record, state) = (record.clone(), state.clone());
        let found = Box::new(Found { record, state, presented: Presented::Current, deadlines });
        match standing(&found.inputs(StampCheck::Unbound), &deadlines, now) {
            None => Some((found, entry)),
            Some(_) => None,
        }
    }

    /// Checks that an entry may be accepted now. Nothing but the acceptance may come after it.
    pub(super) fn check(&self, near: &Near, entry: &Entry, policy: &Policy) -> Result<(), Unusable> {
        let checked = near.check(entry, policy);
        if checked == Err(Unusable::Unproven) {
            near.count_unproven();
        }
        checked
    }

    /// Reads the record of a token, and keeps it if the token is its newest and it is neither expired nor ended. If
    /// another call reads it already, waits for that.
    pub(super) async fn recall_or_read(
        &self,
        near: &Near,
        policy: &Policy,
        selector: Selector,
        validator: &Validator,
    ) -> Result<Recalled, Denied> {
        if let Known::Reading(read) = near.get(selector)
            && near.is_leased()
        {
            near.wait(&read).await;
            if let Some((found, entry)) = self.recall(near, policy, selector, validator, self.now()) {
                return Ok((found, Some(entry)));
            }
        }
        Ok((self.read_and_keep(near, policy, selector, validator).await?, None))
    }

    /// Reads the record of a token, and keeps it if the token is its newest and it is neither expired nor ended.
    pub(super) async fn read_and_keep(
        &self,
        near: &Near,
        policy: &Policy,
        selector: Selector,
        validator: &Validator,
    ) -> Result<Box<Found>, Denied> {
        // Before the read: what ends from now on removes it.
        let ticket = near.begin(selector);
        let record = near.read(selector).await?;
        let found = self.examine(policy, selector, validator, record, self.now())?;
        if let (Some(ticket), Found { record, state, presented: Presented::Current, .. }) = (ticket, &*found)
        {
            let (kept, weight) = Kept::new(record, state);
            ticket.fill(kept, weight);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ident::Kind;
    use crate::memory::MemoryStore;

    #[tokio::test(start_paused = true)]
    async fn an_entry_has_no_data() {
        let kept = Policy::session().cached_for(Duration::from_secs(60));
        let tokens = Tokens::builder(MemoryStore::new()).policy(kept).build().unwrap();
        let login = tokens.begin_anonymous().unwrap();
        let issued = tokens.issue(&login, Kind::SESSION).data("x").await.unwrap();
        let near = tokens.shared.near.as_ref().unwrap();
        let mut rounds = 0..1_000;
        let entry = loop {
            rounds.next().expect("it is kept at last");
            tokens.verify(Kind::SESSION, issued.token.expose()).await.unwrap();
            match near.get(issued.token.selector()) {
                Known::Entry(entry) => break entry,
                // The feed is not open yet.
                _ => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        };
        let Kept { record, state, first_byte: _ } = &entry.value;
        assert!(record.body.as_bytes().is_empty() && state.data.is_empty());
    }
}
