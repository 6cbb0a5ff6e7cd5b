//! The contract as a model, as simple as possible: no digests, no windows that are erased, no compare-and-swap. Every
//! record keeps all its generations in a list.

use hallpass_core::Reason;
use proptest::prelude::*;
use proptest::sample::select;
use proptest_state_machine::ReferenceStateMachine;

/// Milliseconds since 1970.
type Time = u64;

pub(crate) const START: Time = 1_700_000_000_000;
pub(crate) const SKEW: Time = 1_000;
pub(crate) const ABSOLUTE: Time = 150_000;
pub(crate) const IDLE: Time = 60_000;
pub(crate) const TOUCH: Time = 5_000;
pub(crate) const INTERVAL: Time = 8_000;
pub(crate) const RETRY: Time = 10_000;
pub(crate) const OVERLAP: Time = 2_000;
const HOUR: Time = 3_600_000;

/// Alice and Bob.
pub(crate) const PEOPLE: [&str; 2] = ["alice", "bob"];

/// The state of the model.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) now: Time,
    /// The latest time that any clock has shown.
    latest: Time,
    pub(crate) people: [Person; 2],
    pub(crate) logins: Vec<Login>,
    pub(crate) records: Vec<Record>,
    /// The result that the last call must have returned.
    pub(crate) answer: Answer,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Person {
    /// The number of times everything was logged out.
    epoch: u32,
    /// The number of times the password was changed.
    pub(crate) password: u32,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Login {
    /// The owner: an index into [`PEOPLE`].
    pub(crate) who: Option<usize>,
    epoch: u32,
    begun: Time,
}

/// The kinds, by their windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Does not rotate.
    Still,
    /// With a retry window of [`RETRY`].
    Finite,
    UntilConfirmed,
}

#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) login: usize,
    pub(crate) sort: Sort,
    /// The password that it is bound to.
    pub(crate) stamp: Option<u32>,
    pub(crate) data: Vec<u8>,
    pub(crate) created: Time,
    pub(crate) seen: Time,
    /// The first one was issued; the last one is the newest.
    pub(crate) generations: Vec<Generation>,
    pub(crate) ended: Option<Reason>,
    pub(crate) gone: bool,
    /// The record has expired and may have been removed.
    pub(crate) maybe_gone: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Generation {
    made: Time,
    /// When the generation was first presented.
    confirmed: Option<Time>,
}

#[derive(Clone, Debug)]
pub(crate) enum Call {
    Issue {
        who: Option<usize>,
        sort: Sort,
        stamped: bool,
    },
    IssueAgain {
        login: usize,
        sort: Sort,
    },
    Present {
        record: usize,
        generation: usize,
        rotate: bool,
    },
    Update {
        record: usize,
        generation: usize,
        byte: u8,
    },
    /// A token with another character at this place of the half that all tokens of the record share.
    Guess {
        record: usize,
        at: usize,
    },
    OtherKind {
        record: usize,
        generation: usize,
    },
    LogOut {
        record: usize,
        generation: usize,
    },
    EndLogin {
        login: usize,
        by: usize,
    },
    LogOutEverywhere {
        who: usize,
    },
    ChangePassword {
        who: usize,
    },
    Advance {
        to: Time,
    },
    StepBack {
        to: Time,
    },
    Purge,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Answer {
    Nothing,
    Issued,
    Fenced,
    /// Accepted, with the successor of this generation.
    Valid(Option<usize>),
    Invalid,
    Expired,
    Revoked(Reason),
    StampMismatch,
    Lapsed,
    Reused,
    LoggedOut,
    /// The number of records ended: at least the first, at most the second, as some may have been removed.
    Ended(u64, u64),
}

impl Site {
    fn present(&mut self, at: usize, generation: usize, rotate: bool) -> Answer {
        let now = self.now;
        let record = &self.records[at];
        let newest = record.generations.len() - 1;
        if record.gone {
            return Answer::Invalid; // D1
        }
        if now >= record.created + ABSOLUTE || record.ended.is_none() && now >= record.seen + IDLE {
            return Answer::Expired; // D2
        }
        if let Some(reason) = record.ended {
            return Answer::Revoked(reason); // D3
        }
        let Generation { made, confirmed } = record.generations[newest];
        let until_confirmed = record.sort == Sort::UntilConfirmed;
        let passed = |since: Time| now.saturating_sub(since);
        // The newest, or the one before within its windows: D5, D6 or D7.
        let good = generation == newest
            || generation + 1 == newest
                && match confirmed {
                    None => until_confirmed || passed(made) <= RETRY,
                    Some(confirmed) => {
                        let in_time = until_confirmed || confirmed.saturating_sub(made) <= RETRY;
                        in_time && passed(confirmed) <= OVERLAP
                    }
                };
        if !good && generation + 1 == newest && confirmed.is_none() {
            self.end(at, Reason::Lapsed);
            return Answer::Lapsed; // D8
        }
        if !good {
            self.end(at, Reason::Reused);
            return Answer::Reused; // D9
        }
        // The clients of a record that is bound to a stamp give the present one, the others none.
        let password = self.logins[record.login].who.map(|who| self.people[who].password);
        if record.stamp.is_some() && record.stamp != password {
            return Answer::StampMismatch; // D4
        }
        if generation == newest {
            return self.accept(at, rotate); // D5
        }
        Answer::Valid(rotate.then_some(newest)) // D6, D7
    }

