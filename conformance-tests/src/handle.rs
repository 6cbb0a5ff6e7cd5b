//! The store under test, with every call written down.

use std::fmt::{self, Debug};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::{
    Action, Advance, Epoch, Fence, Insert, Page, Purged, Record, Replace, Revision, Selector, StoreError,
    Subject, Timestamp, TokenStore, Which,
};

use crate::clause::Clause;
use crate::history::History;
use crate::outcome::{Ran, chain, hold};

/// How often a call is made again that the store refused without having done anything.
const TRIES: u32 = 40;
/// How often a conflict may be spurious (S5) before it is taken for a refusal.
const SPURIOUS: u32 = 16;

/// One handle on the store under test. Clones are the same handle.
///
/// It is patient: a store may be unavailable now and then as long as it says so. [`Handle::bare`] is not.
#[derive(Clone)]
pub(crate) struct Handle {
    store: Arc<dyn TokenStore>,
    history: History,
    node: usize,
    patient: bool,
}

type Asked<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

impl Handle {
    pub(crate) fn new(store: Arc<dyn TokenStore>, history: History, node: usize) -> Self {
        Self { store, history, node, patient: true }
    }

    /// The same handle, which passes every error on at once.
    pub(crate) fn bare(&self) -> Self {
        Self { patient: false, ..self.clone() }
    }

    /// The store itself.
    pub(crate) const fn store(&self) -> &Arc<dyn TokenStore> {
        &self.store
    }

    /// Inserts a record that must be new, without a fence.
    pub(crate) async fn put(&self, record: &Record) -> Ran {
        let answer = self.insert(record, Fence::None).await?;
        hold(
            Clause::S2,
            answer == Insert::Inserted,
            format_args!("insert of a new record answered {answer:?}"),
        )
    }

    /// Replaces `old` by `next`, which must succeed, though not at the first try.
    pub(crate) async fn swap(&self, next: &Record, old: &Record) -> Ran {
        for _ in 0..SPURIOUS {
            match self.replace(next, old.revision).await? {
                Replace::Replaced => return Ok(()),
                Replace::Missing => {
                    return hold(Clause::S4, false, "replace of a record that is there answered Missing");
                }
                Replace::Conflict => {
                    let found = self.find(next.selector).await?;
                    let untouched = found.as_ref() == Some(old);
                    hold(
                        Clause::S5,
                        untouched,
                        "replace answered Conflict and the record has changed all the same",
                    )?;
                }
            }
        }
        hold(
            Clause::S5,
            false,
            format_args!("replace of the current revision answered Conflict {SPURIOUS} times"),
        )
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
impl TokenStore for Handle {
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

    async fn find_many(&self, selectors: &[Selector]) -> Result<Vec<Option<Record>>, StoreError> {
        let answer = |found: &Vec<Option<Record>>| {
            format!("{} answers, {} found", found.len(), found.iter().flatten().count())
        };
        self.ask(format!("find_many of {}", selectors.len()), answer, || self.store.find_many(selectors))
            .await
    }

    async fn replace(&self, next: &Record, expected: Revision) -> Result<Replace, StoreError> {
        let what =
            format!("replace {} at revision {} by {}", brief(next.selector), expected.get(), state(next));
        self.ask(what, debug, || self.store.replace(next, expected)).await
    }

    async fn delete(&self, selector: Selector) -> Result<bool, StoreError> {
        self.ask(format!("delete {}", brief(selector)), debug, || self.store.delete(selector)).await
    }

    async fn revoke_by_subject(
        &self,
        subject: &Subject,
        which: &Which,
        action: Action,
        advance: Advance,
    ) -> Result<u64, StoreError> {
        let epoch = match advance {
            Advance::Keep => String::new(),
            Advance::To { epoch, .. } => format!(", epoch to {}", brief_epoch(epoch)),
        };
        let what = format!("revoke_by_subject {which:?} {action:?}{epoch}");
        let ask = || self.store.revoke_by_subject(subject, which, action, advance);
        self.ask(what, |count| format!("{count} records"), ask).await
    }

    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
        let after = page.after.map_or(String::new(), |(_, selector)| format!(" after {}", brief(selector)));
        let what = format!("list_by_subject {:?} at most {}{after}", page.kinds, page.limit);
        let answer = |records: &Vec<Record>| {
            let few: Vec<_> = records.iter().take(6).map(|record| brief(record.selector)).collect();
            format!(
                "{} records: {}{}",
                records.len(),
                few.join(" "),
                if records.len() > 6 { " …" } else { "" }
            )
        };
        self.ask(what, answer, || self.store.list_by_subject(subject, page)).await
    }

    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Epoch, StoreError> {
        let what = format!("epoch, if missing {}", brief_epoch(fresh));
        let ask = || self.store.epoch(subject, fresh, keep, now);
        self.ask(what, |epoch| brief_epoch(*epoch), ask).await
    }

    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let what = format!("purge_expired at {now:?}, at most {limit}");
        self.ask(what, debug, || self.store.purge_expired(now, limit)).await
    }
}

/// The store, and nothing of what it prints: that is what S18 is about.
impl Debug for Handle {
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
