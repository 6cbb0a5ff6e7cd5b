//! Cookies: their names and attributes, the ones received, and the ones to set.
//!
//! This module prints `Set-Cookie` itself instead of using a library. A token's text needs no quoting, so it is one
//! `format!`, and a library would bring a calendar for an attribute that `Max-Age` replaces.

use std::time::Duration;

use hallpass_core::Kind;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use zeroize::Zeroizing;

/// The longest time that browsers keep a cookie: 400 days, after RFC 6265bis.
const LONGEST: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// The most cookies of one name that are read. A browser sends one; more come from other paths and domains.
const MAX_OF_A_NAME: usize = 8;

/// The cross-site requests that carry a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SameSite {
    /// Requests that open a page.
    Lax,
    /// All requests. The cookie must be `Secure`.
    None,
    /// No request.
    Strict,
}

/// How long a browser keeps a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Keep {
    /// Until the browser is closed.
    Browser,
    /// Until the token expires, at most 400 days.
    Token,
}

/// The name and attributes of a cookie: `HttpOnly`, `SameSite=Lax`, `Path=/` by default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieSpec {
    name: String,
    domain: Option<String>,
    path: String,
    secure: bool,
    http_only: bool,
    same_site: SameSite,
    pub(crate) keep: Option<Keep>,
}

impl CookieSpec {
    /// Names the cookie `__Host-` followed by `name`: `Secure`, for this host only; no other host of the domain can
    /// plant it.
    #[must_use]
    pub fn host(name: &str) -> Self {
        Self::named(format!("__Host-{name}"))
    }

    /// Names the cookie just `name`; `Secure`.
    ///
    /// Unlike with [`host`](Self::host), other hosts of the domain can plant cookies of this name. So can an attacker
    /// in the network of a visitor who opens any page of the domain over plain HTTP. Of at most eight the first valid
    /// one counts, so a planted session can log a visitor in as the attacker, or hide the visitor's own.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            domain: None,
            path: "/".into(),
            secure: true,
            http_only: true,
            same_site: SameSite::Lax,
            keep: None,
        }
    }

    /// Sends the cookie to this domain and all below it.
    #[must_use]
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// Sends the cookie to this path and all below it.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Sets whether the cookie is kept from plain HTTP.
    #[must_use]
    pub(crate) const fn secure(mut self, secure: bool) -> Self {
        self.secure = secure;
        self
    }

    /// Sets whether the cookie is kept from scripts.
    #[must_use]
    pub(crate) const fn http_only(mut self, http_only: bool) -> Self {
        self.http_only = http_only;
        self
    }

    /// Sets which cross-site requests carry the cookie.
    #[must_use]
    pub const fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = same_site;
        self
    }

    /// Sets how long the browser keeps the cookie: by default the session cookie until the browser is closed, the
    /// remember-me cookie until its token expires.
    #[must_use]
    pub const fn keep(mut self, keep: Keep) -> Self {
        self.keep = Some(keep);
        self
    }

    pub(crate) const fn is_secure(&self) -> bool {
        self.secure
    }

    /// Returns the cookie's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Checks for values that browsers would refuse, or that would add something to the header besides the
    /// attributes.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let rule = |holds: bool, rule| if holds { Ok(()) } else { Err(rule) };
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        let value = |b: u8| (0x20..0x7f).contains(&b) && b != b';';
        rule(!self.name.is_empty() && self.name.bytes().all(token), "a cookie's name is a token of HTTP")?;
        rule(self.path.starts_with('/') && self.path.bytes().all(value), "a path begins with /")?;
        let domain = self.domain.as_deref();
        rule(domain.is_none_or(|domain| !domain.is_empty() && domain.bytes().all(value)), "no such domain")?;
        rule(self.secure || self.same_site != SameSite::None, "SameSite=None must be Secure")?;
        let prefixed = |prefix: &str| {
            self.name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        rule(self.secure || !(prefixed("__Host-") || prefixed("__Secure-")), "a prefix must be Secure")?;
        let host_only = domain.is_none() && self.path == "/";
        rule(!prefixed("__Host-") || host_only, "__Host- allows no domain and no path but /")
    }

    /// Returns the value of `Set-Cookie` that sets the cookie, or clears it with the same attributes.
    pub(crate) fn line(&self, change: &Change) -> Option<HeaderValue> {
        let (value, max_age) = match change {
            Change::Set { value, max_age } => (value.as_str(), max_age.map(|age| age.min(LONGEST).as_secs())),
            Change::Clear => ("", Some(0)),
        };
        let mut line = Zeroizing::new(String::with_capacity(192));
        for part in [&self.name, "=", value, "; Path=", &self.path] {
            line.push_str(part);
        }
        if let Some(domain) = &self.domain {
            line.push_str("; Domain=");
            line.push_str(domain);
        }
        if let Some(seconds) = max_age {
            line.push_str("; Max-Age=");
            line.push_str(&seconds.to_string());
        }
        if self.secure {
            line.push_str("; Secure");
        }
        if self.http_only {
            line.push_str("; HttpOnly");
        }
        line.push_str(match self.same_site {
            SameSite::Lax => "; SameSite=Lax",
            SameSite::None => "; SameSite=None",
            SameSite::Strict => "; SameSite=Strict",
        });
        let mut line = HeaderValue::from_str(&line).ok()?;
        line.set_sensitive(true);
        Some(line)
    }
}

