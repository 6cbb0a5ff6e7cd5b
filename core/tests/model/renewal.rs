//! Renewals, step by step, while a copy of the caller's token polls, restores, renews and logs in.
//!
//! The steps are those of `renew.rs`: list and copy, insert behind the fence of the caller's record, mark that
//! record by compare-and-swap, end the rest. Every step of every call may come between any two of another, every
//! process may stop after any step, and the last step may fail.

use crate::explorer::{Next, World};
use crate::row::Setting;

pub(crate) const TWO_WINNERS: &str = "two calls with one token were both given new ones";
pub(crate) const SURVIVED: &str = "a copy is good after the renewal was acknowledged";
pub(crate) const LOGGED_OUT: &str = "the owner's new tokens were ended";
pub(crate) const LOST_CHANGE: &str = "a change that was acknowledged is not in the new record";

/// Whose call it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum By {
    Owner,
    Thief,
}

/// One call: whose, and with which record's token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) by: By,
    pub(crate) with: usize,
}

/// How the steps go; anything but [`RIGHT`] is a mistake that must be found.
#[derive(Clone, Copy)]
pub(crate) struct Steps {
    /// The new records are fenced by the caller's.
    pub(crate) fence: bool,
    /// The mark compares the revision that was copied.
    pub(crate) compare: bool,
    /// The caller's record is marked before anything is handed out.
    pub(crate) mark: bool,
    /// The last step turns away logins under way.
    pub(crate) epoch: bool,
    /// What a call does that finds another one faster.
    pub(crate) loser: Loser,
    /// The rest is ended before the new records are made, not after.
    pub(crate) rest_first: bool,
}

/// What a call does that finds another one faster.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loser {
    /// Leaves the rest to the winner.
    Yields,
    /// Ends the rest, but for the login that holds the winner's tokens.
    EndsForTheWinner,
    /// Ends the rest, but for its own new login.
    EndsForItself,
}

pub(crate) const RIGHT: Steps =
    Steps { fence: true, compare: true, mark: true, epoch: true, loser: Loser::Yields, rest_first: false };

/// The caller's record, another of its login, and one of another device.
pub(crate) const CALLER: usize = 0;
pub(crate) const SIBLING: usize = 1;
const ELSEWHERE: usize = 2;
/// A session that the thief restored, and a login of its own with the old password.
const RESTORED: usize = 3;
const LATE: usize = 4;
/// The new login of the first call, and so on.
pub(crate) const RENEWED: usize = 5;
const RECORDS: usize = RENEWED + CALLS;
const CALLS: usize = 3;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Life {
    #[default]
    Absent,
    Live,
    Ended,
    /// Superseded by the new login of this call.
    ReplacedBy(usize),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Stage {
    /// The caller holds a token that was verified, maybe long ago.
    #[default]
    Called,
    Copied {
        changed: bool,
    },
    Inserted {
        changed: bool,
    },
    Marked,
    /// Another call was faster: its login, or that of the one after it.
    Losing(usize),
    /// Its tokens were handed out; whether the rest had been ended.
    Done {
        ended: bool,
    },
    /// Rejected, failed, or the process stopped.
    Over,
}

/// All records of a subject and the calls that are under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Renewal {
    records: [Life; RECORDS],
    calls: [Stage; CALLS],
    /// Whether logins that began before are turned away.
    fenced: bool,
}

impl World for Renewal {
    fn start(_: &Setting) -> Self {
        let mut records = [Life::Absent; RECORDS];
        records[..=ELSEWHERE].fill(Life::Live);
        Self { records, calls: [Stage::Called; CALLS], fenced: false }
    }

    fn steps(&self, setting: &Setting, next: Next<'_, Self>) {
        for at in 0..setting.calls.len() {
            self.call(setting, at, next);
        }
        // The copy is used: that writes the record it is of. The owner does the same.
        for record in [CALLER, SIBLING] {
            if self.records[record] == Life::Live {
                let mut after = *self;
                after.write(setting, record);
                next(format_args!("record {record} is written"), after.judged(setting));
            }
        }
        // A session is restored, fenced by what it is restored from.
        let held = (0..setting.calls.len())
            .filter(|at| setting.calls[*at].by == By::Thief && matches!(self.calls[*at], Stage::Done { .. }));
        for record in [CALLER, SIBLING].into_iter().chain(held.map(|at| RENEWED + at)) {
            if self.records[record] == Life::Live {
                let mut after = *self;
                after.records[RESTORED] = Life::Live;
                next(
                    format_args!("the thief restores a session from record {record}"),
                    after.judged(setting),
                );
            }
        }
        if !self.fenced {
            let mut after = *self;
            after.records[LATE] = Life::Live;
            next(format_args!("the thief's login with the old password is done"), after.judged(setting));
        }
    }
}

