//! Listens to the feed of a store, and checks what its turns prove (contract S19).
//!
//! No clock decides anything here. A [`Journal`] numbers what happens: the beginning and the acknowledgement of an
//! ending, the opening of a feed, the beginning of a turn, a report.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hallpass_core::error_chain;
use hallpass_core::store::{Announced, Announcer, ChangeFeed, Heard, Lost, Proven, TokenStore};
use hallpass_core::{Selector, StoreError};
use tokio::time::{sleep, timeout};

use crate::clause::Clause::S19;
use crate::handle::Handle;
use crate::history::now;
use crate::outcome::{CaseResult, Stop, hold};
use crate::watched::brief;

/// How long a feed may take to open (S12), and a turn while the server works.
const BOUND: Duration = Duration::from_secs(20);
/// How long turns may prove nothing, and how many at least.
const LIMIT: (Duration, u32) = (Duration::from_secs(30), 16);

/// What ended, in order. Clones are the same journal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journal(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    last: u64,
    /// What is about to end, by the number of the beginning.
    under_way: BTreeMap<u64, Vec<Selector>>,
    /// When a record that is about to end was seen alive.
    alive: HashMap<Selector, u64>,
    /// By the order of their acknowledgements.
    endings: Vec<Ending>,
}

#[derive(Clone, Copy, Debug)]
struct Ending {
    selector: Selector,
    begun: u64,
    acknowledged: u64,
}

impl Journal {
    /// The number of what happens now.
    pub(crate) fn next(&self) -> u64 {
        let mut entries = self.lock();
        entries.last += 1;
        entries.last
    }

    /// Notes that a call begins which will end these records, and returns its number.
    pub(crate) fn begin(&self, selectors: &[Selector]) -> u64 {
        let begun = self.next();
        self.lock().under_way.insert(begun, selectors.to_vec());
        begun
    }

    /// Notes that this call has ended them, and was acknowledged.
    pub(crate) fn acknowledged(&self, begun: u64) {
        let mut entries = self.lock();
        entries.last += 1;
        let acknowledged = entries.last;
        for selector in entries.under_way.remove(&begun).unwrap_or_default() {
            // It had not ended when it was seen alive.
            let begun = entries.alive.remove(&selector).unwrap_or_default().max(begun);
            entries.endings.push(Ending { selector, begun, acknowledged });
        }
    }

    /// The records that are about to end.
    pub(crate) fn under_way(&self) -> Vec<Selector> {
        self.lock().under_way.values().flatten().copied().collect()
    }

    /// Notes that a `find` which began at `asked` has seen this record alive.
    pub(crate) fn lives(&self, selector: Selector, asked: u64) {
        self.lock().alive.insert(selector, asked);
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a feed has reported, each with the number of the last report.
#[derive(Debug, Default)]
struct Reports {
    selectors: HashMap<Selector, u64>,
    shards: HashMap<[u8; 2], u64>,
    lost: Option<Lost>,
    /// How many reports of this turn there were.
    count: usize,
}

impl Reports {
    /// When this record was last reported, alone or with its shard; 0 if never.
    fn of(&self, selector: Selector) -> u64 {
        let alone = self.selectors.get(&selector).copied().unwrap_or_default();
        alone.max(self.shards.get(&selector.shard()).copied().unwrap_or_default())
    }
}

/// What a turn brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Everything that was acknowledged before this was heard, as the listener has checked.
    Proved(u64),
    /// Nothing: it failed, or proved a turn before that is none.
    Nothing,
    /// The feed was lost, or cut off. The next turn opens another.
    Lost,
}

/// A feed that is listened to, as core does.
#[derive(Debug)]
pub(crate) struct Listener {
    store: Handle,
    journal: Journal,
    opened: Option<Opened>,
    /// How many endings had to be heard, and were.
    pub(crate) heard: usize,
}

#[derive(Debug)]
struct Opened {
    feed: Box<dyn ChangeFeed>,
    /// Endings that began after this have to be heard.
    since: u64,
    /// When the turn before began, if it went well.
    before: Option<u64>,
    reports: Arc<Mutex<Reports>>,
    /// How many endings of the journal were checked.
    checked: usize,
}

impl Listener {
    /// Opens a feed of this handle.
    pub(crate) async fn open(store: &Handle, journal: &Journal) -> CaseResult<Self> {
        let (store, journal) = (store.clone(), journal.clone());
        let mut listener = Self { store, journal, opened: None, heard: 0 };
        listener.reopen().await?;
        Ok(listener)
    }

