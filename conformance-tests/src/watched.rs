//! The store under test, with a log of every call.

use std::fmt::{self, Debug};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::store::{
    Admission, Announcer, Change, ChangeFeed, Epoch, EpochUpdate, Fence, Heard, Insert, Listed, Logins, Page,
    Proven, Purged, Record, RecordFilter, Replace, Revision, Revocation, TokenStore,
};
use hallpass_core::{Kind, Kinds, Note, Purposes, Selector, StoreError, Subject, Timestamp};

use crate::coverage::Asked;
use crate::gate::Gate;
use crate::history::{Call, History};
use hallpass_core::error_chain;

/// How often a call is repeated if the store refused it without doing anything.
const TRIES: u32 = 40;
/// How long a call is repeated, and how often at least: each try may wait for a lock.
const PATIENCE: (Duration, u32) = (Duration::from_secs(10), 3);

/// The store under test. Clones are the same store.
///
/// A call that certainly did nothing is repeated, because a store may be unavailable now and then if it says so.
/// [`Watched::bare`] does not repeat calls.
#[derive(Clone)]
pub(crate) struct Watched {
    store: Arc<dyn TokenStore>,
    history: History,
    node: usize,
    patient: bool,
    /// Where answers of `find` and turns of a feed can be held back.
    gate: Option<Gate>,
}

type Asking<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

impl Watched {
    pub(crate) fn new(store: Arc<dyn TokenStore>, history: History, node: usize) -> Self {
        Self { store, history, node, patient: true, gate: None }
    }

    /// The same store, without retries: it returns every error.
    pub(crate) fn bare(&self) -> Self {
        Self { patient: false, ..self.clone() }
    }

    /// The same store, through a gate.
    pub(crate) fn through(&self, gate: &Gate) -> Self {
        Self { gate: Some(gate.clone()), ..self.clone() }
    }

    /// Records something that is done with the store and is none of its calls.
    pub(crate) fn call(&self, what: String) -> Call {
        self.history.begin(self.node, what)
    }

    /// The store without the log of calls.
    pub(crate) const fn store(&self) -> &Arc<dyn TokenStore> {
        &self.store
    }

    async fn ask<'a, T: Send>(
        &'a self,
        asked: Asked<'a>,
        answer: impl Fn(&T) -> String + Send,
        wrote: impl Fn(&T) -> bool + Send,
        ask: impl Fn() -> Asking<'a, T> + Send,
    ) -> Result<T, StoreError> {
        let began = self.history.elapsed();
        for tried in 1.. {
            let visit = self.history.visit(asked, self.node);
            let call = self.history.begin(self.node, asked.text());
            let result = ask().await;
            let fault = matches!(&result, Err(StoreError::Unavailable(_) | StoreError::Timeout { .. }));
            visit.end(result.as_ref().is_ok_and(&wrote), fault);
            match &result {
                Ok(value) => call.answer(answer(value)),
                Err(error) => {
                    self.history.hear_error(&asked.text(), error);
                    call.end(error_chain(error));
                }
            }
            let harmless = matches!(
                &result,
                Err(StoreError::Unavailable(_) | StoreError::Timeout { outcome_unknown: false, .. })
            );
            let waited = tried >= PATIENCE.1 && self.history.elapsed() - began > PATIENCE.0;
            if !(harmless && self.patient && tried < TRIES && !waited) {
                return result;
            }
            tokio::time::sleep(Duration::from_millis(u64::from(tried.min(10) - 1))).await;
        }
        unreachable!("the loop has no end")
    }
}

#[async_trait]
impl TokenStore for Watched {
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let ask = || self.store.insert(record, fence);
        self.ask(Asked::Insert(record, fence), debug, |answer| answer.is_inserted(), ask).await
    }

    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        let answer = |found: &Option<Record>| found_text(found.as_ref());
        let found = self.ask(Asked::Find(selector), answer, |_| false, || self.store.find(selector)).await;
        if let Some(gate) = &self.gate {
            gate.pass_find().await;
        }
        found
    }

    async fn replace(
        &self,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        let ask = || self.store.replace(next, expected, change);
        let asked = Asked::Replace(next, expected, change);
        self.ask(asked, debug, |answer| *answer == Replace::Replaced, ask).await
    }

    async fn delete(&self, selector: Selector, note: &Note) -> Result<bool, StoreError> {
        let ask = || self.store.delete(selector, note);
        self.ask(Asked::Delete(selector, note), debug, |found| *found, ask).await
    }

    async fn revoke_by_subject(&self, subject: &Subject, revocation: &Revocation) -> Result<u64, StoreError> {
        let ask = || self.store.revoke_by_subject(subject, revocation);
        self.ask(Asked::Revoke(subject, revocation), |count| count_text(*count), |_| true, ask).await
    }

    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError> {
        let answer = |entries: &Vec<Listed>| list_text(entries.iter().map(|entry| entry.place().1));
        let ask = || self.store.list_by_subject(subject, page);
        let listed = self.ask(Asked::List(subject, page), answer, |_| false, ask).await?;
        for entry in &listed {
            if let Listed::Corrupt { source, .. } = entry {
                self.history
                    .hear("the source of a damaged row", &format!("{source:?} {}", error_chain(&**source)));
            }
        }
        Ok(listed)
    }

    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        let ask = || self.store.epoch(subject, fresh, keep, now);
        let answer = |admission: &Admission| brief_epoch(admission.epoch);
        self.ask(Asked::Epoch(subject, fresh, keep, now), answer, |_| true, ask).await
    }

    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let ask = || self.store.purge_expired(now, limit);
        self.ask(Asked::Purge(now, limit), debug, |purged| purged.removed > 0, ask).await
    }

    fn announcer(&self) -> Option<&dyn Announcer> {
        self.store.announcer().map(|_| self as &dyn Announcer)
    }
}

