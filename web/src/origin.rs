//! Requests that another site made a browser send.

use http::header::{HOST, ORIGIN, UPGRADE};
use http::{HeaderMap, Method, Uri};

/// Which pages may send requests that change something: those of this origin, and the ones listed.
///
/// A browser says with `Sec-Fetch-Site`, or else with `Origin`, whose page sent a request. The methods that
/// HTTP calls safe (GET, HEAD, OPTIONS, TRACE) pass, so they must change nothing; so does what says neither,
/// for that is no browser. A GET that opens a WebSocket is guarded: what goes through it may change anything,
/// and the browser asks no permission of the site first.
/// `SameSite=Lax` keeps the cookies from other *sites*; this keeps out other origins of the same site too,
/// and forms that log a victim in as somebody else.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins {
    allowed: Vec<String>,
}

impl Origins {
    pub(crate) fn allow(&mut self, origin: String) {
        self.allowed.push(origin);
    }

    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let whole = |origin: &String| {
            let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '?', '#', ' ', '@']))
        };
        match self.allowed.iter().all(whole) {
            true => Ok(()),
            false => Err("an origin is written https://host or https://host:port"),
        }
    }

    /// Whether one of our own pages sent it, or one that is allowed, or no browser at all.
    pub(crate) fn permit(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> bool {
        let safe = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE);
        if safe && !headers.contains_key(UPGRADE) {
            return true;
        }
        let origin = headers.get(ORIGIN).map(|origin| origin.as_bytes());
        if origin.is_some_and(|origin| self.allowed.iter().any(|allowed| allowed.as_bytes() == origin)) {
            return true;
        }
        if let Some(site) = headers.get("sec-fetch-site") {
            return site == "same-origin" || site == "none";
        }
        let Some(origin) = origin else { return true };
        let host = headers.get(HOST).map(|host| host.as_bytes());
        let Some(own) = host.or_else(|| uri.authority().map(|own| own.as_str().as_bytes())) else {
            return false;
        };
        let rest = origin.strip_prefix(b"https://").or_else(|| origin.strip_prefix(b"http://"));
        rest.is_some_and(|host| host.eq_ignore_ascii_case(own))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn permits(method: &Method, pairs: &[(&'static str, &'static str)]) -> bool {
        let mut origins = Origins::default();
        origins.allow("https://idp.example".into());
        origins.check().unwrap();
        let mut headers = HeaderMap::new();
        for &(name, value) in pairs {
            headers.append(name, HeaderValue::from_static(value));
        }
        origins.permit(method, &Uri::from_static("/"), &headers)
    }

    #[test]
    fn other_sites_change_nothing() {
        let own = ("host", "app.example");
        for good in [
            &[own][..],
            &[own, ("origin", "https://app.example")],
            &[own, ("origin", "https://APP.example")],
            &[own, ("sec-fetch-site", "same-origin"), ("origin", "https://behind.a.proxy")],
            &[own, ("sec-fetch-site", "none")],
            &[own, ("sec-fetch-site", "cross-site"), ("origin", "https://idp.example")],
        ] {
            assert!(permits(&Method::POST, good), "{good:?}");
            assert!(permits(&Method::GET, &[&[("upgrade", "websocket")], good].concat()), "{good:?}");
        }
        for bad in [
            &[own, ("sec-fetch-site", "cross-site")][..],
            &[own, ("sec-fetch-site", "same-site"), ("origin", "https://app.example")],
            &[own, ("sec-fetch-site", "junk")],
            &[own, ("origin", "null")],
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
                assert!(!permits(&method, bad), "{method} {bad:?}");
            }
            assert!(!permits(&Method::GET, &[&[("upgrade", "websocket")], bad].concat()), "{bad:?}");
            for safe in [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE] {
                assert!(permits(&safe, bad), "{safe} {bad:?}");
            }
        }
    }

    #[test]
    fn what_is_no_origin_cannot_be_allowed() {
        for bad in ["idp.example", "https://", "https://idp.example/", "ftp://a", "https://a b", ""] {
            let mut origins = Origins::default();
            origins.allow(bad.into());
            assert!(origins.check().is_err(), "{bad:?}");
        }
    }
}
