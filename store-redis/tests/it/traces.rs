//! Tests that errors are logged for the operator, and never a secret.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use hallpass_core::store::TokenStore;
use hallpass_core::{Kind, Selector, StoreError};
use hallpass_store_redis::RedisStore;
use hallpass_test_servers::{needed, redis, redis_sentinel};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Metadata, Subscriber};

use crate::help::{sentinel, stored, tell, until};

/// Keeps every event of this thread as a line.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<String>>);

impl Subscriber for Heard {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("hallpass_store_redis")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        writeln!(self.0.lock().unwrap(), "{}", line.0).unwrap();
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Heard {
    fn lines(&self) -> String {
        self.0.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn a_server_that_goes_and_comes_back_is_told_and_no_password_is() {
    let Some(server) = needed("a server to lose", redis()).unwrap() else { return };
    let heard = Heard::default();
    let _guard = tracing::subscriber::set_default(heard.clone());
    assert_eq!(tell(&server, "ACL SETUSER hallpass on >hunter2 ~* +@all"), "OK");
    let url = format!("redis://hallpass:hunter2@{}/", server.address());
    let store = RedisStore::connect(&url).await.unwrap();
    let token = stored(&store, "alice", Kind::SESSION).await;
    server.crash().unwrap();
    until("an error", async || store.find(token.selector).await.is_err()).await;
    let before = heard.lines();
    assert!(before.contains("cannot connect") && before.contains("onnection refused"), "{before}");
    server.start().unwrap();
    // The restarted server does not know the user, and this refusal also has a cause.
    until("a refusal", async || {
        let found = store.find(token.selector).await;
        found.is_err_and(|error| matches!(error, StoreError::Refused(_)))
    })
    .await;
    let after = heard.lines();
    assert!(after[before.len()..].contains("does not accept this user and password"), "{after}");
    let selector = format!("{:?}", token.selector);
    for secret in ["hunter2", "alice", &selector] {
        assert!(!after.contains(secret), "{after}");
    }
}

#[tokio::test]
async fn a_failover_is_told() {
    let Some(group) = needed("a failover to tell of", redis_sentinel()).unwrap() else { return };
    let heard = Heard::default();
    let _guard = tracing::subscriber::set_default(heard.clone());
    let store = sentinel(&group).connect().await.unwrap();
    let (old, new) = (&group.servers()[0], &group.servers()[1]);
    old.crash().unwrap();
    until("the new master", async || {
        store.find(Selector([7; 16])).await.is_ok()
            && group.master().is_ok_and(|now| now.address() == new.address())
    })
    .await;
    let lines = heard.lines();
    let told = lines
        .lines()
        .find(|line| line.contains("the master has changed"))
        .unwrap_or_else(|| panic!("{lines}"));
    let [from, to] = [old, new].map(|server| server.address().to_string());
    assert!(told.contains(&format!("from={from}")) && told.contains(&format!("to={to}")), "{told}");
}