impl Renewal {
    /// What the call may do next.
    fn call(&self, setting: &Setting, at: usize, next: Next<'_, Self>) {
        let (steps, with) = (&setting.steps, setting.calls[at].with);
        // A call with a token that has not been handed out yet.
        if with >= RENEWED && !matches!(self.calls[with - RENEWED], Stage::Done { .. }) {
            return;
        }
        let live = self.records[with] == Life::Live;
        let mut after = *self;
        let name = match self.calls[at] {
            Stage::Called if live => {
                if steps.rest_first {
                    after.end_all_but(&[with], steps);
                }
                after.calls[at] = Stage::Copied { changed: false };
                "copies its records"
            }
            Stage::Copied { changed } if live || !steps.fence => {
                after.records[RENEWED + at] = Life::Live;
                after.calls[at] = Stage::Inserted { changed };
                "inserts the new ones"
            }
            Stage::Inserted { changed: true } if live && steps.compare => {
                after.records[RENEWED + at] = Life::Absent;
                after.calls[at] = Stage::Called;
                "starts over"
            }
            Stage::Inserted { changed } if live || !steps.mark => {
                if changed {
                    return next(
                        format_args!("call {at} marks what it did not copy"),
                        Err(LOST_CHANGE.into()),
                    );
                }
                if steps.mark {
                    after.records[with] = Life::ReplacedBy(at);
                }
                after.calls[at] = Stage::Marked;
                "marks the old one"
            }
            Stage::Called | Stage::Copied { .. } | Stage::Inserted { .. } => {
                after.records[RENEWED + at] = Life::Absent;
                after.calls[at] = match (self.winner(with), steps.loser) {
                    (Some(winner), Loser::EndsForTheWinner) => Stage::Losing(winner),
                    (Some(_), Loser::EndsForItself) => Stage::Losing(at),
                    _ => Stage::Over,
                };
                "finds that it has lost"
            }
            Stage::Marked => {
                let mut failed = after;
                failed.calls[at] = Stage::Done { ended: false };
                next(format_args!("call {at} fails to end the rest"), failed.judged(setting));
                if steps.rest_first {
                    after.records[with] = Life::Ended;
                } else {
                    after.end_all_but(&[RENEWED + at], steps);
                }
                after.calls[at] = Stage::Done { ended: true };
                "ends the rest"
            }
            Stage::Losing(winner) => {
                after.end_all_but(&[RENEWED + winner], steps);
                after.calls[at] = Stage::Over;
                "ends the rest for the winner"
            }
            Stage::Done { .. } | Stage::Over => return,
        };
        next(format_args!("call {at} {name}"), after.judged(setting));
        let mut stopped = *self;
        stopped.calls[at] = Stage::Over;
        next(format_args!("call {at} stops"), stopped.judged(setting));
    }

    /// The newest login after the renewals that followed on that of `record`.
    fn winner(&self, record: usize) -> Option<usize> {
        let Life::ReplacedBy(mut winner) = self.records[record] else { return None };
        while let Life::ReplacedBy(later) = self.records[RENEWED + winner] {
            winner = later;
        }
        Some(winner)
    }

    /// This record was written: a call that has copied it must see that.
    fn write(&mut self, setting: &Setting, record: usize) {
        for (stage, call) in self.calls.iter_mut().zip(setting.calls) {
            if let (Stage::Copied { changed } | Stage::Inserted { changed }, true) =
                (stage, call.with == record)
            {
                *changed = true;
            }
        }
    }

    fn end_all_but(&mut self, spared: &[usize], steps: &Steps) {
        for (at, life) in self.records.iter_mut().enumerate() {
            if *life == Life::Live && !spared.contains(&at) {
                *life = Life::Ended;
            }
        }
        self.fenced |= steps.epoch;
    }

    /// The state, or what is wrong with it.
    fn judged(self, setting: &Setting) -> Result<Self, String> {
        let given = |at: usize| matches!(self.calls[at], Stage::Done { .. });
        let calls = || (0..setting.calls.len()).filter(|at| given(*at));
        for one in calls() {
            if calls().any(|two| one < two && setting.calls[one].with == setting.calls[two].with) {
                return Err(TWO_WINNERS.into());
            }
        }
        for at in calls() {
            if setting.calls[at].by == By::Thief || self.calls[at] != (Stage::Done { ended: true }) {
                continue;
            }
            // What the owner was given, or what replaced that.
            let newest = match self.records[RENEWED + at] {
                Life::Live => at,
                Life::ReplacedBy(later) if setting.calls[later].by == By::Owner => continue,
                _ if setting.log_outs_count => return Err(LOGGED_OUT.into()),
                _ => RECORDS,
            };
            let copies = (0..RECORDS).filter(|record| *record != RENEWED + newest);
            // A later call of the owner has made its records, and has not handed them out.
            let own = |record: usize| {
                record.checked_sub(RENEWED).is_some_and(|call| {
                    setting.calls.get(call).is_some_and(|call| call.by == By::Owner && call.with >= RENEWED)
                })
            };
            if copies.filter(|record| !own(*record)).any(|record| self.records[record] == Life::Live) {
                return Err(SURVIVED.into());
            }
        }
        Ok(self)
    }
}
