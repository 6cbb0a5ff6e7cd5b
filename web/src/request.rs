//! One request: what it brought, what is known about it, and what its response will carry.

use std::error::Error;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use hallpass_core::{Issued, LoginId, Rejected, RequestContext, Subject, Tokens, Valid};
use http::header::{AUTHORIZATION, COOKIE, ORIGIN};
use http::{Extensions, HeaderMap, HeaderValue, Method, Uri};
use zeroize::Zeroizing;

use crate::client::Client;
use crate::cookie::{Change, Changes, Held, Keep, Text};
use crate::csrf::Csrf;
use crate::current::Identity;
use crate::error::Failure;
use crate::layer::Config;
use crate::origin::Sender;
use crate::signal::{Signal, SignalKind};
use crate::user::AnyUser;

/// The most bytes of all `Cookie` headers together: 32 KiB, far above what browsers send to one site.
const MAX_COOKIES: usize = 32 * 1024;

pub(crate) struct Request {
    pub(crate) config: Arc<Config>,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    /// Read at the first question of a handler. A request without questions adds nothing to the response.
    pub(crate) sent: OnceLock<Result<Sent, Unfit>>,
    pub(crate) state: tokio::sync::Mutex<State>,
    changes: Mutex<Changes>,
    /// Whether a session or a user was found, so that the response may show their data.
    pub(crate) personal: AtomicBool,
    /// Whether the handler asked who sent the request.
    pub(crate) asked: AtomicBool,
    told: AtomicU32,
}

/// What came with the request.
pub(crate) struct Sent {
    /// The tokens of the cookies, until the state takes them over.
    held: Mutex<Held>,
    pub(crate) key: Option<Text>,
    /// The tokens service, with what is known about the client.
    pub(crate) tokens: Tokens,
    pub(crate) client: Client,
    pub(crate) csrf: Csrf,
    /// Whether the cookies are ignored until the CSRF token has been checked.
    pub(crate) unproven: AtomicBool,
    /// The header `Origin`, if the client sent it.
    pub(crate) origin: Option<HeaderValue>,
    /// Whether a person asks for a page, rather than a program for data.
    pub(crate) page: bool,
}

/// Why a request is refused before its tokens are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    CrossSite,
    PlainHttp,
    TooLarge,
}

/// What is known about the request so far.
#[derive(Default)]
pub(crate) struct State {
    /// The tokens of the browser: those that it sent, until newer ones are on their way to it.
    pub(crate) held: Option<Held>,
    pub(crate) who: Option<Who>,
    /// Whether this very request logged a user in.
    pub(crate) logged_in: bool,
}

/// The user and the tokens of a request.
#[derive(Default)]
pub(crate) struct Who {
    /// The user who is logged in.
    pub(crate) known: Option<(AnyUser, Identity)>,
    /// The valid session that was presented, anonymous or not; or a restored one, which has not been presented.
    pub(crate) session: Option<Valid>,
    /// The verdicts on tokens that are not valid.
    pub(crate) rejections: Vec<Rejected>,
    /// The token that proves who sent it.
    pub(crate) proof: Option<Proof>,
}

