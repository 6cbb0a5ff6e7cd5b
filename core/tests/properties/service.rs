//! Properties of the real service over [`MemoryStore`], call by call against the naive model.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hallpass_core::store::TokenStore;
use hallpass_core::{
    Denied, Kind, Kinds, ListQuery, Login, ManualClock, MemoryStore, Policy, Reason, Rejected, RetryWindow,
    Selector, Stamp, Subject, Timestamp, Tokens, Valid, Windows,
};
use proptest::test_runner::{Config, TestRunner};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};
use tokio::runtime::{Builder, Runtime};

use crate::reference::{
    ABSOLUTE, Answer, Call, IDLE, INTERVAL, OVERLAP, PEOPLE, RETRY, SKEW, START, Site, Sort, TOUCH,
};

/// A service and everything that its clients hold.
struct Service {
    runtime: Rc<Runtime>,
    tokens: Tokens,
    store: MemoryStore,
    clock: Arc<ManualClock>,
    logins: Vec<Login>,
    records: Vec<Held>,
}

/// The tokens of one record, by generation.
struct Held {
    selector: Selector,
    texts: Vec<String>,
}

/// Every result that some run has produced.
static SEEN: Mutex<BTreeSet<Answer>> = Mutex::new(BTreeSet::new());

#[test]
fn the_service_answers_as_the_naive_model_does() {
    let config = Config { failure_persistence: None, ..Config::default() };
    let strategy = Site::sequential_strategy(1..120);
    let test = |(site, calls, counter)| {
        Service::test_sequential(Config::default(), site, calls, counter);
        Ok(())
    };
    if let Err(error) = TestRunner::new(config).run(&strategy, test) {
        panic!("{error}");
    }
    if Config::default().cases < 256 {
        return;
    }
    // Without this check, agreement would mean little. Usually 40 cases produce all of them.
    let seen = SEEN.lock().unwrap();
    for answer in [
        Answer::Issued,
        Answer::Fenced,
        Answer::Valid(None),
        Answer::Valid(Some(1)),
        Answer::Valid(Some(2)),
        Answer::Invalid,
        Answer::Expired,
        Answer::Revoked(Reason::Administrative),
        Answer::Revoked(Reason::LoggedOutElsewhere),
        Answer::Revoked(Reason::Reused),
        Answer::StampMismatch,
        Answer::Lapsed,
        Answer::Reused,
        Answer::LoggedOut,
        Answer::Ended(2, 2),
    ] {
        assert!(seen.contains(&answer), "{answer:?} never came up in {seen:?}");
    }
}

const fn ms(length: u64) -> Duration {
    Duration::from_millis(length)
}

const fn kind(sort: Sort) -> Kind {
    match sort {
        Sort::Still => Kind::SESSION,
        Sort::Finite => Kind::REMEMBER,
        Sort::UntilConfirmed => Kind::REFRESH,
    }
}

/// Returns the verdict of a call that must not fail.
fn judged<T>(outcome: Result<T, Denied>) -> Result<T, Rejected> {
    outcome.map_err(|denied| denied.rejection().unwrap_or_else(|| panic!("{denied:?}")))
}

fn subject(who: usize) -> Subject {
    Subject::new(PEOPLE[who]).unwrap()
}

fn stamp(password: u32) -> Stamp {
    Stamp::of(password.to_be_bytes())
}

impl StateMachineTest for Service {
    type SystemUnderTest = Self;
    type Reference = Site;

