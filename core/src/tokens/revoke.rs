//! Ending tokens: by token, by login, by subject.

use super::Tokens;
use super::candidate::corrupt;
use super::login::LOGIN_WINDOW;
use crate::clock::Timestamp;
use crate::error::{Denied, Failure, Rejected, StoreError};
use crate::event::{Event, EventKind};
use crate::ident::{Epoch, Kind, LoginId, Subject};
use crate::policy::Scope;
use crate::record::state::State;
use crate::record::{Reason, Record};
use crate::store::{Action, EpochUpdate, Kinds, Note, RecordFilter, Revocation};

impl Tokens {
    /// Logs out: ends the login of a token that the client still holds.
    ///
    /// Any token that the login ever had will do, an expired or replaced one too; a selector alone will
    /// not. Nothing of the login is kept, so its tokens are [`Rejected::Invalid`] from then on.
    ///
    /// # Errors
    /// [`Failure`] if it could not be written: then nobody is logged out, and the call may be repeated.
    pub async fn revoke(&self, kind: Kind, text: &str) -> Result<(), Denied> {
        let now = self.now();
        let record = self.prove(kind, text, now).await?;
        if let Some(reason) = record.revoked {
            return Err(Rejected::from(reason).into());
        }
        self.erase(&record, now).await?;
        Ok(())
    }

    /// Ends one login of `subject`: "log this device out". Of somebody else's login it ends nothing.
    /// Answers how many records that were.
    ///
    /// # Errors
    /// [`Failure::Store`]: repeat the call until it succeeds.
    pub async fn revoke_login(
        &self,
        subject: &Subject,
        login: LoginId,
        reason: Reason,
    ) -> Result<u64, Failure> {
        self.mark(subject, RecordFilter::login(login), reason, false).await
    }

    /// Ends what one login of `subject` has of these kinds, [those of a purpose](Self::kinds_for) for
    /// instance: an id from a list of devices ends no API key, nor one from a list of keys a device.
    /// Answers how many records that were.
    ///
    /// # Errors
    /// [`Failure::Store`]: repeat the call until it succeeds.
    pub async fn revoke_kinds_of_login(
        &self,
        subject: &Subject,
        login: LoginId,
        kinds: Kinds,
        reason: Reason,
    ) -> Result<u64, Failure> {
        self.mark(subject, RecordFilter::login(login).kinds(kinds), reason, false).await
    }

    /// Ends everything of `subject` that is of these kinds, logins under way included: "log out
    /// everywhere". Answers how many records that were.
    ///
    /// # Errors
    /// [`Failure::Store`]: repeat the call until it succeeds.
    pub async fn revoke_subject(
        &self,
        subject: &Subject,
        kinds: Kinds,
        reason: Reason,
    ) -> Result<u64, Failure> {
        self.mark(subject, RecordFilter::all().kinds(kinds), reason, true).await
    }

    /// Marks what matches, turning away logins under way if `fence` says so, though the caller may be gone.
    pub(super) async fn mark(
        &self,
        subject: &Subject,
        filter: RecordFilter,
        reason: Reason,
        fence: bool,
    ) -> Result<u64, Failure> {
        let now = self.now();
        let epoch = match fence {
            true => EpochUpdate::Set { epoch: Epoch(self.random()?), now, keep: LOGIN_WINDOW },
            false => EpochUpdate::Keep,
        };
        let subject = subject.clone();
        self.detached(|tokens| async move {
            let action = Action::Mark { reason, at: now };
            let revocation = Revocation::new(filter, action).epoch(epoch);
            let ended = tokens.store().revoke_by_subject(&subject, &revocation).await;
            let event = Event::new(EventKind::Revoked(reason), now).subject(&subject);
            tokens.emit(&event.ended(&ended));
            Ok(ended?)
        })
        .await
    }

    /// Ends what `record` belongs to. A record without a subject is alone, and is removed.
    pub(super) async fn end(
        &self,
        record: &Record,
        scope: Scope,
        reason: Reason,
        now: Timestamp,
    ) -> Result<(), Failure> {
        match (&record.subject, scope) {
            (None, _) => self.erase(record, now).await,
            (Some(subject), Scope::Login) => {
                self.mark(subject, RecordFilter::login(record.login), reason, false).await.map(drop)
            }
            (Some(subject), Scope::Subject) => {
                self.mark(subject, RecordFilter::all(), reason, true).await.map(drop)
            }
        }
    }

    /// Ends the login that an older token of the same browser belongs to, if it is another than `login`.
    ///
    /// A record that does not decode verifies nobody, so there is nothing to end; were it a failure, a
    /// browser that still sends its token could not log in any more.
    pub(super) async fn supersede(
        &self,
        kind: Kind,
        text: &str,
        login: LoginId,
        now: Timestamp,
    ) -> Result<(), Failure> {
        match self.prove(kind, text, now).await {
            Ok(old) if old.revoked.is_none() && old.login != login => {
                self.end(&old, Scope::Login, Reason::Superseded, now).await
            }
            Ok(_)
            | Err(
                Denied::Rejected(_)
                | Denied::Failed(Failure::Corrupt { .. } | Failure::Store(StoreError::Corrupt { .. })),
            ) => Ok(()),
            Err(Denied::Failed(failure)) => Err(failure),
        }
    }

    /// Removes the login of `record`.
    async fn erase(&self, record: &Record, now: Timestamp) -> Result<(), Failure> {
        let record = record.clone();
        self.detached(|tokens| async move {
            let store = tokens.store();
            let ended = match &record.subject {
                None => store.delete(record.selector, &Note::none()).await.map(u64::from),
                Some(subject) => {
                    let filter = RecordFilter::login(record.login);
                    store.revoke_by_subject(subject, &Revocation::new(filter, Action::Remove)).await
                }
            };
            let event = Event::new(EventKind::Revoked(Reason::LoggedOut), now).record(&record);
            tokens.emit(&event.ended(&ended));
            ended?;
            Ok(())
        })
        .await
    }

    /// The record of a token of ours, whatever has become of it.
    async fn prove(&self, kind: Kind, text: &str, now: Timestamp) -> Result<Record, Denied> {
        let Some((selector, validator)) = self.policy(kind)?.format.parse(text) else {
            self.emit(&Event::new(EventKind::Malformed, now).token_kind(kind));
            return Err(Rejected::Malformed.into());
        };
        let what = match self.store().find(selector).await? {
            None => EventKind::UnknownSelector,
            Some(record) if record.selector != selector || record.kind != kind => EventKind::KindMismatch,
            Some(record) => {
                let state = State::decode(&record.body).map_err(|source| corrupt(selector, source))?;
                if validator.descends_from(selector, &state.lineage) {
                    return Ok(record);
                }
                EventKind::InvalidValidator
            }
        };
        self.emit(&Event::new(what, now).token_kind(kind).selector(selector));
        Err(Rejected::Invalid.into())
    }
}
