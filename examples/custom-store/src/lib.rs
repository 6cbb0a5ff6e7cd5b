#![doc = include_str!("../README.md")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::store::{
    Action, Admission, Announcer, BoxError, Change, ChangeFeed, Epoch, EpochUpdate, Era, Fence, Heard,
    Insert, Listed, Lost, Note, Page, Proven, Purged, Record, Replace, Revision, Revocation, Selector,
    StoreError, Subject, Timestamp, TokenStore,
};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

type Result<T> = std::result::Result<T, StoreError>;

/// How long a call waits for room in the inbox, and then for its answer.
const LIMIT: Duration = Duration::from_secs(5);
/// The most jobs that wait in the inbox.
const INBOX: usize = 64;
/// The most endings that wait for a turn of a feed: 1 MiB.
const QUEUE: usize = 65_536;
/// Whether a job writes: then the outcome is unknown if its answer is lost.
const READS: bool = false;
const WRITES: bool = true;

type Job = Box<dyn FnOnce(&mut Tables) + Send>;
/// Keeps tokens in the memory of an actor. Clones share it.
#[derive(Clone, Debug)]
pub struct ActorStore(Arc<Mutex<Actor>>);

/// The inbox of a task that owns the tables and does one job after another.
#[derive(Clone, Debug)]
struct Actor(mpsc::Sender<Job>);

#[derive(Default)]
struct Tables {
    records: BTreeMap<Selector, Record>,
    epochs: BTreeMap<Subject, (Epoch, Timestamp)>,
    feeds: Vec<mpsc::Sender<Selector>>,
}

impl ActorStore {
    /// Creates an empty store. Its actor starts with the first call.
    #[must_use]
    pub fn empty() -> Self {
        Self(Arc::new(Mutex::new(Actor(mpsc::channel(1).0)))) // nothing receives: it counts as stopped
    }

    /// Returns the actor. If it has stopped, starts another one, whose tables are empty.
    fn actor(&self) -> Actor {
        let mut actor = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if actor.0.is_closed() {
            let (inbox, mut jobs) = mpsc::channel(INBOX);
            *actor = Actor(inbox);
            tokio::spawn(async move {
                let mut tables = Tables::default();
                while let Some(job) = jobs.recv().await {
                    job(&mut tables);
                }
            });
        }
        actor.clone()
    }
}

impl Actor {
    /// Has a job done. A job in the inbox is done even if this future is dropped; any other never is.
    async fn ask<T, F>(&self, writes: bool, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tables) -> T + Send + 'static,
    {
        let late = |source: BoxError, outcome_unknown| StoreError::Timeout { source, outcome_unknown };
        let (to, answer) = oneshot::channel();
        let job = Box::new(|tables: &mut Tables| drop(to.send(job(tables)))); // if it fails, the caller has gone
        let sent = timeout(LIMIT, self.0.send(job)).await.map_err(|elapsed| late(elapsed.into(), false))?;
        sent.map_err(|_| StoreError::Unavailable("the actor has stopped".into()))?;
        let answer = timeout(LIMIT, answer).await.map_err(|elapsed| late(elapsed.into(), writes))?;
        answer.map_err(|stopped| late(stopped.into(), writes))
    }
}

#[async_trait]
impl TokenStore for ActorStore {
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert> {
        if record.subject.as_ref().is_some_and(|subject| subject.shard() != record.selector.shard()) {
            return Err(StoreError::Refused("the selector is not of the subject's shard".into()));
        }
        let record = record.clone();
        let insert = move |tables: &mut Tables| match tables.records.contains_key(&record.selector) {
            true => Insert::Duplicate,
            false if !tables.admits(&record, fence) => Insert::Fenced,
            false => {
                tables.records.insert(record.selector, record);
                Insert::Inserted { of_subject: None }
            }
        };
        self.actor().ask(WRITES, insert).await
    }

    async fn find(&self, selector: Selector) -> Result<Option<Record>> {
        self.actor().ask(READS, move |tables| tables.records.get(&selector).cloned()).await
    }

    async fn replace(&self, next: &Record, expected: Revision, change: Change<'_>) -> Result<Replace> {
        if expected == Revision::MAX {
            return Err(StoreError::Refused("the revision cannot be counted any further".into()));
        }
        let (next, ends) = (next.clone(), matches!(change, Change::End(_)));
        let replace = move |tables: &mut Tables| match tables.records.get(&next.selector) {
            None => Replace::Missing,
            Some(old) if old.revision != expected || old.revoked.is_some() => Replace::Conflict,
            Some(_) => {
                match ends {
                    true => drop(tables.end(next.selector, Some(next))),
                    false => drop(tables.records.insert(next.selector, next)),
                }
                Replace::Replaced
            }
        };
        self.actor().ask(WRITES, replace).await
    }

    async fn delete(&self, selector: Selector, _: &Note) -> Result<bool> {
        self.actor().ask(WRITES, move |tables| tables.end(selector, None)).await
    }