#[async_trait]
impl Announcer for Watched {
    async fn feed(&self) -> Result<Box<dyn ChangeFeed>, StoreError> {
        let Some(announcer) = self.store.announcer() else {
            return Err(StoreError::Refused("the store announces nothing any more".into()));
        };
        let (history, gate) = (self.history.clone(), self.gate.clone());
        match announcer.feed().await {
            Ok(feed) => {
                history.hear("the `Debug` output of a feed", &format!("{feed:?}"));
                Ok(Box::new(WatchedFeed { feed, history, gate }))
            }
            Err(error) => {
                history.hear_error("open a feed", &error);
                Err(error)
            }
        }
    }
}

/// A feed of the store. What it prints is read (S18).
#[derive(Debug)]
struct WatchedFeed {
    feed: Box<dyn ChangeFeed>,
    history: History,
    gate: Option<Gate>,
}

#[async_trait]
impl ChangeFeed for WatchedFeed {
    async fn turn(&mut self, heard: &Heard) -> Result<Proven, StoreError> {
        if let Some(gate) = &self.gate {
            gate.pass_turn().await;
        }
        self.feed.turn(heard).await.inspect_err(|error| self.history.hear_error("turn", error))
    }
}

impl Asked<'_> {
    /// Formats the call for a reader.
    pub(crate) fn text(&self) -> String {
        match *self {
            Self::Insert(record, fence) => {
                let fence = match fence {
                    Fence::None => String::new(),
                    Fence::Epoch(epoch) => format!(" if the epoch is {}", brief_epoch(epoch)),
                    Fence::Parent(parent) => format!(" if {} lives", brief(parent)),
                };
                format!("insert {} {}{fence}", brief(record.selector), whose(record.subject.as_ref()))
            }
            Self::Find(selector) => format!("find {}", brief(selector)),
            Self::Replace(next, expected, _) => {
                format!("replace {} at revision {} by {}", brief(next.selector), expected.get(), state(next))
            }
            Self::Delete(selector, _) => format!("delete {}", brief(selector)),
            Self::Revoke(subject, Revocation { filter, action, epoch, .. }) => {
                let epoch = match epoch {
                    EpochUpdate::Keep => String::new(),
                    EpochUpdate::Set { epoch, now, keep } => {
                        format!(", epoch to {} at {now:?} for {keep:?}", brief_epoch(*epoch))
                    }
                };
                format!("revoke_by_subject {} {}{action:?}{epoch}", whose(Some(subject)), chosen(filter))
            }
            Self::List(subject, page) => {
                let after =
                    page.after.map_or(String::new(), |(_, selector)| format!(" after {}", brief(selector)));
                let sets = sets(&page.kinds, page.purposes);
                format!("list_by_subject {} {sets}at most {}{after}", whose(Some(subject)), page.limit)
            }
            Self::Epoch(subject, fresh, keep, now) => {
                let fresh = brief_epoch(fresh);
                format!("epoch {} at {now:?} for {keep:?}, if missing {fresh}", whose(Some(subject)))
            }
            Self::Purge(now, limit) => format!("purge_expired at {now:?}, at most {limit}"),
        }
    }
}

pub(crate) fn found_text(found: Option<&Record>) -> String {
    found.map_or("nothing".into(), state)
}

pub(crate) fn count_text(count: u64) -> String {
    format!("{count} records")
}

pub(crate) fn list_text(entries: impl Iterator<Item = Selector>) -> String {
    let entries: Vec<_> = entries.map(brief).collect();
    let more = if entries.len() > 6 { " …" } else { "" };
    format!("{} entries: {}{more}", entries.len(), entries[..entries.len().min(6)].join(" "))
}

/// Shows nothing of the store's own `Debug` output, which S18 is about.
impl Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}

fn debug<T: Debug>(value: &T) -> String {
    format!("{value:?}")
}

/// The last 8 digits; the first ones are the shard, which all records of a subject share.
pub(crate) fn brief(selector: Selector) -> String {
    selector.to_string().split_off(24)
}

pub(crate) fn brief_epoch(epoch: Epoch) -> String {
    epoch.0[..3].iter().fold("e-".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

/// The subject, shortened if its name is long.
fn whose(subject: Option<&Subject>) -> String {
    match subject {
        None => "of no subject".to_owned(),
        Some(subject) if subject.as_str().len() > 24 => {
            let first: String = subject.as_str().chars().take(8).collect();
            format!("of {first:?}… ({} bytes)", subject.as_str().len())
        }
        Some(subject) => format!("of {:?}", subject.as_str()),
    }
}

/// The conditions of a filter that exclude records.
fn chosen(filter: &RecordFilter) -> String {
    let logins = match filter.logins {
        Logins::Any => String::new(),
        logins => format!("{logins:?} "),
    };
    sets(&filter.kinds, filter.purposes) + &logins
}

fn sets(kinds: &Kinds, purposes: Purposes) -> String {
    let mut text = String::new();
    if let Kinds::Only(kinds) = kinds {
        let names: Vec<_> = kinds.iter().map(Kind::as_str).collect();
        text = format!("of kinds {names:?} ");
    }
    if purposes != Purposes::ALL {
        text.push_str(&format!("of purposes {:?} ", purposes.iter().collect::<Vec<_>>()));
    }
    text
}

fn state(record: &Record) -> String {
    let mark = record.revoked.map_or(String::new(), |reason| format!(" marked {reason:?}"));
    format!("revision {}{mark}", record.revision.get())
}
