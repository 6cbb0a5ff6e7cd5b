//! Ends tokens: by token, by login, by subject.

use super::Tokens;
use super::ending::{Ending, login_of};
use super::found::corrupt;
use super::login::LOGIN_WINDOW;
use crate::clock::Timestamp;
use crate::error::{Denied, Failure, Rejected, StoreError};
use crate::event::{Event, EventKind};
use crate::ident::{Kind, LoginId, Subject};
use crate::limit::LimitError;
use crate::purpose::{Purpose, Purposes};
use crate::record::state::State;
use crate::record::{Reason, Record};
use crate::store::{Logins, RecordFilter};

impl Tokens {
    /// Logs out: ends the login of a token that the client still holds.
    ///
    /// Any token that the login ever had is enough, also one that is expired, replaced or ended individually; a
    /// selector alone is not. The records of the login are removed, so its tokens are [`Rejected::Invalid`] from then
    /// on. But if the token was ended before, the rest of its login is marked instead, with the reason.
    ///
    /// API keys of the login stay; an API key logs only itself out. A single-use token may be all that a login under
    /// way has: so for an hour after its issue the call also turns away logins of its subject that are under way.
    ///
    /// # Errors
    /// [`Rejected::Revoked`] or [`Rejected::Spent`] if nothing was left to end. [`Failure`] if the ending could not
    /// be written: then the login is not ended, and the call may be repeated.
    ///
    /// # Cancellation
    /// The call completes even if the future is dropped.
    pub async fn revoke(&self, kind: Kind, text: &str) -> Result<(), Denied> {
        let now = self.now();
        let record = self.prove(kind, text, now).await?;
        let event_kind = EventKind::Revoked(Reason::LoggedOut);
        // No device record fences its login yet, and a spent token does not either. After that hour the login issues
        // nothing anyway, so a stolen old token cannot keep the user from logging in.
        let turns_away = record.purpose == Purpose::SingleUse
            && now.since(record.created_at) < LOGIN_WINDOW.saturating_add(self.max_skew());
        let fenced = |ending: Ending| if turns_away { ending.with_fence() } else { ending };
        let Some(reason) = record.revoked else {
            let ending = match &record.subject {
                Some(subject) if record.purpose != Purpose::Key => {
                    fenced(Ending::remove(subject, login_of(&record), event_kind, now))
                }
                _ => Ending::one(&record, event_kind, now),
            };
            // Of two concurrent log-outs, the one that ended something emits the event.
            self.end(ending.only_if_some().shown_by(&record)).await?;
            self.wait_out().await;
            return Ok(());
        };
        // Its mark stays, and so do those of other records: they tell the owner why they ended, because of a theft
        // for instance.
        if let Some(subject) = &record.subject
            && record.purpose != Purpose::Key
        {
            let rest = fenced(Ending::mark(subject, login_of(&record), Reason::LoggedOut, now));
            if self.end(rest.only_if_some().shown_by(&record)).await? > 0 {
                self.wait_out().await;
                return Ok(());
            }
        }
        Err(Rejected::from(reason).into())
    }

    /// Ends one login of `subject`: "log this device out". Returns the number of records that it ended.
    ///
    /// It ends nothing of another subject's login, and the API keys of the login stay. It turns away logins under
    /// way, because this one may be under way.
    ///
    /// # Errors
    /// [`Failure::Store`]: repeat the call until it succeeds. [`Failure::Limit`] for a reason that only hallpass
    /// itself uses, such as [`Reason::Reused`].
    ///
    /// # Cancellation
    /// The call completes even if the future is dropped.
    pub async fn revoke_login(
        &self,
        subject: &Subject,
        login: LoginId,
        reason: Reason,
    ) -> Result<u64, Failure> {
        self.revoke_matching(subject, RecordFilter::login(login).purposes(Purposes::NOT_KEYS), reason).await
    }

    /// Ends the records of some kinds, or of some [purposes](Purposes), in one login of `subject`. Returns the number
    /// of records that it ended.
    ///
    /// With it, an id from a list of devices ends no API key, and an id from a list of keys ends no device.
    ///
    /// # Errors
    /// As for [`revoke_login`](Self::revoke_login).
    pub async fn revoke_kinds_of_login(
        &self,
        subject: &Subject,
        login: LoginId,
        what: impl Into<RecordFilter>,
        reason: Reason,
    ) -> Result<u64, Failure> {
        let filter = RecordFilter { logins: Logins::Only(login), ..what.into() };
        self.revoke_matching(subject, filter, reason).await
    }

