//! How a browser treats cookies: RFC 6265bis, as far as a site can observe it.

use std::sync::Arc;
use std::time::Duration;

use hallpass_core::{Clock, ManualClock, Timestamp};

/// The longest time that a browser keeps a cookie.
const LONGEST: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// One `Set-Cookie` header, parsed.
#[derive(Clone, Debug)]
pub(crate) struct SetCookie {
    pub(crate) name: String,
    pub(crate) value: String,
    /// Names in lower case, with values.
    pub(crate) attributes: Vec<(String, String)>,
}

impl SetCookie {
    pub(crate) fn parse(line: &str) -> Self {
        let mut parts = line.split(';');
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        let attribute = |part: &str| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (name.trim().to_ascii_lowercase(), value.trim().to_owned())
        };
        Self {
            name: name.trim().to_owned(),
            value: value.trim().to_owned(),
            attributes: parts.map(attribute).collect(),
        }
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().rev().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.attribute(name).is_some()
    }

    pub(crate) fn max_age(&self) -> Option<u64> {
        self.attribute("max-age").map(|seconds| seconds.parse().unwrap())
    }
}

#[derive(Clone, Debug)]
struct Kept {
    name: String,
    value: String,
    /// The host, or with a leading dot the domain and all hosts below it.
    domain: String,
    path: String,
    /// `None` for a cookie that ends with the browser.
    expires: Option<Timestamp>,
    secure: bool,
    same_site: String,
}

/// The cookies of one profile of one browser.
#[derive(Clone, Debug)]
pub(crate) struct Jar {
    clock: Arc<ManualClock>,
    /// The cookies in order of creation.
    kept: Vec<Kept>,
}

/// The request that cookies are looked up for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct For<'a> {
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
    /// Whether the connection is encrypted or local.
    pub(crate) trusted: bool,
    /// Whether a page of another site sends the request, and whether it does so by opening a page of ours.
    pub(crate) cross_site: bool,
    pub(crate) navigation: bool,
}

impl Jar {
    pub(crate) fn new(clock: Arc<ManualClock>) -> Self {
        Self { clock, kept: Vec::new() }
    }

    /// Applies a `Set-Cookie`, or ignores it as a browser would.
    pub(crate) fn set(&mut self, cookie: &SetCookie, host: &str, trusted: bool) {
        let domain = cookie.attribute("domain").map(|domain| domain.trim_start_matches('.').to_owned());
        let path = cookie.attribute("path").filter(|path| path.starts_with('/')).unwrap_or("/").to_owned();
        let same_site = cookie.attribute("samesite").unwrap_or("Lax").to_ascii_lowercase();
        let secure = cookie.has("secure");
        let name = cookie.name.to_ascii_lowercase();
        let host_only = secure && domain.is_none() && path == "/";
        let rules = [
            trusted || !secure,
            secure || same_site != "none",
            secure || !name.starts_with("__secure-"),
            host_only || !name.starts_with("__host-"),
            domain.as_deref().is_none_or(|domain| within(host, domain)),
            cookie.name.len() + cookie.value.len() <= 4096,
        ];
        if rules.contains(&false) {
            return;
        }
        let domain = domain.map_or_else(|| host.to_owned(), |domain| format!(".{domain}"));
        let age = cookie.max_age().map(|seconds| Duration::from_secs(seconds).min(LONGEST));
        let same = |kept: &Kept| kept.name == cookie.name && kept.domain == domain && kept.path == path;
        let place = self.kept.iter().position(same);
        // A cookie with no lifetime is not stored, and removes the one that it would have replaced.
        if age.is_some_and(|age| age.is_zero()) {
            place.map(|place| self.kept.remove(place));
            return;
        }
        let expires = age.map(|age| self.clock.now().saturating_add(age));
        let (name, value) = (cookie.name.clone(), cookie.value.clone());
        let kept = Kept { name, value, domain, path, expires, secure, same_site };
        match place {
            Some(place) => self.kept[place] = kept,
            None => self.kept.push(kept),
        }
    }

