//! A browser in a hundred lines: HTTP/1.1, one connection per request, and a cookie jar.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::Duration;

/// A browser.
#[derive(Clone, Debug)]
pub(crate) struct Browser {
    pub(crate) address: SocketAddr,
    pub(crate) jar: BTreeMap<String, String>,
}

/// A server's answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Browser {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, jar: BTreeMap::new() }
    }

    /// A browser that is logged in as Alice and remembered.
    pub(crate) fn remembered(address: SocketAddr) -> Self {
        let mut browser = Self::new(address);
        let answer = browser.post("/login", "user=alice&password=wonderland&remember=on");
        assert_eq!((answer.status, answer.header("location")), (303, Some("/")), "{answer:?}");
        browser
    }

    /// The same browser after it was closed and opened again, without its session cookies.
    pub(crate) fn reopened(&self) -> Self {
        let mut browser = self.clone();
        browser.jar.remove("session").expect("there was a session");
        browser
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.send(&format!("GET {path}"), "", "")
    }

    /// Requests a page, as a browser does.
    pub(crate) fn page(&mut self, path: &str) -> Answer {
        self.send(&format!("GET {path}"), "Accept: text/html,*/*;q=0.8\r\n", "")
    }

    pub(crate) fn post(&mut self, path: &str, form: &str) -> Answer {
        self.send(&format!("POST {path}"), "Content-Type: application/x-www-form-urlencoded\r\n", form)
    }

    /// `GET /api/me`: the status and the body.
    pub(crate) fn me(&mut self) -> (u16, String) {
        let answer = self.get("/api/me");
        (answer.status, answer.body)
    }

    /// Sends a request with the jar's cookies, and stores the cookies of the answer.
    pub(crate) fn send(&mut self, line: &str, headers: &str, body: &str) -> Answer {
        let cookies: Vec<_> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = match cookies.is_empty() {
            true => String::new(),
            false => format!("Cookie: {}\r\n", cookies.join("; ")),
        };
        let answer = exchange(self.address, line, format!("{headers}{cookies}").as_bytes(), body);
        for line in answer.set_cookies() {
            let (pair, attributes) = line.split_once(';').expect("attributes");
            let (name, value) = pair.split_once('=').expect("a name and a value");
            match attributes.contains("Max-Age=0") {
                true => self.jar.remove(name),
                false => self.jar.insert(name.into(), value.into()),
            };
        }
        answer
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| &**value)
    }

    pub(crate) fn set_cookies(&self) -> Vec<&str> {
        let cookies = self.headers.iter().filter(|(name, _)| name == "set-cookie");
        cookies.map(|(_, value)| &**value).collect()
    }
}

/// Sends one request, with any bytes as headers, and returns its answer.
pub(crate) fn exchange(address: SocketAddr, line: &str, headers: &[u8], body: &str) -> Answer {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    let head = format!(
        "{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), headers, b"\r\n", body.as_bytes()].concat()).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let answer = String::from_utf8(answer).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let (status, headers) = head.split_once("\r\n").expect("headers");
    let headers = headers.lines().filter_map(|line| line.split_once(": "));
    Answer {
        status: status.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status"),
        headers: headers.map(|(name, value)| (name.to_lowercase(), value.into())).collect(),
        body: body.into(),
    }
}

/// Repeats `done` until it is true, for at most five seconds.
pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..250 {
        if done() {
            return;
        }
        sleep(Duration::from_millis(20));
    }
    panic!("five seconds are over and still not: {what}");
}
