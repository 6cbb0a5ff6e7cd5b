//! Tests what goes to `tracing`: errors with their causes, and no stored data.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hallpass_core::store::{Body, Change, Fence, TokenStore};
use hallpass_core::{Device, StoreError};
use hallpass_store_postgres::PostgresStore;
use hallpass_test_servers::{Mode, Proxy};
use tracing::field::{Field, Visit};
use tracing::span;

use crate::support::{connection, next, own_server, put, record, say, schema, server, store, until, words};

/// The log lines of this crate.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<String>>);

impl Lines {
    fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }
}

impl Visit for Lines {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0.lock().unwrap(), "{field}={value:?} ").unwrap();
    }
}

impl tracing::Subscriber for Lines {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("hallpass_store_postgres")
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        write!(self.0.lock().unwrap(), "{} ", event.metadata().level()).unwrap();
        event.record(&mut self.clone());
        self.0.lock().unwrap().push('\n');
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// Runs on one thread, to which the subscriber listens.
#[tokio::test]
async fn a_refusal_and_a_retry_are_traced_and_nothing_that_is_stored() {
    let Some(server) = server() else { return };
    let lines = Lines::default();
    let _listening = tracing::subscriber::set_default(lines.clone());
    let schema = schema();
    let store = PostgresStore::builder().schema(&schema).connect(server.url()).await.unwrap();
    // Another test may have reached a log statement while this one installed its subscriber.
    tracing::callsite::rebuild_interest_cache();
    store.migrate().await.unwrap();
    assert!(lines.text().contains("a migration is run"), "{}", lines.text());
    let mut secret = record("secret-subject");
    secret.device = Device::new("secret-device").unwrap();
    secret.body = Body::new(b"secret-body".repeat(8)).unwrap();
    put(&store, &secret).await;
    let mut on = connection(server.url()).await;
    say(&mut on, format!("create sequence {schema}.tries")).await;
    let function = format!(
        "create function {schema}.undo() returns trigger language plpgsql as $$ begin \
         if nextval('{schema}.tries') = 1 then raise exception using errcode = '40001', message = 'secret'; end if; \
         if new.generation > 1 then raise exception using errcode = '22P05', message = 'secret'; end if; \
         return new; end $$"
    );
    say(&mut on, function).await;
    let trigger = format!(
        "create trigger undo before update on {schema}.hallpass_tokens for each row execute function {schema}.undo()"
    );
    say(&mut on, trigger).await;
    let later = next(&secret);
    assert!(store.replace(&later, secret.revision, Change::Update).await.is_ok());
    assert!(lines.text().contains("a statement is tried again"), "{}", lines.text());
    assert!(lines.text().contains("SQLSTATE 40001"), "{}", lines.text());
    let error = store.replace(&next(&later), later.revision, Change::Update).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused(_)), "{}", words(&error));
    assert!(lines.text().contains("SQLSTATE 22P05"), "{}", lines.text());
    assert!(!lines.text().contains("secret"), "{}", lines.text());
}

#[tokio::test]
async fn an_outage_and_its_end_are_traced_with_their_cause() {
    let Some(server) = own_server() else { return };
    let lines = Lines::default();
    let _listening = tracing::subscriber::set_default(lines.clone());
    let proxy = Proxy::start(server.address()).await.unwrap();
    let url = server.url_at(proxy.address()).replace("postgres@", "postgres:secret-password@");
    let limit = Duration::from_secs(2);
    let store = store(&url, &schema(), |builder| builder.timeout(limit)).await;
    let alice = record("alice");
    until("a record is stored", async || store.insert(&alice, Fence::None).await.is_ok()).await;
    tracing::callsite::rebuild_interest_cache();
    proxy.set(Mode::Refuse);
    proxy.cut();
    until("the outage is noticed", async || {
        let error = store.insert(&record("alice"), Fence::None).await.unwrap_err();
        assert!(!words(&error).contains("secret"), "{}", words(&error));
        lines.text().contains("gives no connection")
    })
    .await;
    // The network error is the cause of the error, not part of its text.
    let text = lines.text();
    let broken = text.lines().find(|line| line.contains("the connection broke"));
    assert!(broken.is_some_and(|line| line.contains("cause=")), "{text}");
    proxy.set(Mode::Pass);
    until("the outage is over", async || store.find(alice.selector).await.is_ok()).await;
    assert!(lines.text().contains("gives connections again"), "{}", lines.text());
    assert!(!lines.text().contains("secret"), "{}", lines.text());
    let error = PostgresStore::connect("postgres://a:secret@127.0.0.1:1/x").await.unwrap_err();
    let source = std::error::Error::source(&error).and_then(|source| source.source());
    assert!(source.is_some_and(|cause| cause.to_string().contains("refused")), "{}", words(&error));
}
