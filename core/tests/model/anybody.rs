//! Anybody who holds any token that the login ever had.

use hallpass_core::rotation::{Ask, Decision, Successor};
use hallpass_core::{Reason, Rejected, Scope};

use crate::explorer::{Next, World};
use crate::row::{Row, Setting};

pub(crate) const OPEN: &str = "a replay outside the windows was accepted";

/// A login, and what an onlooker knows about it who does not believe the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Anybody {
    row: Row,
    /// Since the last rotation, in true time.
    rotated: Option<i8>,
    /// Since its successor was first presented.
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
            for token in 0..=if self.rotated.is_some() { 2 } else { 0 } {
                for ask in [Ask::Verify, Ask::Rotate] {
                    let decision = setting.ask(&self.row, token, ask, clock);
                    let after = match self.judge(setting, token, ask, &decision) {
                        Ok(()) => Ok(self.after(&decision, clock)),
                        Err(what) => Err(what.into()),
                    };
                    next(format_args!("{ask:?} with token {token} (clock {clock}): {decision:?}"), after);
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
            Decision::Reject { .. } | Decision::StampRequired => self.row.ended = true,
        }
        self
    }

    /// Whether D6 or D7 as the contract words them let the predecessor pass, give or take the clocks.
    fn open(&self, setting: &Setting) -> bool {
        let (retry, overlap) = (setting.retry + setting.spread(), setting.overlap + setting.spread());
        match (self.rotated, self.seen) {
            (None, _) => false,
            (Some(rotated), None) => rotated <= retry,
            (Some(rotated), Some(seen)) => rotated - seen <= retry && seen <= overlap,
        }
    }

    /// What is wrong with this answer, if anything is.
    fn judge(&self, setting: &Setting, token: u8, ask: Ask, decision: &Decision) -> Result<(), &'static str> {
        let replay = token != 0;
        let wrong = match *decision {
            Decision::Accept { .. } if self.row.ended => "an ended login was accepted",
            Decision::Accept { .. } if replay && !(token == 1 && self.open(setting)) => OPEN,
            Decision::Accept { slide: true, .. } if replay => "a replay moved the idle expiry",
            Decision::Accept { successor: Successor::None, .. } => return Ok(()),
            Decision::Accept { .. } if ask == Ask::Verify => "a successor that nobody asked for",
            Decision::Accept { successor: Successor::New, .. } if replay => {
                "one generation has two successors"
            }
            Decision::Accept { successor: Successor::Same, .. } if !replay => "a token is its own successor",
            Decision::Accept { .. } => return Ok(()),
            Decision::Reject { .. } if self.row.ended => return Ok(()),
            Decision::Reject { .. } if !replay => "the current token was refused",
            Decision::Reject { end: Some((Scope::Login, reason)), rejected } => match (rejected, reason) {
                (Rejected::Lapsed, Reason::Lapsed) if token == 1 && self.row.confirmed.is_none() => {
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