    /// Ends everything of `subject` that is of some kinds, or of some [purposes](Purposes): "log out everywhere".
    /// Returns the number of records that it ended.
    ///
    /// Logins under way are turned away, too. [`Purposes::NOT_KEYS`] spares the API keys. Kinds for which this
    /// process has no policy end as well, unless `what` names kinds.
    ///
    /// # Errors
    /// As for [`revoke_login`](Self::revoke_login).
    pub async fn revoke_subject(
        &self,
        subject: &Subject,
        what: impl Into<RecordFilter>,
        reason: Reason,
    ) -> Result<u64, Failure> {
        self.revoke_matching(subject, what.into(), reason).await
    }

    /// Forgets `subject`: removes all its records, marked ones and API keys included, and turns away logins under
    /// way. Returns the number of records that it removed.
    ///
    /// The subject's epoch remains for an hour, to turn those logins away; then [`purge`](Self::purge) or the backend
    /// removes it.
    ///
    /// # Errors
    /// [`Failure::Store`]: repeat the call until it succeeds.
    ///
    /// # Cancellation
    /// The call completes even if the future is dropped.
    pub async fn forget_subject(&self, subject: &Subject) -> Result<u64, Failure> {
        let ending = Ending::remove(subject, RecordFilter::all(), EventKind::Forgotten, self.now());
        self.end_and_wait(ending.with_fence()).await
    }

    async fn revoke_matching(
        &self,
        subject: &Subject,
        filter: RecordFilter,
        reason: Reason,
    ) -> Result<u64, Failure> {
        if !reason.is_the_applications() {
            let rule = "must be logged out, logged out elsewhere, credential changed or administrative";
            return Err(LimitError::new("reason", rule).into());
        }
        self.end_and_wait(Ending::mark(subject, filter, reason, self.now()).with_fence()).await
    }

    /// Returns the record of an older token that the same browser sends, if its login differs from `login` and can be
    /// ended.
    ///
    /// A record that does not decode is never accepted, so there is nothing to end. If it were a failure, a browser
    /// that still sends its token could not log in any more.
    pub(super) async fn replaceable(
        &self,
        kind: Kind,
        text: &str,
        login: LoginId,
        now: Timestamp,
    ) -> Result<Option<Record>, Failure> {
        match self.prove(kind, text, now).await {
            Ok(old) => {
                // If the token was ended individually, the rest of its login is left to end, as for `revoke`.
                let has_rest = old.subject.is_some() && old.purpose != Purpose::Key;
                Ok(Some(old).filter(|old| old.login != login && (old.revoked.is_none() || has_rest)))
            }
            Err(
                Denied::Rejected(_)
                | Denied::Failed(Failure::Corrupt { .. } | Failure::Store(StoreError::Corrupt { .. })),
            ) => Ok(None),
            Err(Denied::Failed(failure)) => Err(failure),
        }
    }

    /// Ends the login of an older token of the same browser, inside a task that is already detached.
    pub(super) async fn supersede(&self, old: &Record, now: Timestamp) -> Result<(), Failure> {
        let ending = match &old.subject {
            None => Ending::one(old, EventKind::Revoked(Reason::Superseded), now),
            Some(subject) => Ending::mark(subject, login_of(old), Reason::Superseded, now).shown_by(old),
        };
        self.end_here(ending.only_if_some()).await.map(drop)
    }

    /// Returns the record of a token of ours, ended, expired or not.
    async fn prove(&self, kind: Kind, text: &str, now: Timestamp) -> Result<Record, Denied> {
        let Some((selector, validator)) = self.policy(kind)?.format.parse(text) else {
            self.emit(&Event::new(EventKind::Malformed, now).token_kind(kind));
            return Err(Rejected::Malformed.into());
        };
        let event = |event_kind| Event::new(event_kind, now).token_kind(kind).selector(selector);
        let event_kind = match self.store().find(selector).await {
            Err(error) => {
                if let StoreError::Corrupt { .. } = &error {
                    self.emit(&event(EventKind::Corrupt).source(&error));
                }
                return Err(error.into());
            }
            Ok(None) => EventKind::UnknownSelector,
            Ok(Some(record)) if record.selector != selector || record.kind != kind => EventKind::KindMismatch,
            Ok(Some(record)) => match State::decode(&record.body) {
                Ok(state) if validator.descends_from(selector, &state.lineage) => return Ok(record),
                Ok(_) => EventKind::InvalidValidator,
                Err(error) => {
                    self.emit(&event(EventKind::Corrupt).source(&error));
                    return Err(corrupt(selector, error).into());
                }
            },
        };
        self.emit(&event(event_kind));
        Err(Rejected::Invalid.into())
    }
}