    /// Returns the cookies of a request: longer paths first, then older ones first.
    pub(crate) fn get(&self, wanted: For<'_>) -> Vec<(String, String)> {
        let now = self.clock.now();
        let mut found: Vec<_> = self.kept.iter().filter(|kept| kept.goes_with(wanted, now)).collect();
        found.sort_by_key(|kept| std::cmp::Reverse(kept.path.len()));
        found.into_iter().map(|kept| (kept.name.clone(), kept.value.clone())).collect()
    }

    /// Closes the browser and opens it again.
    pub(crate) fn close(&mut self) {
        self.kept.retain(|kept| kept.expires.is_some());
    }

    /// Deletes the cookies of this name, as a user can.
    pub(crate) fn delete(&mut self, name: &str) {
        self.kept.retain(|kept| kept.name != name);
    }

    /// Returns the value of the cookie, as anyone with access to the profile can.
    pub(crate) fn value(&self, name: &str) -> Option<String> {
        let now = self.clock.now();
        let lives = |kept: &&Kept| kept.name == name && kept.expires.is_none_or(|at| at > now);
        self.kept.iter().find(lives).map(|kept| kept.value.clone())
    }

    /// Replaces the value of an existing cookie.
    pub(crate) fn swap(&mut self, name: &str, value: &str) {
        value.clone_into(&mut self.kept.iter_mut().find(|kept| kept.name == name).unwrap().value);
    }
}

impl Kept {
    fn goes_with(&self, wanted: For<'_>, now: Timestamp) -> bool {
        let host = match self.domain.strip_prefix('.') {
            Some(domain) => within(wanted.host, domain),
            None => self.domain == wanted.host,
        };
        let path = wanted.path.split('?').next().unwrap();
        let below = path.strip_prefix(&*self.path);
        let path =
            below.is_some_and(|rest| rest.is_empty() || self.path.ends_with('/') || rest.starts_with('/'));
        let site = match &*self.same_site {
            "none" => true,
            "strict" => !wanted.cross_site,
            _ => !wanted.cross_site || wanted.navigation,
        };
        host && path && site && (wanted.trusted || !self.secure) && self.expires.is_none_or(|at| at > now)
    }
}

/// Whether `host` is `domain` or below it.
fn within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[test]
fn the_jar_refuses_what_browsers_refuse() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_800_000_000_000)));
    let sent = |lines: &[&str], host: &str, path: &str, trusted: bool| {
        let mut jar = Jar::new(clock.clone());
        for line in lines {
            jar.set(&SetCookie::parse(line), "app.test", true);
        }
        let wanted = For { host, path, trusted, cross_site: false, navigation: true };
        jar.get(wanted).into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
    };
    for bad in
        ["__Host-a=1; Path=/", "__Host-a=1; Secure; Path=/x", "__Host-a=1; Secure; Path=/; Domain=app.test"]
    {
        assert!(sent(&[bad], "app.test", "/x", true).is_empty(), "{bad}");
    }
    assert!(sent(&["a=1; Domain=other.test"], "app.test", "/", true).is_empty());
    assert!(sent(&["a=1; Secure"], "app.test", "/", false).is_empty(), "not over plain HTTP");
    assert!(sent(&["a=1; Path=/x"], "app.test", "/xy", true).is_empty());
    assert!(sent(&["a=1"], "sub.app.test", "/", true).is_empty(), "without a domain, for this host only");
    assert_eq!(sent(&["a=1; Domain=app.test"], "sub.app.test", "/", true), ["a=1"]);
    assert_eq!(sent(&["a=1", "a=2; Path=/x"], "app.test", "/x/y", true), ["a=2", "a=1"]);
    assert!(
        sent(&["__Host-a=1; Secure; Path=/", "__Host-a=; Secure; Path=/; Max-Age=0"], "app.test", "/", true)
            .is_empty()
    );
    assert_eq!(
        sent(&["__Host-a=1; Secure; Path=/", "__Host-a=; Path=/; Max-Age=0"], "app.test", "/", true),
        ["__Host-a=1"],
        "cleared without its attributes, it stays"
    );
}