    /// Applies D5 and D10 to the newest generation.
    fn accept(&mut self, at: usize, rotate: bool) -> Answer {
        let now = self.now;
        let record = &mut self.records[at];
        let passed = |since: Time| now.saturating_sub(since);
        let newest = record.generations.len() - 1;
        let Generation { made, confirmed } = record.generations[newest];
        let due = match confirmed {
            _ if record.sort == Sort::Still => false,
            _ if newest == 0 => true,
            Some(confirmed) => passed(confirmed) > 2 * OVERLAP && passed(made) >= INTERVAL,
            None => record.sort == Sort::Finite && passed(made) > RETRY + 2 * OVERLAP,
        };
        let mut written = passed(record.seen) >= TOUCH;
        if newest > 0 && confirmed.is_none() {
            record.generations[newest].confirmed = Some(now);
            written = true;
        }
        let successor = (rotate && due).then_some(newest + 1);
        if successor.is_some() {
            record.generations.push(Generation { made: now, confirmed: None });
            written = true;
        }
        if written {
            record.seen = now;
        }
        Answer::Valid(successor)
    }

    /// Ends the login of a record; an anonymous record is alone and is removed.
    fn end(&mut self, at: usize, reason: Reason) {
        let login = self.records[at].login;
        match self.logins[login].who {
            None => self.records[at].gone = true,
            Some(_) => {
                self.mark(|_, record| record.login == login, reason);
            }
        }
    }

    fn mark(&mut self, which: impl Fn(&Self, &Record) -> bool, reason: Reason) -> Answer {
        let (mut least, mut most) = (0, 0);
        for at in 0..self.records.len() {
            let record = &self.records[at];
            if !record.gone && record.ended.is_none() && which(self, record) {
                least += u64::from(!record.maybe_gone);
                most += 1;
                self.records[at].ended = Some(reason);
            }
        }
        Answer::Ended(least, most)
    }

    fn log_out(&mut self, at: usize) -> Answer {
        if self.records[at].gone {
            return Answer::Invalid;
        }
        let login = self.records[at].login;
        if let Some(reason) = self.records[at].ended {
            // It keeps its reason, and the rest of its login ends.
            return match self.mark(|_, record| record.login == login, Reason::LoggedOut) {
                Answer::Ended(_, 0) => Answer::Revoked(reason),
                _ => Answer::LoggedOut,
            };
        }
        self.records[at].gone = true;
        if self.logins[login].who.is_some() {
            self.records
                .iter_mut()
                .filter(|record| record.login == login)
                .for_each(|record| record.gone = true);
        }
        Answer::LoggedOut
    }

