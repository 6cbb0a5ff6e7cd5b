//! The store fails while the site is in use.

use std::net::SocketAddr;

use hallpass_axum_login::app;
use hallpass_core::MemoryStore;
use hallpass_test_store::Gate;
use hallpass_tower_sessions_bridge::TowerSessionStore;
use tokio::net::TcpListener;

use crate::browser::Browser;

#[test]
fn an_outage_logs_no_user_out() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let mut browser = Browser::new(listener.local_addr().unwrap());
    let store = Gate::new(MemoryStore::new());
    let app = app(TowerSessionStore::new(store.clone())).into_make_service_with_connect_info::<SocketAddr>();
    runtime.spawn(async move { axum::serve(listener, app).await });

    browser.post("/login", "user=alice&password=wonderland");
    let cookie = browser.jar.clone();
    assert!(!cookie.is_empty());

    store.all_down();
    for answer in [browser.get("/"), browser.post("/logout", ""), browser.get("/login")] {
        assert_eq!(answer.status, 500, "axum-login's answer to a failing session store");
        assert_eq!(answer.header("set-cookie"), None);
        assert!(!answer.body.contains("the test says so"), "{answer:?}");
    }
    assert_eq!(browser.jar, cookie);

    store.up();
    assert!(browser.get("/").body.contains("Logged in as alice."), "the session is still there");
}
