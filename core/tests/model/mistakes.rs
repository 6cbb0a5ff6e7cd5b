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

const fn mistake(what: &'static str, noticed: Noticed, decide: Decide) -> Mistake {
    Mistake { what, noticed, decide }
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
    mistake("D10 without any pause", ByHonest(REFUSED), |of, ask, now, policy, skew| {
        due_when((of, ask, now), (policy, skew), |_, _| true)
    }),
    mistake("D10 with the least interval only", ByHonest(REFUSED), |of, ask, now, policy, skew| {
        due_when((of, ask, now), (policy, skew), |since, _| since >= TICK * 4)
    }),
    mistake("D10 with a pause of one overlap", ByHonest(WENT_BACK), |of, ask, now, policy, skew| {
        due_when((of, ask, now), (policy, skew), |since, seen| match seen {
            Some(seen) => seen > TICK * 2 && since >= TICK * 4,
            None => since > TICK * 12,
        })
    }),
    mistake("D10 ending the pause a moment too early", ByHonest(WENT_BACK), |of, ask, now, policy, skew| {
        due_when((of, ask, now), (policy, skew), |since, seen| match seen {
            Some(seen) => seen >= TICK * 4,
            None => since > TICK * 12,
        })
    }),
    mistake(
        "D10 counting the pause of a confirmed token from the rotation",
        ByHonest(WENT_BACK),
        |of, ask, now, policy, skew| {
            due_when((of, ask, now), (policy, skew), |since, seen| match seen {
                Some(_) => since > TICK * 4,
                None => since > TICK * 12,
            })
        },
    ),
    mistake("D10 rotating an unconfirmed token at once", ByHonest(REFUSED), |of, ask, now, policy, skew| {
        due_when((of, ask, now), (policy, skew), |_, seen| seen.is_none_or(|seen| seen > TICK * 4))
    }),
    mistake(
        "D10 rotating an unconfirmed token within the retry window",
        ByHonest(REFUSED),
        |of, ask, now, policy, skew| {
            due_when((of, ask, now), (policy, skew), |since, seen| match seen {
                Some(seen) => seen > TICK * 4,
                None => since > TICK * 7,
            })
        },
    ),
    mistake(
        "D7 with the overlap counted from the rotation",
        ByHonest(REFUSED),
        |of, ask, now, policy, skew| {
            let rotation = of.rotation.map(|rotation| Rotation {
                confirmed_at: rotation.confirmed_at.map(|_| rotation.at),
                ..rotation
            });
            match of.presented {
                Presented::Predecessor => decide(&Inputs { rotation, ..*of }, ask, now, policy, skew),
                _ => decide(of, ask, now, policy, skew),
            }
        },
    ),
    mistake("D7 left out", ByHonest(REFUSED), |of, ask, now, policy, skew| match predecessor(of) {
        Some(Rotation { confirmed_at: Some(_), .. }) => reject(Rejected::Reused, Reason::Reused),
        _ => decide(of, ask, now, policy, skew),
    }),
    mistake(
        "D7 ending a moment too early",
        ByHonest(REFUSED),
        |of, ask, now, policy, skew| match predecessor(of).and_then(|last| last.confirmed_at) {
            Some(seen) if now.since(seen) >= TICK * 2 => reject(Rejected::Reused, Reason::Reused),
            _ => decide(of, ask, now, policy, skew),
        },
    ),
    mistake("D6 left out", ByHonest(REFUSED), |of, ask, now, policy, skew| match predecessor(of) {
        Some(Rotation { confirmed_at: None, .. }) => reject(Rejected::Lapsed, Reason::Lapsed),
        _ => decide(of, ask, now, policy, skew),
    }),
    mistake(
        "D6 ending a moment too early",
        ByHonest(REFUSED),
        |of, ask, now, policy, skew| match predecessor(of) {
            Some(Rotation { at, confirmed_at: None, .. }) if now.since(at) >= TICK * 8 => {
                reject(Rejected::Lapsed, Reason::Lapsed)
            }
            _ => decide(of, ask, now, policy, skew),
        },
    ),
    mistake("D6 without the successor", ByHonest(REFUSED), |of, ask, now, policy, skew| {
        match predecessor(of) {
            Some(_) => decide(of, Request::Verify, now, policy, skew),
            None => decide(of, ask, now, policy, skew),
        }
    }),
    mistake("D5 confirming each time", ByAnybody(OPEN), |of, ask, now, policy, skew| {
        match decide(of, ask, now, policy, skew) {
            Decision::Accept { slide, successor, .. } if of.presented == Presented::Current => {
                Decision::Accept { confirm: true, slide, successor }
            }
            decision => decision,
        }
    }),
    mistake("D6 confirming", ByAnybody(OPEN), |of, ask, now, policy, skew| {
        match decide(of, ask, now, policy, skew) {
            Decision::Accept { slide, successor, .. } => Decision::Accept { confirm: true, slide, successor },
            decision => decision,
        }
    }),
    mistake(
        "D6 with a successor of its own",
        ByAnybody("one generation has two successors"),
        |of, ask, now, policy, skew| match decide(of, ask, now, policy, skew) {
            Decision::Accept { confirm, slide, successor: Successor::Same } => {
                Decision::Accept { confirm, slide, successor: Successor::New }
            }
            decision => decision,
        },
    ),
    mistake(
        "D7 after a confirmation past the retry window",
        ByAnybody(OPEN),
        |of, ask, now, policy, skew| match predecessor(of).and_then(|last| last.confirmed_at) {
            Some(seen) if now.since(seen) <= TICK * 2 => again(ask),
            _ => decide(of, ask, now, policy, skew),
        },
    ),
    mistake("D6 ending a moment too late", ByAnybody(OPEN), |of, ask, now, policy, skew| {
        match predecessor(of) {
            Some(Rotation { at, confirmed_at: None, .. }) if now.since(at) <= TICK * 9 => again(ask),
            _ => decide(of, ask, now, policy, skew),
        }
    }),
    mistake(
        "D9 sparing the generation before the last within the overlap",
        ByAnybody(OPEN),
        |of, ask, now, policy, skew| match (of.presented, of.rotation) {
            (Presented::Earlier, Some(Rotation { at, .. })) if now.since(at) <= TICK * 2 => again(ask),
            _ => decide(of, ask, now, policy, skew),
        },
    ),
    mistake(
        "D9 without ending the login",
        ByAnybody("a replay did not end the login"),
        |of, ask, now, policy, skew| match decide(of, ask, now, policy, skew) {
            Decision::Reject { rejected, .. } => Decision::Reject { rejected, end: None },
            decision => decision,
        },
    ),
    mistake("D3 left out", ByAnybody("an ended login was accepted"), |of, ask, now, policy, skew| {
        decide(&Inputs { revoked: None, ..*of }, ask, now, policy, skew)
    }),
];

