//! The record of one login, as far as rotation matters, and its setting.

use std::time::Duration;

use hallpass_core::rotation::{Decision, Inputs, Presented, Request, Rotation, StampCheck, Successor};
use hallpass_core::{Kind, Policy, Reason, RetryWindow, Timestamp, Windows};

use crate::renewal::{Call, Steps};

pub(crate) type Decide = fn(&Inputs, Request, Timestamp, &Policy, Duration) -> Decision;

pub(crate) const TICK: Duration = Duration::from_secs(1);
/// The present instant of every state, in ticks.
const NOW: i64 = 1_000_000;

/// Windows, clients and clocks, all in ticks.
#[derive(Clone, Copy)]
pub(crate) struct Setting {
    /// The retry window; `None` is until confirmed.
    pub(crate) retry: Option<i8>,
    pub(crate) overlap: i8,
    pub(crate) interval: i8,
    /// The longest way from client to server, and the longest way back.
    pub(crate) leg: i8,
    /// The longest time after a rotation at which a client whose response was lost comes back.
    pub(crate) back: i8,
    /// The least time between losses.
    pub(crate) loss: i8,
    /// The readings of the nodes' clocks, relative to true time.
    pub(crate) clocks: &'static [i8],
    /// The stamps that nodes may read: a lagging replica may give another one for a while.
    pub(crate) stamps: &'static [StampCheck],
    /// The largest number of requests under way.
    pub(crate) parallel: usize,
    pub(crate) decide: Decide,
    /// Whether the session that came with this token confirms the newest one (D5a).
    pub(crate) session_confirms: fn(token: u8) -> bool,
    /// The renewals, and their steps.
    pub(crate) calls: &'static [Call],
    pub(crate) steps: Steps,
    /// Whether records are ended by their kind meanwhile.
    pub(crate) alone: bool,
}

impl Setting {
    pub(crate) fn spread(&self) -> i8 {
        self.clocks.iter().max().unwrap() - self.clocks.iter().min().unwrap()
    }

    /// Returns the age after which nothing changes any more.
    fn longest(&self) -> i8 {
        self.retry.unwrap_or_default().max(self.interval) + 2 * self.overlap + 1 + 2 * self.spread()
    }

    pub(crate) fn older(&self, age: i8) -> i8 {
        (age + 1).min(self.longest())
    }

    /// Returns the decision of a node whose clock shows `clock` about `token`.
    pub(crate) fn ask(&self, row: &Row, token: u8, ask: Request, clock: i8, stamp: StampCheck) -> Decision {
        let instant = |age: i8| Timestamp::from_millis(1_000 * (NOW - i64::from(age)) as u64);
        let windows = Windows {
            min_interval: TICK * self.interval as u32,
            retry_window: match self.retry {
                Some(retry) => RetryWindow::For(TICK * retry as u32),
                None => RetryWindow::UntilConfirmed,
            },
            overlap: TICK * self.overlap as u32,
        };
        let policy = Policy::custom(Kind::REMEMBER, Policy::MAX_ABSOLUTE).rotation(Some(windows));
        let inputs = Inputs {
            presented: match token {
                0 => Presented::Current,
                1 => Presented::Predecessor,
                _ => Presented::Earlier,
            },
            created_at: Timestamp::from_millis(1),
            seen_at: instant(0),
            expires_at: Timestamp::MAX,
            idle_at: None,
            revoked: row.ended.then_some(Reason::Reused),
            rotation: row.rotated.map(|rotated| Rotation {
                at: instant(rotated),
                confirmed_at: row.confirmed.map(instant),
                repeatable: row.repeatable,
            }),
            stamp,
        };
        (self.decide)(&inputs, ask, instant(-clock), &policy, TICK * self.spread() as u32)
    }
}

/// The content of the record: ages, by the clocks of the nodes that wrote them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub(crate) struct Row {
    pub(crate) rotated: Option<i8>,
    pub(crate) confirmed: Option<i8>,
    pub(crate) repeatable: bool,
    pub(crate) ended: bool,
}

impl Row {
    pub(crate) fn tick(&mut self, setting: &Setting) {
        self.rotated = self.rotated.map(|age| setting.older(age));
        self.confirmed = self.confirmed.map(|age| setting.older(age));
    }

    /// Stores what accepting a token needs; returns whether that was a rotation.
    pub(crate) fn write(&mut self, confirm: bool, successor: Successor, clock: i8) -> bool {
        if confirm && self.rotated.is_some() {
            self.confirmed = Some(-clock);
        }
        if successor == Successor::New {
            *self = Self { rotated: Some(-clock), confirmed: None, repeatable: true, ended: self.ended };
        }
        successor == Successor::New
    }

    /// Confirms the newest token, because a token that came with it was used (D5a).
    pub(crate) fn confirm(&mut self, clock: i8) {
        if self.rotated.is_some() && self.confirmed.is_none() && !self.ended {
            self.confirmed = Some(-clock);
        }
    }

    /// Applies any other write: it erases the nonce once the windows have closed on every clock (T5).
    pub(crate) fn touch(&mut self, setting: &Setting, clock: i8) {
        let closed = match (self.rotated, self.confirmed) {
            (_, Some(confirmed)) => confirmed + clock > setting.overlap + setting.spread(),
            (Some(rotated), None) => {
                setting.retry.is_some_and(|retry| rotated + clock > retry + setting.spread())
            }
            (None, None) => false,
        };
        self.repeatable &= !closed;
    }
}

/// Returns the age of a token after one more rotation. The age is the number of rotations since it was made: 0 is the
/// current token, 1 its predecessor, 2 every older one.
pub(crate) fn aged(token: u8) -> u8 {
    (token + 1).min(2)
}
