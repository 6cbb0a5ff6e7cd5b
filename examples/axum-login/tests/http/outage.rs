//! The store fails while the site is in use.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use hallpass_axum_login::app;
use hallpass_core::store::{
    Admission, Change, Epoch, Fence, Insert, Listed, Page, Purged, Record, Replace, Revision, Revocation,
    TokenStore,
};
use hallpass_core::{MemoryStore, Note, Selector, StoreError, Subject, Timestamp};
use hallpass_tower_sessions_bridge::TowerSessionStore;
use tokio::net::TcpListener;

use crate::browser::Browser;

/// A store in memory that can be switched off.
#[derive(Clone, Debug)]
struct Switched {
    store: MemoryStore,
    down: Arc<AtomicBool>,
}

impl Switched {
    fn reach(&self) -> Result<&MemoryStore, StoreError> {
        match self.down.load(Ordering::SeqCst) {
            true => Err(StoreError::Unavailable("connection refused".into())),
            false => Ok(&self.store),
        }
    }
}

#[async_trait]
impl TokenStore for Switched {
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.reach()?.insert(record, fence).await
    }

    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        self.reach()?.find(selector).await
    }

    async fn replace(
        &self,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        self.reach()?.replace(next, expected, change).await
    }

    async fn delete(&self, selector: Selector, note: &Note) -> Result<bool, StoreError> {
        self.reach()?.delete(selector, note).await
    }

    async fn revoke_by_subject(&self, subject: &Subject, revocation: &Revocation) -> Result<u64, StoreError> {
        self.reach()?.revoke_by_subject(subject, revocation).await
    }

    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError> {
        self.reach()?.list_by_subject(subject, page).await
    }

    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        self.reach()?.epoch(subject, fresh, keep, now).await
    }

    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.reach()?.purge_expired(now, limit).await
    }
}

#[test]
fn an_outage_logs_nobody_out() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let mut browser = Browser::new(listener.local_addr().unwrap());
    let down = Arc::new(AtomicBool::new(false));
    let store = Switched { store: MemoryStore::new(), down: down.clone() };
    let app = app(TowerSessionStore::new(store)).into_make_service_with_connect_info::<SocketAddr>();
    runtime.spawn(async move { axum::serve(listener, app).await });

    browser.post("/login", "user=alice&password=wonderland");
    let cookie = browser.cookie.clone();
    assert!(cookie.is_some());

    down.store(true, Ordering::SeqCst);
    for answer in [browser.get("/"), browser.post("/logout", ""), browser.get("/login")] {
        assert_eq!(answer.status, 500, "axum-login's answer to a failing session store");
        assert_eq!(answer.header("set-cookie"), None);
        assert!(!answer.body.contains("connection refused"), "{answer:?}");
    }
    assert_eq!(browser.cookie, cookie);

    down.store(false, Ordering::SeqCst);
    assert!(browser.get("/").body.contains("Logged in as alice."), "the session is still there");
}
