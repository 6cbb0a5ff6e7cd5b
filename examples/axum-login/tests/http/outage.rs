//! The store fails while the site is in use.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use hallpass_axum_login::app;
use hallpass_tower_sessions_bridge::TowerSessionStore;
use tokio::net::TcpListener;

use crate::browser::Browser;
use crate::plugged::Plugged;

#[test]
fn an_outage_logs_no_user_out() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let mut browser = Browser::new(listener.local_addr().unwrap());
    let store = Arc::new(Plugged::new(1));
    let app = app(TowerSessionStore::new(store.clone())).into_make_service_with_connect_info::<SocketAddr>();
    runtime.spawn(async move { axum::serve(listener, app).await });

    browser.post("/login", "user=alice&password=wonderland");
    let cookie = browser.jar.clone();
    assert!(!cookie.is_empty());

    store.out.store(true, Ordering::SeqCst);
    for answer in [browser.get("/"), browser.post("/logout", ""), browser.get("/login")] {
        assert_eq!(answer.status, 500, "axum-login's answer to a failing session store");
        assert_eq!(answer.header("set-cookie"), None);
        assert!(!answer.body.contains("unplugged"), "{answer:?}");
    }
    assert_eq!(browser.jar, cookie);

    store.out.store(false, Ordering::SeqCst);
    assert!(browser.get("/").body.contains("Logged in as alice."), "the session is still there");
}
