//! The decision: table D of the contract as a pure function, without I/O, clock or cryptography.
//!
//! [`decide`] returns the verdict about a presented token and what has to be written. The first row that matches
//! decides.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::Rejected;
use crate::policy::{Policy, RetryWindow, Scope};
use crate::record::Reason;

/// Which token of the record was presented, as the digests show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Presented {
    /// None of the record's, or the record is of another kind: the client guesses.
    Foreign,
    /// The newest one.
    Current,
    /// The one before the newest.
    Predecessor,
    /// An older one.
    Earlier,
}

/// How the record's stamp compares with the given one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StampCheck {
    /// The record is bound to another stamp.
    Differs,
    /// The record is bound to this stamp.
    Matches,
    /// The record is bound to no stamp, and one was given.
    Missing,
    /// The record is bound to a stamp, and none was given.
    NotSupplied,
    /// The record is bound to no stamp, and none was given.
    Unbound,
}

/// What the caller asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// Whether the token is valid.
    Verify,
    /// Whether the token is valid, and its successor.
    Rotate,
}

/// The last rotation of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rotation {
    /// When it happened.
    pub at: Timestamp,
    /// When the successor was first presented.
    pub confirmed_at: Option<Timestamp>,
    /// Whether the successor can still be derived. Once its nonce is erased, the windows stay closed, whatever the
    /// clock says.
    pub repeatable: bool,
}

/// The inputs of the decision, besides the policy and the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Inputs {
    /// Which token was presented.
    pub presented: Presented,
    /// When the record was issued.
    pub created_at: Timestamp,
    /// When its token was last seen.
    pub seen_at: Timestamp,
    /// Its absolute expiry.
    pub expires_at: Timestamp,
    /// Its idle expiry.
    pub idle_at: Option<Timestamp>,
    /// Why it was ended, if it was.
    pub revoked: Option<Reason>,
    /// Its last rotation.
    pub rotation: Option<Rotation>,
    /// How its stamp compares with the given one.
    pub stamp: StampCheck,
}

/// The verdict, and what has to be written with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// The token is valid.
    Accept {
        /// Whether to store that the successor has arrived (D5).
        confirm: bool,
        /// Whether to store that the token was seen, and move the idle expiry (D5).
        slide: bool,
        /// What to do about a successor.
        successor: Successor,
    },
    /// The token is not valid.
    Reject {
        /// The verdict.
        rejected: Rejected,
        /// What to end before the verdict is returned, and why.
        end: Option<(Scope, Reason)>,
    },
    /// There is no verdict without the stamp (D4).
    StampRequired,
}

/// What to do about a successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Successor {
    /// Nothing: none was asked for, or none is due.
    None,
    /// Rotate, and make a new one.
    New,
    /// Derive the existing one again.
    Same,
}

impl Decision {
    const fn reject(rejected: Rejected) -> Self {
        Self::Reject { rejected, end: None }
    }

    const fn end(rejected: Rejected, scope: Scope, reason: Reason) -> Self {
        Self::Reject { rejected, end: Some((scope, reason)) }
    }
}

/// Applies rows D1 to D3: the verdicts that need no stamp.
#[must_use]
pub fn standing(of: &Inputs, deadlines: &Deadlines, now: Timestamp) -> Option<Rejected> {
    if of.presented == Presented::Foreign {
        return Some(Rejected::Invalid); // D1
    }
    if is_expired(of, deadlines, now) {
        return Some(Rejected::Expired); // D2
    }
    of.revoked.map(Rejected::from) // D3
}

/// Applies row D2.
fn is_expired(of: &Inputs, deadlines: &Deadlines, now: Timestamp) -> bool {
    now >= deadlines.absolute || of.revoked.is_none() && deadlines.idle.is_some_and(|idle| now >= idle)
}

/// Applies the whole table.
#[must_use]
pub fn decide(
    of: &Inputs,
    request: Request,
    now: Timestamp,
    policy: &Policy,
    max_skew: Duration,
) -> Decision {
    let deadlines = Deadlines::of(of, now, policy, max_skew);
    if let Some(rejected) = standing(of, &deadlines, now) {
        return Decision::reject(rejected); // D1, D2, D3
    }
    decide_standing(of, &deadlines, request, now, policy, max_skew)
}

