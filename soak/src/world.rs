//! The nodes of a run, and the record of what they did.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hallpass_conformance_tests::staleness::{Accept, Ending, Event};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::line::{Deed, Order, Report, Secret, Verb};
use crate::process::Node;

/// The nodes with a near cache that is tested.
pub(crate) const NEAR: [u32; 2] = [0, 1];
/// The node that keeps late fills.
pub(crate) const PLANTED: u32 = 2;
/// The node without a cache. Nothing is between it and the server.
pub(crate) const FAR: u32 = 3;

/// The return of a call: when, and with which tokens; or why it failed.
pub(crate) type Returned = Result<(u64, Vec<Secret>), String>;

/// A run.
pub(crate) struct World {
    nodes: Mutex<Vec<Arc<Node>>>,
    pub(crate) lag: Duration,
    is_over: AtomicBool,
    /// The last number of a token or a call.
    numbers: AtomicU64,
    events: Mutex<Vec<Event>>,
    calls: Mutex<HashMap<u64, oneshot::Sender<Returned>>>,
    tallies: Mutex<Tallies>,
}

/// How often what happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tallies {
    /// The calls that were acknowledged, and those that failed.
    pub(crate) calls: BTreeMap<Verb, (u64, u64)>,
    /// The stops and cuts.
    pub(crate) faults: BTreeMap<&'static str, u64>,
    /// Why the run cannot go on.
    pub(crate) broken: Option<String>,
}

impl World {
    pub(crate) fn new(nodes: Vec<Node>, lag: Duration) -> Arc<Self> {
        Arc::new(Self {
            nodes: Mutex::new(nodes.into_iter().map(Arc::new).collect()),
            lag,
            is_over: AtomicBool::new(false),
            numbers: AtomicU64::new(0),
            events: Mutex::default(),
            calls: Mutex::default(),
            tallies: Mutex::default(),
        })
    }

    /// Records the reports of the nodes.
    pub(crate) async fn record(self: Arc<Self>, mut reports: UnboundedReceiver<(u32, Option<Report>)>) {
        while let Some((node, report)) = reports.recv().await {
            match report {
                Some(Report::Ready) => {}
                Some(Report::Accepted { number, began, returned, is_read }) => {
                    let accept = Accept { token: number, node, began, returned, is_read };
                    lock(&self.events).push(Event::Accept(accept));
                }
                Some(Report::Done { number, at, tokens }) => self.answer(number, Ok((at, tokens))),
                Some(Report::Failed { number, why }) => self.answer(number, Err(why)),
                None => self.break_off(format!("node {node} has ended")),
            }
        }
    }

    fn answer(&self, number: u64, returned: Returned) {
        if let Some(waiting) = lock(&self.calls).remove(&number) {
            // A caller that is gone needs no answer.
            let _ = waiting.send(returned);
        }
    }

    /// Has a node make a call, and waits for its return.
    pub(crate) async fn call(&self, node: u32, deed: Deed) -> Returned {
        let (verb, number) = (deed.verb, self.number());
        let (sender, receiver) = oneshot::channel();
        lock(&self.calls).insert(number, sender);
        self.tell(node, Order::Call { number, deed });
        let returned = receiver.await.unwrap_or_else(|_| Err("the run is over".to_owned()));
        let mut tallies = lock(&self.tallies);
        let (done, failed) = tallies.calls.entry(verb).or_default();
        *(if returned.is_ok() { done } else { failed }) += 1;
        returned
    }

    /// Has all nodes verify a token from now on, and returns its number.
    pub(crate) fn keep(&self, token: &Secret) -> u64 {
        let number = self.number();
        for node in NEAR.into_iter().chain([PLANTED]) {
            self.tell(node, Order::Keep { number, token: token.clone() });
        }
        number
    }

    /// Has all nodes verify a token no more.
    pub(crate) fn release(&self, number: u64) {
        for node in NEAR.into_iter().chain([PLANTED]) {
            self.tell(node, Order::Drop { number });
        }
    }

    /// Records that tokens were ended, and has them verified for some time longer.
    pub(crate) fn ended(self: &Arc<Self>, tokens: Vec<u64>, node: u32, acknowledged: u64) {
        let endings = tokens.iter().map(|token| Event::Ending(Ending { token: *token, node, acknowledged }));
        lock(&self.events).extend(endings);
        let world = Arc::clone(self);
        tokio::spawn(async move {
            sleep(world.lag * 4).await;
            tokens.into_iter().for_each(|token| world.release(token));
        });
    }

    fn tell(&self, node: u32, order: Order) {
        if let Some(node) = lock(&self.nodes).get(node as usize) {
            node.tell(order);
        }
    }

    fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn count_fault(&self, fault: &'static str) {
        *lock(&self.tallies).faults.entry(fault).or_default() += 1;
    }

    /// Ends the run because something outside the test does not work.
    pub(crate) fn break_off(&self, why: String) {
        if !self.is_over() {
            lock(&self.tallies).broken.get_or_insert(why);
            self.end();
        }
    }

    pub(crate) fn nodes(&self) -> Vec<Arc<Node>> {
        lock(&self.nodes).clone()
    }

    /// Ends the nodes, after the run.
    pub(crate) fn end_nodes(&self) {
        lock(&self.nodes).clear();
    }

    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::Release);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    pub(crate) fn tallies(&self) -> Tallies {
        lock(&self.tallies).clone()
    }

    /// Passes the record so far to `read`.
    pub(crate) fn with_events<T>(&self, read: impl FnOnce(&[Event]) -> T) -> T {
        read(&lock(&self.events))
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