/// The kinds of the tokens in the two cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CookieKinds {
    pub(crate) session: Kind,
    pub(crate) remember: Kind,
}

impl CookieKinds {
    pub(crate) fn contain(self, kind: Kind) -> bool {
        [self.session, self.remember].contains(&kind)
    }
}

/// The text of a token.
pub(crate) type Text = Zeroizing<String>;

/// The change to one cookie.
pub(crate) enum Change {
    Set { value: Text, max_age: Option<Duration> },
    Clear,
}

/// The changes that a response makes to the two cookies.
///
/// Only a log-out and a login clear a cookie. **A rejected token clears nothing**: another request may have set a
/// newer cookie meanwhile, or this request may carry a valid one of the same name, and clearing works by name. A dead
/// cookie that stays costs a lookup, and still tells its owner why the login ended.
#[derive(Default)]
pub(crate) struct Changes {
    pub(crate) session: Option<Change>,
    pub(crate) remember: Option<Change>,
    /// Whether the changes only follow from determining who sent the request. If so, changes that another response
    /// made in the meantime take precedence.
    pub(crate) yields: bool,
    /// Whether a user logged out, so that the browser is told to delete more than its cookies.
    pub(crate) logged_out: bool,
    /// Whether the response was sent: nothing can be added any more.
    pub(crate) sent: bool,
}

impl Change {
    /// Returns the new value, if the cookie is set.
    pub(crate) fn text(&self) -> Option<&Text> {
        match self {
            Self::Set { value, .. } => Some(value),
            Self::Clear => None,
        }
    }
}

impl Changes {
    /// Leaves both cookies as they are, unless a user logged in or out since they were found.
    pub(crate) fn withdraw(&mut self) {
        if self.yields {
            *self = Self::default();
        }
    }

    pub(crate) fn lines(&self, session: &CookieSpec, remember: &CookieSpec) -> Vec<HeaderValue> {
        let pairs = [(session, &self.session), (remember, &self.remember)];
        pairs.into_iter().filter_map(|(spec, change)| spec.line(change.as_ref()?)).collect()
    }
}

/// The tokens that a browser holds, or will hold after the response.
#[derive(Clone, Default)]
pub(crate) struct PresentedTokens {
    pub(crate) sessions: Vec<Text>,
    pub(crate) remembers: Vec<Text>,
    /// The tokens among them that this request's response hands out. The browser may never get them.
    pub(crate) made: Vec<Text>,
}

impl PresentedTokens {
    /// Returns all of them, sessions first.
    pub(crate) fn tokens(&self, kinds: &CookieKinds) -> impl Iterator<Item = (Kind, &Text)> {
        let of = |kind| move |text| (kind, text);
        self.sessions.iter().map(of(kinds.session)).chain(self.remembers.iter().map(of(kinds.remember)))
    }

    /// Reads the tokens from the `Cookie` headers.
    pub(crate) fn read(headers: &HeaderMap, session: &CookieSpec, remember: &CookieSpec) -> Self {
        Self { sessions: values(headers, session), remembers: values(headers, remember), made: Vec::new() }
    }
}

