//! Reads what came with a request, and refuses what another site made a browser send.

use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};

use hallpass_core::{RequestContext, Tokens};
use http::header::{ACCEPT, AUTHORIZATION, COOKIE, ORIGIN};
use http::{Extensions, HeaderMap, HeaderValue};
use zeroize::Zeroizing;

use super::Request;
use crate::client::Client;
use crate::cookie::{PresentedTokens, Text};
use crate::csrf::Csrf;
use crate::origin::Sender;

/// The most bytes of all `Cookie` headers together: 32 KiB, far above what browsers send to one site.
const MAX_COOKIES: usize = 32 * 1024;

/// What came with the request.
pub(crate) struct Sent {
    /// The tokens of the cookies, until the state takes them over.
    held: Mutex<PresentedTokens>,
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
pub(crate) enum Unusable {
    CrossSite,
    PlainHttp,
    TooLarge,
}

impl Sent {
    /// Returns whether the request brought tokens that are not used yet.
    pub(crate) fn has_tokens(&self) -> bool {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        self.key.is_some() || !held.sessions.is_empty() || !held.remembers.is_empty()
    }

    pub(super) fn take_presented(&self) -> PresentedTokens {
        std::mem::take(&mut *self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn read(
        request: &Request,
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> Result<Self, Unusable> {
        let config = &request.config;
        if headers.get_all(COOKIE).iter().map(HeaderValue::len).sum::<usize>() > MAX_COOKIES {
            return Err(Unusable::TooLarge);
        }
        let bearer = bearer(headers);
        let mut held = PresentedTokens::read(headers, &config.session, &config.remember);
        let csrf = Csrf::read(headers, &config.csrf);
        let mut unproven = false;
        match config.origins.sender(&request.method, &request.uri, headers, config.session.is_secure()) {
            Sender::Own => {}
            // A form of another site cannot add this header, so a request with a key needs no CSRF token; cookies
            // beside it are ignored.
            Sender::Unsaid if bearer.is_some() && config.csrf_required => {
                if !csrf.is_proved_by_header(headers) {
                    held = PresentedTokens::default();
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
            Sender::Other | Sender::Hidden | Sender::PlainHttp if bearer.is_some() => {
                held = PresentedTokens::default();
            }
            Sender::Other | Sender::Hidden => return Err(Unusable::CrossSite),
            Sender::PlainHttp => return Err(Unusable::PlainHttp),
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
    let accepts = headers.get_all(ACCEPT).iter().filter_map(|accept| accept.to_str().ok());
    accepts.into_iter().any(|accept| accept.contains("text/html"))
        && headers.get("sec-fetch-mode").is_none_or(|mode| mode == "navigate")
        && !headers.contains_key("x-requested-with")
}
