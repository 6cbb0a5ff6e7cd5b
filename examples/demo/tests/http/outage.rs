//! The site over a store that fails on demand: run in this process, over real connections.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use hallpass_core::Tokens;
use hallpass_demo::{Activity, Cookies, app};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::client::Browser;
use crate::plugged::Plugged;

/// The number of requests that are held until all of them have arrived.
const TABS: usize = 6;

/// A running site. It stops with the runtime.
fn serve() -> (Arc<Plugged>, SocketAddr, Runtime) {
    let store = Arc::new(Plugged::new(TABS));
    let tokens = Tokens::builder(store.clone()).build().unwrap();
    let app = app(tokens, Activity::default(), Cookies::Insecure).unwrap();
    let runtime = Runtime::new().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async { axum::serve(listener, app).await });
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
            browser.post("/logout-everywhere", "password=wonderland"),
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
    assert_eq!(writes(&mut browser), (3, 0), "the confirmation, and the notes with both that it was done");
    assert_eq!(writes(&mut browser), (0, 0));
}

#[test]
fn requests_that_all_read_before_one_writes_are_one_step() {
    let (store, address, _runtime) = serve();
    let browser = Browser::remembered(address).reopened();
    store.hold(TABS);
    let tabs: Vec<Browser> = thread::scope(|scope| {
        let tab = || {
            let mut tab = browser.clone();
            assert_eq!(tab.me().0, 200);
            tab
        };
        let tabs: Vec<_> = (0..TABS).map(|_| scope.spawn(tab)).collect();
        tabs.into_iter().map(|tab| tab.join().unwrap()).collect()
    });
    assert_eq!(store.to_hold(), 0);
    let successors: BTreeSet<_> = tabs.iter().map(|tab| &tab.jar["remember"]).collect();
    assert_eq!(successors.len(), 1);
    assert!(!successors.contains(&browser.jar["remember"]));
}
