//! The world of renewals, step by step, while a copy of a token polls, restores, renews and logs in, and kinds are
//! ended.
//!
//! The steps are those of `renew.rs`: list and copy, insert behind the fence of the login's oldest record, mark that
//! one by compare-and-swap, then the caller's, then the other that was copied, and end the rest. Every step of every
//! call may come between any two of another, every process may stop after any step, and writes may fail.

use crate::explorer::{Next, World};
use crate::row::Setting;

pub(crate) const TWO_WINNERS: &str = "two calls with tokens of one login were both given new ones";
pub(crate) const SURVIVED: &str = "a copy is good after the renewal was acknowledged";
pub(crate) const LOGGED_OUT: &str = "the owner's new tokens were ended";
pub(crate) const LOST_CHANGE: &str = "a change that was acknowledged is not in the new record";
pub(crate) const CAME_BACK: &str = "what was ended by itself was renewed";

/// Who makes a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum By {
    Owner,
    Thief,
}

/// One call: who makes it, and with which record's token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) by: By,
    pub(crate) with: usize,
}

/// How the steps are done; anything but [`RIGHT`] is a mistake that must be found.
#[derive(Clone, Copy)]
pub(crate) struct Steps {
    /// The new records are fenced by the record that is marked first.
    pub(crate) fence: bool,
    /// That mark compares the revision that was read.
    pub(crate) compare: bool,
    /// The mark is made before any token is handed out.
    pub(crate) mark: bool,
    /// The mark is of the login's oldest record, not of the caller's.
    pub(crate) oldest: bool,
    /// A login that another call has begun to mark is left to that call.
    pub(crate) waits: bool,
    /// The caller's record is marked if it is not the oldest.
    pub(crate) caller: bool,
    /// What is done to the other record.
    pub(crate) other: Other,
    /// A mark after the first copies what was written until then.
    pub(crate) carry: bool,
    /// The last step turns away logins under way.
    pub(crate) epoch: bool,
    /// What a call does if another one was faster.
    pub(crate) loser: Loser,
    /// The rest is ended before the new records are made, not after.
    pub(crate) rest_first: bool,
}

/// What is done to the other record that was copied.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Other {
    /// It is marked, or its copy is removed.
    Settled,
    /// It is left to the last step.
    Unmarked,
    /// It is marked, and its copy stays even if an ending was faster.
    KeptAnyway,
}

/// What a call does if another one was faster.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loser {
    /// Leaves the rest to the winner.
    Yields,
    /// Ends the rest, except for the login that holds the winner's tokens.
    EndsForTheWinner,
    /// Ends the rest, except for its own new login.
    EndsForItself,
}

pub(crate) const RIGHT: Steps = Steps {
    fence: true,
    compare: true,
    mark: true,
    oldest: true,
    waits: true,
    caller: true,
    other: Other::Settled,
    carry: true,
    epoch: true,
    loser: Loser::Yields,
    rest_first: false,
};

/// The two records of the login, and one of another device.
pub(crate) const OLDER: usize = 0;
pub(crate) const YOUNGER: usize = 1;
const ELSEWHERE: usize = 2;
/// A session that the thief restored, and the thief's own login with the old password.
const RESTORED: usize = 3;
const LATE: usize = 4;
/// The new login of the first call: a copy of the older record and one of the younger. Then that of the second call.
pub(crate) const RENEWED: usize = 5;
const RECORDS: usize = RENEWED + 2 * CALLS;
const CALLS: usize = 3;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Life {
    #[default]
    Absent,
    Live,
    Ended,
    /// Ended by its kind, with an acknowledgement.
    EndedAlone,
    /// Superseded by the new login of this call.
    ReplacedBy(usize),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Stage {
    /// The caller holds a token that was verified, perhaps long ago.
    #[default]
    Called,
    Copied(Read),
    Inserted(Read),
    /// The oldest record is marked.
    Claimed(Read),
    /// The caller's record is marked, too.
    Won(Read),
    /// The other record is marked, too.
    Marked,
    /// Another call was faster: its login, or that of a later renewal.
    Losing(usize),
    /// Its tokens were handed out; holds whether the rest was ended.
    Done {
        ended: bool,
    },
    /// Rejected, failed, or stopped.
    Over,
}

/// What a call has read of the older record and of the younger one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Read {
    /// Whether the record was live, so that there is a copy.
    live: [bool; 2],
    /// Whether the record was written to since.
    changed: [bool; 2],
}

/// All records of a subject, and the calls under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Renewal {
    records: [Life; RECORDS],
    calls: [Stage; CALLS],
    /// Whether logins that began before are turned away.
    fenced: bool,
}