/// Applies the rest of the table to a record that passed [`standing`] when it was read, with the deadlines that were
/// computed then. Only time has passed since, so D2 is applied again.
pub(crate) fn decide_standing(
    of: &Inputs,
    deadlines: &Deadlines,
    request: Request,
    now: Timestamp,
    policy: &Policy,
    max_skew: Duration,
) -> Decision {
    if is_expired(of, deadlines, now) {
        return Decision::reject(Rejected::Expired); // D2
    }
    // This comes before the stamp is compared: D8 and D9 apply whatever the stamp.
    if let Some(replay) = replay(of, now, policy, max_skew) {
        return replay; // D8, D9
    }
    match of.stamp {
        StampCheck::NotSupplied => return Decision::StampRequired, // D4
        StampCheck::Differs => return Decision::reject(Rejected::StampMismatch), // D4
        StampCheck::Missing if policy.refuses_unbound() => {
            return Decision::reject(Rejected::StampMismatch); // D4
        }
        StampCheck::Unbound if policy.require_stamp => return Decision::reject(Rejected::StampMismatch), // D4
        StampCheck::Matches | StampCheck::Missing | StampCheck::Unbound => {}
    }
    if of.presented == Presented::Current {
        return Decision::Accept {
            confirm: of.rotation.is_some_and(|rotation| rotation.confirmed_at.is_none()),
            slide: now.since(of.seen_at) >= policy.touch,
            successor: if request == Request::Rotate && is_due(of, now, policy) {
                Successor::New
            } else {
                Successor::None
            },
        }; // D5
    }
    Decision::Accept {
        confirm: false,
        slide: false,
        successor: if request == Request::Rotate { Successor::Same } else { Successor::None },
    } // D6, D7
}

/// Applies D8 and D9, which end a login. `None` for the current token, and for the predecessor within its windows.
fn replay(of: &Inputs, now: Timestamp, policy: &Policy, max_skew: Duration) -> Option<Decision> {
    let windows = policy.windows();
    let reused = Decision::end(Rejected::Reused, policy.reuse_ends, Reason::Reused);
    let rotation = match (of.presented, of.rotation) {
        (Presented::Current, _) => return None,
        (Presented::Predecessor, Some(rotation)) => rotation,
        _ => return Some(reused), // D9
    };
    match rotation.confirmed_at {
        None if rotation.repeatable && windows.retry_window.covers(now.since(rotation.at)) => None, // D6
        None => Some(Decision::end(Rejected::Lapsed, Scope::Login, Reason::Lapsed)),                // D8
        Some(confirmed_at) => {
            let to_confirm = sane(confirmed_at, now, max_skew).since(rotation.at);
            let in_time = windows.retry_window.covers(to_confirm);
            let under_way = now.since(confirmed_at) <= windows.overlap;
            if rotation.repeatable && in_time && under_way { None } else { Some(reused) } // D7, D9
        }
    }
}

/// Returns whether a rotation is due (D10). Without a pause between two rotations, an honest request under way would
/// hold the token before the last.
fn is_due(of: &Inputs, now: Timestamp, policy: &Policy) -> bool {
    let Some(windows) = policy.rotation else { return false };
    let Some(rotation) = of.rotation else { return true };
    let since = now.since(rotation.at);
    match rotation.confirmed_at {
        Some(confirmed_at) => now.since(confirmed_at) > windows.overlap * 2 && since >= windows.min_interval,
        None => match windows.retry_window {
            RetryWindow::For(window) => since > window + windows.overlap * 2,
            // Rotating in the request that confirms would break a client whose other requests are under way.
            RetryWindow::UntilConfirmed => false,
        },
    }
}

/// Returns whether the windows of a rotation have closed on every clock, so that the nonce of the successor may be
/// erased (contract T5).
pub(crate) fn windows_closed(
    rotation: &Rotation,
    now: Timestamp,
    policy: &Policy,
    max_skew: Duration,
) -> bool {
    let windows = policy.windows();
    match (rotation.confirmed_at, windows.retry_window) {
        (Some(confirmed_at), _) => now.since(confirmed_at) > windows.overlap + max_skew,
        (None, RetryWindow::For(window)) => now.since(rotation.at) > window + max_skew,
        (None, RetryWindow::UntilConfirmed) => false,
    }
}

/// Returns `time`, or `now` if `time` is further in the future than clocks may differ.
///
/// Such a time was written by a broken clock. It would postpone every deadline that depends on it and make a
/// confirmation look too late.
fn sane(time: Timestamp, now: Timestamp, max_skew: Duration) -> Timestamp {
    if time > now.saturating_add(max_skew) { now } else { time }
}

/// When a record expires: the earlier of what it was promised and what the policy allows now.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// The expiry however much it is used.
    pub(crate) absolute: Timestamp,
    /// The expiry if it is not used.
    pub(crate) idle: Option<Timestamp>,
}

impl Deadlines {
    /// Computes the deadlines of a record at `now`.
    #[must_use]
    pub fn of(of: &Inputs, now: Timestamp, policy: &Policy, max_skew: Duration) -> Self {
        let created_at = sane(of.created_at, now, max_skew);
        let absolute = of.expires_at.min(created_at.saturating_add(policy.absolute));
        let allowed = policy.idle.map(|idle| sane(of.seen_at, now, max_skew).saturating_add(idle));
        let idle = match (of.idle_at, allowed) {
            (Some(promised), Some(allowed)) => Some(promised.min(allowed)),
            (promised, allowed) => promised.or(allowed),
        };
        Self { absolute, idle }
    }

    /// Returns the earlier of the two.
    pub(crate) fn first(&self) -> Timestamp {
        self.idle.map_or(self.absolute, |idle| idle.min(self.absolute))
    }
}
