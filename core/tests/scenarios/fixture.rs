//! A service over a gated store, on a clock that the test moves, with every event recorded.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hallpass_core::store::Record;
use hallpass_core::{
    Denied, Event, EventKind, FingerprintCheck, Issued, Kind, Login, LoginId, ManualClock, MemoryStore,
    Observer, Policy, Rejected, RequestContext, RetryWindow, Selector, Subject, Timestamp, Token, Tokens,
    TokensBuilder, Valid, Windows,
};
use hallpass_test_store::Gate;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3_600);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3_600);

pub(crate) struct World {
    pub(crate) tokens: Tokens,
    pub(crate) gate: Gate,
    pub(crate) clock: Arc<ManualClock>,
    events: Events,
}

#[derive(Clone, Debug, Default)]
struct Events(Arc<Mutex<Vec<Told>>>);

/// An event as the observer received it.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) kind: EventKind,
    pub(crate) selector: Option<Selector>,
    pub(crate) record: Option<Record>,
    pub(crate) subject: Option<Subject>,
    pub(crate) login: Option<LoginId>,
    pub(crate) fingerprint: FingerprintCheck,
    pub(crate) count: u64,
    pub(crate) context: Option<RequestContext>,
    pub(crate) source: Option<String>,
}

impl Observer for Events {
    fn on_event(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push(Told {
            kind: event.kind,
            selector: event.selector,
            record: event.record.cloned(),
            subject: event.subject.cloned(),
            login: event.login,
            fingerprint: event.fingerprint,
            count: event.count,
            context: event.context.cloned(),
            source: event.source.map(ToString::to_string),
        });
    }
}

/// The verdict of a call that judges a token. A failure is not expected.
pub(crate) trait Judged<T> {
    fn judged(self) -> Result<T, Rejected>;
    fn rejected(self) -> Rejected;
}

impl<T> Judged<T> for Result<T, Denied> {
    fn judged(self) -> Result<T, Rejected> {
        self.map_err(|denied| denied.rejection().expect("a verdict"))
    }

    fn rejected(self) -> Rejected {
        self.err().expect("a rejection").rejection().expect("a verdict")
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    /// A new world in which alice has a token of this kind.
    pub(crate) async fn logged_in(kind: Kind) -> (Self, Issued) {
        let world = Self::new();
        let issued = world.log_in(kind).await;
        (world, issued)
    }

    pub(crate) async fn with_token(kind: Kind) -> (Self, Token) {
        let (world, issued) = Self::logged_in(kind).await;
        (world, issued.token)
    }

    /// A new world in which alice logs in.
    pub(crate) async fn begun() -> (Self, Login) {
        let world = Self::new();
        let login = world.tokens.begin_login(&alice()).await.unwrap();
        (world, login)
    }

    pub(crate) fn with(adjust: impl FnOnce(TokensBuilder) -> TokensBuilder) -> Self {
        let gate = Gate::new(MemoryStore::new());
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_800_000_000_000)));
        let events = Events::default();
        let builder = Tokens::builder(gate.clone()).clock(clock.clone()).observer(events.clone());
        Self { tokens: adjust(builder).build().unwrap(), gate, clock, events }
    }

    /// Makes another node over the same store and clock, with other settings.
    pub(crate) fn node(&self, adjust: impl FnOnce(TokensBuilder) -> TokensBuilder) -> Tokens {
        let builder = Tokens::builder(self.gate.clone()).clock(self.clock.clone());
        adjust(builder.observer(self.events.clone())).build().unwrap()
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Logs alice in and issues a token of this kind.
    pub(crate) async fn log_in(&self, kind: Kind) -> Issued {
        let login = self.tokens.begin_login(&alice()).await.unwrap();
        self.tokens.issue(&login, kind).device("Firefox").await.unwrap()
    }

    pub(crate) async fn verify(&self, kind: Kind, token: &str) -> Result<Valid, Rejected> {
        self.tokens.verify(kind, token).await.judged()
    }

    /// Presents a remember-me token and asks for its successor.
    pub(crate) async fn rotate(&self, token: &str) -> Result<Option<String>, Rejected> {
        let valid = self.tokens.verify_and_rotate(Kind::REMEMBER, token).await.judged()?;
        Ok(valid.successor.map(|issued| issued.token.expose().to_owned()))
    }

    /// Rotates a token whose successor is due.
    pub(crate) async fn next(&self, token: &str) -> String {
        self.rotate(token).await.unwrap().expect("a successor is due")
    }

    /// Returns the number of live logins of alice.
    pub(crate) async fn devices(&self) -> usize {
        self.tokens.list(&alice(), &Default::default()).await.unwrap().logins.len()
    }

    /// Waits for an event and returns all events since the last call, including that one.
    pub(crate) async fn heard(&self, kind: EventKind) -> Vec<Told> {
        let heard = async {
            while !self.events.0.lock().unwrap().iter().any(|told| told.kind == kind) {
                tokio::task::yield_now().await;
            }
        };
        // So that a failing test does not hang; nothing depends on this duration.
        tokio::time::timeout(MINUTE, heard).await.unwrap_or_else(|_| panic!("{kind:?} was not told"));
        self.told()
    }

    /// Returns the kinds of the events since the last call.
    pub(crate) fn events(&self) -> Vec<EventKind> {
        self.told().into_iter().map(|told| told.kind).collect()
    }

    /// Returns the events since the last call.
    pub(crate) fn told(&self) -> Vec<Told> {
        std::mem::take(&mut self.events.0.lock().unwrap())
    }
}

/// The text of a token.
pub(crate) fn text(issued: &Issued) -> &str {
    issued.token.expose()
}

pub(crate) fn alice() -> Subject {
    Subject::new("alice").unwrap()
}

pub(crate) fn strict() -> Policy {
    let none = Duration::ZERO;
    let windows = Windows { min_interval: none, retry_window: RetryWindow::For(none), overlap: none };
    Policy::remember().rotation(Some(windows))
}

/// Returns the remember-me policy with a retry window of an hour.
pub(crate) fn finite() -> Policy {
    Policy::remember().rotation(Some(Windows { retry_window: RetryWindow::For(HOUR), ..Windows::DEFAULT }))
}