/// The token that proves who sent a request.
#[derive(Clone)]
pub(crate) enum Proof {
    Session(Text),
    Key(Text),
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
    pub(crate) fn read(&self, headers: &HeaderMap, extensions: &Extensions) -> Result<&Sent, Unfit> {
        let sent = self.sent.get_or_init(|| Sent::read(self, headers, extensions));
        if let Err(Unfit::CrossSite | Unfit::PlainHttp) = sent {
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

    /// Returns whether the response may show data of a user or a session.
    ///
    /// It may if one was found, or if tokens came and the handler has not asked yet: a stream may ask after the head
    /// of its response.
    pub(crate) fn may_be_personal(&self, sent: &Sent) -> bool {
        self.personal.load(Ordering::Relaxed) || (!self.asked.load(Ordering::Relaxed) && sent.has_tokens())
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

    /// Sends a token to the browser, and puts it first among the tokens that the browser holds.
    ///
    /// # Errors
    /// [`Failure::AnswerSent`].
    pub(crate) fn hand_out(&self, held: &mut Held, issued: &Issued) -> Result<(), Failure> {
        let change = self.set(issued);
        let text = change.text().cloned();
        let mut changes = self.changes();
        if changes.sent {
            return Err(Failure::AnswerSent);
        }
        changes.yields = false;
        held.made.extend(text.clone());
        let (place, texts) = match issued.kind == self.config.kinds.remember {
            true => (&mut changes.remember, &mut held.remembers),
            false => (&mut changes.session, &mut held.sessions),
        };
        *place = Some(change);
        // The other tokens that the browser sent stay in the list: a log-out or a login in this request ends them,
        // too.
        texts.splice(0..0, text);
        Ok(())
    }

    /// Sends the successor of a remember-me token to the browser, whatever else becomes of the request.
    ///
    /// The successor does not join the tokens that the browser holds: presenting it again in this request would
    /// confirm a token that may never arrive. Until it arrives, the browser can use the token that it replaces.
    pub(crate) fn send_successor(&self, successor: &Issued) {
        let change = self.set(successor);
        let mut changes = self.changes();
        changes.remember = Some(change);
        changes.yields = true;
    }

    fn set(&self, issued: &Issued) -> Change {
        let remember = issued.kind == self.config.kinds.remember;
        let spec = if remember { &self.config.remember } else { &self.config.session };
        let keep = spec.keep.unwrap_or(if remember { Keep::Token } else { Keep::Browser });
        let age = issued.expires_at.since(self.config.tokens.now());
        let value = Zeroizing::new(issued.token.expose().to_owned());
        Change::Set { value, max_age: (keep == Keep::Token).then_some(age) }
    }

    /// Clears both cookies.
    pub(crate) fn take_away(&self, held: &mut Held) {
        *held = Held::default();
        if let Some(sent) = self.sent() {
            sent.csrf.clear();
        }
        let mut changes = self.changes();
        let sent = changes.sent;
        let (session, remember) = (Some(Change::Clear), Some(Change::Clear));
        *changes = Changes { session, remember, yields: false, logged_out: true, sent };
    }
}

impl State {
    /// Returns the tokens that the browser holds.
    pub(crate) fn held(&mut self, request: &Request) -> &mut Held {
        if request.is_unproven() {
            return self.held.insert(Held::default());
        }
        self.held.get_or_insert_with(|| request.sent().map(Sent::take_held).unwrap_or_default())
    }

    /// Forgets who sent the request, so that the next question is decided by what the browser holds now.
    pub(crate) fn forget(&mut self) {
        self.who = None;
        self.logged_in = false;
    }
}

impl Sent {
    /// Returns whether the request brought tokens that are not used yet.
    fn has_tokens(&self) -> bool {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        self.key.is_some() || !held.sessions.is_empty() || !held.remembers.is_empty()
    }

    fn take_held(&self) -> Held {
        std::mem::take(&mut *self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn read(request: &Request, headers: &HeaderMap, extensions: &Extensions) -> Result<Self, Unfit> {
        let config = &request.config;
        if headers.get_all(COOKIE).iter().map(HeaderValue::len).sum::<usize>() > MAX_COOKIES {
            return Err(Unfit::TooLarge);
        }
        let bearer = bearer(headers);
        let mut held = Held::read(headers, &config.session, &config.remember);
        let csrf = Csrf::read(headers, &config.csrf);
        let mut unproven = false;
        match config.origins.sender(&request.method, &request.uri, headers, config.session.is_secure()) {
            Sender::Own => {}
            // A form of another site cannot add this header, so a request with a key needs no CSRF token; cookies
            // beside it are ignored.
            Sender::Unsaid if bearer.is_some() && config.csrf_required => {
                if !csrf.is_proved_by_header(headers) {
                    held = Held::default();
                }
            }
            Sender::Unsaid => unproven = config.csrf_required && !csrf.is_proved_by_header(headers),
            // The CSRF token proves the page. But if a neighbour on the domain can plant the cookie with the secret,
            // it proves nothing: the neighbour can send a matching token from a page that hides its origin.
            Sender::Hidden if bearer.is_none() && config.csrf.is_secure() && csrf.has_secret() => {
                unproven = !csrf.is_proved_by_header(headers);
            }
            // A page of another site can add this header only if the application lets it (CORS). The cookies, which
            // the browser added by itself, are ignored then.
            Sender::Other | Sender::Hidden | Sender::PlainHttp if bearer.is_some() => held = Held::default(),
            Sender::Other | Sender::Hidden => return Err(Unfit::CrossSite),
            Sender::PlainHttp => return Err(Unfit::PlainHttp),
        }
        let client = config.clients.read(headers, extensions);
        let detours = config.login_page.is_some() || config.fresh_page.is_some();
        Ok(Self {
            held: Mutex::new(held),
            key: bearer.map(|key| Zeroizing::new(key.to_owned())),
            tokens: config.tokens.with_context(context(&client, headers)),
            client,
            csrf,
            unproven: AtomicBool::new(unproven),
            origin: headers.get(ORIGIN).cloned(),
            page: detours && bearer.is_none() && wants_page(headers),
        })
    }
}

/// Returns what core reports to its observers about the client.
fn context(client: &Client, headers: &HeaderMap) -> RequestContext {
    let mut context = RequestContext::new().user_agent(&client.agent());
    if let Some(address) = client.address {
        context = context.address(address);
    }
    match headers.get("x-request-id").and_then(|id| id.to_str().ok()) {
        Some(id) => context.request_id(id),
        None => context,
    }
}

/// Returns the value of `Authorization: Bearer`.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// Returns whether a browser will show the response as a page: it accepts HTML, and no script sent the request.
fn wants_page(headers: &HeaderMap) -> bool {
    let accepts = headers.get_all(http::header::ACCEPT).iter().filter_map(|accept| accept.to_str().ok());
    accepts.into_iter().any(|accept| accept.contains("text/html"))
        && headers.get("sec-fetch-mode").is_none_or(|mode| mode == "navigate")
        && !headers.contains_key("x-requested-with")
}
