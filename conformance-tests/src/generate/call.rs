//! A call with its arguments, and its result.

use std::time::Duration;

use hallpass_core::store::{
    Change, Epoch, Fence, Insert, Listed, Page, Purged, Record, Replace, Revision, Revocation, TokenStore,
};
use hallpass_core::{Note, Selector, StoreError, Subject, Timestamp};

use crate::coverage::Asked;
use crate::watched::{Watched, brief_epoch, count_text, found_text, list_text};

/// A call of the store's trait.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    Insert { record: Record, fence: Fence },
    Find { selector: Selector },
    Replace { next: Record, expected: Revision, kind: Kind },
    Delete { selector: Selector, note: Note },
    Revoke { subject: Subject, revocation: Revocation },
    List { subject: Subject, page: Page },
    Epoch { subject: Subject, fresh: Epoch, keep: Duration, now: Timestamp },
    Purge { now: Timestamp, limit: u32 },
}

/// A [`Change`] that owns its note.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Touch,
    Update,
    End(Note),
}

/// The result of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Insert(Insert),
    Find(Option<Record>),
    Replace(Replace),
    Delete(bool),
    Revoke(u64),
    List(Vec<Record>),
    Epoch(Epoch),
    Purge(Purged),
    /// The store refused the call.
    Refused,
    /// The call was dropped, or its outcome is unknown: it may still happen, in whole or in part.
    Unknown,
}

impl Call {
    /// Makes the call. A refusal is a result; every other error is returned as an error.
    pub(crate) async fn make(&self, store: &Watched) -> Result<Answer, StoreError> {
        match self.ask(store).await {
            Err(StoreError::Refused(_)) => Ok(Answer::Refused),
            answer => answer,
        }
    }

    async fn ask(&self, store: &Watched) -> Result<Answer, StoreError> {
        Ok(match self {
            Self::Insert { record, fence } => Answer::Insert(store.insert(record, *fence).await?),
            Self::Find { selector } => Answer::Find(store.find(*selector).await?),
            Self::Replace { next, expected, kind } => {
                Answer::Replace(store.replace(next, *expected, kind.change()).await?)
            }
            Self::Delete { selector, note } => Answer::Delete(store.delete(*selector, note).await?),
            Self::Revoke { subject, revocation } => {
                Answer::Revoke(store.revoke_by_subject(subject, revocation).await?)
            }
            Self::List { subject, page } => {
                let entries = store.list_by_subject(subject, page).await?;
                let whole = |entry| match entry {
                    Listed::Record(record) => Ok(*record),
                    Listed::Corrupt { selector, source, .. } => {
                        Err(StoreError::Corrupt { selector: Some(selector), source })
                    }
                };
                Answer::List(entries.into_iter().map(whole).collect::<Result<_, _>>()?)
            }
            Self::Epoch { subject, fresh, keep, now } => {
                Answer::Epoch(store.epoch(subject, *fresh, *keep, *now).await?.epoch)
            }
            Self::Purge { now, limit } => Answer::Purge(store.purge_expired(*now, *limit).await?),
        })
    }

    /// Whether the call never changes anything.
    pub(crate) const fn reads(&self) -> bool {
        matches!(self, Self::Find { .. } | Self::List { .. })
    }

    /// Formats the call for a reader.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Insert { record, fence } => Asked::Insert(record, *fence),
            Self::Find { selector } => Asked::Find(*selector),
            Self::Replace { next, expected, kind } => Asked::Replace(next, *expected, kind.change()),
            Self::Delete { selector, note } => Asked::Delete(*selector, note),
            Self::Revoke { subject, revocation } => Asked::Revoke(subject, revocation),
            Self::List { subject, page } => Asked::List(subject, page),
            Self::Epoch { subject, fresh, keep, now } => Asked::Epoch(subject, *fresh, *keep, *now),
            Self::Purge { now, limit } => Asked::Purge(*now, *limit),
        }
        .text()
    }
}

impl Kind {
    const fn change(&self) -> Change<'_> {
        match self {
            Self::Touch => Change::Touch,
            Self::Update => Change::Update,
            Self::End(note) => Change::End(note),
        }
    }
}

impl Answer {
    /// Formats the result for a reader.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Insert(answer) => format!("{answer:?}"),
            Self::Find(found) => found_text(found.as_ref()),
            Self::Replace(answer) => format!("{answer:?}"),
            Self::Delete(found) => found.to_string(),
            Self::Revoke(count) => count_text(*count),
            Self::List(list) => list_text(list.iter().map(|record| record.selector)),
            Self::Epoch(epoch) => brief_epoch(*epoch),
            Self::Purge(purged) => format!("{purged:?}"),
            Self::Refused => "refused".to_owned(),
            Self::Unknown => "not known".to_owned(),
        }
    }
}