    /// Opens a feed, unless one is open.
    pub(crate) async fn reopen(&mut self) -> CaseResult {
        if self.opened.is_none() {
            let feed = open(&self.store).await?;
            let since = self.journal.next();
            let (reports, checked) = (Arc::default(), self.journal.lock().endings.len());
            self.opened = Some(Opened { feed, since, before: None, reports, checked });
        }
        Ok(())
    }

    /// Drops the feed.
    pub(crate) fn close(&mut self) {
        self.opened = None;
    }

    pub(crate) const fn is_open(&self) -> bool {
        self.opened.is_some()
    }

    /// When this record was last reported by the open feed; 0 if never.
    pub(crate) fn reported(&self, selector: Selector) -> u64 {
        self.opened.as_ref().map_or(0, |opened| lock(&opened.reports).of(selector))
    }

    /// Takes a turn, of a feed that is opened if need be, and checks what it proves.
    pub(crate) async fn turn(&mut self) -> CaseResult<Turn> {
        match self.turn_within(BOUND).await? {
            Some(turn) => Ok(turn),
            None => {
                let observed = format!("a turn has not ended within {BOUND:?}, and nothing fails");
                Err(Stop::Late { clause: S19, observed })
            }
        }
    }

    /// Like [`turn`](Self::turn), but cuts the turn off after a while, as core does. `None` if it was; then the feed is
    /// dropped.
    pub(crate) async fn turn_within(&mut self, limit: Duration) -> CaseResult<Option<Turn>> {
        self.reopen().await?;
        let Some(mut opened) = self.opened.take() else { return Ok(None) };
        let (call, began) = (self.store.watched().call("turn".to_owned()), self.journal.next());
        let heard = opened.heard(&self.journal);
        let Ok(answer) = timeout(limit, opened.feed.turn(&heard)).await else { return Ok(None) };
        let (lost, count) = {
            let mut reports = lock(&opened.reports);
            (reports.lost, std::mem::take(&mut reports.count))
        };
        call.answer(match &answer {
            Ok(proven) => format!("{proven:?}, {count} reports"),
            Err(error) => error_chain(error),
        });
        let proof = match (answer, lost) {
            (_, Some(_)) | (Ok(Proven::Lost(_)), _) => return Ok(Some(Turn::Lost)),
            (Ok(Proven::ThisTurn), _) => Some(began),
            (Ok(Proven::TurnBefore), _) => opened.before,
            (Err(_), _) => {
                opened.before = None;
                self.opened = Some(opened);
                return Ok(Some(Turn::Nothing));
            }
        };
        opened.before = Some(began);
        let Some(proved) = proof else {
            self.opened = Some(opened);
            return Ok(Some(Turn::Nothing));
        };
        self.heard += opened.check(&self.journal, proved)?;
        self.opened = Some(opened);
        Ok(Some(Turn::Proved(proved)))
    }

    /// Takes a turn of the open feed while nothing can be asked: it proves nothing.
    pub(crate) async fn turn_during_a_fault(&mut self, limit: Duration) -> CaseResult {
        let turn = self.turn_within(limit).await?;
        let said = "a turn that began during a fault has proved something, without an answer of the server";
        hold(S19, !matches!(turn, Some(Turn::Proved(_))), said)
    }

