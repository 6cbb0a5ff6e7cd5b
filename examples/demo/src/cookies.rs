//! The two cookies: `session` ends with the browser, `remember` outlives it.
//!
//! # Who may clear a cookie
//! Only [`Changes::clear`], for the answer to a log-out, and a login, which replaces both. **A rejected
//! token clears nothing**: the request that carried it may have been overtaken by one that set a newer
//! cookie, and clearing goes by name, so it would take that one. A dead cookie that stays costs one
//! lookup a request, and keeps telling its owner why it died until the next login. An outage clears
//! nothing either, for then nobody knows what the cookie is worth.

use axum::http::header::{CACHE_CONTROL, COOKIE, SET_COOKIE, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponseParts, ResponseParts};
use hallpass_core::{Issued, Kind, Timestamp};

/// How the cookies are named and guarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookies {
    /// `session` and `remember`, for browsers that keep `Secure` cookies from plain HTTP.
    Insecure,
    /// `__Host-session` and `__Host-remember`, `Secure`: nothing else on the domain can plant them.
    Secure,
}

/// The tokens that came with a request.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) session: Option<String>,
    pub(crate) remember: Option<String>,
}

impl Cookies {
    /// Reads the tokens. Any bytes will do: what is no cookie of ours is passed over.
    pub(crate) fn read(self, headers: &HeaderMap) -> Sent {
        let mut sent = Sent::default();
        let pairs = headers.get_all(COOKIE).iter().flat_map(|line| line.as_bytes().split(|&b| b == b';'));
        for pair in pairs.filter_map(|pair| std::str::from_utf8(pair).ok()) {
            let Some((name, value)) = pair.trim().split_once('=') else { continue };
            let place = match name {
                _ if name == self.name(Kind::SESSION) => &mut sent.session,
                _ if name == self.name(Kind::REMEMBER) => &mut sent.remember,
                _ => continue,
            };
            place.get_or_insert_with(|| value.to_owned());
        }
        sent
    }

    fn name(self, kind: Kind) -> &'static str {
        match (self, kind == Kind::REMEMBER) {
            (Self::Insecure, false) => "session",
            (Self::Insecure, true) => "remember",
            (Self::Secure, false) => "__Host-session",
            (Self::Secure, true) => "__Host-remember",
        }
    }

    fn line(self, kind: Kind, value: &str, max_age: Option<u64>) -> String {
        let name = self.name(kind);
        let secure = if self == Self::Secure { "; Secure" } else { "" };
        let max_age = max_age.map_or(String::new(), |seconds| format!("; Max-Age={seconds}"));
        format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{max_age}")
    }
}

/// What an answer does to the cookies. It also marks the answer as meant for this client only.
#[derive(Debug, Default)]
pub(crate) struct Changes(Vec<String>);

impl Changes {
    /// Sends `issued` to be kept: a remember token until it expires, a session until the browser closes.
    pub(crate) fn set(&mut self, cookies: Cookies, issued: &Issued, now: Timestamp) {
        let max_age = (issued.kind == Kind::REMEMBER).then(|| issued.expires_at.since(now).as_secs());
        self.0.push(cookies.line(issued.kind, issued.token.expose(), max_age));
    }

    /// Takes the cookie for `kind` away. See above for when that is right.
    pub(crate) fn clear(&mut self, cookies: Cookies, kind: Kind) {
        self.0.push(cookies.line(kind, "", Some(0)));
    }
}

impl IntoResponseParts for Changes {
    type Error = StatusCode;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Self::Error> {
        let headers = parts.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(VARY, HeaderValue::from_static("Cookie"));
        for line in self.0 {
            let line = HeaderValue::try_from(line).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
            headers.append(SET_COOKIE, line);
        }
        Ok(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&[u8]]) -> Sent {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, HeaderValue::from_bytes(line).unwrap());
        }
        Cookies::Insecure.read(&headers)
    }

    #[test]
    fn any_bytes_can_be_read() {
        let sent = read(&[b"\xff\xfe=1; session=a=b ;;=; junk; session=late", b"remember=c; x=\xff"]);
        assert_eq!((sent.session.as_deref(), sent.remember.as_deref()), (Some("a=b"), Some("c")));
        let sent = read(&[b"Session=1; sessions=2; session; __Host-session=3"]);
        assert_eq!((sent.session, sent.remember), (None, None));
    }

    #[test]
    fn the_attributes_are_what_browsers_ask_of_a_host_cookie() {
        assert_eq!(
            Cookies::Secure.line(Kind::REMEMBER, "x", Some(9)),
            "__Host-remember=x; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=9"
        );
        assert_eq!(
            Cookies::Insecure.line(Kind::SESSION, "x", None),
            "session=x; Path=/; HttpOnly; SameSite=Lax"
        );
    }
}
