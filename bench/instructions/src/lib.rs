#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

use std::time::Duration;

use hallpass_core::store::{Record, TokenStore};
use hallpass_core::{
    KeyId, Keyring, Kind, MemoryStore, NearCache, Policy, RetryWindow, Subject, Tokens, TokensBuilder,
    Windows,
};
use tokio::runtime::{Builder, Runtime};

/// A service over a store with one login, and the tokens of that login.
pub struct Bench {
    /// Runs the futures of the calls.
    pub runtime: Runtime,
    /// The service.
    pub tokens: Tokens,
    /// A valid token of the kind `session`.
    pub session: String,
    /// A valid token of the kind `remember` that is due for rotation.
    pub remember: String,
    /// The session's record.
    pub record: Record,
}

impl Bench {
    /// Builds the service, with or without a keyring. Tokens are verified once beforehand, so that caches are warm.
    pub fn new(keyed: bool) -> Self {
        Self::with(|builder| match keyed {
            true => {
                let id = KeyId::new(1).expect("a key's id");
                builder.keyring(Keyring::new(id, &[7; 32]).expect("a key of 32 bytes"))
            }
            false => builder,
        })
    }

    /// Builds the service with a near cache that keeps the session.
    pub fn near() -> Self {
        // Valgrind is slow: the proof has to last.
        let near = NearCache::new().lag(Duration::from_secs(10));
        let kept = Policy::session().cached_for(Duration::from_secs(600));
        let bench = Self::with(|builder| builder.policy(kept).near_cache(near));
        let hits = || bench.tokens.near_cache_stats().expect("a near cache").hits;
        while hits() == 0 {
            // The turns of the feed run while this waits.
            bench.runtime.block_on(async { tokio::time::sleep(Duration::from_millis(1)).await });
            assert!(bench.verify());
        }
        bench
    }

    fn with(settings: impl FnOnce(TokensBuilder) -> TokensBuilder) -> Self {
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
        let store = MemoryStore::new();
        let none = Duration::ZERO;
        let windows = Windows { min_interval: none, retry_window: RetryWindow::For(none), overlap: none };
        let builder = Tokens::builder(store.clone()).policy(Policy::remember().rotation(Some(windows)));
        let tokens = settings(builder).build().expect("policies that make sense");
        let subject = Subject::new("user-00000001").expect("a subject");
        let (session, remember, record) = runtime.block_on(async {
            let login = tokens.begin_login(&subject).await.expect("an epoch");
            let mut issued = Vec::new();
            for kind in [Kind::SESSION, Kind::REMEMBER] {
                let issue = tokens.issue(&login, kind).device("Firefox on Linux").await;
                issued.push(issue.expect("a login"));
            }
            let record = store.find(issued[0].token.selector()).await.expect("a store").expect("a record");
            let text = |at: usize| issued[at].token.expose().to_owned();
            (text(0), text(1), record)
        });
        let bench = Self { runtime, tokens, session, remember, record };
        assert!(bench.verify());
        bench
    }

    /// Verifies the session.
    pub fn verify(&self) -> bool {
        self.runtime.block_on(self.tokens.verify(Kind::SESSION, &self.session)).is_ok()
    }

    /// Rotates the remember-me token.
    pub fn rotate(&self) -> bool {
        let verdict = self.runtime.block_on(self.tokens.verify_and_rotate(Kind::REMEMBER, &self.remember));
        verdict.is_ok_and(|valid| valid.successor.is_some())
    }
}