    fn init_test(_: &Site) -> Self {
        let store = MemoryStore::new();
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(START)));
        let policy = |sort| {
            let policy = Policy::custom(kind(sort), ms(ABSOLUTE)).idle(Some(ms(IDLE))).touch(ms(TOUCH));
            let retry_window = match sort {
                Sort::Still => return policy,
                Sort::Finite => RetryWindow::For(ms(RETRY)),
                Sort::UntilConfirmed => RetryWindow::UntilConfirmed,
            };
            policy.rotation(Some(Windows { min_interval: ms(INTERVAL), retry_window, overlap: ms(OVERLAP) }))
        };
        let tokens = Tokens::builder(store.clone())
            .clock(clock.clone())
            .max_skew(ms(SKEW))
            .policy(policy(Sort::Still))
            .policy(policy(Sort::Finite))
            .policy(policy(Sort::UntilConfirmed))
            .build()
            .unwrap();
        let runtime = Rc::new(Builder::new_current_thread().enable_time().build().unwrap());
        Self { runtime, tokens, store, clock, logins: Vec::new(), records: Vec::new() }
    }

    fn apply(mut service: Self, site: &Site, call: Call) -> Self {
        let runtime = Rc::clone(&service.runtime);
        let answer = runtime.block_on(service.call(site, &call));
        SEEN.lock().unwrap().insert(answer);
        let excused = match call {
            Call::Present { record, .. } | Call::Update { record, .. } | Call::LogOut { record, .. } => {
                site.records[record].maybe_gone && answer == Answer::Invalid
            }
            _ => false,
        };
        let agreed = match (answer, site.answer) {
            (Answer::Ended(count, _), Answer::Ended(least, most)) => (least..=most).contains(&count),
            (answer, expected) => answer == expected,
        };
        assert!(agreed || excused, "{call:?} returned {answer:?}, not {:?}", site.answer);
        service
    }

    fn check_invariants(service: &Self, site: &Site) {
        service.runtime.block_on(async {
            for (held, expected) in service.records.iter().zip(&site.records) {
                let found = service.store.find(held.selector).await.unwrap();
                let Some(found) = found else {
                    assert!(expected.gone || expected.maybe_gone, "{:?} is not there", held.selector);
                    continue;
                };
                assert!(!expected.gone, "{found:?} is still there");
                assert_eq!(found.expires_at.as_millis(), expected.created + ABSOLUTE, "D11");
                assert_eq!(found.seen_at.as_millis(), expected.seen);
                assert_eq!(found.generation as usize, expected.generations.len() - 1);
                assert_eq!(found.revoked, expected.ended);
                let idle = expected.ended.is_none().then_some(expected.seen + IDLE);
                assert_eq!(found.idle_at.map(Timestamp::as_millis), idle, "D13");
                let distinct: BTreeSet<&String> = held.texts.iter().collect();
                assert_eq!(distinct.len(), expected.generations.len(), "one token for each generation");
            }
            for (who, name) in PEOPLE.iter().enumerate() {
                let listing = service.tokens.list(&subject(who), &ListQuery::default()).await.unwrap();
                let listed: BTreeSet<_> = listing.logins.iter().map(|login| login.login).collect();
                let live = site.records.iter().filter(|record| {
                    let expired = site.now >= record.created + ABSOLUTE || site.now >= record.seen + IDLE;
                    let his = site.logins[record.login].who == Some(who);
                    his && !record.gone && record.ended.is_none() && !expired
                });
                let live: BTreeSet<_> = live.map(|record| service.logins[record.login].id()).collect();
                assert_eq!(listed, live, "one entry for each login of {name}");
            }
        });
    }
}

impl Service {
    async fn call(&mut self, site: &Site, call: &Call) -> Answer {
        match *call {
            Call::Issue { who, sort, stamped } => {
                let login = match who {
                    Some(who) => self.tokens.begin_login(&subject(who)).await.unwrap(),
                    None => self.tokens.begin_anonymous().unwrap(),
                };
                self.logins.push(login);
                let stamp = who.filter(|_| stamped).map(|who| stamp(site.people[who].password));
                self.issue(self.logins.len() - 1, sort, stamp).await
            }
            Call::IssueAgain { login, sort } => self.issue(login, sort, None).await,
            Call::Present { record, generation, rotate } => {
                match self.present(site, record, generation, rotate).await {
                    Err(rejected) => answer(rejected),
                    Ok(valid) => self.take(site, record, valid).await,
                }
            }
            Call::Update { record, generation, byte } => {
                match self.present(site, record, generation, false).await {
                    Err(rejected) => answer(rejected),
                    Ok(mut valid) => {
                        let change = |data: &mut Vec<u8>| data.push(byte);
                        self.tokens.update_data(&mut valid, change).await.unwrap();
                        self.take(site, record, valid).await
                    }
                }
            }
            Call::Guess { record, at } => {
                let mut text = self.records[record].texts[0].clone().into_bytes();
                // The last character of a validator has two unused bits.
                text[23 + at] = if text[23 + at] == b'A' { b'Q' } else { b'A' };
                let text = String::from_utf8(text).unwrap();
                let kind = kind(site.records[record].sort);
                let guessed = judged(self.tokens.verify_and_rotate(kind, &text).await);
                let logged_out = judged(self.tokens.revoke(kind, &text).await);
                match (guessed, logged_out) {
                    (Err(guessed), Err(logged_out)) if guessed == logged_out => answer(guessed),
                    other => panic!("a guess did something: {other:?}"),
                }
            }
            Call::OtherKind { record, generation } => {
                let kind = kind(other(site.records[record].sort));
                let text = &self.records[record].texts[generation];
                let verdict = judged(self.tokens.verify_and_rotate(kind, text).await);
                verdict.map(drop).map_or_else(answer, nothing)
            }
            Call::LogOut { record, generation } => {
                let kind = kind(site.records[record].sort);
                let text = &self.records[record].texts[generation];
                let verdict = judged(self.tokens.revoke(kind, text).await);
                verdict.map_or_else(answer, |()| Answer::LoggedOut)
            }
            Call::EndLogin { login, by } => {
                let login = self.logins[login].id();
                let reason = Reason::LoggedOutElsewhere;
                let count = self.tokens.revoke_login(&subject(by), login, reason).await.unwrap();
                Answer::Ended(count, count)
            }
            Call::LogOutEverywhere { who } => {
                let reason = Reason::Administrative;
                let count = self.tokens.revoke_subject(&subject(who), Kinds::Any, reason).await.unwrap();
                Answer::Ended(count, count)
            }
            Call::ChangePassword { .. } => Answer::Nothing,
            Call::Advance { to } | Call::StepBack { to } => {
                self.clock.set(Timestamp::from_millis(to));
                Answer::Nothing
            }
            Call::Purge => {
                self.tokens.purge().await.unwrap();
                Answer::Nothing
            }
        }
    }

