//! The world of a thief and an owner who hold the same token and behave alike, without knowing about each other.

use hallpass_core::Rejected;
use hallpass_core::rotation::{Decision, Request, StampCheck, Successor};

use crate::explorer::{Next, World};
use crate::row::{Row, Setting, aged};

pub(crate) const UNDETECTED: &str = "a holder who was behind was not found out";

/// A login, and the tokens of two holders: thief and owner, or the other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Copied {
    row: Row,
    /// The token of each holder; `None` once the holder knows that the login has ended.
    jars: [Option<u8>; 2],
    /// The time since the newest token was first presented, in true time.
    seen: Option<i8>,
}

impl World for Copied {
    fn start(_: &Setting) -> Self {
        Self { row: Row::default(), jars: [Some(0); 2], seen: None }
    }

    fn steps(&self, setting: &Setting, next: Next<'_, Self>) {
        let mut after = *self;
        after.row.tick(setting);
        after.seen = after.seen.map(|age| setting.older(age));
        next(format_args!("a tick"), Ok(after));
        for &clock in setting.clocks {
            let mut after = *self;
            after.row.touch(setting, clock);
            next(format_args!("another write"), Ok(after));
            for (holder, token) in self.jars.into_iter().enumerate() {
                let Some(token) = token else { continue };
                self.use_session(setting, (holder, token), clock, next);
                for ask in [Request::Verify, Request::Rotate] {
                    self.present(setting, (holder, token), ask, clock, next);
                }
            }
        }
    }
}

impl Copied {
    fn present(
        &self,
        setting: &Setting,
        (holder, token): (usize, u8),
        ask: Request,
        clock: i8,
        next: Next<'_, Self>,
    ) {
        let decision = setting.ask(&self.row, token, ask, clock, StampCheck::Unbound);
        let name =
            format_args!("holder {holder} presents token {token}, {ask:?} (clock {clock}): {decision:?}");
        let mut after = *self;
        match decision {
            Decision::Accept { .. } if self.behind(setting, token) => next(name, Err(UNDETECTED.into())),
            Decision::Accept { confirm, successor, .. } => {
                if confirm {
                    after.seen = after.seen.or(Some(0));
                }
                if after.row.write(confirm, successor, clock) {
                    after.seen = None;
                    after.jars = after.jars.map(|token| token.map(aged));
                }
                if successor != Successor::None {
                    // The response is lost.
                    next(name, Ok(after));
                    after.jars[holder] = Some(0);
                }
                next(name, Ok(after));
                if confirm || successor == Successor::New {
                    next(format_args!("{name}, but the write fails"), Ok(*self));
                }
            }
            Decision::Reject { rejected, .. } => {
                let ended = match rejected {
                    Rejected::Reused if token != 0 => Ok(()),
                    Rejected::Revoked(_) if self.row.ended => Ok(()),
                    other => Err(format!("a holder was told {other:?}")),
                };
                after.row.ended = true;
                after.jars[holder] = None;
                next(name, ended.map(|()| after));
            }
            Decision::StampRequired => next(name, Err("a stamp is demanded".into())),
        }
    }

    /// A holder uses the session that came with a token (D5a).
    fn use_session(&self, setting: &Setting, (holder, token): (usize, u8), clock: i8, next: Next<'_, Self>) {
        let mut after = *self;
        if (setting.session_confirms)(token) && !self.row.ended {
            after.row.confirm(clock);
            after.seen = after.seen.or(self.row.rotated.map(|_| 0));
        }
        next(format_args!("holder {holder} uses the session of token {token} (clock {clock})"), Ok(after));
    }

    /// Returns whether the holder of `token` must be detected: the successor was presented long enough ago, or the
    /// token is even older.
    fn behind(&self, setting: &Setting, token: u8) -> bool {
        match token {
            0 => false,
            1 => self.seen.is_some_and(|seen| seen > setting.overlap + setting.spread()),
            _ => true,
        }
    }
}
