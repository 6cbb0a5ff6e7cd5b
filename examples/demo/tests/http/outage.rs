//! The site over a store that fails when told to: run in this process, over a real connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::{
    Action, Advance, Epoch, Fence, Insert, MemoryStore, Page, Purged, Record, Replace, Revision, Selector,
    StoreError, Subject, Timestamp, TokenStore, Tokens, Which,
};
use hallpass_demo::{Cookies, app};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::client::Browser;

/// A store that can be unplugged, and counts its writes.
#[derive(Debug, Default)]
struct Plugged {
    store: MemoryStore,
    out: AtomicBool,
    writes: AtomicUsize,
}

impl Plugged {
    fn read(&self) -> Result<&MemoryStore, StoreError> {
        match self.out.load(Ordering::SeqCst) {
            true => Err(StoreError::Unavailable("unplugged".into())),
            false => Ok(&self.store),
        }
    }

    fn write(&self) -> Result<&MemoryStore, StoreError> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        self.read()
    }
}

#[async_trait]
impl TokenStore for Plugged {
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.write()?.insert(record, fence).await
    }
    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        self.read()?.find(selector).await
    }
    async fn find_many(&self, selectors: &[Selector]) -> Result<Vec<Option<Record>>, StoreError> {
        self.read()?.find_many(selectors).await
    }
    async fn replace(&self, next: &Record, expected: Revision) -> Result<Replace, StoreError> {
        self.write()?.replace(next, expected).await
    }
    async fn delete(&self, selector: Selector) -> Result<bool, StoreError> {
        self.write()?.delete(selector).await
    }
    async fn revoke_by_subject(
        &self,
        subject: &Subject,
        which: &Which,
        action: Action,
        advance: Advance,
    ) -> Result<u64, StoreError> {
        self.write()?.revoke_by_subject(subject, which, action, advance).await
    }
    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
        self.read()?.list_by_subject(subject, page).await
    }
    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Epoch, StoreError> {
        self.read()?.epoch(subject, fresh, keep, now).await
    }
    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.write()?.purge_expired(now, limit).await
    }
}

/// A running site; it stops with the runtime.
fn serve() -> (Arc<Plugged>, SocketAddr, Runtime) {
    let store = Arc::new(Plugged::default());
    let tokens = Tokens::builder(store.clone()).build().unwrap();
    let runtime = Runtime::new().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async { axum::serve(listener, app(tokens, Cookies::Insecure)).await });
    (store, address, runtime)
}

#[test]
fn an_outage_is_503_and_clears_no_cookie() {
    let (store, address, _runtime) = serve();
    let alice = Browser::remembered(address);
    let mut restored = alice.reopened();
    assert_eq!(restored.me().0, 200);
    let form = "user=alice&password=wonderland&remember=on";
    store.out.store(true, Ordering::SeqCst);
    for browser in [&alice, &alice.reopened(), &restored] {
        let mut browser = browser.clone();
        for answer in [
            browser.get("/api/me"),
            browser.get("/"),
            browser.post("/logout", ""),
            browser.post("/logout-everywhere", ""),
            browser.post("/login", form),
        ] {
            assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")), "{answer:?}");
            assert_eq!(answer.set_cookies(), [""; 0]);
        }
    }
    assert_eq!(Browser::new(address).get("/healthz").status, 200);
    assert_eq!(Browser::new(address).me().0, 401, "without a cookie there is nothing to ask the store");

    store.out.store(false, Ordering::SeqCst);
    for browser in [alice.clone(), alice.reopened(), restored] {
        assert_eq!(browser.clone().me().0, 200, "everything works again");
    }
}

#[test]
fn the_first_request_after_a_restore_confirms_and_the_next_ones_write_nothing() {
    let (store, address, _runtime) = serve();
    let mut browser = Browser::remembered(address).reopened();
    let writes = |browser: &mut Browser| {
        let before = store.writes.load(Ordering::SeqCst);
        let answer = browser.get("/api/me");
        assert_eq!(answer.status, 200);
        (store.writes.load(Ordering::SeqCst) - before, answer.set_cookies().len())
    };
    assert_eq!(writes(&mut browser), (2, 2), "the rotation and the session");
    assert_eq!(writes(&mut browser), (2, 0), "the confirmation and the note that it was done");
    assert_eq!(writes(&mut browser), (0, 0));
}
