//! A user: logs in, goes on, and ends tokens in every way there is, one call after the other.

use std::sync::Arc;
use std::time::Duration;

use hallpass_core::Kind;
use tokio::time::sleep;

use crate::clock::now;
use crate::line::{Deed, Secret, Verb};
use crate::node::{OVERLAP, ROTATES_AFTER};
use crate::world::{FAR, NEAR, World};

/// The longest pause between two calls.
const PAUSE: Duration = Duration::from_millis(1_500);
/// The most logins at once.
const LOGINS: usize = 3;

/// One user. Its calls do not overlap, so it knows which tokens each of them ends.
pub(crate) struct User {
    world: Arc<World>,
    id: usize,
    /// Counts the names that it had. It takes a new one when it does not know which of its tokens have ended.
    names: usize,
    logins: Vec<Login>,
}

#[derive(Default)]
struct Login {
    tokens: Vec<Token>,
    /// A copy of a token that was rotated, and when it was.
    copy: Option<(Secret, u64)>,
}

struct Token {
    number: u64,
    secret: Secret,
    since: u64,
}

/// Which of the user's tokens a call ends.
#[derive(Clone, Copy)]
enum Ends {
    Login(usize),
    All,
}

impl User {
    pub(crate) fn new(world: Arc<World>, id: usize) -> Self {
        Self { world, id, names: 0, logins: Vec::new() }
    }

    pub(crate) async fn live(mut self) {
        while !self.world.is_over() {
            self.act().await;
            sleep(PAUSE.mul_f64(fastrand::f64())).await;
        }
    }

    async fn act(&mut self) {
        if self.logins.is_empty() || (self.logins.len() < LOGINS && fastrand::u8(..10) < 4) {
            return self.log_in().await;
        }
        let at = fastrand::usize(..self.logins.len());
        if let Some((copy, since)) = &self.logins[at].copy
            && since_then(*since) > OVERLAP * 2
        {
            let copy = copy.clone();
            return self.end(Verb::Replay, Ends::Login(at), Some(copy)).await;
        }
        let old =
            |token: &Token| token.secret.kind == Kind::REMEMBER && since_then(token.since) > ROTATES_AFTER;
        if let Some(token) = self.logins[at].tokens.iter().position(old)
            && fastrand::bool()
        {
            return self.rotate(at, token).await;
        }
        let tokens = &self.logins[at].tokens;
        let presented = tokens.get(fastrand::usize(..tokens.len())).map(|token| token.secret.clone());
        match fastrand::u8(..12) {
            0..3 => self.end(Verb::Revoke, Ends::Login(at), presented).await,
            3..5 => self.end(Verb::RevokeLogin, Ends::Login(at), presented).await,
            5..7 => self.end(Verb::AuthenticateAgain, Ends::Login(at), presented).await,
            7 => self.end(Verb::ChangeCredential, Ends::All, presented).await,
            8 => self.end(Verb::RevokeOthers, Ends::All, presented).await,
            9 => self.end(Verb::Forget, Ends::All, None).await,
            _ => self.end(Verb::RevokeSubject, Ends::All, None).await,
        }
    }

    async fn log_in(&mut self) {
        let verb = if fastrand::bool() { Verb::LogIn } else { Verb::LogInRemembered };
        match self.call(any_node(), verb, None).await {
            Ok((_, tokens)) => self.logins.push(self.login(tokens)),
            Err(_) => self.start_over(),
        }
        // Now and then it ends at once, while the nodes read it for the first time.
        if fastrand::u8(..10) < 4
            && let Some(at) = self.logins.len().checked_sub(1)
        {
            sleep((self.world.lag / 4).mul_f64(fastrand::f64())).await;
            let presented = self.logins[at].tokens.first().map(|token| token.secret.clone());
            self.end(Verb::Revoke, Ends::Login(at), presented).await;
        }
    }

    /// Makes a call that ends tokens, and keeps the tokens that it returns instead.
    async fn end(&mut self, verb: Verb, ends: Ends, presented: Option<Secret>) {
        let node = any_node();
        match self.call(node, verb, presented).await {
            Ok((at, tokens)) => {
                let ended = match ends {
                    Ends::Login(at) => vec![self.logins.swap_remove(at)],
                    Ends::All => std::mem::take(&mut self.logins),
                };
                let ended = ended.iter().flat_map(|login| &login.tokens).map(|token| token.number);
                self.world.ended(ended.collect(), node, at);
                if !tokens.is_empty() {
                    self.logins.push(self.login(tokens));
                }
            }
            Err(_) => self.start_over(),
        }
    }

    async fn rotate(&mut self, login: usize, token: usize) {
        let presented = self.logins[login].tokens[token].secret.clone();
        match self.call(any_node(), Verb::Rotate, Some(presented.clone())).await {
            Ok((_, mut tokens)) => {
                // Nothing is returned if no rotation was due.
                let Some(successor) = tokens.pop() else { return };
                let number = self.world.keep(&successor);
                let next = Token { number, secret: successor, since: now() };
                let before = std::mem::replace(&mut self.logins[login].tokens[token], next);
                self.world.release(before.number);
                self.logins[login].copy = Some((presented, now()));
            }
            Err(_) => self.start_over(),
        }
    }

    /// Gives up its tokens: whether they have ended is not known.
    fn start_over(&mut self) {
        for token in std::mem::take(&mut self.logins).iter().flat_map(|login| &login.tokens) {
            self.world.release(token.number);
        }
        self.names += 1;
    }

    fn login(&self, tokens: Vec<Secret>) -> Login {
        let token = |secret| Token { number: self.world.keep(&secret), secret, since: now() };
        Login { tokens: tokens.into_iter().map(token).collect(), copy: None }
    }

    async fn call(&self, node: u32, verb: Verb, token: Option<Secret>) -> crate::world::Returned {
        let user = format!("user-{}-{}", self.id, self.names);
        self.world.call(node, Deed { verb, user, token }).await
    }
}

/// A node that makes a call: one with a cache, or the one without.
fn any_node() -> u32 {
    let nodes = [NEAR[0], NEAR[1], FAR, FAR];
    nodes[fastrand::usize(..nodes.len())]
}

fn since_then(instant: u64) -> Duration {
    Duration::from_nanos(now().saturating_sub(instant))
}
