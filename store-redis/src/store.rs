//! The store that applications hold.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::store::{
    Admission, Announcer, Change, ChangeFeed, Epoch, Fence, Insert, Listed, Page, Purged, Record, Replace,
    Revision, Revocation, TokenStore,
};
use hallpass_core::{Note, Selector, StoreError, Subject, Timestamp};

use crate::backend::Backend;
use crate::check::{Finding, Server};
use crate::error::no_answer;
use crate::feed;

/// Keeps tokens in Redis: one server, a Sentinel group or a cluster.
///
/// Clones are cheap and share their connections. A handle may be used from the runtime on which it was
/// connected.
#[derive(Clone)]
pub struct RedisStore {
    backend: Arc<Backend>,
    namespace: Arc<str>,
}

impl RedisStore {
    pub(crate) fn new(backend: Backend, namespace: Arc<str>) -> Self {
        Self { backend: Arc::new(backend), namespace }
    }

    /// Reports what is dangerous about the current settings of the servers, for a start-up log or a health
    /// page.
    ///
    /// `now` is the present instant: a store has no clock.
    ///
    /// # Errors
    /// [`StoreError`] if a server does not answer.
    pub async fn check(&self, now: Timestamp) -> Result<Vec<Finding>, StoreError> {
        let router = &self.backend.router;
        let wanted = router.replica_wait.map_or(0, |wait| wait.replicas);
        let asking = async {
            let mut findings = Vec::new();
            for node in router.topology.masters().await? {
                findings.extend(Server::ask(&node).await?.findings(wanted, now));
            }
            Ok(findings)
        };
        router.in_time(asking).await
    }
}

#[async_trait]
impl TokenStore for RedisStore {
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.backend.insert(record, &fence).await
    }

    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        self.backend.find(selector).await
    }

    async fn replace(
        &self,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        self.backend.replace(next, expected, change).await
    }

    async fn delete(&self, selector: Selector, _note: &Note) -> Result<bool, StoreError> {
        self.backend.delete(selector).await
    }

    async fn revoke_by_subject(&self, subject: &Subject, revocation: &Revocation) -> Result<u64, StoreError> {
        self.backend.revoke(subject, revocation).await
    }

    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError> {
        self.backend.list(subject, page).await
    }

    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        self.backend.epoch(subject, fresh, keep, now).await
    }

    /// Removes nothing: Redis removes expired records itself, an hour after `purge_at`. Checks that every
    /// master answers.
    async fn purge_expired(&self, _now: Timestamp, _limit: u32) -> Result<Purged, StoreError> {
        let router = &self.backend.router;
        let asking = async {
            for node in router.topology.masters().await? {
                if let Err(error) = node.ask(&redis::cmd("PING")).await {
                    router.topology.request_refresh();
                    return Err(no_answer(&error));
                }
            }
            Ok(Purged { removed: 0, more: false })
        };
        router.in_time(asking).await
    }

    fn announcer(&self) -> Option<&dyn Announcer> {
        Some(self)
    }
}

#[async_trait]
impl Announcer for RedisStore {
    /// Opens a connection to every master, on which the server announces what ends: see the README.
    ///
    /// # Errors
    /// [`StoreError::Refused`] if a server cannot announce, or the user lacks a permission for it.
    async fn feed(&self) -> Result<Box<dyn ChangeFeed>, StoreError> {
        Ok(Box::new(feed::open(&self.backend).await?))
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("servers", &self.backend.router.topology.name())
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}
