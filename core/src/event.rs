//! Events: what happened, reported to an [`Observer`] and to `tracing`. They carry selectors and metadata, never a
//! secret.

use std::error::Error;
use std::fmt;

use crate::clock::Timestamp;
use crate::context::RequestContext;
use crate::error::Rejected;
use crate::ident::{Kind, LoginId, Subject};
use crate::record::{Reason, Record};
use crate::selector::Selector;
use crate::stamp::FingerprintCheck;
use crate::store::Lost;

/// Receives every event. It is called where the event happens, so hand slow work to another task.
pub trait Observer: fmt::Debug + Send + Sync + 'static {
    /// Handles one event.
    fn on_event(&self, event: &Event<'_>);
}

/// One event: what happened, when, and to which record.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Event<'a> {
    /// What the event is about.
    pub kind: EventKind,
    /// When it happened, by the service's clock.
    pub at: Timestamp,
    /// The kind of token that the caller named.
    pub token_kind: Option<Kind>,
    /// The selector, if one could be read.
    pub selector: Option<Selector>,
    /// The record, if it is known *and* the presented validator is one of its own. In an alarm its `device`,
    /// `seen_at` and `generation` show the rightful owner's side.
    pub record: Option<&'a Record>,
    /// The subject, if the caller or the record names one.
    pub subject: Option<&'a Subject>,
    /// The login, if the caller or the record names one.
    pub login: Option<LoginId>,
    /// How the client that presented the token compares with the one that it was issued to.
    pub fingerprint: FingerprintCheck,
    /// The number of records, for revocations and purges; what the kind of event says it is, for the near cache.
    pub count: u64,
    /// The client that presented the token or made the call, if the caller supplied it: in an alarm, the other side.
    pub context: Option<&'a RequestContext>,
    /// The error, if there was one.
    pub source: Option<&'a (dyn Error + 'static)>,
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// A record could not be removed although its token is not handed out; or a renewal continued without one of
    /// its tokens. The [`source`](Event#structfield.source) says why. No client holds the token.
    Abandoned,
    /// The successor was presented for the first time, so the client has it.
    Confirmed,
    /// A single-use token was used.
    Consumed,
    /// A row does not decode. Its tokens are not accepted; it hides no other row.
    Corrupt,
    /// A login beyond the cap was ended.
    Evicted,
    /// An expired token was presented.
    Expired,
    /// The near cache may have missed endings, for this reason, and has forgotten everything. The
    /// [`count`](Event#structfield.count) is the number of records. Until there is a lease again, the store is read.
    FeedLost(Lost),
    /// A login or a restored session was refused: a log-out ran while it was under way.
    Fenced,
    /// Every record of a subject was removed.
    Forgotten,
    /// A token was issued.
    Issued,
    /// A token with an existing selector and a wrong validator was presented: the client guesses, or knows only the
    /// selector.
    InvalidValidator,
    /// A token of a kind that the call does not accept was presented.
    KindMismatch,
    /// A predecessor was presented after the retry window. The login was ended, or could not be if the event has a
    /// [`source`](Event#structfield.source).
    Lapsed,
    /// The near cache has had no proof for longer than the lag: the store is read, and records stay. The
    /// [`count`](Event#structfield.count) is the age of the last proof in milliseconds, or for how long there has been
    /// none. The [`source`](Event#structfield.source) is the error of the last turn, if it failed.
    LeaseEnded,
    /// The near cache serves from now on.
    LeaseGained,
    /// The text is not that of a token.
    Malformed,
    /// A purge in the background failed; the purger goes on.
    PurgeFailed,
    /// Expired records were removed.
    Purged,
    /// A session was restored from another token of its login.
    Restored,
    /// A predecessor was accepted within its windows.
    Retried,
    /// Theft: a replaced token came back. This call ended what it belongs to, or could not if the event has a
    /// [`source`](Event#structfield.source). Of several concurrent replays, the one that ends it emits this event.
    Reused,
    /// Records were ended for this reason, or could not be if the event has a [`source`](Event#structfield.source).
    Revoked(Reason),
    /// A token of an ended record was presented.
    RevokedPresented(Reason),
    /// A successor was made.
    Rotated,
    /// A used single-use token was presented.
    Spent,
    /// The near cache accepted a token whose record had ended, as a sample showed. Within the lag that is allowed.
    StaleAccept,
    /// The given stamp does not match the record's. The token was refused; nothing was ended.
    StampMismatch,
    /// A token was presented whose digest was made with a retired key, or without a key although there is a keyring. Or
    /// a renewal ended such a record of the login without a replacement; then the source says if the key is unknown.
    UnusableKey,
    /// A token was presented whose selector belongs to no record.
    UnknownSelector,
    /// A token was accepted.
    Verified,
    /// A confirmation, slide or rotation could not be written; the token was accepted nevertheless.
    WriteFailed,
}

impl EventKind {
    /// Returns the kind of event for a token of ours that is rejected.
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

    /// Writes the event to `tracing` under the target `hallpass`: theft and errors as warnings, guesses and endings
    /// as info, everyday events as debug and trace.
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
            | EventKind::FeedLost(_)
            | EventKind::LeaseEnded
            | EventKind::PurgeFailed
            | EventKind::Reused
            | EventKind::StaleAccept
            | EventKind::WriteFailed => emit!(warn),
            _ if self.source.is_some() => emit!(warn),
            EventKind::InvalidValidator
            | EventKind::Evicted
            | EventKind::Fenced
            | EventKind::Forgotten
            | EventKind::Lapsed
            | EventKind::LeaseGained
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