    async fn revoke_by_subject(&self, subject: &Subject, revocation: &Revocation) -> Result<u64> {
        let (subject, revocation) = (subject.clone(), revocation.clone());
        let revoke = move |tables: &mut Tables| {
            if let EpochUpdate::Set { epoch, now, keep } = revocation.epoch {
                tables.keep_epoch(&subject, epoch, now.saturating_add(keep)).0 = epoch;
            }
            let matching = tables.of(&subject).filter(|record| revocation.filter.matches(record));
            let mut ending: Vec<Record> = matching.cloned().collect();
            if let Action::Mark { reason, at } = revocation.action {
                ending.retain(|record| record.revoked.is_none());
                ending.iter_mut().for_each(|record| record.mark(reason, at));
            }
            let marks = matches!(revocation.action, Action::Mark { .. });
            let mut end = |record: &Record| tables.end(record.selector, marks.then(|| record.clone()));
            ending.iter().filter(|record| end(record)).count() as u64
        };
        self.actor().ask(WRITES, revoke).await
    }

    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Listed>> {
        let (subject, page) = (subject.clone(), page.clone());
        let list = move |tables: &mut Tables| {
            let place = |record: &Record| (record.created_at, record.selector);
            let mut wanted: Vec<&Record> = tables.of(&subject).collect();
            wanted.retain(|record| page.shows(&record.kind, record.purpose));
            wanted.retain(|record| page.after.is_none_or(|after| place(record) < after));
            wanted.sort_unstable_by_key(|record| std::cmp::Reverse(place(record)));
            wanted.into_iter().take(page.limit.get().into()).cloned().map(Listed::from).collect()
        };
        self.actor().ask(READS, list).await
    }

    async fn epoch(&self, subject: &Subject, new: Epoch, keep: Duration, at: Timestamp) -> Result<Admission> {
        let (subject, until) = (subject.clone(), at.saturating_add(keep));
        let epoch = move |tables: &mut Tables| tables.keep_epoch(&subject, new, until).0;
        Ok(Admission { epoch: self.actor().ask(WRITES, epoch).await?, era: Era::FIRST })
    }

    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged> {
        let limit = limit as usize;
        let purge = move |tables: &mut Tables| {
            tables.epochs.retain(|_, (_, until)| now < *until);
            let due = tables.records.values().filter(|it| it.purge_at <= now).map(|it| it.selector);
            let mut due: Vec<Selector> = due.take(limit.saturating_add(1)).collect();
            let more = due.len() > limit;
            due.truncate(limit);
            due.iter().for_each(|selector| drop(tables.records.remove(selector)));
            Purged { removed: due.len() as u64, more }
        };
        self.actor().ask(WRITES, purge).await
    }

    fn announcer(&self) -> Option<&dyn Announcer> {
        Some(self)
    }
}

impl Tables {
    fn admits(&self, record: &Record, fence: Fence) -> bool {
        let epoch = || Some(self.epochs.get(record.subject.as_ref()?)?.0);
        match fence {
            Fence::None => true,
            Fence::Epoch(expected) => epoch() == Some(expected),
            Fence::Parent(parent) => self.records.get(&parent).is_some_and(|it| it.revoked.is_none()),
        }
    }

    /// Returns the records of a subject: among those whose selectors begin with its shard.
    fn of(&self, subject: &Subject) -> impl Iterator<Item = &Record> {
        let shard = subject.shard();
        let first = Selector(std::array::from_fn(|at| shard.get(at).copied().unwrap_or(0)));
        let of_shard = self.records.range(first..).take_while(move |(selector, _)| selector.shard() == shard);
        of_shard.map(|(_, record)| record).filter(move |record| record.subject.as_ref() == Some(subject))
    }

    /// Keeps the epoch of a subject at least until then; if it has none, makes it `new`.
    fn keep_epoch(&mut self, subject: &Subject, new: Epoch, until: Timestamp) -> &mut (Epoch, Timestamp) {
        let kept = self.epochs.entry(subject.clone()).or_insert((new, until));
        kept.1 = kept.1.max(until);
        kept
    }

    /// Removes a record, or puts `marked` in its place, and announces that. Returns whether there was one.
    fn end(&mut self, selector: Selector, marked: Option<Record>) -> bool {
        let old = match marked {
            Some(record) => self.records.insert(selector, record),
            None => self.records.remove(&selector),
        };
        // A feed that was dropped, or is too far behind, hears no more.
        self.feeds.retain(|feed| feed.try_send(selector).is_ok());
        old.is_some()
    }
}

/// The actor that the feed listens to, and what ended since the last turn.
#[derive(Debug)]
struct ActorFeed(Actor, mpsc::Receiver<Selector>);

#[async_trait]
impl Announcer for ActorStore {
    async fn feed(&self) -> Result<Box<dyn ChangeFeed>> {
        let (actor, (announced, ended)) = (self.actor(), mpsc::channel(QUEUE));
        actor.ask(WRITES, |tables| tables.feeds.push(announced)).await?;
        Ok(Box::new(ActorFeed(actor, ended)))
    }
}

#[async_trait]
impl ChangeFeed for ActorFeed {
    async fn turn(&mut self, heard: &Heard) -> Result<Proven> {
        let Self(actor, queue) = self;
        if actor.0.is_closed() {
            return Ok(Proven::Lost(Lost::Restarted)); // what the next actor ends, this feed does not hear
        }
        // An ending is in the queue before it is acknowledged: if that came before this question, it is there now.
        actor.ask(READS, |_| ()).await?;
        let ended: Vec<_> = std::iter::from_fn(|| queue.try_recv().ok()).take(QUEUE).collect();
        heard.ended(&ended);
        Ok(if queue.is_closed() { Proven::Lost(Lost::Trimmed) } else { Proven::ThisTurn })
    }
}
