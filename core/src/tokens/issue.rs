//! Issues tokens: at a login, or from another token of the same login.

use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::Tokens;
use super::cap::Cap;
use super::ending::{Ending, login_of};
use super::login::Login;
use super::valid::{Issued, Valid};
use super::write::purge_at;
use crate::authentication::Authentication;
use crate::clock::Timestamp;
use crate::error::{Denied, Failure, Rejected, StoreError};
use crate::event::{Event, EventKind};
use crate::facts::{Facts, Origin};
use crate::ident::{Device, Era, Kind, LoginId, Revision, Subject};
use crate::limit::LimitError;
use crate::policy::Policy;
use crate::purpose::Purpose;
use crate::record::state::{Confirms, MAX_DATA, State};
use crate::record::{Body, Record};
use crate::secret::{Digest, Validator};
use crate::selector::Selector;
use crate::stamp::{Fingerprint, Stamp};
use crate::store::{Fence, Insert};
use crate::token::Token;

/// How often a selector that is taken is replaced. A single collision already suggests broken randomness.
const SELECTOR_TRIES: usize = 3;

/// A token about to be issued: set its options, then `.await` it.
#[must_use = "nothing is issued until it is awaited"]
pub struct Issue<'a> {
    pub(super) tokens: &'a Tokens,
    basis: Basis<'a>,
    kind: Kind,
    device: Option<Device>,
    stamp: Option<Stamp>,
    fingerprint: Option<Fingerprint>,
    binding: Option<[u8; 32]>,
    authentication: Option<Authentication>,
    data: Vec<u8>,
    lifetime: Duration,
    replaces: Vec<(Kind, &'a str)>,
    replaced_next: Vec<(Kind, &'a str)>,
}

#[derive(Clone, Copy)]
enum Basis<'a> {
    Login(&'a Login),
    Restored(&'a Valid),
}

/// What else happens when a new record is stored.
struct IssueContext {
    /// The event to emit.
    event: EventKind,
    /// The first device record of a login that had none when this issue began.
    first: Option<Arc<OnceLock<Selector>>>,
    /// The older logins that it replaces.
    replaced: Vec<Record>,
    /// The logins that do not count for the cap: they end with this issue, or with the next token of its login.
    uncounted: Vec<Record>,
    cap: Option<Cap>,
}

/// The fields of a new record that differ from issue to issue.
pub(super) struct Draft {
    pub(super) subject: Option<Subject>,
    pub(super) login: LoginId,
    pub(super) fence: Fence,
    pub(super) created_at: Timestamp,
    /// The start of the idle lifetime.
    pub(super) seen_at: Timestamp,
    pub(super) expires_at: Timestamp,
    pub(super) idle: Option<Duration>,
    pub(super) device: Device,
    pub(super) era: Era,
    pub(super) facts: Facts,
    pub(super) confirms: Option<Confirms>,
    pub(super) renews: Option<LoginId>,
    pub(super) data: Vec<u8>,
}

impl Tokens {
    /// Issues a token of `kind` to the subject of `login`. Two tokens of one login (a session and a
    /// remember-me token, say) are one device.
    ///
    /// An [API key](Purpose::Key) outlives its login: it ends by its selector, by its kind, or with everything of
    /// the subject.
    ///
    /// # Errors
    /// [`Rejected::Fenced`] if everything of the subject or this login was logged out since the login began, if it
    /// began more than an hour ago, or if the name was unknown; [`Rejected::Revoked`] if as many newer logins as the
    /// [cap](crate::TokensBuilder::max_logins) allows were made meanwhile. After [`Failure::Store`],
    /// [`Failure::Limit`], [`Failure::UnknownKind`] or [`Failure::Randomness`] nothing is left behind.
    pub fn issue<'a>(&'a self, login: &'a Login, kind: Kind) -> Issue<'a> {
        Issue::new(self, Basis::Login(login), kind)
    }

    /// Issues a token of `kind` in the login of `parent` without a new authentication, for instance the session that
    /// a remember-me token restores.
    ///
    /// The token takes over the parent's subject, device and stamp, expires no later than the parent, and is
    /// [`Origin::Restored`]. If the login has too many records, the oldest restored one ends.
    ///
    /// # Errors
    /// [`Rejected::Fenced`] if the parent was ended meanwhile; [`Failure::WrongCall`] if the parent is anonymous or
    /// not a device, or if `kind` is an [API key](Purpose::Key), which needs a login of its own; the other errors of
    /// [`issue`](Self::issue).
    pub fn issue_from<'a>(&'a self, parent: &'a Valid, kind: Kind) -> Issue<'a> {
        Issue::new(self, Basis::Restored(parent), kind)
    }

    /// Makes a record and its token, and stores it under `draft.fence`. The returned number is that of the subject's
    /// records, if the store knows it.
    pub(super) async fn create(
        &self,
        policy: &Policy,
        now: Timestamp,
        draft: Draft,
    ) -> Result<(Issued, Record, Option<u32>), Denied> {
        let key = self.keys().active();
        for _ in 0..SELECTOR_TRIES {
            let mut selector = Selector(self.random()?);
            if let Some(subject) = &draft.subject {
                selector.0[..2].copy_from_slice(&subject.shard());
            }
            let validator = Validator::generate(&*self.shared.entropy).map_err(Failure::Randomness)?;
            let mut record = Record {
                selector,
                subject: draft.subject.clone(),
                kind: policy.kind,
                purpose: policy.purpose,
                login: draft.login,
                era: draft.era,
                created_at: draft.created_at,
                updated_at: now,
                seen_at: draft.seen_at,
                expires_at: draft.expires_at,
                idle_at: draft.idle.map(|idle| draft.seen_at.saturating_add(idle)),
                purge_at: draft.expires_at,
                revoked: None,
                revision: Revision::FIRST,
                generation: 0,
                device: draft.device.clone(),
                body: Body::new(Vec::new())?,
            };
            record.purge_at = purge_at(&record, policy);
            let state = State {
                write_id: self.random()?,
                digest: Digest::of(&validator, record.covered(&draft.facts), key),
                lineage: validator.lineage(selector),
                rotated: None,
                facts: draft.facts.clone(),
                confirms: draft.confirms,
                renews: draft.renews,
                data: draft.data.clone(),
            };
            record.body = state.encode();
            let inserted = match self.insert(&record, draft.fence).await {
                Ok(inserted) => inserted,
                Err(error) => {
                    if matches!(&error, StoreError::Timeout { outcome_unknown: true, .. }) {
                        // The record may be stored, but its token is not handed out. If the removal fails, an event
                        // says so.
                        let ending = Ending::one(&record, EventKind::Abandoned, now).only_if_failed();
                        drop(self.end(ending).await);
                    }
                    return Err(error.into());
                }
            };
            match inserted {
                Insert::Inserted { of_subject } => {
                    let issued = Issued {
                        token: Token::print(selector, &validator, &policy.format),
                        kind: policy.kind,
                        login: draft.login,
                        expires_at: draft.expires_at,
                    };
                    return Ok((issued, record, of_subject));
                }
                Insert::Duplicate => {}
                Insert::Fenced => {
                    self.emit(&Event::new(EventKind::Fenced, now).record(&record));
                    return Err(Rejected::Fenced.into());
                }
            }
        }
        Err(Failure::Randomness("three selectors in a row were taken".into()).into())
    }

    /// Inserts a record, and finds out what happened if the store does not know: a stored record that equals this one
    /// is this very write, because of its write id (contract S5).
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let answer = self.store().insert(record, fence).await;
        if matches!(&answer, Err(StoreError::Timeout { outcome_unknown: true, .. }))
            && let Ok(Some(found)) = self.store().find(record.selector).await
            && found == *record
        {
            return Ok(Insert::Inserted { of_subject: None });
        }
        answer
    }

    /// Makes a record and ends what it replaces. If that fails or the login was ended, the record is removed, because
    /// its token is not handed out.
    async fn complete(
        &self,
        kind: Kind,
        now: Timestamp,
        draft: Draft,
        context: IssueContext,
    ) -> Result<(Issued, Record), Denied> {
        let (issued, record, of_subject) = self.create(self.policy(kind)?, now, draft).await?;
        let finished = self.finish_issue(&record, of_subject, &context, now).await;
        // An evicted record stays marked, so that its owner can be told why.
        if let Err(Denied::Failed(_) | Denied::Rejected(Rejected::Fenced)) = finished {
            let ending = Ending::one(&record, EventKind::Abandoned, now).only_if_failed();
            // If this fails, an event says so; the caller gets the first failure.
            drop(self.end(ending).await);
        }
        finished?;
        self.emit(&Event::new(context.event, now).record(&record));
        Ok((issued, record))
    }

    /// Checks that the login is still alive, and ends what a new record ends: the logins that it replaces, and what
    /// exceeds the cap.
    async fn finish_issue(
        &self,
        record: &Record,
        of_subject: Option<u32>,
        context: &IssueContext,
        now: Timestamp,
    ) -> Result<(), Denied> {
        // Another issue of this login was faster and handed out its token, and a log-out with that token may have
        // come before this record was stored. A log-out from now on ends this record, too.
        if let Some(first) = context.first.as_ref().and_then(|first| first.get())
            && self.store().find(*first).await?.is_none_or(|first| first.revoked.is_some())
        {
            self.emit(&Event::new(EventKind::Fenced, now).record(record));
            return Err(Rejected::Fenced.into());
        }
        // This comes before the old logins end: if it fails, the record is removed and the browser keeps its old
        // tokens.
        if let Some(cap) = context.cap.filter(|cap| self.may_exceed(*cap, of_subject)) {
            self.keep_to(cap, record, &context.uncounted, now).await?;
        }
        for old in &context.replaced {
            self.supersede(old, now).await?;
        }
        Ok(())
    }
}

impl<'a> Issue<'a> {
    fn new(tokens: &'a Tokens, basis: Basis<'a>, kind: Kind) -> Self {
        Self {
            tokens,
            basis,
            kind,
            device: None,
            stamp: None,
            fingerprint: None,
            binding: None,
            authentication: None,
            data: Vec::new(),
            lifetime: Duration::MAX,
            replaces: Vec::new(),
            replaced_next: Vec::new(),
        }
    }

    /// Sets the description by which a person recognises the client. Text of any length, a `User-Agent` header for
    /// instance, is cut to 512 bytes.
    pub fn device(mut self, description: impl Into<Device>) -> Self {
        self.device = Some(description.into());
        self
    }

    /// Binds the token to this stamp: once the stamp changes, the token is refused.
    pub fn stamp(mut self, stamp: Stamp) -> Self {
        self.stamp = Some(stamp);
        self
    }

    /// Stores what the client looks like, for session protection.
    pub fn fingerprint(mut self, fingerprint: Fingerprint) -> Self {
        self.fingerprint = Some(fingerprint);
        self
    }

    /// Binds the token to these 32 bytes, under the digest: the thumbprint of a key that the client holds, for
    /// instance. Compare [`Valid::binding`] with what the client proves; hallpass does not.
    pub fn binding(mut self, binding: [u8; 32]) -> Self {
        self.binding = Some(binding);
        self
    }

    /// Sets how the subject authenticated. By default a token [from another](Tokens::issue_from) has the value of its
    /// parent.
    pub fn authentication(mut self, authentication: Authentication) -> Self {
        self.authentication = Some(authentication);
        self
    }

    /// Sets the application data: at most 16 KiB of any bytes.
    pub fn data(mut self, data: impl Into<Vec<u8>>) -> Self {
        self.data = data.into();
        self
    }

    /// Shortens the lifetime to `lifetime`, if the policy allows a longer one: "remember me for a week".
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Names an older token that the same browser still sends: once the new one is stored, the login of the old one
    /// is ended. Accepts any text; ignores text that is no token of ours, and a row that does not decode.
    pub fn replaces(mut self, kind: Kind, text: &'a str) -> Self {
        self.replaces.push((kind, text));
        self
    }

    /// Names an older token that the next token of this login [replaces](Self::replaces). Until then its login stays,
    /// but does not count for the [cap](crate::TokensBuilder::max_logins). So a client that gets several tokens loses
    /// its old ones with the last of them, and no other device of the subject is logged out for it.
    pub fn replaces_with_next(mut self, kind: Kind, text: &'a str) -> Self {
        self.replaced_next.push((kind, text));
        self
    }

    pub(super) async fn run(self) -> Result<(Issued, Record), Denied> {
        let Self { tokens, basis, kind, device, stamp, fingerprint, binding, authentication, data, .. } =
            self;
        let Self { lifetime, replaces, replaced_next, .. } = self;
        let policy = tokens.policy(kind)?;
        let now = tokens.now();
        let stamp = stamp.map(|stamp| stamp.0);
        let fingerprint = fingerprint.map(|fingerprint| fingerprint.0);
        if data.len() > MAX_DATA {
            return Err(LimitError::new("data", "must be at most 16 KiB").into());
        }
        authentication.as_ref().map_or(Ok(()), Authentication::check)?;
        let device_kind = policy.purpose == Purpose::Device;
        let expires_at = now.saturating_add(policy.absolute.min(lifetime));
        let draft = match basis {
            Basis::Login(login) => Draft {
                subject: login.subject().cloned(),
                login: match login.subject() {
                    None if !login.is_new() => LoginId(tokens.random()?),
                    _ => login.id,
                },
                fence: match login.fence(now) {
                    Some(fence) => fence,
                    None => {
                        let event = Event::new(EventKind::Fenced, now).token_kind(kind);
                        tokens.emit(&Event { subject: login.subject(), login: Some(login.id), ..event });
                        return Err(Rejected::Fenced.into());
                    }
                },
                created_at: now,
                seen_at: now,
                expires_at,
                idle: policy.idle,
                device: device.unwrap_or_default(),
                era: login.era,
                facts: Facts {
                    stamp,
                    fingerprint,
                    binding,
                    auth_at: now,
                    origin: Origin::Authenticated,
                    authentication: authentication.unwrap_or_default(),
                },
                confirms: None,
                renews: None,
                data,
            },
            Basis::Restored(parent) => {
                if parent.subject().is_none() || tokens.policy(parent.kind())?.purpose != Purpose::Device {
                    return Err(Failure::WrongCall(parent.kind()).into());
                }
                if policy.purpose == Purpose::Key {
                    return Err(Failure::WrongCall(kind).into());
                }
                Draft {
                    subject: parent.subject().cloned(),
                    login: parent.login(),
                    fence: Fence::Parent(parent.selector()),
                    created_at: now,
                    seen_at: now,
                    expires_at: expires_at.min(parent.absolute_expiry()),
                    idle: policy.idle,
                    device: device.unwrap_or_else(|| parent.device().clone()),
                    era: parent.found.record.era,
                    facts: Facts {
                        stamp: stamp.or(parent.found.state.facts.stamp),
                        fingerprint,
                        binding: binding.or(parent.found.state.facts.binding),
                        auth_at: parent.auth_at(),
                        origin: Origin::Restored,
                        authentication: authentication.unwrap_or_else(|| parent.authentication().clone()),
                    },
                    confirms: parent.confirms,
                    renews: None,
                    data,
                }
            }
        };
        let mut replaced = Vec::new();
        for (kind, text) in replaces {
            let old = tokens.replaceable(kind, text, draft.login, now).await?;
            // End each login once: a second ending that fails would undo this login although the old one is over. A
            // key and a session of one login count as two, because neither ends the other.
            let same = |known: &Record, old: &Record| {
                known.subject == old.subject && login_of(known) == login_of(old)
            };
            replaced.extend(old.filter(|old| !replaced.iter().any(|known: &Record| same(known, old))));
        }
        // Logins whose token was ended already come first: if ending the rest of one fails, the login that is still
        // alive stays.
        replaced.sort_by_key(|old| old.revoked.is_none());
        let (event, cap) = match basis {
            Basis::Login(login) if login.is_new() && device_kind => (EventKind::Issued, Some(Cap::Logins)),
            Basis::Login(_) => (EventKind::Issued, None),
            Basis::Restored(parent) => {
                let cap = Cap::Records { parent: parent.selector() };
                (EventKind::Restored, device_kind.then_some(cap))
            }
        };
        let cap = cap.filter(|_| draft.subject.is_some());
        // Replacing an API key ends no device of its login.
        let mut uncounted: Vec<_> =
            replaced.iter().filter(|old| old.purpose != Purpose::Key).cloned().collect();
        if let Some(Cap::Logins) = cap {
            for (kind, text) in replaced_next {
                let old = tokens.replaceable(kind, text, draft.login, now).await?;
                uncounted.extend(old.filter(|old| old.purpose != Purpose::Key));
            }
        }
        let first = match (basis, draft.fence) {
            (Basis::Login(login), Fence::Epoch(_)) => Some(login.first()),
            _ => None,
        };
        let alone = cap.is_none() && replaced.is_empty();
        let context = IssueContext { event, first, replaced, uncounted, cap };
        let (issued, record) = if alone {
            tokens.complete(kind, now, draft, context).await?
        } else {
            // Detached from the insert on: if the future is dropped after the insert, what the record ends must still
            // end.
            tokens.detached(|tokens| async move { tokens.complete(kind, now, draft, context).await }).await?
        };
        if let (Basis::Login(login), true) = (basis, device_kind) {
            login.has_begun_with(record.selector);
        }
        Ok((issued, record))
    }
}

impl<'a> IntoFuture for Issue<'a> {
    type Output = Result<Issued, Denied>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { Ok(self.run().await?.0) })
    }
}

impl fmt::Debug for Issue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issue").field("kind", &self.kind).finish_non_exhaustive()
    }
}
