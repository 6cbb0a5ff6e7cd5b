//! Tests what proxies write into `X-Forwarded-For`.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::get;
use hallpass_core::{MemoryStore, Tokens};
use hallpass_web::{AuthLayer, CurrentUser, Signal};

use crate::browser::Browser;
use crate::users::{User, Users};

#[tokio::test]
async fn an_address_with_a_port_behind_a_proxy_is_an_address() {
    for (forwarded, address) in [
        ("203.0.113.9", "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
    ] {
        let heard: Arc<Mutex<Vec<Option<IpAddr>>>> = Arc::default();
        let told = heard.clone();
        let tokens = Tokens::builder(MemoryStore::new()).build().unwrap();
        let layer = AuthLayer::builder(tokens, Users::new(&[]))
            .peer_address(|_| "10.0.0.7".parse().ok())
            .trusted_proxies(["10.0.0.7".parse().unwrap()])
            .listener(move |signal: &Signal<'_>| told.lock().unwrap().push(signal.address))
            .build()
            .unwrap();
        let member = async |user: CurrentUser<User>| user.id.clone();
        let app = Router::new().route("/", get(member)).layer(layer);
        let mut browser = Browser::new(app).with("x-forwarded-for", forwarded);
        assert_eq!(browser.get("/").await.status, 401);
        assert_eq!(*heard.lock().unwrap(), [address.parse().ok()], "{forwarded}");
    }
}
