//! Decisions with one mistake each, for [`SETTING`](crate::SETTING): the model check must find all of them, or it
//! proves nothing.

use std::time::Duration;

use hallpass_core::rotation::{
    Decision, Inputs, Presented, Request, Rotation, StampCheck, Successor, decide,
};
use hallpass_core::{Policy, Reason, Rejected, Scope, Timestamp};

use crate::anybody::OPEN;
use crate::honest::{REFUSED, WENT_BACK};
use crate::row::{Decide, TICK};

use Noticed::{ByAnybody, ByHonest};

/// The world that notices a mistake, and what it reports.
pub(crate) enum Noticed {
    ByHonest(&'static str),
    ByAnybody(&'static str),
}

/// One mistake in the decision.
pub(crate) struct Mistake {
    pub(crate) what: &'static str,
    pub(crate) noticed: Noticed,
    pub(crate) decide: Decide,
}

/// `decide`, with another result where it accepts the current token and a rotation is asked for.
fn due_when(
    (of, ask, now): (&Inputs, Request, Timestamp),
    (policy, max_skew): (&Policy, Duration),
    due: fn(since_rotation: Duration, since_confirmation: Option<Duration>) -> bool,
) -> Decision {
    match (decide(of, ask, now, policy, max_skew), of.rotation) {
        (Decision::Accept { confirm, slide, .. }, Some(rotation))
            if of.presented == Presented::Current && ask == Request::Rotate =>
        {
            let seen = rotation.confirmed_at.map(|confirmed_at| now.since(confirmed_at));
            let due = due(now.since(rotation.at), seen);
            Decision::Accept { confirm, slide, successor: if due { Successor::New } else { Successor::None } }
        }
        (decision, _) => decision,
    }
}

const fn reject(rejected: Rejected, reason: Reason) -> Decision {
    Decision::Reject { rejected, end: Some((Scope::Login, reason)) }
}

const fn again(ask: Request) -> Decision {
    let successor = match ask {
        Request::Rotate => Successor::Same,
        Request::Verify => Successor::None,
    };
    Decision::Accept { confirm: false, slide: false, successor }
}

/// Returns the rotation, if the predecessor was presented.
fn predecessor(of: &Inputs) -> Option<Rotation> {
    of.rotation.filter(|_| of.presented == Presented::Predecessor && of.revoked.is_none())
}

/// Mistakes that look harmless.
pub(crate) const MISTAKES: [Mistake; 21] = [
    Mistake {
        what: "D10 without any pause",
        noticed: ByHonest(REFUSED),
        decide: |of, ask, now, policy, skew| due_when((of, ask, now), (policy, skew), |_, _| true),
    },
    Mistake {
        what: "D10 with the least interval only",
        noticed: ByHonest(REFUSED),
        decide: |of, ask, now, policy, skew| {
            due_when((of, ask, now), (policy, skew), |since, _| since >= TICK * 4)
        },
    },
    Mistake {
        what: "D10 with a pause of one overlap",
        noticed: ByHonest(WENT_BACK),
        decide: |of, ask, now, policy, skew| {
            due_when((of, ask, now), (policy, skew), |since, seen| match seen {
                Some(seen) => seen > TICK * 2 && since >= TICK * 4,
                None => since > TICK * 12,
            })
        },
    },
    Mistake {
        what: "D10 ending the pause a moment too early",
        noticed: ByHonest(WENT_BACK),
        decide: |of, ask, now, policy, skew| {
            due_when((of, ask, now), (policy, skew), |since, seen| match seen {
                Some(seen) => seen >= TICK * 4,
                None => since > TICK * 12,
            })
        },
    },
    Mistake {
        what: "D10 counting the pause of a confirmed token from the rotation",
        noticed: ByHonest(WENT_BACK),
        decide: |of, ask, now, policy, skew| {
            due_when((of, ask, now), (policy, skew), |since, seen| match seen {
                Some(_) => since > TICK * 4,
                None => since > TICK * 12,
            })
        },
    },
    Mistake {
        what: "D10 rotating an unconfirmed token at once",
        noticed: ByHonest(REFUSED),
        decide: |of, ask, now, policy, skew| {
            due_when((of, ask, now), (policy, skew), |_, seen| seen.is_none_or(|seen| seen > TICK * 4))
        },
    },
    Mistake {
        what: "D10 rotating an unconfirmed token within the retry window",
        noticed: ByHonest(REFUSED),
        decide: |of, ask, now, policy, skew| {
            due_when((of, ask, now), (policy, skew), |since, seen| match seen {
                Some(seen) => seen > TICK * 4,
                None => since > TICK * 7,
            })
        },
    },
    Mistake {
        what: "D7 with the overlap counted from the rotation",
        noticed: ByHonest(REFUSED),
        decide: |of, ask, now, policy, skew| {
            let rotation = of.rotation.map(|rotation| Rotation {
                confirmed_at: rotation.confirmed_at.map(|_| rotation.at),
                ..rotation
            });
            match of.presented {
                Presented::Predecessor => decide(&Inputs { rotation, ..*of }, ask, now, policy, skew),
                _ => decide(of, ask, now, policy, skew),
            }
        },
    },
    Mistake {
        what: "D7 left out",
        noticed: ByHonest(REFUSED),
        decide: |of, ask, now, policy, skew| match predecessor(of) {
            Some(Rotation { confirmed_at: Some(_), .. }) => reject(Rejected::Reused, Reason::Reused),
            _ => decide(of, ask, now, policy, skew),
        },
    },
    Mistake {
        what: "D7 ending a moment too early",
        noticed: ByHonest(REFUSED),
        decide: |of, ask, now, policy, skew| match predecessor(of).and_then(|last| last.confirmed_at) {
            Some(seen) if now.since(seen) >= TICK * 2 => reject(Rejected::Reused, Reason::Reused),
            _ => decide(of, ask, now, policy, skew),
        },
    },
    Mistake {
        what: "D6 left out",
        noticed: ByHonest(REFUSED),
        decide: |of, ask, now, policy, skew| match predecessor(of) {
            Some(Rotation { confirmed_at: None, .. }) => reject(Rejected::Lapsed, Reason::Lapsed),
            _ => decide(of, ask, now, policy, skew),
        },
    },
    Mistake {
        what: "D6 ending a moment too early",
        noticed: ByHonest(REFUSED),
        decide: |of, ask, now, policy, skew| match predecessor(of) {
            Some(Rotation { at, confirmed_at: None, .. }) if now.since(at) >= TICK * 8 => {
                reject(Rejected::Lapsed, Reason::Lapsed)
            }
            _ => decide(of, ask, now, policy, skew),
        },
    },
    Mistake {
        what: "D6 without the successor",
        noticed: ByHonest(REFUSED),
        decide: |of, ask, now, policy, skew| match predecessor(of) {
            Some(_) => decide(of, Request::Verify, now, policy, skew),
            None => decide(of, ask, now, policy, skew),
        },
    },
    Mistake {
        what: "D5 confirming each time",
        noticed: ByAnybody(OPEN),
        decide: |of, ask, now, policy, skew| match decide(of, ask, now, policy, skew) {
            Decision::Accept { slide, successor, .. } if of.presented == Presented::Current => {
                Decision::Accept { confirm: true, slide, successor }
            }
            decision => decision,
        },
    },
    Mistake {
        what: "D6 confirming",
        noticed: ByAnybody(OPEN),
        decide: |of, ask, now, policy, skew| match decide(of, ask, now, policy, skew) {
            Decision::Accept { slide, successor, .. } => Decision::Accept { confirm: true, slide, successor },
            decision => decision,
        },
    },
    Mistake {
        what: "D6 with a successor of its own",
        noticed: ByAnybody("one generation has two successors"),
        decide: |of, ask, now, policy, skew| match decide(of, ask, now, policy, skew) {
            Decision::Accept { confirm, slide, successor: Successor::Same } => {
                Decision::Accept { confirm, slide, successor: Successor::New }
            }
            decision => decision,
        },
    },
    Mistake {
        what: "D7 after a confirmation past the retry window",
        noticed: ByAnybody(OPEN),
        decide: |of, ask, now, policy, skew| match predecessor(of).and_then(|last| last.confirmed_at) {
            Some(seen) if now.since(seen) <= TICK * 2 => again(ask),
            _ => decide(of, ask, now, policy, skew),
        },
    },
    Mistake {
        what: "D6 ending a moment too late",
        noticed: ByAnybody(OPEN),
        decide: |of, ask, now, policy, skew| match predecessor(of) {
            Some(Rotation { at, confirmed_at: None, .. }) if now.since(at) <= TICK * 9 => again(ask),
            _ => decide(of, ask, now, policy, skew),
        },
    },
    Mistake {
        what: "D9 sparing the generation before the last within the overlap",
        noticed: ByAnybody(OPEN),
        decide: |of, ask, now, policy, skew| match (of.presented, of.rotation) {
            (Presented::Earlier, Some(Rotation { at, .. })) if now.since(at) <= TICK * 2 => again(ask),
            _ => decide(of, ask, now, policy, skew),
        },
    },
    Mistake {
        what: "D9 without ending the login",
        noticed: ByAnybody("a replay did not end the login"),
        decide: |of, ask, now, policy, skew| match decide(of, ask, now, policy, skew) {
            Decision::Reject { rejected, .. } => Decision::Reject { rejected, end: None },
            decision => decision,
        },
    },
    Mistake {
        what: "D3 left out",
        noticed: ByAnybody("an ended login was accepted"),
        decide: |of, ask, now, policy, skew| decide(&Inputs { revoked: None, ..*of }, ask, now, policy, skew),
    },
];

/// Mistakes that look harmless, for [`UNTIL_CONFIRMED`](crate::UNTIL_CONFIRMED).
pub(crate) const MISTAKES_UNTIL_CONFIRMED: [Mistake; 7] = [
    Mistake {
        what: "D10 rotating in the request that confirms",
        noticed: ByHonest(REFUSED),
        decide: |of, ask, now, policy, skew| {
            due_when((of, ask, now), (policy, skew), |_, seen| seen.is_none_or(|seen| seen > TICK * 4))
        },
    },
    Mistake {
        what: "D10 rotating in the request that confirms, if the rotation is long past",
        noticed: ByHonest(REFUSED),
        decide: |of, ask, now, policy, skew| {
            due_when((of, ask, now), (policy, skew), |since, seen| match seen {
                Some(seen) => seen > TICK * 4,
                None => since > TICK * 8,
            })
        },
    },
    Mistake {
        what: "D4 ending the login",
        noticed: ByHonest(REFUSED),
        decide: |of, ask, now, policy, skew| match decide(of, ask, now, policy, skew) {
            Decision::Reject { rejected: Rejected::StampMismatch, .. } => {
                reject(Rejected::StampMismatch, Reason::StampMismatch)
            }
            decision => decision,
        },
    },
    Mistake {
        what: "D4 before D8 and D9",
        noticed: ByAnybody("a stamp hid a replay"),
        decide: |of, ask, now, policy, skew| match of.stamp {
            StampCheck::Differs if of.revoked.is_none() => {
                Decision::Reject { rejected: Rejected::StampMismatch, end: None }
            }
            _ => decide(of, ask, now, policy, skew),
        },
    },
    Mistake {
        what: "D4 left out",
        noticed: ByAnybody("a token was good under another stamp"),
        decide: |of, ask, now, policy, skew| {
            decide(&Inputs { stamp: StampCheck::Matches, ..*of }, ask, now, policy, skew)
        },
    },
    Mistake {
        what: "D6 until confirmed for every older token",
        noticed: ByAnybody(OPEN),
        decide: |of, ask, now, policy, skew| match (of.presented, of.rotation) {
            (Presented::Earlier, Some(Rotation { confirmed_at: None, .. })) if of.revoked.is_none() => {
                again(ask)
            }
            _ => decide(of, ask, now, policy, skew),
        },
    },
    Mistake {
        what: "D7 until confirmed without an end",
        noticed: ByAnybody(OPEN),
        decide: |of, ask, now, policy, skew| match predecessor(of) {
            Some(_) if of.stamp != StampCheck::Differs => again(ask),
            _ => decide(of, ask, now, policy, skew),
        },
    },
];
