//! The way in: what a request brought, and who sent it.

mod credentials;
mod resolve;
mod restore;
mod sent;

use std::error::Error;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use hallpass_core::{LoginId, Rejected, Subject, Tokens, Valid};
use http::{Extensions, HeaderMap, Method, Uri};

pub(crate) use sent::{Sent, Unusable};

use crate::config::Config;
use crate::cookie::{Changes, PresentedTokens, Text};
use crate::current::Identity;
use crate::signal::{Signal, SignalKind};
use crate::user::AnyUser;

/// One request, shared by the layer and every extractor.
pub(crate) struct Request {
    pub(crate) config: Arc<Config>,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    /// Read when a handler first asks for something. If no handler asks, nothing is added to the response.
    pub(crate) sent: OnceLock<Result<Sent, Unusable>>,
    pub(crate) state: tokio::sync::Mutex<State>,
    /// What the response will carry.
    changes: Mutex<Changes>,
    /// Whether a session or a user was found, so that the response may show their data.
    pub(crate) personal: AtomicBool,
    /// Whether the handler asked who sent the request.
    pub(crate) asked: AtomicBool,
    told: AtomicU32,
}

/// The form in which the layer passes it on: only [`Auth::of`](crate::Auth::of) reads it, after it has checked the request.
#[derive(Clone)]
pub(crate) struct Handle(pub(crate) Arc<Request>);

/// What is known about the request so far.
#[derive(Default)]
pub(crate) struct State {
    /// The tokens of the browser: those that it sent, until newer ones are on their way to it.
    pub(crate) held: Option<PresentedTokens>,
    pub(crate) resolved: Option<Resolved>,
    /// Whether this very request logged a user in.
    pub(crate) logged_in: bool,
}

/// The user and the tokens of a request.
#[derive(Default)]
pub(crate) struct Resolved {
    /// The user who is logged in.
    pub(crate) known: Option<(AnyUser, Identity)>,
    /// The valid session that was presented, anonymous or not; or a restored one, which has not been presented.
    pub(crate) session: Option<Valid>,
    /// The verdicts on tokens that are not valid.
    pub(crate) rejections: Vec<Rejected>,
    /// The token that proves who sent it.
    pub(crate) credential: Option<Credential>,
    /// Whether the near cache admitted the user, or a cache of users may have supplied it.
    pub(crate) cached: bool,
}

/// The token that proves who sent a request.
pub(crate) enum Credential {
    Session(Text),
    Key(Text, Valid),
}

impl Resolved {
    /// Returns the token that lets the user in.
    pub(crate) fn admitted_by(&self) -> Option<&Valid> {
        match &self.credential {
            _ if self.known.is_none() => None,
            Some(Credential::Key(_, valid)) => Some(valid),
            Some(Credential::Session(_)) | None => self.session.as_ref(),
        }
    }
}

/// Which sources to ask: caches too, or only the store and the users themselves.
#[derive(Clone, Copy)]
pub(crate) struct View<'t> {
    pub(crate) tokens: &'t Tokens,
    pub(crate) exact: bool,
}

impl<'t> View<'t> {
    /// Asks past every cache. `tokens` are [`exact`](Tokens::exact) ones.
    pub(crate) const fn exact(tokens: &'t Tokens) -> Self {
        Self { tokens, exact: true }
    }
}

impl Request {
    pub(crate) fn new(config: Arc<Config>, method: Method, uri: Uri) -> Self {
        Self {
            config,
            method,
            uri,
            sent: OnceLock::new(),
            state: tokio::sync::Mutex::default(),
            changes: Mutex::default(),
            personal: AtomicBool::new(false),
            asked: AtomicBool::new(false),
            told: AtomicU32::new(0),
        }
    }

    /// Reads what came with the request, once.
    pub(crate) fn read(&self, headers: &HeaderMap, extensions: &Extensions) -> Result<&Sent, Unusable> {
        let sent = self.sent.get_or_init(|| Sent::read(self, headers, extensions));
        if let Err(Unusable::CrossSite | Unusable::PlainHttp) = sent {
            self.tell_once(SignalKind::CrossSite, None, None);
        }
        sent.as_ref().map_err(|unfit| *unfit)
    }

    /// Returns what came with the request, if a handler has asked and the request was not refused.
    pub(crate) fn sent(&self) -> Option<&Sent> {
        self.sent.get()?.as_ref().ok()
    }

    /// Returns the tokens service on behalf of this request.
    pub(crate) fn tokens(&self) -> &Tokens {
        self.sent().map_or(&self.config.tokens, |sent| &sent.tokens)
    }

    /// Asks the caches, too.
    pub(crate) fn view(&self) -> View<'_> {
        View { tokens: self.tokens(), exact: false }
    }

    /// Sends a signal to the listener.
    pub(crate) fn tell(&self, what: SignalKind, subject: Option<&Subject>, login: Option<LoginId>) {
        self.tell_with(what, subject, login, None);
    }

    /// Sends a signal to the listener, unless this request has sent it already.
    pub(crate) fn tell_once(&self, what: SignalKind, subject: Option<&Subject>, login: Option<LoginId>) {
        if self.is_first(what) {
            self.tell(what, subject, login);
        }
    }

    /// Sends the signal that a token cannot be read.
    pub(crate) fn tell_unreadable(&self, failure: &hallpass_core::Failure) {
        if self.is_first(SignalKind::Unreadable) {
            self.tell_with(SignalKind::Unreadable, None, None, Some(failure));
        }
    }

    fn is_first(&self, what: SignalKind) -> bool {
        let bit = 1 << what as u32;
        self.told.fetch_or(bit, Ordering::Relaxed) & bit == 0
    }

    fn tell_with(
        &self,
        what: SignalKind,
        subject: Option<&Subject>,
        login: Option<LoginId>,
        source: Option<&(dyn Error + 'static)>,
    ) {
        let address = self.sent().and_then(|sent| sent.client.address);
        let signal = Signal { what, at: self.config.tokens.now(), subject, login, address, source };
        signal.trace();
        if let Some(listener) = &self.config.listener {
            listener.on_signal(&signal);
        }
    }

    /// Records that the response may show data of a user or a session.
    pub(crate) fn mark_personal(&self) {
        self.personal.store(true, Ordering::Relaxed);
    }

    /// Returns whether the response was sent, so that no cookie can be added to it.
    pub(crate) fn is_answered(&self) -> bool {
        self.changes().sent
    }

    /// Returns whether the cookies are ignored until the CSRF token has been checked.
    pub(crate) fn is_unproven(&self) -> bool {
        self.sent().is_some_and(|sent| sent.unproven.load(Ordering::Relaxed))
    }

    pub(crate) fn changes(&self) -> MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns the tokens that the browser holds.
    pub(crate) fn held(&mut self, request: &Request) -> &mut PresentedTokens {
        if request.is_unproven() {
            return self.held.insert(PresentedTokens::default());
        }
        self.held.get_or_insert_with(|| request.sent().map(Sent::take_presented).unwrap_or_default())
    }

    /// Forgets who sent the request: the next call determines it from the tokens that the browser holds now.
    pub(crate) fn forget(&mut self) {
        self.resolved = None;
        self.logged_in = false;
    }
}
