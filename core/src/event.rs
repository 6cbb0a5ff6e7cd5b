//! What happened, told to an [`Observer`] and to `tracing`. Selectors and metadata, never a secret.

use std::error::Error;
use std::fmt;

use crate::clock::Timestamp;
use crate::context::RequestContext;
use crate::error::Rejected;
use crate::ident::{Kind, LoginId, Subject};
use crate::record::{Reason, Record};
use crate::selector::Selector;
use crate::stamp::FingerprintCheck;

/// Hears of every event. Called where it happens: hand slow work to somebody else.
pub trait Observer: fmt::Debug + Send + Sync + 'static {
    /// Something happened.
    fn on_event(&self, event: &Event<'_>);
}

/// One thing that happened.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Event<'a> {
    /// What happened.
    pub kind: EventKind,
    /// When, by the service's clock.
    pub at: Timestamp,
    /// The kind of token that the caller named.
    pub token_kind: Option<Kind>,
    /// The selector, where one could be read.
    pub selector: Option<Selector>,
    /// The record, where it is known *and* the presented validator was one of its own. Its `device`,
    /// `seen_at` and `generation` are the side of the rightful owner in an alarm.
    pub record: Option<&'a Record>,
    /// The subject, where the caller or the record names one.
    pub subject: Option<&'a Subject>,
    /// The login, likewise.
    pub login: Option<LoginId>,
    /// How the presenting client compares with the one it was issued to.
    pub fingerprint: FingerprintCheck,
    /// How many records it was about, for revocations and purges.
    pub count: u64,
    /// Who presented the token or made the call, where the caller said so: in an alarm, the other side.
    pub context: Option<&'a RequestContext>,
    /// What went wrong, where something did.
    pub source: Option<&'a (dyn Error + 'static)>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// A record that was made for a token which is not handed out could not be removed; or a renewal went on without
    /// that token, and the source says why. No one holds it.
    Abandoned,
    /// The successor was presented for the first time: the client has it.
    Confirmed,
    /// A single-use token was used.
    Consumed,
    /// A row does not decode: its tokens are not accepted, and it hides no other.
    Corrupt,
    /// A login beyond the cap was ended.
    Evicted,
    /// A token came after its expiry.
    Expired,
    /// A login or a restored session was turned away: something was logged out while it was under way.
    Fenced,
    /// Every record of a subject was removed.
    Forgotten,
    /// A token was issued.
    Issued,
    /// A token came with a selector that exists and a validator that never did: somebody is guessing,
    /// or knows the selector only.
    InvalidValidator,
    /// A token of a kind that the call does not accept.
    KindMismatch,
    /// A predecessor came after the retry window. The login was ended, or, where the event has a
    /// [`source`](Event#structfield.source), could not be.
    Lapsed,
    /// Not the text of a token.
    Malformed,
    /// The purger met an error and goes on.
    PurgeFailed,
    /// Expired records were collected.
    Purged,
    /// A session was restored from another token of its login.
    Restored,
    /// A predecessor was accepted, within its windows.
    Retried,
    /// Theft: a replaced token came back. What it belongs to was ended by this call, or, where the event has a
    /// [`source`](Event#structfield.source), could not be. Of several replays at once the one that ends it tells.
    Reused,
    /// Records were ended for this reason, or, where the event has a [`source`](Event#structfield.source), could not be.
    Revoked(Reason),
    /// A token of an ended record was presented.
    RevokedPresented(Reason),
    /// A successor was made.
    Rotated,
    /// A used single-use token was presented.
    Spent,
    /// The stamp that was given is not the record's; the token was refused, nothing was ended.
    StampMismatch,
    /// A token came whose digest was made with a retired key, or without one under a keyring.
    UnusableKey,
    /// A token came whose selector no record has.
    UnknownSelector,
    /// A token was accepted.
    Verified,
    /// A confirmation, slide or rotation could not be written; the token was accepted all the same.
    WriteFailed,
}

