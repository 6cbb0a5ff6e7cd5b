//! Checks that no token was accepted too late after its ending (contract S19).
//!
//! A run records what its nodes accepted and what they ended; [`judge`] reads the record afterwards. All instants are
//! nanoseconds of one clock that all nodes share. The record names tokens and nodes by number: it holds no secret.
//!
//! A call is judged by the instant at which it began, because the check lies between its beginning and its return. A
//! call that began within the bound may return late: nothing bounds a process that is stopped after its check.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

/// What a run recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A node accepted a token.
    Accept(Accept),
    /// A node ended a token.
    Ending(Ending),
}

/// A verification that accepted its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accept {
    /// The number of the token.
    pub token: u64,
    /// The number of the node.
    pub node: u32,
    /// When the call began, in nanoseconds.
    pub began: u64,
    /// When it returned, in nanoseconds.
    pub returned: u64,
    /// Whether the call read the store, so it was no hit.
    pub is_read: bool,
}

/// An ending that was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// The number of the token.
    pub token: u64,
    /// The number of the node that made the call.
    pub node: u32,
    /// When the call returned, in nanoseconds.
    pub acknowledged: u64,
}

/// Which promise an acceptance breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A hit began later than the lag after the ending.
    Lag,
    /// The call read the store, which shows every ending that was acknowledged before.
    Read,
    /// The node had ended the token itself, and sees its own endings at once.
    Own,
}

/// An acceptance that came too late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The promise that it breaks.
    pub rule: Rule,
    /// The acceptance.
    pub accept: Accept,
    /// The ending that it should have seen.
    pub ending: Ending,
}

/// What a record shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The number of acceptances.
    pub accepts: u64,
    /// How many of them were hits.
    pub hits: u64,
    /// The number of tokens that were ended.
    pub endings: u64,
    /// How many of them had a hit at most twice the lag before or after the acknowledgement.
    pub near: u64,
    /// The number of hits that began after the ending was acknowledged.
    pub stale: u64,
    /// How long after the acknowledgement the latest of them began.
    pub worst: Duration,
    /// The acceptances that came too late, in the order of the record.
    pub violations: Vec<Violation>,
}

/// Judges a record, in any order of its events. `lag` is the bound L of the near caches.
///
/// If a token was ended several times, the first acknowledgement counts.
#[must_use]
pub fn judge<'a>(events: impl IntoIterator<Item = &'a Event>, lag: Duration) -> Verdict {
    let lag = u64::try_from(lag.as_nanos()).unwrap_or(u64::MAX);
    let mut tokens: HashMap<u64, Token> = HashMap::new();
    let mut order = Vec::new();
    for event in events {
        match event {
            Event::Accept(accept) => {
                order.push(*accept);
                tokens.entry(accept.token).or_default().accepts.push(*accept);
            }
            Event::Ending(ending) => tokens.entry(ending.token).or_default().endings.push(*ending),
        }
    }
    let mut verdict = Verdict::default();
    for token in tokens.values() {
        token.count(&mut verdict, lag);
    }
    let too_late = |accept: &Accept| tokens.get(&accept.token)?.violation(*accept, lag);
    verdict.violations = order.iter().filter_map(too_late).collect();
    verdict
}

/// What happened to one token.
#[derive(Debug, Default)]
struct Token {
    accepts: Vec<Accept>,
    endings: Vec<Ending>,
}

impl Token {
    fn first(&self, by: impl Fn(&&Ending) -> bool) -> Option<Ending> {
        self.endings.iter().filter(by).min_by_key(|ending| ending.acknowledged).copied()
    }

    fn count(&self, verdict: &mut Verdict, lag: u64) {
        let hits = || self.accepts.iter().filter(|accept| !accept.is_read);
        verdict.accepts += self.accepts.len() as u64;
        verdict.hits += hits().count() as u64;
        let Some(ending) = self.first(|_| true) else { return };
        verdict.endings += 1;
        let (from, to) =
            (ending.acknowledged.saturating_sub(lag * 2), ending.acknowledged.saturating_add(lag * 2));
        verdict.near += u64::from(hits().any(|hit| hit.returned >= from && hit.began <= to));
        for late in hits().filter_map(|hit| hit.began.checked_sub(ending.acknowledged)) {
            verdict.stale += u64::from(late > 0);
            verdict.worst = verdict.worst.max(Duration::from_nanos(late));
        }
    }

    fn violation(&self, accept: Accept, lag: u64) -> Option<Violation> {
        let ending = self.first(|_| true)?;
        let is_after = |ending: &Ending, bound: u64| accept.began > ending.acknowledged.saturating_add(bound);
        let found = |rule, ending| Some(Violation { rule, accept, ending });
        match self.first(|ending| ending.node == accept.node) {
            _ if accept.is_read && is_after(&ending, 0) => found(Rule::Read, ending),
            _ if is_after(&ending, lag) => found(Rule::Lag, ending),
            Some(own) if is_after(&own, 0) => found(Rule::Own, own),
            _ => None,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, accept, ending } = self;
        let millis = |nanos: u64| Duration::from_nanos(nanos).as_secs_f64() * 1e3;
        let rule = match rule {
            Rule::Lag => "a hit later than the lag",
            Rule::Read => "a read that began after the acknowledgement",
            Rule::Own => "a node that had ended the token itself",
        };
        write!(
            f,
            "token {} on node {}: {rule}; accepted {:.3} ms after node {} had ended it, in a call of {:.3} ms",
            accept.token,
            accept.node,
            millis(accept.began.saturating_sub(ending.acknowledged)),
            ending.node,
            millis(accept.returned.saturating_sub(accept.began)),
        )
    }
}

#[cfg(test)]
mod tests;