/// Returns the first record of this record's login; the other comes after it.
fn login_of(record: usize) -> usize {
    match record.checked_sub(RENEWED) {
        None => OLDER,
        Some(copy) => RENEWED + copy / 2 * 2,
    }
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
        for record in [OLDER, YOUNGER].into_iter().filter(|record| self.is_live(*record)) {
            // The copy is used, which writes its record. The owner does the same.
            let mut after = *self;
            after.write(setting, record);
            next(format_args!("record {record} is written"), after.judged(setting));
            if setting.alone {
                let mut after = *self;
                after.records[record] = Life::EndedAlone;
                next(format_args!("record {record} is ended by its kind"), after.judged(setting));
            }
        }
        // A session is restored, fenced by the record that it is restored from.
        let held = (0..setting.calls.len())
            .filter(|at| setting.calls[*at].by == By::Thief && matches!(self.calls[*at], Stage::Done { .. }));
        let held = held.flat_map(|at| [RENEWED + 2 * at, RENEWED + 2 * at + 1]);
        for record in [OLDER, YOUNGER].into_iter().chain(held) {
            if self.is_live(record) {
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
    fn is_live(&self, record: usize) -> bool {
        self.records[record] == Life::Live
    }

    /// Passes what the call may do next.
    fn call(&self, setting: &Setting, at: usize, next: Next<'_, Self>) {
        let (steps, with) = (&setting.steps, setting.calls[at].with);
        // A call with a token that was not handed out yet.
        if with >= RENEWED && !matches!(self.calls[(with - RENEWED) / 2], Stage::Done { .. }) {
            return;
        }
        let (login, copies) = (login_of(with), RENEWED + 2 * at);
        let (own, other) = (with - login, 1 - (with - login));
        let live = self.is_live(with);
        let mut after = *self;
        let mut fail = |name: &str, mut failed: Self, stage: Stage| {
            failed.calls[at] = stage;
            next(format_args!("call {at} {name}"), failed.judged(setting));
        };
        let name = match self.calls[at] {
            Stage::Called if live && steps.waits && self.is_renewed(login) => {
                let mut over = after;
                over.end(login);
                fail("runs out of time", over, Stage::Over);
                return;
            }
            Stage::Called if live => {
                if steps.rest_first {
                    after.end_all_but(&[with], steps);
                }
                let live = [self.is_live(login), self.is_live(login + 1)];
                after.calls[at] = Stage::Copied(Read { live, changed: [false; 2] });
                "copies its records"
            }
            Stage::Copied(read) if !steps.fence || self.is_live(login + read.first(own, steps)) => {
                for record in (0..2).filter(|record| read.live[*record]) {
                    after.records[copies + record] = Life::Live;
                }
                after.calls[at] = Stage::Inserted(read);
                "inserts the new ones"
            }
            Stage::Inserted(_) if !steps.mark => {
                after.calls[at] = Stage::Marked;
                "marks nothing"
            }
            Stage::Inserted(read) if self.is_live(login + read.first(own, steps)) => {
                let first = read.first(own, steps);
                match (read.changed[first], steps.compare) {
                    (true, true) => {
                        after.discard(copies);
                        let mut over = after;
                        over.end(login);
                        if with < RENEWED {
                            fail("runs out of time", over, Stage::Over);
                        }
                        after.calls[at] = Stage::Called;
                        "starts over"
                    }
                    (true, false) => {
                        let what = format_args!("call {at} marks what it did not copy");
                        return next(what, Err(LOST_CHANGE.into()));
                    }
                    (false, _) => {
                        after.records[login + first] = Life::ReplacedBy(at);
                        after.calls[at] = if first == own { Stage::Won(read) } else { Stage::Claimed(read) };
                        "marks the first"
                    }
                }
            }
            Stage::Claimed(read) if !steps.caller => {
                after.calls[at] = Stage::Won(read);
                "does not mark the caller's"
            }
            Stage::Claimed(read) if live => {
                if read.changed[own] && !steps.carry {
                    return next(format_args!("call {at} leaves a change"), Err(LOST_CHANGE.into()));
                }
                let mut failed = after;
                failed.discard(copies);
                fail("fails to mark the caller's", failed, Stage::Over);
                after.records[with] = Life::ReplacedBy(at);
                after.calls[at] = Stage::Won(read);
                "marks the caller's"
            }
            // If another record than the caller's was ended, the call starts over.
            Stage::Copied(_) | Stage::Inserted(_) if live => {
                after.discard(copies);
                after.calls[at] = Stage::Called;
                "starts over"
            }
            Stage::Called | Stage::Copied(_) | Stage::Inserted(_) | Stage::Claimed(_) => {
                after.discard(copies);
                after.calls[at] = match (self.winner(with), steps.loser) {
                    (Some(winner), Loser::EndsForTheWinner) => Stage::Losing(winner),
                    (Some(_), Loser::EndsForItself) => Stage::Losing(at),
                    _ => Stage::Over,
                };
                "finds that it has lost"
            }
            Stage::Won(read) => {
                after.calls[at] = Stage::Marked;
                let marked = self.records[login + other] == Life::ReplacedBy(at);
                if marked || !read.live[other] || steps.other == Other::Unmarked {
                    "has no other to mark"
                } else if self.is_live(login + other) {
                    if read.changed[other] && !steps.carry {
                        return next(format_args!("call {at} leaves a change"), Err(LOST_CHANGE.into()));
                    }
                    let mut failed = after;
                    failed.records[copies + other] = Life::Absent;
                    fail("fails to mark the other", failed, Stage::Marked);
                    after.records[login + other] = Life::ReplacedBy(at);
                    "marks the other"
                } else {
                    if steps.other == Other::Settled {
                        after.records[copies + other] = Life::Absent;
                    }
                    "finds that the other was ended"
                }
            }
            Stage::Marked => {
                fail("fails to end the rest", after, Stage::Done { ended: false });
                if steps.rest_first {
                    after.records[with] = Life::Ended;
                } else {
                    after.end_all_but(&[copies, copies + 1], steps);
                }
                after.calls[at] = Stage::Done { ended: true };
                "ends the rest"
            }
            Stage::Losing(winner) => {
                after.end_all_but(&[RENEWED + 2 * winner, RENEWED + 2 * winner + 1], steps);
                after.calls[at] = Stage::Over;
                "ends the rest for the winner"
            }
            Stage::Done { .. } | Stage::Over => return,
        };
        fail("stops", *self, Stage::Over);
        next(format_args!("call {at} {name}"), after.judged(setting));
    }

    /// Returns whether a call has marked a record of this login, and the call's own records exist.
    fn is_renewed(&self, login: usize) -> bool {
        self.records[login..login + 2].iter().any(|life| match life {
            Life::ReplacedBy(call) => {
                let copies = RENEWED + 2 * call;
                self.records[copies..copies + 2].iter().any(|copy| *copy != Life::Absent)
            }
            _ => false,
        })
    }

    /// Returns the newest login after the renewals that followed on the login of `record`.
    fn winner(&self, record: usize) -> Option<usize> {
        let Life::ReplacedBy(mut winner) = self.records[record] else { return None };
        let copies = |call: usize| self.records[RENEWED + 2 * call..RENEWED + 2 * call + 2].iter();
        while let Some(Life::ReplacedBy(later)) =
            copies(winner).find(|copy| matches!(copy, Life::ReplacedBy(_)))
        {
            winner = *later;
        }
        Some(winner)
    }

    /// Writes this record: a call that has copied it must notice.
    fn write(&mut self, setting: &Setting, record: usize) {
        for (stage, call) in self.calls.iter_mut().zip(setting.calls) {
            let read = match stage {
                Stage::Copied(read) | Stage::Inserted(read) | Stage::Claimed(read) | Stage::Won(read) => read,
                _ => continue,
            };
            let login = login_of(call.with);
            if login == login_of(record) {
                read.changed[record - login] = true;
            }
        }
    }

    fn discard(&mut self, copies: usize) {
        self.records[copies..copies + 2].fill(Life::Absent);
    }

    /// Ends what is left of a login.
    fn end(&mut self, login: usize) {
        for life in &mut self.records[login..login + 2] {
            if *life == Life::Live {
                *life = Life::Ended;
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

    /// Returns the state, or what is wrong with it.
    fn judged(self, setting: &Setting) -> Result<Self, String> {
        let given = |at: usize| matches!(self.calls[at], Stage::Done { .. });
        let calls = || (0..setting.calls.len()).filter(|at| given(*at));
        let login = |at: usize| login_of(setting.calls[at].with);
        for one in calls() {
            if calls().any(|two| one < two && login(one) == login(two)) {
                return Err(TWO_WINNERS.into());
            }
            let came_back = |record: &usize| {
                self.records[login(one) + record] == Life::EndedAlone
                    && self.is_live(RENEWED + 2 * one + record)
            };
            if (0..2).any(|record| came_back(&record)) {
                return Err(CAME_BACK.into());
            }
        }
        for at in calls() {
            if setting.calls[at].by == By::Thief || self.calls[at] != (Stage::Done { ended: true }) {
                continue;
            }
            let copies = [RENEWED + 2 * at, RENEWED + 2 * at + 1];
            // What the owner got for the token that it presented, or what replaced that.
            match self.records[copies[setting.calls[at].with - login(at)]] {
                Life::Live => {}
                Life::ReplacedBy(later) if setting.calls[later].by == By::Owner => continue,
                _ => return Err(LOGGED_OUT.into()),
            }
            // A later call of the owner has made its records, and has not handed them out.
            let own = |record: usize| {
                record.checked_sub(RENEWED).is_some_and(|copy| {
                    let call = setting.calls.get(copy / 2);
                    call.is_some_and(|call| call.by == By::Owner && call.with >= RENEWED)
                })
            };
            let mut others = (0..RECORDS).filter(|record| !copies.contains(record) && !own(*record));
            if others.any(|record| self.is_live(record)) {
                return Err(SURVIVED.into());
            }
        }
        Ok(self)
    }
}

impl Read {
    /// Returns the record that is marked first.
    fn first(&self, own: usize, steps: &Steps) -> usize {
        if steps.oldest && self.live[0] {
            0
        } else if steps.oldest {
            1
        } else {
            own
        }
    }
}
