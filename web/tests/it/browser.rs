//! A browser: a cookie jar around `oneshot`.

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt;
use tower::ServiceExt;

#[derive(Clone, Debug)]
pub(crate) struct Browser {
    app: Router,
    /// Name and value, in the order in which they are sent.
    pub(crate) jar: Vec<(String, String)>,
    /// The headers of every request.
    pub(crate) headers: HeaderMap,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Browser {
    pub(crate) fn new(app: Router) -> Self {
        Self { app, jar: Vec::new(), headers: HeaderMap::new() }
    }

    /// Returns the browser as after closing and opening it: without the session cookies.
    pub(crate) fn reopened(&self) -> Self {
        let mut browser = self.clone();
        browser.jar.retain(|(name, _)| name == "__Host-remember");
        browser
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, HeaderValue::from_str(value).unwrap());
        self
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        self.jar.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    pub(crate) fn remember(&self) -> &str {
        self.cookie("__Host-remember").unwrap()
    }

    pub(crate) fn session(&self) -> &str {
        self.cookie("__Host-session").unwrap()
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path).await
    }

    pub(crate) async fn post(&mut self, path: &str) -> Answer {
        self.send(Method::POST, path).await
    }

    /// Sends a request with the jar's cookies, and applies the cookies of the response.
    pub(crate) async fn send(&mut self, method: Method, path: &str) -> Answer {
        let answer = self.ask(method, path).await;
        self.take(&answer);
        answer
    }

    /// Sends a request, and does not apply the cookies of the response, as if it were lost.
    pub(crate) async fn ask(&self, method: Method, path: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        *request.headers_mut() = self.headers.clone();
        let cookies: Vec<_> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request.headers_mut().append("cookie", HeaderValue::from_str(&cookies.join("; ")).unwrap());
        }
        raw(&self.app, request).await
    }

    /// Applies the cookies of a response.
    pub(crate) fn take(&mut self, answer: &Answer) {
        for line in answer.set_cookies() {
            let (pair, attributes) = line.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.jar.retain(|(known, _)| known != name);
            if !attributes.contains("Max-Age=0;") {
                self.jar.push((name.into(), value.into()));
            }
        }
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn set_cookies(&self) -> Vec<&str> {
        self.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect()
    }
}

/// Sends one request, whatever it contains.
pub(crate) async fn raw(app: &Router, request: Request<Body>) -> Answer {
    let (parts, body) = app.clone().oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
}
