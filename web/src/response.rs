//! The way out: what a response carries. Cookies, caching and site data.

use std::sync::atomic::Ordering;

use hallpass_core::rotation::Presented;
use hallpass_core::{Issued, Kind};
use http::header::{CACHE_CONTROL, SET_COOKIE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue};
use zeroize::Zeroizing;

use crate::cookie::{Change, Changes, Keep, PresentedTokens, Text};
use crate::error::{Failure, NotAdmitted};
use crate::origin::is_loopback;
use crate::request::{Request, Sent};

const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// Data that a browser is told to delete when its user logs out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SiteData {
    /// Pages and files in its cache, those behind the Back button included.
    Cache,
    /// Every cookie of the site and its subdomains, those of other applications included.
    Cookies,
    /// `localStorage`, databases and service workers.
    Storage,
}

impl SiteData {
    pub(crate) const fn directive(self) -> &'static str {
        match self {
            Self::Cache => "\"cache\"",
            Self::Cookies => "\"cookies\"",
            Self::Storage => "\"storage\"",
        }
    }
}

impl Request {
    /// Sends a token to the browser, and puts it first among the tokens that the browser holds.
    ///
    /// # Errors
    /// [`Failure::AnswerSent`].
    pub(crate) fn hand_out(&self, held: &mut PresentedTokens, issued: &Issued) -> Result<(), Failure> {
        let change = self.set(issued);
        let text = change.text().cloned();
        let mut changes = self.changes();
        if changes.sent {
            return Err(Failure::AnswerSent);
        }
        changes.yields = false;
        held.made.extend(text.clone());
        let (place, texts) = if issued.kind == self.config.kinds.remember {
            (&mut changes.remember, &mut held.remembers)
        } else {
            (&mut changes.session, &mut held.sessions)
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
    pub(crate) fn take_away(&self, held: &mut PresentedTokens) {
        *held = PresentedTokens::default();
        if let Some(sent) = self.sent() {
            sent.csrf.clear();
        }
        let mut changes = self.changes();
        let sent = changes.sent;
        let (session, remember) = (Some(Change::Clear), Some(Change::Clear));
        *changes = Changes { session, remember, yields: false, logged_out: true, sent };
    }

    /// Returns the tokens that the response hands out, session first, if that only follows from who sent the request.
    pub(crate) fn found(&self) -> Option<[Option<Text>; 2]> {
        let changes = self.changes();
        let text = |change: &Option<Change>| change.as_ref()?.text().cloned();
        changes.yields.then(|| [text(&changes.session), text(&changes.remember)])
    }

    /// Returns whether these tokens have been overtaken: the session was ended, by a log-out or by a login, or the
    /// remember-me token was replaced. Then the response must not overwrite newer cookies.
    pub(crate) async fn is_overtaken(&self, [session, remember]: &[Option<Text>; 2]) -> bool {
        // Exact: an answer of the near cache may be older than the cookies.
        let (tokens, kinds) = (self.tokens().exact(), &self.config.kinds);
        let look_up =
            async |kind: Kind, text: &Text| tokens.look_up(kind, text).await.map_err(NotAdmitted::from);
        if let Some(session) = session
            && let Err(NotAdmitted::Rejected(_)) = look_up(kinds.session, session).await
        {
            return true;
        }
        let Some(remember) = remember else { return false };
        match look_up(kinds.remember, remember).await {
            Ok(candidate) => !matches!(candidate.presented(), Presented::Current),
            Err(NotAdmitted::Rejected(_)) => true,
            Err(_) => false,
        }
    }

    /// Adds to the response the headers that the request led to, if its handler asked for anything. No header can
    /// be added afterwards.
    pub(crate) fn finish(&self, headers: &mut HeaderMap) {
        let changes = std::mem::replace(&mut *self.changes(), Changes { sent: true, ..Changes::default() });
        let Some(sent) = self.sent.get() else { return };
        let varies = |value: &HeaderValue| {
            let names = value.to_str().unwrap_or_default().split(',').map(str::trim);
            names.into_iter().any(|name| name == "*" || name.eq_ignore_ascii_case("cookie"))
        };
        if !headers.get_all(VARY).iter().any(varies) {
            headers.append(VARY, HeaderValue::from_static("Cookie"));
        }
        let mut lines = changes.lines(&self.config.session, &self.config.remember);
        let mut personal = false;
        if let Ok(sent) = sent {
            lines.extend(sent.csrf.line(&self.config.csrf));
            personal = self.may_be_personal(sent) && !headers.contains_key(CACHE_CONTROL);
        }
        if personal || !lines.is_empty() {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
        }
        for line in lines {
            headers.append(SET_COOKIE, line);
        }
        if let Some(data) = self.config.clear_site_data.as_ref().filter(|_| changes.logged_out) {
            headers.insert(CLEAR_SITE_DATA, data.clone());
        }
    }

    /// Returns whether the response may show data of a user or a session.
    ///
    /// It may if one was found, or if tokens came and the handler has not asked yet: a stream may ask after the head
    /// of its response.
    fn may_be_personal(&self, sent: &Sent) -> bool {
        self.personal.load(Ordering::Relaxed) || (!self.asked.load(Ordering::Relaxed) && sent.has_tokens())
    }

    /// Logs one warning if browsers drop the cookies that were just handed out, or if the cookies could be `Secure`.
    /// Neither is visible in a browser, where the login just seems to have no effect.
    pub(crate) fn warn_of_dropped_cookies(&self) {
        let Some(sent) = self.sent() else { return };
        let Some(origin) = sent.origin.as_ref().and_then(|origin| origin.to_str().ok()) else { return };
        let agent = sent.client.agent();
        let message = match (origin.strip_prefix("http://"), self.config.session.is_secure()) {
            (Some(host), true) if !is_loopback(host) => {
                "browsers drop Secure cookies that come over plain HTTP: serve the site over HTTPS, or build the \
                 layer with danger::insecure_cookies() for development"
            }
            (Some(_), true) if agent.contains("Safari/") && !agent.contains("Chrom") => {
                "Safari drops Secure cookies that come over plain HTTP from this machine, too: serve the site over \
                 HTTPS, or build the layer with danger::insecure_cookies() for development"
            }
            (None, false) if origin.starts_with("https://") => {
                "the site is on HTTPS and its cookies are not Secure: build the layer without danger::insecure_cookies()"
            }
            _ => return,
        };
        if !self.config.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(target: "hallpass", origin, "{message}");
        }
    }
}