/// Returns the values of one cookie in the `Cookie` headers, in their order. Accepts any bytes; skips whatever is not
/// a cookie of that name.
pub(crate) fn values(headers: &HeaderMap, spec: &CookieSpec) -> Vec<Text> {
    let pairs = headers.get_all(COOKIE).iter().flat_map(|line| line.as_bytes().split(|&b| b == b';'));
    let of_the_name = pairs.filter_map(|pair| {
        let pair = pair.trim_ascii();
        let at = pair.iter().position(|&b| b == b'=')?;
        let (name, value) = (pair[..at].trim_ascii_end(), pair[at + 1..].trim_ascii_start());
        let value = value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or(value);
        let value = std::str::from_utf8(value).ok().filter(|_| name == spec.name.as_bytes())?;
        Some(Zeroizing::new(value.to_owned()))
    });
    of_the_name.take(MAX_OF_A_NAME).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn specs() -> (CookieSpec, CookieSpec) {
        (CookieSpec::named("session").secure(false), CookieSpec::named("remember").secure(false))
    }

    fn read(lines: &[&[u8]]) -> (Vec<String>, Vec<String>) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, HeaderValue::from_bytes(line).unwrap());
        }
        let (session, remember) = specs();
        let held = PresentedTokens::read(&headers, &session, &remember);
        let plain = |texts: Vec<Text>| texts.iter().map(|text| text.to_string()).collect();
        (plain(held.sessions), plain(held.remembers))
    }

    #[test]
    fn any_bytes_can_be_read_and_several_of_a_name_are_kept() {
        let (sessions, remembers) = read(&[
            b"\xff\xfe=1; session=a=b ;;=; junk; session=late",
            b"remember=\"c\"; x=\xff; session=\xff",
        ]);
        assert_eq!((sessions, remembers), (vec!["a=b".into(), "late".into()], vec!["c".into()]));
        let (sessions, _) = read(&[b"Session=1; sessions=2; session; __Host-session=3"]);
        assert!(sessions.is_empty(), "names are told apart by case and to the last letter");
        let (sessions, _) = read(&["session=x; ".repeat(1000).as_bytes()]);
        assert_eq!(sessions.len(), MAX_OF_A_NAME);
    }

    #[test]
    fn attributes_are_what_browsers_ask_for_and_clearing_has_the_same() {
        let set = |max_age| Change::Set { value: Zeroizing::new("v".into()), max_age };
        let host = CookieSpec::host("session");
        let line = |spec: &CookieSpec, change| spec.line(&change).unwrap().to_str().unwrap().to_owned();
        assert_eq!(line(&host, set(None)), "__Host-session=v; Path=/; Secure; HttpOnly; SameSite=Lax");
        assert_eq!(
            line(&host, Change::Clear),
            "__Host-session=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"
        );
        let wide = CookieSpec::named("s").domain("example.org").path("/app").same_site(SameSite::Strict);
        assert_eq!(
            line(&wide, set(Some(Duration::MAX))),
            "s=v; Path=/app; Domain=example.org; Max-Age=34560000; Secure; HttpOnly; SameSite=Strict"
        );
        let open = CookieSpec::named("s").secure(false).http_only(false);
        assert_eq!(line(&open, set(Some(Duration::from_secs(5)))), "s=v; Path=/; Max-Age=5; SameSite=Lax");
        assert!(host.line(&set(None)).unwrap().is_sensitive());
    }

    #[test]
    fn what_browsers_would_refuse_is_refused_here() {
        assert!(CookieSpec::host("session").check().is_ok());
        assert!(CookieSpec::named("session").secure(false).check().is_ok());
        for bad in [
            CookieSpec::named(""),
            CookieSpec::named("a b"),
            CookieSpec::named("a;b"),
            CookieSpec::host("s").secure(false),
            CookieSpec::host("s").domain("example.org"),
            CookieSpec::host("s").path("/app"),
            CookieSpec::named("__host-s").path("/app"),
            CookieSpec::named("__Secure-s").secure(false),
            CookieSpec::named("s").secure(false).same_site(SameSite::None),
            CookieSpec::named("s").path("app"),
            CookieSpec::named("s").path("/; Domain=evil"),
            CookieSpec::named("s").domain("a;b"),
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
