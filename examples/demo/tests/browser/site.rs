//! The site, run in this process.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hallpass_core::store::{Listed, Page, Record, TokenStore};
use hallpass_core::{Clock, ManualClock, Subject, SystemClock, Tokens};
use hallpass_demo::{Activity, Cookies, app};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::plugged::Plugged;

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
    pub(crate) store: Arc<Plugged>,
    runtime: Runtime,
}

impl Site {
    pub(crate) fn start() -> Self {
        let store = Arc::new(Plugged::new(AT_ONCE));
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
        let page = Page::first(100.try_into().expect("not zero"));
        let subject = Subject::new(user).expect("a name");
        let listed = self.runtime.block_on(self.store.store.list_by_subject(&subject, &page));
        listed.expect("a list").into_iter().filter_map(Listed::record).collect()
    }

    pub(crate) fn unplug(&self, out: bool) {
        self.store.out.store(out, Ordering::SeqCst);
    }
}
