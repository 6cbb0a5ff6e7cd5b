//! What a browser does on this site.

use std::net::SocketAddr;
use std::thread::sleep;
use std::time::Duration;

pub(crate) use crate::browser::{Answer, Browser};

impl Browser {
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

    /// Requests a page, as a browser does.
    pub(crate) fn page(&mut self, path: &str) -> Answer {
        self.send(&format!("GET {path}"), "Accept: text/html,*/*;q=0.8\r\n", "")
    }

    /// `GET /api/me`: the status and the body.
    pub(crate) fn me(&mut self) -> (u16, String) {
        let answer = self.get("/api/me");
        (answer.status, answer.body)
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