/// Mistakes that look harmless, for [`UNTIL_CONFIRMED`](crate::UNTIL_CONFIRMED).
pub(crate) const MISTAKES_UNTIL_CONFIRMED: [Mistake; 7] = [
    mistake("D10 rotating in the request that confirms", ByHonest(REFUSED), |of, ask, now, policy, skew| {
        due_when((of, ask, now), (policy, skew), |_, seen| seen.is_none_or(|seen| seen > TICK * 4))
    }),
    mistake(
        "D10 rotating in the request that confirms, if the rotation is long past",
        ByHonest(REFUSED),
        |of, ask, now, policy, skew| {
            due_when((of, ask, now), (policy, skew), |since, seen| match seen {
                Some(seen) => seen > TICK * 4,
                None => since > TICK * 8,
            })
        },
    ),
    mistake("D4 ending the login", ByHonest(REFUSED), |of, ask, now, policy, skew| {
        match decide(of, ask, now, policy, skew) {
            Decision::Reject { rejected: Rejected::StampMismatch, .. } => {
                reject(Rejected::StampMismatch, Reason::StampMismatch)
            }
            decision => decision,
        }
    }),
    mistake("D4 before D8 and D9", ByAnybody("a stamp hid a replay"), |of, ask, now, policy, skew| match of
        .stamp
    {
        StampCheck::Differs if of.revoked.is_none() => {
            Decision::Reject { rejected: Rejected::StampMismatch, end: None }
        }
        _ => decide(of, ask, now, policy, skew),
    }),
    mistake(
        "D4 left out",
        ByAnybody("a token was good under another stamp"),
        |of, ask, now, policy, skew| {
            decide(&Inputs { stamp: StampCheck::Matches, ..*of }, ask, now, policy, skew)
        },
    ),
    mistake(
        "D6 until confirmed for every older token",
        ByAnybody(OPEN),
        |of, ask, now, policy, skew| match (of.presented, of.rotation) {
            (Presented::Earlier, Some(Rotation { confirmed_at: None, .. })) if of.revoked.is_none() => {
                again(ask)
            }
            _ => decide(of, ask, now, policy, skew),
        },
    ),
    mistake("D7 until confirmed without an end", ByAnybody(OPEN), |of, ask, now, policy, skew| {
        match predecessor(of) {
            Some(_) if of.stamp != StampCheck::Differs => again(ask),
            _ => decide(of, ask, now, policy, skew),
        }
    }),
];
