//! The traits that a backend's author implements.

use std::sync::Arc;

use async_trait::async_trait;
use hallpass_core::store::TokenStore;
use hallpass_core::{BoxError, Selector};

use crate::declared::Declared;

/// Gives the suite the stores that it tests.
///
/// Pass the bare store: a wrapper that retries hides what the suite looks for.
#[async_trait]
pub trait Harness: Send + Sync + 'static {
    /// The backend with its version and topology, for the report: `redis 7.0 cluster`.
    fn backend(&self) -> String;

    /// Opens a store over `namespace`: at most 32 characters of `a`–`z`, `0`–`9` and `_`.
    ///
    /// 1. A namespace that was never opened is an empty store.
    /// 2. Opening a namespace that is already open gives a second handle on the same records: another node.
    /// 3. Opening a namespace after all its handles were dropped is a restart.
    ///
    /// The cases about crashes (S14) **run the test binary again**, with the same arguments, and kill it. In that
    /// child `open` receives a namespace of the parent process and opens it at the same server, folder or file. A
    /// harness that launches a server passes its address to the child: [`for_child`](Self::for_child).
    ///
    /// One case also opens names with capitals and hyphens, of up to 120 characters. Pass them on unchanged: a store
    /// refuses a name that its backend could confuse with another (S15), and in that case an error is correct.
    ///
    /// # Errors
    /// Any failure to open the store. It counts as a failure of the harness, never as a verdict about the store.
    async fn open(&self, namespace: &str) -> Result<Arc<dyn TokenStore>, BoxError>;

    /// What a crash child needs to open the same data as this process, such as the URL of a launched server. The
    /// child reads it with [`crash_child`](crate::crash_child).
    fn for_child(&self) -> String {
        String::new()
    }

    /// What the backend promises; everything by default.
    fn declared(&self) -> Declared {
        Declared::everything()
    }

    /// Damages rows, if the harness can. Without it, the cases about damaged rows are untested.
    fn vandal(&self) -> Option<&dyn Vandal> {
        None
    }

    /// The backend's server, if the suite may hurt it.
    fn server(&self) -> Option<&dyn Server> {
        None
    }

    /// Removes `namespace`, on a best-effort basis. Its case has passed, and every handle on it was dropped.
    async fn discard(&self, namespace: &str) {
        let _ = namespace;
    }
}

/// Damages stored rows, as a bad disk or a faulty migration does (contract S9).
#[async_trait]
pub trait Vandal: Send + Sync {
    /// Makes the row of `selector` in `namespace` undecodable: give it a body longer than the limit, say, or a reason
    /// code that no version ever wrote. Leave its selector, subject and creation time as they are.
    ///
    /// # Errors
    /// If the row cannot be damaged.
    async fn damage(&self, namespace: &str, selector: Selector) -> Result<(), BoxError>;
}

/// A server that the suite may hurt, to see how its store behaves (contract S12). No other case runs meanwhile.
///
/// During a fault every call must end within 20 seconds. Once [`heal`](Self::heal) has returned, each connection of a
/// pool may fail once, and after another 30 seconds nothing may fail. After a failed case the suite heals the server
/// once more.
///
/// The package `hallpass-test-servers` launches any server, stops, freezes and crashes it, and has the proxy that
/// [`Fault::Cut`] needs. Its documentation contains a complete harness to copy.
#[async_trait]
pub trait Server: Send + Sync {
    /// The faults that it supports.
    fn faults(&self) -> &[Fault];

    /// Inflicts `fault`. [`Fault::Restart`] is over when this returns; the others last.
    ///
    /// # Errors
    /// If the fault cannot be inflicted.
    async fn inflict(&self, fault: Fault) -> Result<(), BoxError>;

    /// Ends the fault and waits until the server responds again.
    ///
    /// # Errors
    /// If the fault cannot be ended.
    async fn heal(&self) -> Result<(), BoxError>;
}

/// A fault that the suite inflicts on a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Existing connections are closed, and new ones too. Needs a proxy in front of the server.
    Cut,
    /// It neither responds nor closes connections, as under `SIGSTOP` or behind a dead router.
    Freeze,
    /// It stops and starts again; everything it acknowledged is still there.
    Restart,
    /// It is down: connections are refused.
    Stop,
}
