//! The site, run in this process.

use std::sync::Arc;
use std::time::Duration;

use hallpass_core::store::Record;
use hallpass_core::{Clock, ManualClock, MemoryStore, SystemClock, Tokens};
use hallpass_demo::{Activity, Cookies, app};
use hallpass_test_store::Gate;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// Longer than the idle lifetime of a session.
pub(crate) const SESSION_ENDS: Duration = Duration::from_secs(31 * 60);
/// Longer than the retry window and the overlap of a remember token.
pub(crate) const WINDOWS_CLOSE: Duration = Duration::from_secs(62 * 60);
/// How many requests a browser sends to one site at a time.
pub(crate) const AT_ONCE: usize = 6;

/// A running site. It stops when dropped.
#[derive(Debug)]
pub(crate) struct Site {
    /// Where a browser finds it: `http://localhost:…`, which takes secure cookies.
    pub(crate) url: String,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Gate,
    runtime: Runtime,
}

impl Site {
    pub(crate) fn start() -> Self {
        let store = Gate::new(MemoryStore::new());
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let activity = Activity::default();
        let tokens = Tokens::builder(store.clone()).clock(clock.clone()).observer(activity.clone());
        let tokens = tokens.build().expect("sound policies");
        let app = app(tokens, activity, Cookies::Secure).expect("a sound site");
        let runtime = Runtime::new().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        runtime.spawn(async { axum::serve(listener, app).await });
        Self { url: format!("http://localhost:{port}"), clock, store, runtime }
    }

    /// The records that the store holds of this user.
    pub(crate) fn records(&self, user: &str) -> Vec<Record> {
        self.runtime.block_on(self.store.records(user))
    }
}
