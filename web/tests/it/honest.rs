//! One honest browser through random days: it is closed and opened, has concurrent tabs, loses answers, meets a store
//! whose calls fail, and sends old cookies beside new ones. It is never taken for a thief, and is logged out only by
//! its own log-out.

use std::time::Duration;

use hallpass_core::EventKind;
use hallpass_test_store::{Call, Fault};

use crate::browser::{Browser, REMEMBER};
use crate::site::{HOUR, MINUTE, ON_DISK, SECOND, Site};
use crate::wire::Answer;

/// The number of walks, and of steps in each.
const WALKS: u64 = 150;
const STEPS: usize = 80;

/// The calls of the store that write.
const WRITES: [Call; 5] = [Call::Insert, Call::Replace, Call::Delete, Call::Revoke, Call::Epoch];

struct Walk {
    site: Site,
    browser: Browser,
    dice: fastrand::Rng,
    /// Earlier remember-me tokens, which some browsers send beside the newest.
    old: Vec<String>,
    inside: bool,
    /// How long it may stay away before an answer has to arrive.
    leave: Duration,
    /// What it did, to explain a failure of this test.
    did: Vec<String>,
}

impl Walk {
    async fn begin(seed: u64) -> Self {
        let (site, browser) = Site::remembering_alice().await;
        let dice = fastrand::Rng::with_seed(seed);
        Self { site, browser, dice, old: Vec::new(), inside: true, leave: Duration::MAX, did: Vec::new() }
    }

    async fn step(&mut self) {
        match self.dice.u64(..14) {
            0 => self.browser.reopen(),
            1 => {
                let seconds = self.dice.u64(..90);
                self.wait(Duration::from_secs(seconds));
            }
            2 => self.wait(MINUTE * 20),
            3 => self.wait(HOUR * 5),
            4 => self.lose().await,
            5 => self.tabs().await,
            6 => self.beside_old_ones().await,
            7 => self.post("/confirm", &[("password", "secret")]).await,
            8 => self.post("/cart", &[("item", "tea")]).await,
            9 => match self.dice.u64(..4) {
                0 => self.post("/devices/others", &[]).await,
                1 => self.log_in().await,
                2 => self.log_out().await,
                _ => {}
            },
            10 => {
                let others = self.dice.usize(..5);
                self.did.push(format!("the write after {others} fails"));
                self.site.gate.up();
                self.site.gate.fail_one(&WRITES, others, Fault::Down);
            }
            11 => self.guess().await,
            12 => self.away().await,
            _ => self.look().await,
        }
        if !self.inside {
            self.log_in().await;
        }
    }

    fn wait(&mut self, time: Duration) {
        let time = time.min(self.leave);
        self.leave -= time;
        self.did.push(format!("away for {time:?}"));
        self.site.advance(time);
    }

    /// Loses an answer; the browser then comes back in time.
    async fn lose(&mut self) {
        let answer = self.browser.lose("/me").await;
        self.leave = self.leave.min(MINUTE * 25);
        self.check("lost", &answer);
    }

    /// Uses two tabs concurrently, whose answers arrive in any order.
    async fn tabs(&mut self) {
        let mut answers = [self.browser.lose("/me").await, self.browser.lose("/me").await];
        if self.dice.u64(..2) == 0 {
            answers.reverse();
        }
        for answer in &answers {
            self.arrive(answer);
            self.check("tab", answer);
        }
    }

    /// Makes a write succeed and its outcome unknown.
    async fn guess(&mut self) {
        let others = self.dice.usize(..2);
        self.did.push(format!("the write after {others} happens, and its outcome is unknown"));
        self.site.gate.up();
        self.site.gate.fail_one(&WRITES, others, Fault::Done);
        self.look().await;
        self.site.gate.up();
    }

    /// Sends the old cookies in front of the newest.
    async fn crowded(&self, method: &str, path: &str) -> Answer {
        let mut request = self.browser.prepare(method, path, &[("password", "secret")]);
        let newest = request.headers.iter().position(|(name, _)| *name == "Cookie").unwrap();
        let old: String = self.old.iter().map(|old| format!("{REMEMBER}={old}; ")).collect();
        request.headers[newest].1.splice(0..0, old.into_bytes());
        request.send().await
    }

    async fn beside_old_ones(&mut self) {
        let (method, path) = [("GET", "/me"), ("POST", "/confirm")][self.dice.usize(..2)];
        let answer = self.crowded(method, path).await;
        self.arrive(&answer);
        self.check("beside old ones", &answer);
    }

    /// Locks the user, or makes the users unreachable, while every cookie is sent once.
    async fn away(&mut self) {
        let locked = self.dice.u64(..2) == 0;
        let switch = |site: &Site, on: bool| {
            if locked { site.users.change("alice", |user| user.active = on) } else { site.users.down(!on) }
        };
        switch(&self.site, false);
        let answer = self.crowded("GET", "/me").await;
        switch(&self.site, true);
        self.arrive(&answer);
        assert!(answer.status == 503 || locked && answer.body == "anonymous", "{:#?}\n{answer:?}", self.did);
        self.did.push(if locked { "locked".into() } else { "a loader that fails".into() });
    }

    async fn look(&mut self) {
        let answer = self.browser.lose("/me").await;
        self.arrive(&answer);
        self.check("looks", &answer);
    }

    async fn post(&mut self, path: &str, form: &[(&str, &str)]) {
        let answer = self.browser.prepare("POST", path, form).send().await;
        self.arrive(&answer);
        self.did.push(format!("{path}: {}", answer.status));
        assert!([200, 503].contains(&answer.status), "{:#?}\n{answer:?}", self.did);
    }

    async fn log_in(&mut self) {
        self.site.gate.up();
        self.post("/login", &[("id", "alice"), ("password", "secret"), ("remember", "on")]).await;
        (self.inside, self.leave) = (true, Duration::MAX);
    }

    async fn log_out(&mut self) {
        self.post("/logout", &[]).await;
        self.site.gate.up();
        let answer = self.browser.lose("/me").await;
        self.inside = answer.body != "anonymous";
        self.arrive(&answer);
    }

    fn arrive(&mut self, answer: &Answer) {
        self.old.extend(self.browser.remember());
        // Browsers send only a few.
        self.old.drain(..self.old.len().saturating_sub(5));
        self.browser.receive(answer);
        let newest = self.browser.remember();
        self.old.retain(|old| Some(old) != newest.as_ref());
        if answer.status == 200 && answer.body != "anonymous" {
            self.leave = Duration::MAX;
        }
    }

    fn check(&mut self, what: &str, answer: &Answer) {
        self.did.push(format!("{what}: {} {}", answer.status, answer.body));
        let known = answer.status == 200 && answer.body.starts_with("alice");
        assert!(known || answer.status == 503, "{:#?}", self.did);
        let alarms = self.site.heard.count(EventKind::Reused) + self.site.heard.count(EventKind::Lapsed);
        assert_eq!(alarms, 0, "{:#?}", self.did);
    }
}

#[tokio::test]
async fn an_honest_browser_is_never_taken_for_a_thief() {
    // What happens in a walk does not depend on the store, and on a disk it would take minutes.
    let walks = if std::env::var_os(ON_DISK).is_some() { 2 } else { WALKS };
    for seed in 0..walks {
        let mut walk = Walk::begin(seed).await;
        for _ in 0..STEPS {
            walk.step().await;
        }
        walk.site.gate.up();
        walk.wait(SECOND);
        walk.look().await;
    }
}