    fn issue(&mut self, login: usize, sort: Sort, stamped: bool) -> Answer {
        let Login { who, epoch, begun } = self.logins[login];
        if self.now >= begun + HOUR {
            return Answer::Fenced;
        }
        // The first record of the login is the fence of the others.
        let first = self.records.iter().find(|record| record.login == login);
        let ended = match (who, first) {
            (None, _) => false,
            (Some(_), Some(first)) => first.gone || first.ended.is_some(),
            (Some(who), None) => self.people[who].epoch != epoch,
        };
        if ended {
            return Answer::Fenced;
        }
        self.records.push(Record {
            login,
            sort,
            stamp: who.filter(|_| stamped).map(|who| self.people[who].password),
            data: Vec::new(),
            created: self.now,
            seen: self.now,
            generations: vec![Generation { made: self.now, confirmed: None }],
            ended: None,
            gone: false,
            maybe_gone: false,
        });
        Answer::Issued
    }

    /// S10: nothing is removed before it has expired. The service adds an hour, and idle deadlines are rounded up to
    /// 32 touches, which are more than an eighth here.
    fn purge(&mut self) {
        let due = |deadline: Time| deadline + HOUR <= self.now;
        for record in &mut self.records {
            let idle = record.seen + IDLE;
            record.gone |= due(record.created + ABSOLUTE) || record.ended.is_none() && due(idle + 32 * TOUCH);
            record.maybe_gone |= record.ended.is_none() && due(idle);
        }
    }