impl EventKind {
    /// What an observer is told of a token of ours that is rejected.
    pub(crate) const fn of_rejection(rejected: Rejected) -> Self {
        match rejected {
            Rejected::Expired => Self::Expired,
            Rejected::Fenced => Self::Fenced,
            Rejected::Invalid => Self::InvalidValidator,
            Rejected::Lapsed => Self::Lapsed,
            Rejected::Malformed => Self::Malformed,
            Rejected::Reused => Self::Reused,
            Rejected::Revoked(reason) => Self::RevokedPresented(reason),
            Rejected::Spent => Self::Spent,
            Rejected::StampMismatch => Self::StampMismatch,
        }
    }
}

impl<'a> Event<'a> {
    pub(crate) const fn new(kind: EventKind, at: Timestamp) -> Self {
        Self {
            kind,
            at,
            token_kind: None,
            selector: None,
            record: None,
            subject: None,
            login: None,
            fingerprint: FingerprintCheck::Unknown,
            count: 0,
            context: None,
            source: None,
        }
    }

    pub(crate) const fn token_kind(mut self, kind: Kind) -> Self {
        self.token_kind = Some(kind);
        self
    }

    pub(crate) const fn selector(mut self, selector: Selector) -> Self {
        self.selector = Some(selector);
        self
    }

    pub(crate) fn record(mut self, record: &'a Record) -> Self {
        self.token_kind = Some(record.kind);
        self.selector = Some(record.selector);
        self.subject = record.subject.as_ref();
        self.login = Some(record.login);
        self.record = Some(record);
        self
    }

    pub(crate) const fn subject(mut self, subject: &'a Subject) -> Self {
        self.subject = Some(subject);
        self
    }

    pub(crate) const fn fingerprint(mut self, fingerprint: FingerprintCheck) -> Self {
        self.fingerprint = fingerprint;
        self
    }

    pub(crate) const fn count(mut self, count: u64) -> Self {
        self.count = count;
        self
    }

    pub(crate) const fn source(mut self, source: &'a (dyn Error + 'static)) -> Self {
        self.source = Some(source);
        self
    }

    /// Writes it to `tracing` under the target `hallpass`: theft as a warning, guesses and endings as
    /// info, the everyday as debug and trace.
    pub(crate) fn trace(&self) {
        macro_rules! emit {
            ($level:ident) => {
                tracing::$level!(
                    target: "hallpass",
                    event = ?self.kind,
                    kind = self.token_kind.as_ref().map(tracing::field::display),
                    selector = self.selector.map(tracing::field::display),
                    subject = self.subject.map(tracing::field::display),
                    login = self.login.map(tracing::field::display),
                    device = self.record.map(|record| tracing::field::display(&record.device)),
                    generation = self.record.map(|record| record.generation),
                    seen_at = self.record.map(|record| record.seen_at.as_millis()),
                    fingerprint = ?self.fingerprint,
                    count = self.count,
                    address = self.context.and_then(RequestContext::peer_address).map(tracing::field::display),
                    user_agent = self.context.and_then(RequestContext::agent),
                    request_id = self.context.and_then(RequestContext::id),
                    error = self.source.map(|source| tracing::field::display(Chain(source))),
                )
            };
        }
        match self.kind {
            EventKind::Abandoned
            | EventKind::Corrupt
            | EventKind::PurgeFailed
            | EventKind::Reused
            | EventKind::WriteFailed => emit!(warn),
            _ if self.source.is_some() => emit!(warn),
            EventKind::InvalidValidator
            | EventKind::Evicted
            | EventKind::Fenced
            | EventKind::Forgotten
            | EventKind::Lapsed
            | EventKind::Revoked(_)
            | EventKind::StampMismatch
            | EventKind::UnusableKey => emit!(info),
            EventKind::Verified => emit!(trace),
            _ => emit!(debug),
        }
    }
}

/// An error and its sources in one line.
struct Chain<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
