//! Ends records: one write and one event, even if the caller's future is dropped (contract D12).

use std::error::Error;
use std::fmt;

use super::Tokens;
use super::login::LOGIN_WINDOW;
use crate::clock::Timestamp;
use crate::error::Failure;
use crate::event::{Event, EventKind};
use crate::ident::{Epoch, LoginId, Subject};
use crate::purpose::{Purpose, Purposes};
use crate::record::{Reason, Record};
use crate::selector::Selector;
use crate::stamp::FingerprintCheck;
use crate::store::{Action, EpochUpdate, Logins, Note, RecordFilter, Revocation};

/// One ending: what to write, and which event to emit.
pub(super) struct Ending {
    target: Target,
    event_kind: EventKind,
    at: Timestamp,
    subject: Option<Subject>,
    login: Option<LoginId>,
    record: Option<Box<Record>>,
    fingerprint: FingerprintCheck,
    report: Report,
}

/// When to emit an event for an ending that was written. A failed one always emits an event.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Report {
    Always,
    /// If it ended nothing, emit this kind of event, or none.
    Otherwise(Option<EventKind>),
    Never,
}

enum Target {
    /// The subject's records that match.
    Matching { filter: RecordFilter, action: Action, fence: bool },
    /// One record, which is removed.
    One(Selector),
}

impl Ending {
    /// Marks the records that match.
    pub(super) fn mark(subject: &Subject, filter: RecordFilter, reason: Reason, at: Timestamp) -> Self {
        let action = Action::Mark { reason, at };
        Self::matching(subject, filter, action, EventKind::Revoked(reason), at)
    }

    /// Removes the records that match, marked ones included.
    pub(super) fn remove(
        subject: &Subject,
        filter: RecordFilter,
        event_kind: EventKind,
        at: Timestamp,
    ) -> Self {
        Self::matching(subject, filter, Action::Remove, event_kind, at)
    }

    fn matching(
        subject: &Subject,
        filter: RecordFilter,
        action: Action,
        event_kind: EventKind,
        at: Timestamp,
    ) -> Self {
        let login = match filter.logins {
            Logins::Only(login) => Some(login),
            Logins::Any | Logins::Except(_) => None,
        };
        Self {
            target: Target::Matching { filter, action, fence: false },
            event_kind,
            at,
            subject: Some(subject.clone()),
            login,
            record: None,
            fingerprint: FingerprintCheck::Unknown,
            report: Report::Always,
        }
    }

    /// Removes one record.
    pub(super) fn one(record: &Record, event_kind: EventKind, at: Timestamp) -> Self {
        Self {
            target: Target::One(record.selector),
            event_kind,
            at,
            subject: None,
            login: None,
            record: Some(Box::new(record.clone())),
            fingerprint: FingerprintCheck::Unknown,
            report: Report::Always,
        }
    }

    /// Removes a row that does not decode.
    pub(super) fn unreadable(
        subject: &Subject,
        selector: Selector,
        event_kind: EventKind,
        at: Timestamp,
    ) -> Self {
        let ending = Self::remove(subject, RecordFilter::all(), event_kind, at);
        Self { target: Target::One(selector), ..ending }
    }

    /// Turns away logins under way, too.
    pub(super) fn with_fence(mut self) -> Self {
        if let Target::Matching { fence, .. } = &mut self.target {
            *fence = true;
        }
        self
    }

    /// Emits this kind of event instead of [`EventKind::Revoked`].
    pub(super) fn event_kind(self, event_kind: EventKind) -> Self {
        Self { event_kind, ..self }
    }

    /// Emits this kind of event if it ended nothing.
    pub(super) fn otherwise(self, kind: EventKind) -> Self {
        Self { report: Report::Otherwise(Some(kind)), ..self }
    }

    /// Sets how the client that presented the token compares with the one that it was issued to.
    pub(super) fn fingerprint(self, fingerprint: FingerprintCheck) -> Self {
        Self { fingerprint, ..self }
    }

    /// Adds to the event the record whose token led to the ending.
    pub(super) fn shown_by(self, record: &Record) -> Self {
        Self { record: Some(Box::new(record.clone())), ..self }
    }

