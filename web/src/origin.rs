//! Detects requests that another site made a browser send.

use std::net::Ipv4Addr;

use http::header::{HOST, ORIGIN, UPGRADE};
use http::{HeaderMap, Method, Uri};

/// The pages that may send requests that change something: those of this origin, and the listed ones.
///
/// A browser says with `Sec-Fetch-Site`, or else with `Origin`, whose page sent a request. The methods that HTTP
/// calls safe (GET, HEAD, OPTIONS, TRACE) pass, so they must change nothing. A GET that opens a WebSocket is guarded,
/// because messages on it may change anything, and the browser does not ask the site for permission first.
/// `SameSite=Lax` keeps the cookies from other *sites*. This check also stops other origins of the same site, and
/// forms that log a victim in as another user.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins {
    allowed: Vec<String>,
}

/// The page that sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    /// A page of ours, or an allowed one; or the request changes nothing.
    Own,
    /// A page of another origin.
    Other,
    /// A page of this host that came over plain HTTP, although the cookies are `Secure`: an attacker in the network
    /// may have written it, and a browser would not keep the cookies.
    PlainHttp,
    /// A page that hides its origin: `Origin: null`, as a form sends it from a page with
    /// `Referrer-Policy: no-referrer`.
    Hidden,
    /// Unknown, because the client does not say. Current browsers always do.
    Unsaid,
}

impl Origins {
    pub(crate) fn allow(&mut self, origin: &str) {
        self.allowed.push(origin.to_ascii_lowercase());
    }

    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if self.allowed.iter().all(|origin| is_origin(origin)) {
            return Ok(());
        }
        Err(
            "an origin is scheme://host, with a port if it is not the default one, without a path and without *",
        )
    }

    /// Returns whose page sent the request. `secure` means that the session cookie is kept from plain HTTP.
    pub(crate) fn sender(&self, method: &Method, uri: &Uri, headers: &HeaderMap, secure: bool) -> Sender {
        let safe = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE);
        if safe && !headers.contains_key(UPGRADE) {
            return Sender::Own;
        }
        let origin = headers.get(ORIGIN).map(|origin| origin.as_bytes());
        if origin.is_some_and(|origin| self.allowed.iter().any(|allowed| allowed.as_bytes() == origin)) {
            return Sender::Own;
        }
        if let Some(site) = headers.get("sec-fetch-site") {
            return if site == "same-origin" || site == "none" { Sender::Own } else { Sender::Other };
        }
        let Some(origin) = origin else { return Sender::Unsaid };
        if origin == b"null" {
            return Sender::Hidden;
        }
        let host = headers.get(HOST).map(|host| host.as_bytes());
        let Some(own) = host.or_else(|| uri.authority().map(|own| own.as_str().as_bytes())) else {
            return Sender::Other;
        };
        let is_own =
            |scheme: &[u8]| origin.strip_prefix(scheme).is_some_and(|host| host.eq_ignore_ascii_case(own));
        // A safe method gets here only to open a WebSocket. Browsers open one without `Sec-Fetch-Site`, and they keep
        // `Secure` cookies of pages on their own machine, which no attacker in the network can write.
        let of_this_machine = safe && std::str::from_utf8(own).is_ok_and(is_loopback);
        match (is_own(b"https://"), is_own(b"http://")) {
            (true, _) => Sender::Own,
            (_, true) if secure && !of_this_machine => Sender::PlainHttp,
            (_, true) => Sender::Own,
            (false, false) => Sender::Other,
        }
    }
}

/// Returns whether a page of `host`, which may include a port, comes from the browser's own machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let is_v4 = || name.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback());
    name == "localhost" || name.ends_with(".localhost") || name == "[::1]" || is_v4()
}

/// Returns whether a browser may send `text` as the `Origin` of a page.
fn is_origin(text: &str) -> bool {
    let Some((scheme, host)) = text.split_once("://") else { return false };
    let known = scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    let default_port = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => ":",
    };
    known
        && !host.ends_with(default_port)
        && !host.ends_with(':')
        && scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && !host.is_empty()
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn sender(method: &Method, pairs: &[(&'static str, &'static str)]) -> Sender {
        let mut origins = Origins::default();
        origins.allow("https://IDP.example");
        origins.check().unwrap();
        let mut headers = HeaderMap::new();
        for &(name, value) in pairs {
            headers.append(name, HeaderValue::from_static(value));
        }
        origins.sender(method, &Uri::from_static("/"), &headers, true)
    }

    #[test]
    fn other_sites_change_nothing() {
        let own = ("host", "app.example");
        for good in [
            &[own, ("origin", "https://app.example")][..],
            &[own, ("origin", "https://APP.example")],
            &[own, ("sec-fetch-site", "same-origin"), ("origin", "https://behind.a.proxy")],
            &[own, ("sec-fetch-site", "none")],
            &[own, ("sec-fetch-site", "cross-site"), ("origin", "https://idp.example")],
        ] {
            assert_eq!(sender(&Method::POST, good), Sender::Own, "{good:?}");
            assert_eq!(
                sender(&Method::GET, &[&[("upgrade", "websocket")], good].concat()),
                Sender::Own,
                "{good:?}"
            );
        }
        for bad in [
            &[own, ("sec-fetch-site", "cross-site")][..],
            &[own, ("sec-fetch-site", "same-site"), ("origin", "https://app.example")],
            &[own, ("sec-fetch-site", "junk")],
            &[own, ("sec-fetch-site", "cross-site"), ("origin", "null")],
            &[own, ("origin", "https://evil.example")],
            &[own, ("origin", "https://app.example.evil.example")],
            &[own, ("origin", "https://app.example:444")],
            &[own, ("origin", "app.example")],
            &[own, ("origin", "")],
            &[("origin", "https://app.example")],
            &[own, ("origin", "https://idp.example.evil")],
        ] {
            let own_method = Method::from_bytes(b"PURGE").unwrap();
            for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH, own_method] {
                assert_eq!(sender(&method, bad), Sender::Other, "{method} {bad:?}");
            }
            let socket = sender(&Method::GET, &[&[("upgrade", "websocket")], bad].concat());
            assert_eq!(socket, Sender::Other, "{bad:?}");
            for safe in [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE] {
                assert_eq!(sender(&safe, bad), Sender::Own, "{safe} {bad:?}");
            }
        }
        assert_eq!(sender(&Method::POST, &[own]), Sender::Unsaid);
        assert_eq!(sender(&Method::POST, &[own, ("origin", "null")]), Sender::Hidden);
        assert_eq!(sender(&Method::POST, &[own, ("origin", "http://app.example")]), Sender::PlainHttp);
    }

    #[test]
    fn an_origin_of_an_app_or_an_extension_can_be_allowed() {
        for good in [
            "tauri://localhost",
            "capacitor://localhost",
            "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
            "moz-extension://0f0b7a1e-7c39-4a6e-9c1c-5a8f2f1f3b0a",
            "http://[::1]:5173",
        ] {
            let mut origins = Origins::default();
            origins.allow(good);
            assert!(origins.check().is_ok(), "{good:?}");
        }
    }

    #[test]
    fn what_is_no_origin_cannot_be_allowed() {
        for bad in [
            "idp.example",
            "https://",
            "https://idp.example/",
            "https://*.idp.example",
            "https://idp.example:443",
            "http://idp.example:80",
            "https://idp.example:",
            "*",
            "null",
            "1x://a",
            "https://a b",
            "",
        ] {
            let mut origins = Origins::default();
            origins.allow(bad);
            assert!(origins.check().is_err(), "{bad:?}");
        }
    }
}