    /// Takes turns until one proves everything that was acknowledged before this call. Returns whether the feed was
    /// kept: if it was lost, nothing had to be heard.
    pub(crate) async fn prove(&mut self) -> CaseResult<bool> {
        let (since, started, mut kept) = (self.journal.next(), now(), true);
        for tried in 1.. {
            kept &= self.is_open();
            match self.turn().await? {
                Turn::Proved(proved) if proved > since => return Ok(kept),
                Turn::Proved(_) => {}
                Turn::Lost | Turn::Nothing => {
                    if tried >= LIMIT.1 && started.elapsed() > LIMIT.0 {
                        break;
                    }
                    sleep(Duration::from_millis(u64::from(tried.min(20) - 1))).await;
                }
            }
        }
        let observed = format!("for {:?} no turn has proved anything, and nothing fails", LIMIT.0);
        Err(Stop::Late { clause: S19, observed })
    }
}

impl Opened {
    fn heard(&self, journal: &Journal) -> Heard {
        let (reports, journal) = (Arc::clone(&self.reports), journal.clone());
        Heard::new(move |announced| {
            let number = journal.next();
            let mut reports = lock(&reports);
            reports.count += 1;
            match announced {
                Announced::Ended(selectors) => {
                    reports.selectors.extend(selectors.iter().map(|selector| (*selector, number)));
                }
                Announced::Shard(shard) => drop(reports.shards.insert(shard, number)),
                Announced::Lost(why) => reports.lost = Some(why),
                // Nothing that is known to be an ending.
                _ => {}
            }
        })
    }

    /// Checks that every ending which was acknowledged before `proved` was heard, and returns how many there were. A
    /// report that came before the ending began was about something else.
    fn check(&mut self, journal: &Journal, proved: u64) -> CaseResult<usize> {
        let reports = lock(&self.reports);
        let (mut count, mut unheard) = (0, Vec::new());
        let entries = journal.lock();
        let new = entries.endings.iter().skip(self.checked).take_while(|end| end.acknowledged < proved);
        for ending in new {
            self.checked += 1;
            if ending.begun > self.since {
                count += 1;
                if reports.of(ending.selector) < ending.begun {
                    unheard.push(ending.selector);
                }
            }
        }
        let first = unheard.first().map(|selector| brief(*selector)).unwrap_or_default();
        hold(
            S19,
            unheard.is_empty(),
            format_args!(
                "a turn proved that every ending acknowledged before it was heard, and {} of {count} were not: {first} …",
                unheard.len()
            ),
        )?;
        Ok(count)
    }
}

/// What announces the endings of a store that declares it.
pub(crate) fn announcer(store: &Handle) -> CaseResult<&dyn Announcer> {
    let observed = NO_ANNOUNCER.to_owned();
    store.watched().announcer().ok_or(Stop::Violation { clause: S19, observed })
}

/// Opens a feed. A store may be unavailable now and then, if it says so.
async fn open(store: &Handle) -> CaseResult<Box<dyn ChangeFeed>> {
    let announcer = announcer(store)?;
    let started = now();
    for tried in 1.. {
        let call = store.watched().call("open a feed".to_owned());
        let error = match timeout(BOUND, announcer.feed()).await {
            Ok(Ok(feed)) => {
                call.answer("ok".to_owned());
                return Ok(feed);
            }
            Ok(Err(error)) => error,
            Err(_) => {
                StoreError::Timeout { source: "a feed takes too long to open".into(), outcome_unknown: false }
            }
        };
        call.end(error_chain(&error));
        let observed = format!("no feed can be opened: {}", error_chain(&error));
        match error {
            StoreError::Unavailable(_) | StoreError::Timeout { .. } => {
                if tried >= LIMIT.1 && started.elapsed() > LIMIT.0 {
                    return Err(Stop::Late { clause: S19, observed });
                }
            }
            StoreError::Refused(_) => return Err(Stop::Violation { clause: S19, observed }),
            error => return Err(error.into()),
        }
        sleep(Duration::from_millis(u64::from(tried.min(20)))).await;
    }
    unreachable!("the loop has no end")
}

/// What a store does wrong that neither announces nor says so.
const NO_ANNOUNCER: &str = "the store announces nothing: `announcer` returned `None`. If it need not, declare \
                            `.without(Capability::Feed, …)`; then it serves no near cache";

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
