//! Tests one honest browser through random days: closed and opened, concurrent tabs, lost responses, failed writes,
//! old cookies beside new ones. It is never taken for a thief, and is logged out only when it logs out.

use std::time::Duration;

use hallpass_core::EventKind;
use http::Method;

use crate::browser::{Answer, Browser};
use crate::world::{HOUR, MINUTE, SECOND, World};

/// The number of walks, and of the steps in each.
const WALKS: u64 = 150;
const STEPS: usize = 80;

/// Random numbers, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % count
    }
}

struct Walk {
    world: World,
    browser: Browser,
    dice: Dice,
    /// Earlier remember-me cookies, which some browsers send beside the newest.
    old: Vec<(String, String)>,
    inside: bool,
    /// How long it may stay away before a response must arrive.
    patience: Duration,
    /// What it did, for the message of a failing test.
    did: Vec<String>,
}

impl Walk {
    async fn begin(seed: u64) -> Self {
        let world = World::new();
        let browser = world.remembered().await;
        let dice = Dice(seed);
        Self { world, browser, dice, old: Vec::new(), inside: true, patience: Duration::MAX, did: Vec::new() }
    }

    async fn step(&mut self) {
        match self.dice.below(14) {
            0 => self.browser = self.browser.reopened(),
            1 => {
                let seconds = self.dice.below(90);
                self.wait(Duration::from_secs(seconds));
            }
            2 => self.wait(MINUTE * 20),
            3 => self.wait(HOUR * 5),
            4 => self.lose().await,
            5 => self.tabs().await,
            6 => self.beside_old_ones().await,
            7 => self.post("/confirm?user=alice").await,
            8 => self.post("/cart/tea").await,
            9 => match self.dice.below(4) {
                0 => self.post("/devices/others").await,
                1 => self.log_in().await,
                2 => self.log_out().await,
                _ => {}
            },
            10 => {
                let others = self.dice.below(5) as usize;
                self.did.push(format!("the write after {others} fails"));
                self.world.store.fail_write(others);
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
        let time = time.min(self.patience);
        self.patience -= time;
        self.did.push(format!("away for {time:?}"));
        self.world.advance(time);
    }

    /// Loses a response; the browser comes back in time.
    async fn lose(&mut self) {
        let answer = self.browser.ask(Method::GET, "/").await;
        self.patience = self.patience.min(MINUTE * 25);
        self.check("lost", &answer);
    }

    /// Sends requests from two tabs concurrently; the responses arrive in any order.
    async fn tabs(&mut self) {
        let mut answers =
            [self.browser.ask(Method::GET, "/").await, self.browser.ask(Method::GET, "/").await];
        if self.dice.below(2) == 0 {
            answers.reverse();
        }
        for answer in &answers {
            self.arrive(answer);
            self.check("tab", answer);
        }
    }

    /// Sends a request in which a write has an unknown outcome.
    async fn guess(&mut self) {
        let others = self.dice.below(2) as usize;
        self.did.push(format!("the write after {others} happens with unknown outcome"));
        self.world.store.lose_write(others);
        self.look().await;
        self.world.store.fail_no_write();
    }

    async fn beside_old_ones(&mut self) {
        let mut crowded = self.browser.clone();
        crowded.jar.splice(0..0, self.old.iter().cloned());
        let (method, path) = match self.dice.below(2) {
            0 => (Method::GET, "/"),
            _ => (Method::POST, "/confirm?user=alice"),
        };
        let answer = crowded.ask(method, path).await;
        self.arrive(&answer);
        self.check("beside old ones", &answer);
    }

    /// Sends every cookie while the user is locked, or cannot be loaded.
    async fn away(&mut self) {
        let locked = self.dice.below(2) == 0;
        let switch = |world: &World, on: bool| match locked {
            true => drop(world.users.change("alice", |user| user.active = on)),
            false => world.users.down(!on),
        };
        switch(&self.world, false);
        let mut crowded = self.browser.clone();
        crowded.jar.splice(0..0, self.old.iter().cloned());
        let answer = crowded.ask(Method::GET, "/").await;
        switch(&self.world, true);
        self.arrive(&answer);
        assert!(answer.status == 503 || locked && answer.body == "nobody", "{:#?}\n{answer:?}", self.did);
        self.did.push(if locked { "locked".into() } else { "a loader that fails".into() });
    }

    async fn look(&mut self) {
        let answer = self.browser.ask(Method::GET, "/").await;
        self.arrive(&answer);
        self.check("looks", &answer);
    }

    async fn post(&mut self, path: &str) {
        let answer = self.browser.ask(Method::POST, path).await;
        self.arrive(&answer);
        self.did.push(format!("{path}: {}", answer.status));
        assert!([200, 503].contains(&answer.status.as_u16()), "{:#?}\n{answer:?}", self.did);
    }

    async fn log_in(&mut self) {
        self.world.store.fail_no_write();
        self.post("/login?user=alice&remember=true").await;
        (self.inside, self.patience) = (true, Duration::MAX);
    }

    async fn log_out(&mut self) {
        self.post("/logout").await;
        self.world.store.fail_no_write();
        let answer = self.browser.ask(Method::GET, "/").await;
        self.inside = answer.body != "nobody";
        self.arrive(&answer);
    }

    fn arrive(&mut self, answer: &Answer) {
        if let Some(cookie) = self.browser.cookie("__Host-remember") {
            self.old.push(("__Host-remember".into(), cookie.into()));
        }
        // A browser sends only a few.
        self.old.drain(..self.old.len().saturating_sub(5));
        self.browser.take(answer);
        self.old.retain(|(_, old)| Some(&**old) != self.browser.cookie("__Host-remember"));
        if answer.status == 200 && answer.body != "nobody" {
            self.patience = Duration::MAX;
        }
    }

    fn check(&mut self, what: &str, answer: &Answer) {
        self.did.push(format!("{what}: {} {}", answer.status, answer.body));
        let known = answer.status == 200 && answer.body.starts_with("alice");
        assert!(known || answer.status == 503, "{:#?}", self.did);
        for event in self.world.events() {
            assert!(
                !matches!(event, EventKind::Reused | EventKind::Lapsed),
                "{event:?} after {:#?}",
                self.did
            );
        }
    }
}

#[tokio::test]
async fn an_honest_browser_is_never_taken_for_a_thief() {
    for seed in 0..WALKS {
        let mut walk = Walk::begin(seed).await;
        for _ in 0..STEPS {
            walk.step().await;
        }
        walk.world.store.fail_no_write();
        walk.wait(SECOND);
        walk.look().await;
    }
}
