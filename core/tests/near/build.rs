//! What is refused when a service is built.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::store::{
    Admission, Change, Epoch, Fence, Insert, Listed, Page, Purged, Record, Replace, Revision, Revocation,
    TokenStore,
};
use hallpass_core::{
    BuildError, Kind, MemoryStore, NearCache, Note, Policy, Selector, StoreError, Subject, Timestamp, Tokens,
};

use crate::world::{MILLI, MINUTE, SECOND};

/// A store by another author, without a feed.
#[derive(Debug, Default)]
struct Silent(MemoryStore);

#[async_trait]
impl TokenStore for Silent {
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.0.insert(record, fence).await
    }

    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        self.0.find(selector).await
    }

    async fn replace(
        &self,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        self.0.replace(next, expected, change).await
    }

    async fn delete(&self, selector: Selector, note: &Note) -> Result<bool, StoreError> {
        self.0.delete(selector, note).await
    }

    async fn revoke_by_subject(&self, subject: &Subject, revocation: &Revocation) -> Result<u64, StoreError> {
        self.0.revoke_by_subject(subject, revocation).await
    }

    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError> {
        self.0.list_by_subject(subject, page).await
    }

    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        self.0.epoch(subject, fresh, keep, now).await
    }

    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.0.purge_expired(now, limit).await
    }
}

#[test]
fn a_store_without_a_feed_has_no_cache_and_works_without() {
    let kept = Policy::session().cached_for(MINUTE);
    for builder in [
        Tokens::builder(Silent::default()),
        Tokens::builder(Arc::new(Silent::default())),
        Tokens::builder(Box::new(Silent::default())),
    ] {
        let refused = builder.policy(kept.clone()).build().unwrap_err();
        assert_eq!(refused, BuildError::NoAnnouncer(Kind::SESSION));
        assert!(refused.to_string().contains("session tokens cannot be kept"), "{refused}");
    }
    let without = Tokens::builder(Silent::default()).build().unwrap();
    assert!(without.near_cache_stats().is_none());
}

#[test]
fn a_pointer_to_a_store_passes_its_feed_on() {
    let kept = Policy::session().cached_for(MINUTE);
    for builder in [
        Tokens::builder(Arc::new(MemoryStore::new())),
        Tokens::builder(Box::new(MemoryStore::new())),
        Tokens::builder(Arc::new(MemoryStore::new()) as Arc<dyn TokenStore>),
    ] {
        let tokens = builder.policy(kept.clone()).build().unwrap();
        assert!(tokens.near_cache_stats().is_some());
        assert!(format!("{tokens:?}").contains("MemoryStore"));
    }
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let cases = [
        (NearCache::new().lag(MILLI * 99), "lag"),
        (NearCache::new().lag(SECOND * 10 + MILLI), "lag"),
        (NearCache::new().poll_every(MILLI * 251), "quarter"),
        (NearCache::new().poll_every(Duration::ZERO), "quarter"),
        (NearCache::new().capacity(1024), "capacity"),
    ];
    for (cache, rule) in cases {
        let refused = Tokens::builder(MemoryStore::new()).near_cache(cache).build().unwrap_err();
        assert!(refused.to_string().contains(rule), "{refused} should name the {rule}");
    }
    let fine = NearCache::new().lag(MILLI * 100).poll_every(MILLI * 25).capacity(1024 * 1024);
    assert!(Tokens::builder(MemoryStore::new()).near_cache(fine).build().is_ok());
    let bad = Policy::one_time().cached_for(MINUTE);
    let refused = Tokens::builder(MemoryStore::new()).policy(bad).build().unwrap_err();
    assert!(matches!(refused, BuildError::Policy(_)));
    assert!(refused.to_string().contains("one-time"), "{refused} should name the kind");
}
