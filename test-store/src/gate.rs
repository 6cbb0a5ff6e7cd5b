//! The controls of the store, and what it does around each call.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hallpass_core::store::{Listed, Page, Record, TokenStore};
use hallpass_core::{Note, Selector, StoreError, Subject};
use tokio::sync::Barrier;

use crate::rule::{Call, Fault, Held, LONG, Plan, Rule, Share};

/// Something that goes into the store or comes out of it.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'a> {
    /// A record, written or read.
    Record(&'a Record),
    /// A selector, looked up or deleted.
    Selector(Selector),
    /// The note of an ending.
    Note(&'a Note),
}

type Watcher = Box<dyn FnMut(Seen<'_>) + Send>;

/// A store that holds calls back, or makes them fail, exactly where a test says. Clones share everything.
#[derive(Clone)]
pub struct Gate {
    /// The store behind it: what a test does there is no call.
    pub store: Arc<dyn TokenStore>,
    rules: Arc<Mutex<Vec<(Call, Rule)>>>,
    plan: Arc<Mutex<Plan>>,
    calls: Arc<Mutex<Vec<Call>>>,
    notes: Arc<Mutex<Vec<Note>>>,
    last: Arc<Mutex<Option<Selector>>>,
    watcher: Arc<Mutex<Option<Watcher>>>,
    unreadable: Arc<Mutex<Vec<Selector>>>,
    /// What gives the length of the next pause, if calls pause.
    shuffled: Arc<Mutex<Option<fastrand::Rng>>>,
    /// Whether the feed is broken.
    deaf: Arc<AtomicBool>,
}

#[expect(clippy::missing_panics_doc, reason = "a test that meets a panic has failed")]
impl Gate {
    /// Stands before a store and lets every call through.
    pub fn new(store: impl TokenStore) -> Self {
        Self {
            store: Arc::new(store),
            rules: Arc::default(),
            plan: Arc::default(),
            calls: Arc::default(),
            notes: Arc::default(),
            last: Arc::default(),
            watcher: Arc::default(),
            unreadable: Arc::default(),
            shuffled: Arc::default(),
            deaf: Arc::default(),
        }
    }

    /// Holds back every call of one method.
    pub fn hold(&self, call: Call) -> Held {
        self.hold_some(call, 0, usize::MAX)
    }

    /// Holds back the next call of one method, and no other.
    pub fn hold_once(&self, call: Call) -> Held {
        self.hold_some(call, 0, 1)
    }

    /// Lets `before` calls of one method through, holds back the next, and no other.
    pub fn hold_after(&self, call: Call, before: usize) -> Held {
        self.hold_some(call, before, 1)
    }

    fn hold_some(&self, call: Call, before: usize, count: usize) -> Held {
        let held = Held::default();
        self.rule(call, Rule::Hold(held.clone(), Share::after(before, count)));
        held
    }

    /// Makes the next `count` calls of one method overlap: none returns before all have done their work.
    pub fn meet(&self, call: Call, count: usize) {
        self.rule(call, Rule::Meet(Arc::new(Barrier::new(count)), Share::after(0, count)));
    }

    /// Makes the calls of one method fail.
    pub fn down(&self, call: Call) {
        self.down_after(call, 0);
    }

    /// Lets `count` calls of one method through and makes the others fail.
    pub fn down_after(&self, call: Call, count: usize) {
        self.rule(call, Rule::Fail(Fault::Down, Share::after(count, usize::MAX)));
    }

    /// Makes every call fail.
    pub fn all_down(&self) {
        Call::ALL.into_iter().for_each(|call| self.down(call));
    }

    /// Makes the calls of one method do their work and lose their response.
    pub fn unknown(&self, call: Call) {
        self.rule(call, Rule::Fail(Fault::Done, Share::after(0, usize::MAX)));
    }

    /// Makes one call of these methods fail, after `others` of them.
    pub fn fail_one(&self, calls: &[Call], others: usize, fault: Fault) {
        let share = Share::after(others, 1);
        calls.iter().for_each(|call| self.rule(*call, Rule::Fail(fault, share.clone())));
    }

    /// Makes the calls of one method panic.
    pub fn panic(&self, call: Call) {
        self.rule(call, Rule::Panic);
    }

    /// Makes the calls of one method lose every race: an insert finds the selector taken, a replace finds a conflict.
    pub fn lose(&self, call: Call) {
        self.lose_some(call, 0, usize::MAX);
    }

    /// Lets `before` calls of one method through, and makes the next `count` lose.
    pub fn lose_some(&self, call: Call, before: usize, count: usize) {
        self.rule(call, Rule::Lose(Share::after(before, count)));
    }

    /// Makes every list start at the beginning.
    pub fn repeat(&self, call: Call) {
        self.rule(call, Rule::Repeat);
    }

    /// Makes inserts no longer report how many records the subject has, as in a store that does not know.
    pub fn blind(&self) {
        self.rule(Call::Insert, Rule::Blind);
    }

    /// Makes each mark of a subject's records take this long.
    pub fn slow_marks(&self, pause: Duration) {
        self.rule(Call::Revoke, Rule::Slow(pause));
    }

    /// Sets the plan for the calls from now on, and returns those until now.
    pub fn follow(&self, plan: Plan) -> Vec<Call> {
        *self.plan.lock().unwrap() = plan;
        self.calls()
    }

    /// Makes every call pause before and after its work, so that concurrent calls take turns in an order given by
    /// `seed`.
    pub fn shuffle(&self, seed: u64) {
        *self.shuffled.lock().unwrap() = Some(fastrand::Rng::with_seed(seed));
    }

    /// Breaks the feed: it is lost, and no other can be opened. Calls go on.
    pub fn break_feed(&self) {
        self.deaf.store(true, Ordering::SeqCst);
    }

    /// Ends all rules and pauses, and mends the feed.
    pub fn up(&self) {
        self.deaf.store(false, Ordering::SeqCst);
        self.rules.lock().unwrap().clear();
        *self.shuffled.lock().unwrap() = None;
    }

    /// Makes the row of a record undecodable, as a store would find it.
    pub fn make_unreadable(&self, selector: Selector) {
        self.unreadable.lock().unwrap().push(selector);
    }

    /// Shows everything that goes in or out from now on.
    pub fn watch(&self, watcher: impl FnMut(Seen<'_>) + Send + 'static) {
        *self.watcher.lock().unwrap() = Some(Box::new(watcher));
    }

    /// Returns the calls since the last call of this method.
    pub fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }

    /// Returns the notes of the endings since the last call of this method.
    pub fn notes(&self) -> Vec<Note> {
        std::mem::take(&mut self.notes.lock().unwrap())
    }

    /// Returns the selector of the last call that named one.
    pub fn last_selector(&self) -> Selector {
        self.last.lock().unwrap().unwrap()
    }

    /// Returns every record of a subject, without counting as a call.
    pub async fn records(&self, id: &str) -> Vec<Record> {
        let page = Page::first(500.try_into().unwrap());
        let listed = self.store.list_by_subject(&Subject::new(id).unwrap(), &page).await.unwrap();
        listed.into_iter().filter_map(Listed::record).collect()
    }

    fn rule(&self, call: Call, rule: Rule) {
        self.rules.lock().unwrap().push((call, rule));
    }

    /// Returns whether there is such a rule, which counts no calls.
    pub(crate) fn standing(&self, call: Call) -> Option<Rule> {
        let rules = self.rules.lock().unwrap();
        let standing =
            |rule: &Rule| matches!(rule, Rule::Repeat | Rule::Blind | Rule::Slow(_)).then(|| rule.clone());
        rules.iter().filter(|(ruled, _)| *ruled == call).find_map(|(_, rule)| standing(rule))
    }

    pub(crate) fn is_deaf(&self) -> bool {
        self.deaf.load(Ordering::SeqCst)
    }

    pub(crate) fn is_unreadable(&self, selector: Selector) -> bool {
        self.unreadable.lock().unwrap().contains(&selector)
    }

    pub(crate) fn see(&self, seen: Seen<'_>) {
        match seen {
            Seen::Record(record) => *self.last.lock().unwrap() = Some(record.selector),
            Seen::Selector(selector) => *self.last.lock().unwrap() = Some(selector),
            Seen::Note(note) => self.notes.lock().unwrap().push(note.clone()),
        }
        if let Some(watcher) = &mut *self.watcher.lock().unwrap() {
            watcher(seen);
        }
    }

    async fn take_turns(&self) {
        let turns = self.shuffled.lock().unwrap().as_mut().map_or(0, |random| random.u8(..8));
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
    }

    /// Does the work of a call as the plan and the rules say. `lost` is the answer of a lost race.
    pub(crate) async fn around<T>(
        &self,
        call: Call,
        lost: Option<T>,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let place = {
            let mut calls = self.calls.lock().unwrap();
            calls.push(call);
            calls.len() - 1
        };
        let planned = self.plan.lock().unwrap().iter().find(|(at, _)| *at == place).map(|(_, fault)| *fault);
        if let Some(fault) = planned {
            return fail(fault, work).await;
        }
        self.take_turns().await;
        let applies = |(ruled, rule): &&(Call, Rule)| *ruled == call && rule.applies();
        let rule = self.rules.lock().unwrap().iter().find(applies).map(|(_, rule)| rule.clone());
        match rule {
            Some(Rule::Fail(fault, _)) => fail(fault, work).await,
            Some(Rule::Lose(_)) => Ok(lost.expect("the call can be lost")),
            Some(Rule::Hold(held, _)) => {
                held.pass().await;
                work.await
            }
            Some(Rule::Meet(barrier, _)) => {
                let answer = work.await;
                tokio::time::timeout(LONG, barrier.wait()).await.expect("the others come");
                answer
            }
            Some(Rule::Panic) => panic!("the test says so"),
            _ => {
                let answer = work.await;
                self.take_turns().await;
                answer
            }
        }
    }
}

async fn fail<T>(fault: Fault, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let unknown = || StoreError::Timeout { source: "the test says so".into(), outcome_unknown: true };
    match fault {
        Fault::Down => Err(StoreError::Unavailable("the test says so".into())),
        Fault::Done => work.await.and(Err(unknown())),
        Fault::NotDone => Err(unknown()),
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}
