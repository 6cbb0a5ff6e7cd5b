//! A browser: tabs that share a jar, and responses that come late, in any order, or never.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::jar::{For, Jar};
use crate::wire::{Answer, Prepared};

/// The names of the two cookies by default.
pub(crate) const SESSION: &str = "__Host-session";
pub(crate) const REMEMBER: &str = "__Host-remember";

/// One tab. A clone is another tab of the same browser.
#[derive(Clone, Debug)]
pub(crate) struct Browser {
    jar: Arc<Mutex<Jar>>,
    pub(crate) to: SocketAddr,
    /// The host in the address bar.
    pub(crate) host: String,
    pub(crate) from: Ipv4Addr,
    pub(crate) agent: String,
    /// What it accepts: pages, unless it is a program.
    pub(crate) accept: &'static str,
    /// The headers of every request.
    pub(crate) headers: Vec<(&'static str, Vec<u8>)>,
    /// The origin of another site whose page sends the requests, if there is one.
    pub(crate) other_site: Option<&'static str>,
    /// Whether the connection is encrypted, or stays on this machine.
    pub(crate) trusted: bool,
}

impl Browser {
    pub(crate) fn new(to: SocketAddr, jar: Jar) -> Self {
        Self {
            jar: Arc::new(Mutex::new(jar)),
            to,
            host: "app.test".into(),
            from: Ipv4Addr::LOCALHOST,
            agent: "Firefox".into(),
            accept: "text/html,*/*;q=0.8",
            headers: Vec::new(),
            other_site: None,
            trusted: true,
        }
    }

    /// Returns another browser with the same cookies: a copied profile, or a thief.
    pub(crate) fn copied(&self) -> Self {
        Self { jar: Arc::new(Mutex::new(self.jar().clone())), ..self.clone() }
    }

    /// Returns the same browser at another node of the site.
    pub(crate) fn at(&self, to: SocketAddr) -> Self {
        Self { to, ..self.clone() }
    }

    /// Returns a page of another site in the same browser.
    pub(crate) fn page_of(&self, other_site: &'static str) -> Self {
        Self { other_site: Some(other_site), ..self.clone() }
    }

    pub(crate) fn agent(mut self, agent: &str) -> Self {
        agent.clone_into(&mut self.agent);
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Makes it behave like a program that asks for data, not pages.
    pub(crate) fn program(mut self) -> Self {
        self.accept = "application/json";
        self
    }

    pub(crate) fn jar(&self) -> MutexGuard<'_, Jar> {
        self.jar.lock().unwrap()
    }

    /// Closes and opens the browser.
    pub(crate) fn reopen(&self) {
        self.jar().close();
    }

    pub(crate) fn session(&self) -> Option<String> {
        self.jar().value(SESSION)
    }

    pub(crate) fn remember(&self) -> Option<String> {
        self.jar().value(REMEMBER)
    }

    /// Prepares a request with the present cookies.
    pub(crate) fn prepare(&self, method: &str, path: &str, form: &[(&str, &str)]) -> Prepared {
        let cross_site = self.other_site.is_some();
        let navigation = method == "GET";
        let wanted = For { host: &self.host, path, trusted: self.trusted, cross_site, navigation };
        let cookies = self.jar().get(wanted);
        let mut bytes = Vec::new();
        let mut line = |name: &str, value: &[u8]| {
            bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        };
        line("Host", self.host.as_bytes());
        line("Connection", b"close");
        line("Accept", self.accept.as_bytes());
        if !self.agent.is_empty() {
            line("User-Agent", self.agent.as_bytes());
        }
        if self.trusted {
            line("Sec-Fetch-Site", if cross_site { b"cross-site" } else { b"same-origin" });
        }
        if method != "GET" {
            let scheme = if self.trusted { "https" } else { "http" };
            let own = format!("{scheme}://{}", self.host);
            line("Origin", self.other_site.unwrap_or(&own).as_bytes());
        }
        if !cookies.is_empty() {
            let pairs: Vec<_> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            line("Cookie", pairs.join("; ").as_bytes());
        }
        for (name, value) in &self.headers {
            line(name, value);
        }
        let body = encode(form);
        if method == "POST" {
            line("Content-Type", b"application/x-www-form-urlencoded");
            line("Content-Length", body.len().to_string().as_bytes());
        }
        let head = format!("{method} {path} HTTP/1.1\r\n");
        let bytes = [head.as_bytes(), &bytes, b"\r\n", body.as_bytes()].concat();
        Prepared { to: self.to, from: self.from, bytes }
    }

    /// Delivers a response.
    pub(crate) fn receive(&self, answer: &Answer) {
        for cookie in answer.set_cookies() {
            self.jar().set(&cookie, &self.host, self.trusted);
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[]).await
    }

    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.send("POST", path, form).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, form: &[(&str, &str)]) -> Answer {
        let answer = self.prepare(method, path, form).send().await;
        self.receive(&answer);
        answer
    }

    /// Sends a request whose response is lost on the way.
    pub(crate) async fn lose(&self, path: &str) -> Answer {
        self.prepare("GET", path, &[]).send().await
    }

    /// Returns the user that the site finds: `alice session fresh`, or `nobody`.
    pub(crate) async fn me(&self) -> String {
        let answer = self.get("/me").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    /// Logs in; panics on failure.
    pub(crate) async fn log_in(&self, id: &str) -> Answer {
        self.log_in_with(id, &[]).await
    }

    /// Logs in with "remember me" ticked; panics on failure.
    pub(crate) async fn log_in_remembered(&self, id: &str) -> Answer {
        self.log_in_with(id, &[("remember", "on")]).await
    }

    pub(crate) async fn log_in_with(&self, id: &str, more: &[(&str, &str)]) -> Answer {
        let form = [&[("id", id), ("password", "secret")], more].concat();
        let answer = self.post("/login", &form).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer
    }
}

fn encode(form: &[(&str, &str)]) -> String {
    let quoted = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    form.iter().map(|(name, value)| format!("{name}={}", quoted(value))).collect::<Vec<_>>().join("&")
}
