//! A site, and further nodes of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hallpass_core::store::Record;
use hallpass_core::{Kind, ManualClock, MemoryStore, Policy, Purpose, Timestamp, Tokens, TokensBuilder};
use hallpass_store_sled::SledStore;
use hallpass_test_store::Gate;
use hallpass_web::{AuthLayer, AuthLayerBuilder};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::browser::Browser;
use crate::heard::Heard;
use crate::jar::Jar;
use crate::routes;
use crate::users::Users;
use crate::wire::Target;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The kinds of the tokens for a new password and for confirming an address.
pub(crate) const RESET: Kind = Kind::from_static("one-time:reset");
pub(crate) const CONFIRM: Kind = Kind::from_static("one-time:confirm");

/// If set, the records are kept in sled instead of memory.
pub(crate) const ON_DISK: &str = "HALLPASS_WEB_SLED";

#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) app: Router,
    pub(crate) gate: Gate,
    pub(crate) users: Users,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) heard: Heard,
    pub(crate) layer: AuthLayer,
    _folder: Option<TempDir>,
}

impl Site {
    /// A site with the default settings and a login page.
    pub(crate) fn new() -> Self {
        Self::with(|layer| layer)
    }

    /// A new site, and a browser without cookies.
    pub(crate) fn visited() -> (Self, Browser) {
        let site = Self::new();
        let browser = site.browser();
        (site, browser)
    }

    /// A new site, and a browser in which alice has logged in.
    pub(crate) async fn of_alice() -> (Self, Browser) {
        let (site, browser) = Self::visited();
        browser.log_in("alice").await;
        (site, browser)
    }

    /// A new site, and a browser in which alice has logged in and is remembered.
    pub(crate) async fn remembering_alice() -> (Self, Browser) {
        let (site, browser) = Self::visited();
        browser.log_in_remembered("alice").await;
        (site, browser)
    }

    /// A new site, and a browser in which alice is remembered, and which was closed since.
    pub(crate) async fn reopened_by_alice() -> (Self, Browser) {
        let (site, browser) = Self::remembering_alice().await;
        browser.reopen();
        (site, browser)
    }

    /// A site whose layer has other settings.
    pub(crate) fn with(adjust: impl FnOnce(AuthLayerBuilder) -> AuthLayerBuilder) -> Self {
        Self::tuned(|tokens| tokens, adjust)
    }

    /// A site whose tokens and layer have other settings.
    pub(crate) fn tuned(
        tokens: impl FnOnce(TokensBuilder) -> TokensBuilder,
        adjust: impl FnOnce(AuthLayerBuilder) -> AuthLayerBuilder,
    ) -> Self {
        let (gate, folder) = match std::env::var_os(ON_DISK) {
            None => (Gate::new(MemoryStore::new()), None),
            Some(_) => {
                let folder = tempfile::tempdir().unwrap();
                (Gate::new(SledStore::open(folder.path()).unwrap()), Some(folder))
            }
        };
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_800_000_000_000)));
        let (users, heard) = (Users::some(), Heard::default());
        let (app, layer) = serve(&gate, &users, &clock, &heard, tokens, adjust);
        Self { app, gate, users, clock, heard, layer, _folder: folder }
    }

    /// Another node over the same store, users and clock, whose layer has other settings.
    pub(crate) fn node(&self, adjust: impl FnOnce(AuthLayerBuilder) -> AuthLayerBuilder) -> Self {
        self.tuned_node(|tokens| tokens, adjust)
    }

    /// Another node over the same store, users and clock, whose tokens and layer have other settings.
    pub(crate) fn tuned_node(
        &self,
        tokens: impl FnOnce(TokensBuilder) -> TokensBuilder,
        adjust: impl FnOnce(AuthLayerBuilder) -> AuthLayerBuilder,
    ) -> Self {
        let Self { gate, users, clock, heard, .. } = self;
        let (app, layer) = serve(gate, users, clock, heard, tokens, adjust);
        let (gate, users, clock, heard) = (gate.clone(), users.clone(), clock.clone(), heard.clone());
        Self { app, gate, users, clock, heard, layer, _folder: None }
    }

    /// Another layer over the same tokens, with its own users.
    pub(crate) fn beside(&self, adjust: impl FnOnce(AuthLayerBuilder) -> AuthLayerBuilder) -> Self {
        let (users, tokens) = (Users::some(), self.layer.tokens().clone());
        let (app, layer) = surround(tokens, &users, &self.heard, adjust);
        let (gate, clock, heard) = (self.gate.clone(), self.clock.clone(), self.heard.clone());
        Self { app, gate, users, clock, heard, layer, _folder: None }
    }

    /// A browser without cookies.
    pub(crate) fn browser(&self) -> Browser {
        Browser::new(Target::Process(self.app.clone()), Jar::new(self.clock.clone()))
    }

    /// A browser without cookies that talks to axum's server over TCP.
    pub(crate) async fn browser_over_tcp(&self) -> Browser {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = self.app.clone().into_make_service_with_connect_info::<SocketAddr>();
        // The server ends with the runtime of its test.
        tokio::spawn(async move { axum::serve(listener, app).await });
        Browser::new(Target::Server(address), Jar::new(self.clock.clone()))
    }

    /// A browser in which alice is remembered, and which was closed since.
    pub(crate) async fn reopened(&self) -> Browser {
        let browser = self.browser();
        browser.log_in_remembered("alice").await;
        browser.reopen();
        browser
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// The records of one kind that are stored for a user.
    pub(crate) async fn records(&self, id: &str, kind: Kind) -> Vec<Record> {
        self.gate.records(id).await.into_iter().filter(|record| record.kind == kind).collect()
    }

    /// How often the only remember-me token of the user has rotated.
    pub(crate) async fn steps(&self, id: &str) -> u32 {
        let records = self.records(id, Kind::REMEMBER).await;
        assert_eq!(records.len(), 1, "one remember-me record");
        records[0].generation
    }

    /// How many of the user's records are live.
    pub(crate) async fn live(&self, id: &str) -> usize {
        let now = hallpass_core::Clock::now(&*self.clock);
        self.gate.records(id).await.iter().filter(|record| record.is_live(now)).count()
    }
}

fn serve(
    gate: &Gate,
    users: &Users,
    clock: &Arc<ManualClock>,
    heard: &Heard,
    tokens: impl FnOnce(TokensBuilder) -> TokensBuilder,
    adjust: impl FnOnce(AuthLayerBuilder) -> AuthLayerBuilder,
) -> (Router, AuthLayer) {
    let once = |kind| Policy::one_time().for_kind(kind).purpose(Purpose::SingleUse);
    let builder = Tokens::builder(gate.clone()).clock(clock.clone()).observer(heard.clone());
    let tokens = tokens(builder.policy(once(RESET)).policy(once(CONFIRM))).build().unwrap();
    surround(tokens, users, heard, adjust)
}

/// The site's pages within a layer.
fn surround(
    tokens: Tokens,
    users: &Users,
    heard: &Heard,
    adjust: impl FnOnce(AuthLayerBuilder) -> AuthLayerBuilder,
) -> (Router, AuthLayer) {
    let builder = AuthLayer::builder(tokens, users.clone()).listener(heard.clone()).login_page("/login");
    let layer = adjust(builder).build().unwrap();
    (routes::router(users.clone()).layer(layer.clone()), layer)
}

/// The peer's address, for the layer.
pub(crate) fn peer(extensions: &http::Extensions) -> Option<std::net::IpAddr> {
    Some(extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip())
}
