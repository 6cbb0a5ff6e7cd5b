//! The world of any client with any token that the login ever had.

use hallpass_core::rotation::{Decision, Request, StampCheck, Successor};
use hallpass_core::{Reason, Rejected, Scope};

use crate::explorer::{Next, World};
use crate::row::{Row, Setting};

pub(crate) const OPEN: &str = "a replay outside the windows was accepted";

/// A login, and what an observer who does not trust the record knows about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Anybody {
    row: Row,
    /// The time since the last rotation, in true time.
    rotated: Option<i8>,
    /// The time since its successor was first presented.
    seen: Option<i8>,
}

impl World for Anybody {
    fn start(_: &Setting) -> Self {
        Self { row: Row::default(), rotated: None, seen: None }
    }

    fn steps(&self, setting: &Setting, next: Next<'_, Self>) {
        let mut after = *self;
        after.row.tick(setting);
        after.rotated = after.rotated.map(|age| setting.older(age));
        after.seen = after.seen.map(|age| setting.older(age));
        next(format_args!("a tick"), Ok(after));
        for &clock in setting.clocks {
            let mut after = *self;
            after.row.touch(setting, clock);
            next(format_args!("another write"), Ok(after));
            // The client uses the session that came with the newest token.
            let mut after = *self;
            after.row.confirm(clock);
            if after.row.confirmed.is_some() {
                after.seen = after.seen.or(Some(0));
            }
            next(format_args!("a use of what came along (clock {clock})"), Ok(after));
            for token in 0..=if self.rotated.is_some() { 2 } else { 0 } {
                for (ask, &stamp) in [Request::Verify, Request::Rotate]
                    .into_iter()
                    .flat_map(|ask| setting.stamps.iter().map(move |s| (ask, s)))
                {
                    let decision = setting.ask(&self.row, token, ask, clock, stamp);
                    let after = match self.judge(setting, token, ask, stamp, &decision) {
                        Ok(()) => Ok(self.after(&decision, clock)),
                        Err(what) => Err(what.into()),
                    };
                    next(
                        format_args!("{ask:?} with token {token} (clock {clock}, {stamp:?}): {decision:?}"),
                        after,
                    );
                }
            }
        }
    }
}

impl Anybody {
    fn after(mut self, decision: &Decision, clock: i8) -> Self {
        match *decision {
            Decision::Accept { confirm, successor, .. } => {
                if confirm {
                    self.seen = self.seen.or(Some(0));
                }
                if self.row.write(confirm, successor, clock) {
                    (self.rotated, self.seen) = (Some(0), None);
                }
            }
            Decision::Reject { end: Some(_), .. } => self.row.ended = true,
            Decision::Reject { end: None, .. } | Decision::StampRequired => {}
        }
        self
    }

    /// Returns whether D6 or D7, as the contract words them, accept the predecessor, allowing for the clocks'
    /// differences.
    fn open(&self, setting: &Setting) -> bool {
        let in_time = |age: i8| setting.retry.is_none_or(|retry| age <= retry + setting.spread());
        match (self.rotated, self.seen) {
            (None, _) => false,
            (Some(rotated), None) => in_time(rotated),
            (Some(rotated), Some(seen)) => {
                in_time(rotated - seen) && seen <= setting.overlap + setting.spread()
            }
        }
    }

    /// Returns what is wrong with this decision, if anything.
    fn judge(
        &self,
        setting: &Setting,
        token: u8,
        ask: Request,
        stamp: StampCheck,
        decision: &Decision,
    ) -> Result<(), &'static str> {
        let replay = token != 0;
        let wrong = match *decision {
            Decision::Accept { .. } if stamp == StampCheck::Differs => "a token was good under another stamp",
            // Only a token that is within its windows on some clock may be refused for its stamp alone.
            Decision::Reject { rejected: Rejected::StampMismatch, end: None }
                if stamp == StampCheck::Differs && !(replay && !(token == 1 && self.open(setting))) =>
            {
                return Ok(());
            }
            Decision::Reject { rejected: Rejected::StampMismatch, .. } => {
                "a stamp hid a replay, or ended a login"
            }
            Decision::Accept { .. } if self.row.ended => "an ended login was accepted",
            Decision::Accept { .. } if replay && !(token == 1 && self.open(setting)) => OPEN,
            Decision::Accept { slide: true, .. } if replay => "a replay moved the idle expiry",
            Decision::Accept { successor: Successor::None, .. } => return Ok(()),
            Decision::Accept { .. } if ask == Request::Verify => "a successor that was not asked for",
            Decision::Accept { successor: Successor::New, .. } if replay => {
                "one generation has two successors"
            }
            Decision::Accept { successor: Successor::Same, .. } if !replay => "a token is its own successor",
            Decision::Accept { .. } => return Ok(()),
            Decision::Reject { .. } if self.row.ended => return Ok(()),
            Decision::Reject { .. } if !replay => "the current token was refused",
            Decision::Reject { end: Some((Scope::Login, reason)), rejected } => match (rejected, reason) {
                (Rejected::Lapsed, Reason::Lapsed)
                    if token == 1 && self.row.confirmed.is_none() && setting.retry.is_some() =>
                {
                    return Ok(());
                }
                (Rejected::Reused, Reason::Reused) => return Ok(()),
                _ => "a replay got another verdict",
            },
            Decision::Reject { .. } | Decision::StampRequired => "a replay did not end the login",
        };
        Err(wrong)
    }
}
