//! What the author of a backend writes.

use std::sync::Arc;

use async_trait::async_trait;
use hallpass_core::{BoxError, Selector, TokenStore};

use crate::declared::Declared;

/// Hands the suite the stores that it tests.
///
/// Give it the bare store: a wrapper that retries hides what the suite looks for.
#[async_trait]
pub trait Harness: Send + Sync + 'static {
    /// The backend with its version and topology, for the report: `redis 7.0 cluster`.
    fn backend(&self) -> String;

    /// A store over `namespace`: at most 32 characters of `a`–`z`, `0`–`9` and `_`.
    ///
    /// 1. A namespace that was never opened is an empty store.
    /// 2. One that is open already gives a second handle on the same records: another node.
    /// 3. One whose handles were all dropped is opened again as after a restart.
    ///
    /// The cases about crashes (S14) **run the test binary again**, with the same arguments, and kill it: in that child
    /// `open` is asked for a namespace of its parent's, and opens it at the same server, folder or file. A harness that
    /// launches a server tells its child where that is: [`for_child`](Self::for_child).
    ///
    /// One case also asks for names with capitals and hyphens and of up to 120 characters. Pass them on as
    /// they are: the store refuses a name that its backend could confuse with another (S15), and an error is a
    /// fine answer there.
    ///
    /// # Errors
    /// Whatever kept it from opening: a failure of the harness, never a verdict about the store.
    async fn open(&self, namespace: &str) -> Result<Arc<dyn TokenStore>, BoxError>;

    /// What a crash child has to know to open what this process opens: the URL of a server that was launched, for
    /// instance. The child gets it from [`crash_child`](crate::crash_child).
    fn for_child(&self) -> String {
        String::new()
    }

    /// What the backend promises: everything by default.
    fn declared(&self) -> Declared {
        Declared::everything()
    }

    /// What damages rows, where the harness can: without it, cases about damaged rows are untested.
    fn vandal(&self) -> Option<&dyn Vandal> {
        None
    }

    /// Its server, where there is one that may be hurt.
    fn server(&self) -> Option<&dyn Server> {
        None
    }

    /// Throws `namespace` away; its case has passed and every handle on it was dropped. Best effort.
    async fn discard(&self, namespace: &str) {
        let _ = namespace;
    }
}

/// Damages what a store has kept, as a bad disk or a faulty migration does (contract S9).
#[async_trait]
pub trait Vandal: Send + Sync {
    /// Makes the row of `selector` in `namespace` one that does not decode: its body becomes longer than any
    /// may be, say, or its reason a code that no version wrote. Its selector, subject and creation stay.
    ///
    /// # Errors
    /// Whatever kept it from being damaged.
    async fn damage(&self, namespace: &str, selector: Selector) -> Result<(), BoxError>;
}

/// A server that the suite may hurt, to see what its store makes of that (contract S12). While it is
/// hurt no other case runs.
///
/// In trouble every call has to end within 20 seconds; once [`heal`](Self::heal) has returned, each connection of a pool
/// may fail once, and 30 seconds later nothing may fail any more. After a case that failed the server is healed once more.
///
/// The package `hallpass-test-servers` launches any server, stops, freezes and crashes it, and has the proxy that
/// [`Trouble::Cut`] needs; a harness with all of it, to copy, stands in its documentation.
#[async_trait]
pub trait Server: Send + Sync {
    /// What can be done to it.
    fn troubles(&self) -> &[Trouble];

    /// Makes `trouble`; [`Trouble::Restart`] is over when this returns, the others last.
    ///
    /// # Errors
    /// Whatever kept it from being made.
    async fn inflict(&self, trouble: Trouble) -> Result<(), BoxError>;

    /// Ends the trouble and waits until the server answers again.
    ///
    /// # Errors
    /// Whatever kept it from ending.
    async fn heal(&self) -> Result<(), BoxError>;
}

/// What may happen to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// Connections are closed, and new ones too. It takes a proxy in front of the server.
    Cut,
    /// It answers nothing and closes nothing, as under `SIGSTOP` or behind a dead router.
    Freeze,
    /// It stops and starts again; what it had acknowledged is still there.
    Restart,
    /// It is not there: connections are refused.
    Stop,
}
