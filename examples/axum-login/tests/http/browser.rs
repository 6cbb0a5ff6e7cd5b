//! A browser that keeps a single cookie: HTTP/1.1, one connection per request.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const NAME: &str = "__Host-id";

/// A browser.
#[derive(Clone)]
pub(crate) struct Browser {
    pub(crate) address: SocketAddr,
    pub(crate) cookie: Option<String>,
}

/// The site's answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Browser {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, cookie: None }
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, "", "")
    }

    pub(crate) fn post(&mut self, path: &str, form: &str) -> Answer {
        self.post_with(path, "", form)
    }

    pub(crate) fn post_with(&mut self, path: &str, headers: &str, form: &str) -> Answer {
        self.send("POST", path, headers, form)
    }

    fn send(&mut self, method: &str, path: &str, headers: &str, form: &str) -> Answer {
        let cookie = self.cookie.as_ref().map(|value| format!("Cookie: {NAME}={value}\r\n"));
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n{headers}{}\r\n{form}",
            self.address,
            form.len(),
            cookie.unwrap_or_default()
        );
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let answer = Answer::parse(&text);
        if let Some(line) = answer.header("set-cookie") {
            let (pair, attributes) = line.split_once(';').unwrap();
            for attribute in ["HttpOnly", "SameSite=Strict", "Secure", "Path=/"] {
                assert!(attributes.contains(attribute) || attributes.contains("Max-Age=0"), "{line}");
            }
            let value = pair.strip_prefix(NAME).and_then(|rest| rest.strip_prefix('=')).unwrap();
            self.cookie = (!attributes.contains("Max-Age=0")).then(|| value.into());
        }
        answer
    }
}

impl Answer {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let (status, headers) = head.split_once("\r\n").unwrap();
        let headers = headers.lines().filter_map(|line| line.split_once(": "));
        Self {
            status: status.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap(),
            headers: headers.map(|(name, value)| (name.to_lowercase(), value.into())).collect(),
            body: body.into(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| &**value)
    }
}