    /// Returns the next instants at which something changes for a record, and their neighbours.
    fn boundaries(&self) -> Vec<Time> {
        let mut instants = vec![self.now + 1, self.now + 500, self.now + 3_000];
        for record in self.records.iter().filter(|record| !record.gone && record.ended.is_none()) {
            let Generation { made, confirmed } = record.generations[record.generations.len() - 1];
            let mut around = vec![record.created + ABSOLUTE, record.seen + IDLE, record.seen + TOUCH];
            match confirmed {
                Some(confirmed) => {
                    around.extend([confirmed + OVERLAP, confirmed + 2 * OVERLAP, made + INTERVAL]);
                }
                None => around.extend([made + RETRY, made + RETRY + 2 * OVERLAP]),
            }
            instants.extend(around.into_iter().flat_map(|instant| [instant - 1, instant, instant + 1]));
        }
        instants.retain(|instant| *instant > self.now);
        instants.sort_unstable();
        instants.dedup();
        instants.truncate(9);
        instants
    }
}

impl ReferenceStateMachine for Site {
    type State = Self;
    type Transition = Call;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self {
            now: START,
            latest: START,
            people: Default::default(),
            logins: Vec::new(),
            records: Vec::new(),
            answer: Answer::Nothing,
        })
        .boxed()
    }

    fn transitions(site: &Self) -> BoxedStrategy<Call> {
        let who = || 0..PEOPLE.len();
        let sort = || select(vec![Sort::Still, Sort::Finite, Sort::UntilConfirmed]);
        let issue = (proptest::option::weighted(0.8, who()), sort(), any::<bool>())
            .prop_map(|(who, sort, stamped)| Call::Issue { who, sort, stamped });
        if site.records.is_empty() {
            return issue.boxed();
        }
        let tokens: Vec<(usize, usize)> = (0..site.records.len())
            .flat_map(|record| {
                // Mostly the newest ones; all older generations behave alike.
                let newest = site.records[record].generations.len() - 1;
                [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 2].map(|back: usize| (record, newest.saturating_sub(back)))
            })
            .collect();
        let token = || select(tokens.clone());
        let login = || 0..site.logins.len();
        let live = site.records.iter().filter(|record| !record.gone && record.ended.is_none()).count();
        let fresh = if live < 3 { 4 } else { 1 };
        let back = site.latest.saturating_sub(SKEW)..=site.now;
        prop_oneof![
            fresh => issue,
            2 => (login(), sort()).prop_map(|(login, sort)| Call::IssueAgain { login, sort }),
            40 => (token(), proptest::bool::weighted(0.85)).prop_map(|((record, generation), rotate)| {
                Call::Present { record, generation, rotate }
            }),
            3 => (token(), any::<u8>()).prop_map(|((record, generation), byte)| {
                Call::Update { record, generation, byte }
            }),
            1 => (token(), 22..43_usize).prop_map(|((record, _), at)| Call::Guess { record, at }),
            1 => token().prop_map(|(record, generation)| Call::OtherKind { record, generation }),
            1 => token().prop_map(|(record, generation)| Call::LogOut { record, generation }),
            1 => (login(), who()).prop_map(|(login, by)| Call::EndLogin { login, by }),
            1 => who().prop_map(|who| Call::LogOutEverywhere { who }),
            2 => who().prop_map(|who| Call::ChangePassword { who }),
            24 => select(site.boundaries()).prop_map(|to| Call::Advance { to }),
            1 => select(vec![site.now + ABSOLUTE, site.now + HOUR]).prop_map(|to| Call::Advance { to }),
            2 => back.prop_map(|to| Call::StepBack { to }),
            1 => Just(Call::Purge),
        ]
        .boxed()
    }

    fn preconditions(site: &Self, call: &Call) -> bool {
        match *call {
            Call::Issue { .. }
            | Call::LogOutEverywhere { .. }
            | Call::ChangePassword { .. }
            | Call::Purge => true,
            Call::IssueAgain { login, .. } | Call::EndLogin { login, .. } => login < site.logins.len(),
            Call::Guess { record, .. } => record < site.records.len(),
            Call::Present { record, generation, .. }
            | Call::Update { record, generation, .. }
            | Call::OtherKind { record, generation } => {
                site.records.get(record).is_some_and(|record| generation < record.generations.len())
            }
            // Whether the rest of its login ends depends on whether the record was removed.
            Call::LogOut { record, generation } => {
                let held = |record: &Record| generation < record.generations.len() && !record.maybe_gone;
                let sure = |record: &Record| {
                    let mut rest = site.records.iter().filter(|other| other.login == record.login);
                    record.ended.is_none() || rest.all(|other| other.ended.is_some() || !other.maybe_gone)
                };
                site.records.get(record).is_some_and(|record| held(record) && sure(record))
            }
            Call::Advance { to } => to > site.now,
            Call::StepBack { to } => to <= site.now && to + SKEW >= site.latest,
        }
    }

    fn apply(mut site: Self, call: &Call) -> Self {
        site.answer = match *call {
            Call::Issue { who, sort, stamped } => {
                let epoch = who.map_or(0, |who| site.people[who].epoch);
                site.logins.push(Login { who, epoch, begun: site.now });
                site.issue(site.logins.len() - 1, sort, stamped)
            }
            Call::IssueAgain { login, sort } => site.issue(login, sort, false),
            Call::Present { record, generation, rotate } => site.present(record, generation, rotate),
            Call::Update { record, generation, byte } => {
                let answer = site.present(record, generation, false);
                if matches!(answer, Answer::Valid(_)) {
                    site.records[record].data.push(byte);
                }
                answer
            }
            Call::Guess { .. } | Call::OtherKind { .. } => Answer::Invalid,
            Call::LogOut { record, .. } => site.log_out(record),
            Call::EndLogin { login, by } => {
                // Logins under way are turned away, because this one may be under way.
                site.people[by].epoch += 1;
                let its = |site: &Self, record: &Record| {
                    record.login == login && site.logins[login].who == Some(by)
                };
                site.mark(its, Reason::LoggedOutElsewhere)
            }
            Call::LogOutEverywhere { who } => {
                site.people[who].epoch += 1;
                let his = |site: &Self, record: &Record| site.logins[record.login].who == Some(who);
                site.mark(his, Reason::Administrative)
            }
            Call::ChangePassword { who } => {
                site.people[who].password += 1;
                Answer::Nothing
            }
            Call::Advance { to } | Call::StepBack { to } => {
                site.now = to;
                site.latest = site.latest.max(to);
                Answer::Nothing
            }
            Call::Purge => {
                site.purge();
                Answer::Nothing
            }
        };
        site
    }
}
