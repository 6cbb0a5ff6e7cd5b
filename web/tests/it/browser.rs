//! A browser: tabs that share a jar, and answers that arrive late, in any order, or never.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;

use crate::jar::{For, Jar};
use crate::site::Site;
use crate::wire::{Answer, Prepared, Target};

/// The default names of the two cookies.
pub(crate) const SESSION: &str = "__Host-session";
pub(crate) const REMEMBER: &str = "__Host-remember";

/// One tab. A clone is another tab of the same browser.
#[derive(Clone, Debug)]
pub(crate) struct Browser {
    jar: Arc<Mutex<Jar>>,
    to: Target,
    /// The host in the address bar.
    pub(crate) host: String,
    pub(crate) from: Ipv4Addr,
    pub(crate) agent: String,
    /// Its `Accept` header: pages, except for a program.
    pub(crate) accept: &'static str,
    /// Headers that are sent unchanged with every request.
    pub(crate) headers: Vec<(&'static str, Vec<u8>)>,
    /// The origin of another site whose page sends the requests, if there is one.
    pub(crate) other_site: Option<&'static str>,
    /// Whether the connection is encrypted or local.
    pub(crate) trusted: bool,
}

impl Browser {
    pub(crate) fn new(to: Target, jar: Jar) -> Self {
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

    /// The same cookies in another browser: a copied profile, or a thief.
    pub(crate) fn copied(&self) -> Self {
        Self { jar: Arc::new(Mutex::new(self.jar().clone())), ..self.clone() }
    }

    /// The same browser, at another node of the site.
    pub(crate) fn at(&self, site: &Site) -> Self {
        self.to(site.app.clone())
    }

    /// The same browser, at another site.
    pub(crate) fn to(&self, site: Router) -> Self {
        Self { to: Target::Process(site), ..self.clone() }
    }

    /// A page of another site in the same browser.
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

    /// A client that asks for data instead of pages, as a program does.
    pub(crate) fn program(mut self) -> Self {
        self.accept = "application/json";
        self
    }

    pub(crate) fn jar(&self) -> MutexGuard<'_, Jar> {
        self.jar.lock().unwrap()
    }

    /// Closes the browser and opens it again.
    pub(crate) fn reopen(&self) {
        self.jar().close();
    }

    pub(crate) fn session(&self) -> Option<String> {
        self.jar().value(SESSION)
    }

    pub(crate) fn remember(&self) -> Option<String> {
        self.jar().value(REMEMBER)
    }

    /// Prepares a request with the current cookies.
    pub(crate) fn prepare(&self, method: &str, path: &str, form: &[(&str, &str)]) -> Prepared {
        let cross_site = self.other_site.is_some();
        let navigation = method == "GET";
        let wanted = For { host: &self.host, path, trusted: self.trusted, cross_site, navigation };
        let cookies = self.jar().get(wanted);
        let mut headers = vec![("Host", self.host.clone().into()), ("Accept", self.accept.into())];
        if !self.agent.is_empty() {
            headers.push(("User-Agent", self.agent.clone().into()));
        }
        if self.trusted {
            headers.push(("Sec-Fetch-Site", if cross_site { "cross-site" } else { "same-origin" }.into()));
        }
        if method != "GET" {
            let scheme = if self.trusted { "https" } else { "http" };
            let own = format!("{scheme}://{}", self.host);
            headers.push(("Origin", self.other_site.map_or(own, str::to_owned).into()));
        }
        if !cookies.is_empty() {
            let pairs: Vec<_> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            headers.push(("Cookie", pairs.join("; ").into()));
        }
        headers.extend(self.headers.iter().cloned());
        let body = encode(form);
        if method == "POST" {
            headers.push(("Content-Type", "application/x-www-form-urlencoded".into()));
            headers.push(("Content-Length", body.len().to_string().into()));
        }
        let (method, path) = (method.to_owned(), path.to_owned());
        Prepared { to: self.to.clone(), from: self.from, method, path, headers, body }
    }

    /// Delivers an answer to the browser.
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

    /// Sends a request and discards its answer.
    pub(crate) async fn lose(&self, path: &str) -> Answer {
        self.prepare("GET", path, &[]).send().await
    }

    /// The user that the site recognises: `alice session fresh`, or `anonymous`.
    pub(crate) async fn me(&self) -> String {
        let answer = self.get("/me").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    /// Logs in, which must succeed.
    pub(crate) async fn log_in(&self, id: &str) -> Answer {
        self.log_in_with(id, &[]).await
    }

    /// Logs in with "remember me", which must succeed.
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
