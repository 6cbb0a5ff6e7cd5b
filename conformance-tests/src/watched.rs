//! The store under test, with every call written down.

use std::fmt::{self, Debug};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::{
    Admission, Change, Epoch, EpochUpdate, Fence, Insert, Listed, Note, Page, Purged, Record, Replace,
    Revision, Revocation, Selector, StoreError, Subject, Timestamp, TokenStore,
};

use crate::history::History;
use crate::outcome::chain;

/// How often a call is made again that the store refused without having done anything.
const TRIES: u32 = 40;

/// The store under test. Clones are the same store.
///
/// It is patient: a store may be unavailable now and then as long as it says so. [`Watched::bare`] is not.
#[derive(Clone)]
pub(crate) struct Watched {
    store: Arc<dyn TokenStore>,
    history: History,
    node: usize,
    patient: bool,
}

type Asked<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

impl Watched {
    pub(crate) fn new(store: Arc<dyn TokenStore>, history: History, node: usize) -> Self {
        Self { store, history, node, patient: true }
    }

    /// The same store; it passes every error on at once.
    pub(crate) fn bare(&self) -> Self {
        Self { patient: false, ..self.clone() }
    }

    /// The store itself.
    pub(crate) const fn store(&self) -> &Arc<dyn TokenStore> {
        &self.store
    }

    async fn ask<'a, T: Send>(
        &'a self,
        what: String,
        answer: impl Fn(&T) -> String + Send,
        ask: impl Fn() -> Asked<'a, T> + Send,
    ) -> Result<T, StoreError> {
        for tried in 1.. {
            let call = self.history.begin(self.node, what.clone());
            let result = ask().await;
            call.end(match &result {
                Ok(value) => answer(value),
                Err(error) => chain(error),
            });
            let harmless = matches!(
                &result,
                Err(StoreError::Unavailable(_) | StoreError::Timeout { outcome_unknown: false, .. })
            );
            if !(harmless && self.patient && tried < TRIES) {
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
        let fence_text = match fence {
            Fence::None => String::new(),
            Fence::Epoch(epoch) => format!(" if the epoch is {}", brief_epoch(epoch)),
            Fence::Parent(parent) => format!(" if {} lives", brief(parent)),
        };
        let what = format!("insert {}{fence_text}", brief(record.selector));
        self.ask(what, debug, || self.store.insert(record, fence)).await
    }

    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        let answer = |found: &Option<Record>| found.as_ref().map_or("nothing".into(), state);
        self.ask(format!("find {}", brief(selector)), answer, || self.store.find(selector)).await
    }

    async fn replace(
        &self,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        let what =
            format!("replace {} at revision {} by {}", brief(next.selector), expected.get(), state(next));
        self.ask(what, debug, || self.store.replace(next, expected, change)).await
    }

    async fn delete(&self, selector: Selector, note: &Note) -> Result<bool, StoreError> {
        self.ask(format!("delete {}", brief(selector)), debug, || self.store.delete(selector, note)).await
    }

    async fn revoke_by_subject(&self, subject: &Subject, revocation: &Revocation) -> Result<u64, StoreError> {
        let Revocation { filter, action, epoch, .. } = revocation;
        let epoch = match epoch {
            EpochUpdate::Keep => String::new(),
            EpochUpdate::Set { epoch, .. } => format!(", epoch to {}", brief_epoch(*epoch)),
        };
        let what = format!("revoke_by_subject {filter:?} {action:?}{epoch}");
        let ask = || self.store.revoke_by_subject(subject, revocation);
        self.ask(what, |count| format!("{count} records"), ask).await
    }

    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError> {
        let after = page.after.map_or(String::new(), |(_, selector)| format!(" after {}", brief(selector)));
        let what = format!(
            "list_by_subject {:?} {:?} at most {}{after}",
            page.kinds,
            page.purposes.iter().collect::<Vec<_>>(),
            page.limit
        );
        let answer = |entries: &Vec<Listed>| {
            let few: Vec<_> = entries.iter().take(6).map(|entry| brief(entry.place().1)).collect();
            let more = if entries.len() > 6 { " …" } else { "" };
            format!("{} entries: {}{more}", entries.len(), few.join(" "))
        };
        self.ask(what, answer, || self.store.list_by_subject(subject, page)).await
    }

    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        let what = format!("epoch, if missing {}", brief_epoch(fresh));
        let ask = || self.store.epoch(subject, fresh, keep, now);
        self.ask(what, |admission| brief_epoch(admission.epoch), ask).await
    }

    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let what = format!("purge_expired at {now:?}, at most {limit}");
        self.ask(what, debug, || self.store.purge_expired(now, limit)).await
    }
}

/// The store, and nothing of what it prints: that is what S18 is about.
impl Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}

fn debug<T: Debug>(value: &T) -> String {
    format!("{value:?}")
}

/// The last 8 digits: the first ones are the shard, which all of a subject share.
fn brief(selector: Selector) -> String {
    selector.to_string().split_off(24)
}

fn brief_epoch(epoch: Epoch) -> String {
    epoch.0[..3].iter().fold("e-".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

fn state(record: &Record) -> String {
    let mark = record.revoked.map_or(String::new(), |reason| format!(" marked {reason:?}"));
    format!("revision {}{mark}", record.revision.get())
}