    /// Emits no event if it ended nothing: another call was faster, and emitted it.
    pub(super) fn only_if_some(self) -> Self {
        Self { report: Report::Otherwise(None), ..self }
    }

    /// Emits an event only if the ending fails.
    pub(super) fn only_if_failed(self) -> Self {
        Self { report: Report::Never, ..self }
    }

    fn event(&self) -> Event<'_> {
        let mut event = Event::new(self.event_kind, self.at).fingerprint(self.fingerprint);
        if let Some(record) = &self.record {
            event = event.record(record);
        }
        if let Target::One(selector) = self.target {
            event.selector = Some(selector);
        }
        event.subject = self.subject.as_ref().or(event.subject);
        event.login = self.login.or(event.login);
        event
    }
}

impl Tokens {
    /// Returns the note for the store: the client that made the request.
    pub(super) fn note(&self) -> Note {
        self.context.as_ref().map_or_else(Note::none, |context| context.to_note())
    }

    /// Ends the records and emits one event: with their number, or with the reason why they could not be ended. Both
    /// happen even if the caller's future is dropped.
    pub(super) async fn end(&self, ending: Ending) -> Result<u64, Failure> {
        self.detached(|tokens| async move { tokens.end_here(ending).await }).await
    }

    /// Does the same, and then waits it out if this handle does.
    pub(super) async fn end_and_wait(&self, ending: Ending) -> Result<u64, Failure> {
        let ended = self.end(ending).await?;
        self.wait_out().await;
        Ok(ended)
    }

    /// Does the same as [`end`](Self::end) inside a task that is already detached.
    pub(super) async fn end_here(&self, ending: Ending) -> Result<u64, Failure> {
        let mut unreported = UnreportedEnding { tokens: self, ending: Some(ending) };
        let result = match &unreported.ending {
            Some(ending) => self.write_ending(ending).await,
            None => Ok(0),
        };
        if let Some(ending) = unreported.ending.take() {
            let event = ending.event();
            match (&result, ending.report) {
                (Err(failure), _) => self.emit(&event.source(failure)),
                (Ok(_), Report::Never) | (Ok(0), Report::Otherwise(None)) => {}
                (Ok(0), Report::Otherwise(Some(kind))) => self.emit(&Event { kind, ..event }),
                (Ok(count), _) => self.emit(&event.count(*count)),
            }
        }
        result
    }

    async fn write_ending(&self, ending: &Ending) -> Result<u64, Failure> {
        let store = self.store();
        match (&ending.target, &ending.subject) {
            (Target::Matching { filter, action, fence }, Some(subject)) => {
                let mut revocation = Revocation::new(filter.clone(), *action).note(self.note());
                if *fence {
                    let epoch = Epoch(self.random()?);
                    revocation =
                        revocation.epoch(EpochUpdate::Set { epoch, now: ending.at, keep: LOGIN_WINDOW });
                }
                Ok(store.revoke_by_subject(subject, &revocation).await?)
            }
            (Target::One(selector), _) => Ok(u64::from(store.delete(*selector, &self.note()).await?)),
            (Target::Matching { .. }, None) => Ok(0),
        }
    }
}

/// Returns what a log-out or a theft of `record` ends: the devices and single-use tokens of its login, but no API
/// keys. For a key it is the keys of its kind in its login.
pub(super) fn login_of(record: &Record) -> RecordFilter {
    let login = RecordFilter::login(record.login);
    match record.purpose {
        Purpose::Key => login.kinds(record.kind.into()).purposes(Purpose::Key),
        Purpose::Device | Purpose::SingleUse => login.purposes(Purposes::NOT_KEYS),
    }
}

/// An ending without an event so far. If it is cut off, because the store panics or the runtime shuts down, dropping
/// this emits one.
struct UnreportedEnding<'a> {
    tokens: &'a Tokens,
    ending: Option<Ending>,
}

impl Drop for UnreportedEnding<'_> {
    fn drop(&mut self) {
        if let Some(ending) = &self.ending {
            self.tokens.emit(&ending.event().source(&CutOff));
        }
    }
}

/// Why an ending was not finished.
#[derive(Debug)]
struct CutOff;

impl fmt::Display for CutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the store panicked, or the runtime shut down, before the ending was written")
    }
}

impl Error for CutOff {}
