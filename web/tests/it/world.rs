//! An application over a store, users and a clock that the test moves, with every signal recorded.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use hallpass_core::{Event, EventKind, ManualClock, Observer, Timestamp, Tokens, TokensBuilder};
use hallpass_web::{AuthLayer, AuthLayerBuilder, Signal, SignalKind};

use crate::app::router;
use crate::browser::Browser;
use crate::store::Switched;
use crate::users::Users;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3_600);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3_600);

/// A signal, and the user it is about.
pub(crate) type Told = (SignalKind, Option<String>);

pub(crate) struct World {
    pub(crate) app: Router,
    pub(crate) layer: AuthLayer,
    pub(crate) store: Switched,
    pub(crate) users: Users,
    pub(crate) clock: Arc<ManualClock>,
    signals: Arc<Mutex<Vec<Told>>>,
    events: Events,
}

#[derive(Clone, Debug, Default)]
struct Events(Arc<Mutex<Vec<EventKind>>>);

impl Observer for Events {
    fn on_event(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push(event.kind);
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|layer| layer)
    }

    pub(crate) fn with(adjust: impl FnOnce(AuthLayerBuilder) -> AuthLayerBuilder) -> Self {
        Self::with_both(|tokens| tokens, adjust)
    }

    pub(crate) fn with_both(
        tokens: impl FnOnce(TokensBuilder) -> TokensBuilder,
        adjust: impl FnOnce(AuthLayerBuilder) -> AuthLayerBuilder,
    ) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_800_000_000_000)));
        let (store, events) = (Switched::default(), Events::default());
        let builder = Tokens::builder(store.clone()).clock(clock.clone()).observer(events.clone());
        let users = Users::new(&["alice", "bob", "7", "ünï-名前"]);
        let signals: Arc<Mutex<Vec<_>>> = Arc::default();
        let told = signals.clone();
        let layer = adjust(AuthLayer::builder(tokens(builder).build().unwrap(), users.clone()))
            .listener(move |signal: &Signal<'_>| {
                told.lock().unwrap().push((signal.what, signal.subject.map(ToString::to_string)));
            })
            .build()
            .unwrap();
        let app = router(users.clone()).layer(layer.clone());
        Self { app, layer, store, users, clock, signals, events }
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser::new(self.app.clone())
    }

    /// Returns a browser that is logged in as alice.
    pub(crate) async fn logged_in(&self) -> Browser {
        let mut browser = self.browser();
        assert_eq!(browser.post("/login?user=alice").await.body, "in");
        browser
    }

    /// Returns a browser in which alice is also remembered.
    pub(crate) async fn remembered(&self) -> Browser {
        let mut browser = self.browser();
        assert_eq!(browser.post("/login?user=alice&remember=true").await.body, "in");
        browser
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Returns the signals since the last call.
    pub(crate) fn signals(&self) -> Vec<SignalKind> {
        std::mem::take(&mut *self.signals.lock().unwrap()).into_iter().map(|(what, _)| what).collect()
    }

    /// Returns the signals since the last call, with the users they are about.
    pub(crate) fn signals_about(&self) -> Vec<Told> {
        std::mem::take(&mut *self.signals.lock().unwrap())
    }

    /// Returns core's events since the last call.
    pub(crate) fn events(&self) -> Vec<EventKind> {
        std::mem::take(&mut *self.events.0.lock().unwrap())
    }
}
