//! Interleavings of callers, endings, turns and losses in the near cache, chosen by shuttle.
//!
//! Time is a counter that every step moves, so "longer ago than the lag" means that many steps.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(dead_code, reason = "the modules of the library have more users there")]

#[path = "../../src/near/leased.rs"]
mod leased;
mod selector {
    pub(crate) use hallpass_core::Selector;
}
#[path = "../../src/near/stripe.rs"]
mod stripe;
mod sync;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering as Real};

use shuttle::rand::{Rng, thread_rng};
use shuttle::thread;

use crate::leased::{Known, Leased};
use crate::selector::Selector;
use crate::sync::{Arc, AtomicU64, Mutex, Ordering};

const EXECUTIONS: usize = 4_000;
/// In steps. So short that a proof is soon too old, and so long that some entries are accepted.
const LAG: u64 = 7;
const AGE: u64 = 1_000;
const WEIGHT: usize = 10;

/// How many acceptances of all executions came from the map: a search that finds no hits finds nothing.
static HITS: AtomicUsize = AtomicUsize::new(0);

/// The server: which records have ended, and what the feed has not fetched yet.
#[derive(Default)]
struct Server {
    /// When each ending was acknowledged; `None` until then.
    ended: HashMap<u8, Option<u64>>,
    /// What was announced; `None` while no feed is open.
    announced: Option<Vec<Selector>>,
}

struct World {
    leased: Leased<u8>,
    server: Mutex<Server>,
    steps: AtomicU64,
}

fn selector(record: u8) -> Selector {
    Selector([record; 16])
}

impl World {
    fn new(entries: usize) -> Arc<Self> {
        Arc::new(Self {
            leased: Leased::new(1, entries * WEIGHT),
            server: Mutex::new(Server::default()),
            steps: AtomicU64::new(1),
        })
    }

    fn now(&self) -> u64 {
        self.steps.fetch_add(1, Ordering::SeqCst)
    }

    /// Ends a record: the change and the announcement are one step, and the acknowledgement comes later.
    fn end(&self, record: u8) {
        // Otherwise most records would end before they are kept.
        for _ in 0..thread_rng().gen_range(0..60) {
            thread::yield_now();
        }
        {
            let mut server = self.server.lock().unwrap();
            server.ended.insert(record, None);
            if let Some(announced) = &mut server.announced {
                announced.push(selector(record));
            }
        }
        let at = self.now();
        self.server.lock().unwrap().ended.insert(record, Some(at));
    }

    fn open(&self) -> u64 {
        self.server.lock().unwrap().announced = Some(Vec::new());
        self.leased.open()
    }

    fn turn(&self, flushes: u64) {
        let t0 = self.now();
        let announced = std::mem::take(self.server.lock().unwrap().announced.as_mut().unwrap());
        if thread_rng().gen_bool(0.2) {
            self.leased.ended_shard([0, 0]);
        }
        self.leased.ended(&announced);
        assert!(self.leased.raise(t0, flushes));
    }

    /// Opens a feed, takes some turns, loses the feed, and goes on.
    fn feed(&self, feeds: usize, turns: usize) {
        for feed in 1..=feeds {
            let flushes = self.open();
            for _ in 0..turns {
                self.turn(flushes);
                thread::yield_now();
            }
            if feed == feeds {
                return;
            }
            // What is announced from now on is lost.
            self.server.lock().unwrap().announced = None;
            self.leased.flush();
            assert!(!self.leased.raise(self.now(), flushes), "a proof of the old feed");
        }
    }

    /// Verifies a record like the service does: from the map, or by a read whose result is kept.
    fn verify(&self, record: u8) {
        if let Known::Entry(entry) = self.leased.get(selector(record)) {
            assert_eq!(entry.value, record);
            // A caller may stop between any two steps.
            thread::yield_now();
            let mut checked_at = 0;
            let now = || {
                checked_at = self.now();
                checked_at
            };
            if self.leased.check(&entry, LAG, AGE, now).is_ok() {
                HITS.fetch_add(1, Real::Relaxed);
                let acknowledged = self.server.lock().unwrap().ended.get(&record).copied().flatten();
                let late = acknowledged.map_or(0, |at| checked_at.saturating_sub(at));
                assert!(late <= LAG, "accepted {late} steps after the ending was acknowledged");
                return;
            }
        }
        let ticket = self.leased.begin(selector(record), self.now());
        let lives = !self.server.lock().unwrap().ended.contains_key(&record);
        thread::yield_now();
        if let (true, Some(ticket)) = (lives, ticket) {
            ticket.fill(record, WEIGHT);
        }
    }
}

/// Runs callers beside one feed and one ending of each record.
fn explore(records: u8, entries: usize, feeds: usize, turns: usize) {
    HITS.store(0, Real::Relaxed);
    let execution = move || {
        let world = World::new(entries);
        let mut threads = Vec::new();
        for _ in 0..2 {
            let world = Arc::clone(&world);
            threads.push(thread::spawn(move || {
                for number in 0..12 {
                    world.verify(number % records);
                }
            }));
        }
        let feeding = Arc::clone(&world);
        threads.push(thread::spawn(move || feeding.feed(feeds, turns)));
        let ending = Arc::clone(&world);
        threads.push(thread::spawn(move || (0..records).for_each(|record| ending.end(record))));
        for thread in threads {
            thread.join().unwrap();
        }
    };
    shuttle::check_random(execution, EXECUTIONS);
    // Stops a thread at few places, and for long: a caller that stands still between two steps.
    shuttle::check_pct(execution, EXECUTIONS, 4);
    assert!(HITS.load(Real::Relaxed) > EXECUTIONS / 10, "only {} hits", HITS.load(Real::Relaxed));
}

/// A caller that has fetched an entry stands still while its record ends, and while the next turn hears that and proves
/// more.
fn stand_still() {
    let execution = || {
        let world = World::new(1);
        let flushes = world.open();
        world.verify(0);
        world.turn(flushes);
        let verifying = Arc::clone(&world);
        let caller = thread::spawn(move || {
            // Otherwise it would mostly be over before the record ends.
            for _ in 0..thread_rng().gen_range(0..90) {
                thread::yield_now();
            }
            verifying.verify(0);
        });
        world.end(0);
        for _ in 0..=LAG {
            world.now();
        }
        world.turn(flushes);
        caller.join().unwrap();
    };
    shuttle::check_random(execution, EXECUTIONS);
}

/// One test, because the number of hits is counted for one search at a time.
#[test]
fn no_interleaving_accepts_what_ended_longer_ago_than_the_lag() {
    stand_still();
    // One record that is read, kept, ended and read again.
    explore(1, 1, 1, 6);
    // Losses in between.
    explore(1, 1, 3, 3);
    // Two records with room for one: entries are evicted while callers hold them.
    explore(2, 1, 1, 6);
}

/// What a caller finds has to be older than the instant that it compares it with: had it stopped in between, an old
/// proof would look new.
#[test]
fn the_clock_is_read_last() {
    let execution = || {
        let world = World::new(1);
        let flushes = world.open();
        world.verify(0);
        // Not a turn, which may report more than what has ended.
        assert!(world.leased.raise(world.now(), flushes));
        let Known::Entry(entry) = world.leased.get(selector(0)) else { panic!("it is kept") };
        let now = || {
            // A caller that still looked at the proof or the entry would find them gone.
            world.leased.flush();
            world.now()
        };
        assert_eq!(world.leased.check(&entry, LAG, AGE, now), Ok(()));
    };
    shuttle::check_random(execution, 1);
}