    async fn issue(&mut self, login: usize, sort: Sort, stamp: Option<Stamp>) -> Answer {
        let mut issue = self.tokens.issue(&self.logins[login], kind(sort));
        if let Some(stamp) = stamp {
            issue = issue.stamp(stamp);
        }
        match judged(issue.await) {
            Ok(issued) => {
                let texts = vec![issued.token.expose().to_owned()];
                self.records.push(Held { selector: issued.token.selector(), texts });
                Answer::Issued
            }
            Err(rejected) => answer(rejected),
        }
    }

    async fn present(
        &self,
        site: &Site,
        record: usize,
        generation: usize,
        rotate: bool,
    ) -> Result<Valid, Rejected> {
        let text = &self.records[record].texts[generation];
        let expected = &site.records[record];
        let candidate = judged(self.tokens.look_up(kind(expected.sort), text).await)?;
        let who = site.logins[expected.login].who;
        assert_eq!(candidate.subject().map(Subject::as_str), who.map(|who| PEOPLE[who]));
        let bound = who.filter(|_| expected.stamp.is_some());
        let stamp = bound.map(|who| stamp(site.people[who].password));
        judged(match rotate {
            true => candidate.verify_and_rotate(stamp.as_ref()).await,
            false => candidate.verify(stamp.as_ref()).await,
        })
    }

    /// Keeps the successor: a new one, or byte for byte the one that is already known.
    async fn take(&mut self, site: &Site, record: usize, valid: Valid) -> Answer {
        let expected = &site.records[record];
        assert_eq!(*self.tokens.data(&valid).await.unwrap(), *expected.data);
        assert_eq!(valid.generation() as usize, expected.generations.len() - 1);
        let expires = (expected.created + ABSOLUTE).min(expected.seen + IDLE);
        assert_eq!(valid.expires_at().as_millis(), expires);
        let Some(successor) = valid.successor else { return Answer::Valid(None) };
        assert_eq!(successor.expires_at.as_millis(), expected.created + ABSOLUTE, "D11");
        let held = &mut self.records[record].texts;
        let generation = expected.generations.len() - 1;
        match held.get(generation) {
            Some(known) => assert_eq!(known, successor.token.expose(), "another successor"),
            None => held.push(successor.token.expose().to_owned()),
        }
        Answer::Valid(Some(generation))
    }
}

const fn other(sort: Sort) -> Sort {
    match sort {
        Sort::Still => Sort::Finite,
        Sort::Finite => Sort::UntilConfirmed,
        Sort::UntilConfirmed => Sort::Still,
    }
}

fn nothing((): ()) -> Answer {
    Answer::Nothing
}

fn answer(rejected: Rejected) -> Answer {
    match rejected {
        Rejected::Expired => Answer::Expired,
        Rejected::Fenced => Answer::Fenced,
        Rejected::Invalid => Answer::Invalid,
        Rejected::Lapsed => Answer::Lapsed,
        Rejected::Reused => Answer::Reused,
        Rejected::Revoked(reason) => Answer::Revoked(reason),
        Rejected::StampMismatch => Answer::StampMismatch,
        Rejected::Malformed | Rejected::Spent => panic!("{rejected:?} cannot be"),
    }
}
