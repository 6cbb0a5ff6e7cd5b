//! A server that a test can use and disturb.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use url::Url;

use crate::backend::{Backend, Origin};
use crate::error::Error;
use crate::handle::Handle;
use crate::local::{Local, Recipe};
use crate::probe;
use crate::process::TICK;

const SOON: Duration = Duration::from_secs(5);
/// How long a server may take until it answers.
const START: Duration = Duration::from_secs(60);

/// A running server; it is removed with its data when dropped, and also when this process ends in any other way.
///
/// Methods block the thread, each for a bounded time. In an async test call the slow ones (`stop`, `start`,
/// `restart`, `crash`: some 10 ms to 20 s) through `spawn_blocking` if other tasks must continue. For a server from
/// the environment they all return [`Error::Unsupported`].
pub struct Server {
    backend: Backend,
    url: Url,
    address: SocketAddr,
    /// `None` for a server from the environment.
    handle: Mutex<Option<Box<dyn Handle>>>,
}

impl Server {
    /// Connects to a server that runs already.
    pub(crate) fn running(backend: Backend, url: Url, address: SocketAddr) -> Result<Self, Error> {
        let server = Self { backend, url, address, handle: Mutex::new(None) };
        server.answers(SOON)?;
        server.announce();
        Ok(server)
    }

    /// Starts a program on a free port.
    pub(crate) fn local(program: &Recipe) -> Result<Self, Error> {
        let local = Local::launch(program)?;
        Self::launched(program.backend, local.address(), local)
    }

    /// Waits until a server that was just started answers.
    pub(crate) fn launched(
        backend: Backend,
        address: SocketAddr,
        handle: impl Handle + 'static,
    ) -> Result<Self, Error> {
        let url = match backend {
            Backend::Postgres => format!("postgres://postgres@{address}/postgres"),
            Backend::Redis => format!("redis://{address}"),
            Backend::Other(_) => format!("tcp://{address}"),
        };
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidInput, error);
        let url = Url::parse(&url).map_err(|error| Error::io("build a URL")(invalid(error)))?;
        let server = Self { backend, url, address, handle: Mutex::new(Some(Box::new(handle))) };
        if let Err(error) = server.until_it_answers(START) {
            let log = server.lock().as_ref().and_then(|handle| handle.log());
            return Err(log.map_or(error, |log| Error::Start { backend, log }));
        }
        server.announce();
        Ok(server)
    }

    /// The URL for a client: `postgres://postgres@127.0.0.1:11001/postgres` or `redis://127.0.0.1:11002`; for any
    /// other server `tcp://127.0.0.1:11003`.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// The same URL with another address, such as that of a [`Proxy`](crate::Proxy) in between.
    #[must_use]
    pub fn url_at(&self, address: SocketAddr) -> String {
        let mut url = self.url.clone();
        // Both fail only for a URL without a host, and this URL has one.
        _ = url.set_ip_host(address.ip());
        _ = url.set_port(Some(address.port()));
        url.into()
    }

    /// The address on which the server listens. It stays the same across restarts.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The kind of server.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Where the server comes from.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.lock().as_ref().map_or(Origin::Environment, |handle| handle.origin())
    }

    /// The process id, if the server is local and running.
    #[must_use]
    pub fn process_id(&self) -> Option<i32> {
        self.lock().as_ref().and_then(|handle| handle.process_id())
    }

    /// The version that the server reports, such as `PostgreSQL 17.12`, `Valkey 8.1.1` or `PgBouncer 1.24.1`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it does not respond within 5 s, or requires a password first.
    pub fn version(&self) -> Result<String, Error> {
        if let Some(version) = self.lock().as_ref().and_then(|handle| handle.logged_version()) {
            return Ok(version);
        }
        let version = match self.backend {
            Backend::Redis => probe::redis_version(self.address, SOON),
            Backend::Postgres => probe::postgres_version(self.address, self.user(), SOON),
            Backend::Other(name) => Ok(name.to_owned()),
        };
        version.map_err(Error::io("learn the server's version"))
    }

    /// Checks over a new connection whether the server accepts requests.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] with the error of the connection; a frozen server gives `WouldBlock` or `TimedOut` after
    /// `limit`.
    pub fn answers(&self, limit: Duration) -> Result<(), Error> {
        let answer = match (self.backend, self.url.scheme()) {
            (Backend::Redis, "rediss") | (Backend::Other(_), _) => probe::tcp(self.address, limit),
            (Backend::Redis, _) => probe::redis(self.address, limit),
            (Backend::Postgres, _) => probe::postgres(self.address, self.user(), limit),
        };
        answer.map_err(Error::io("get an answer from the server"))
    }

    /// Shuts the server down cleanly; it keeps its data and port. A stopped server stays stopped.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] if the server had to be killed.
    pub fn stop(&self) -> Result<(), Error> {
        self.control("stop", |handle| handle.stop())
    }

    /// Ends the server immediately, as a crash would: `SIGKILL` for Redis, an immediate shutdown (`SIGQUIT`, no
    /// checkpoint, recovery at the next start) for PostgreSQL. The machine keeps running, so this does not test
    /// fsync.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] if PostgreSQL had to be killed.
    pub fn crash(&self) -> Result<(), Error> {
        self.control("crash", |handle| handle.crash())
    }

    /// Starts the server again after `stop` or `crash`, with the same data and port, and waits until it responds.
    ///
    /// # Errors
    ///
    /// [`Error::Start`] with the end of its log, or [`Error::Timeout`].
    pub fn start(&self) -> Result<(), Error> {
        self.control("start", |handle| handle.start())?;
        self.until_it_answers(START)
    }

    /// Calls `stop`, then `start`.
    ///
    /// # Errors
    ///
    /// The same as for those two.
    pub fn restart(&self) -> Result<(), Error> {
        self.stop()?;
        self.start()
    }

    /// Suspends all its processes (`SIGSTOP`): connections stay open and are accepted, but get no response.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the signal cannot be sent.
    pub fn freeze(&self) -> Result<(), Error> {
        self.control("freeze", |handle| handle.freeze())
    }

    /// Resumes a frozen server.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the signal cannot be sent.
    pub fn thaw(&self) -> Result<(), Error> {
        self.control("thaw", |handle| handle.thaw())
    }

    fn until_it_answers(&self, limit: Duration) -> Result<(), Error> {
        let deadline = Instant::now() + limit;
        while let Err(error) = self.answers(Duration::from_secs(1)) {
            let ended = self.lock().as_mut().is_some_and(|handle| handle.has_ended());
            if Instant::now() >= deadline || ended {
                return Err(error);
            }
            thread::sleep(TICK);
        }
        Ok(())
    }

    /// Writes the version and the origin to standard error, once per process. Not with `eprintln!`: libtest hides its
    /// output for a test that passes.
    fn announce(&self) {
        static REPORTED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
        let version = self.version().unwrap_or_else(|error| {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            format!("{} of unknown version ({error}{})", self.backend, cause.unwrap_or_default())
        });
        let line = format!("server: {version}, from {}", self.origin());
        if REPORTED.lock().unwrap_or_else(PoisonError::into_inner).insert(line.clone()) {
            _ = writeln!(io::stderr(), "{line}");
        }
    }

    fn user(&self) -> &str {
        if self.url.username().is_empty() { "postgres" } else { self.url.username() }
    }

    fn control(
        &self,
        action: &'static str,
        verb: impl FnOnce(&mut dyn Handle) -> Result<(), Error>,
    ) -> Result<(), Error> {
        match &mut *self.lock() {
            None => Err(Error::Unsupported { action, origin: Origin::Environment }),
            Some(handle) => verb(&mut **handle),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<dyn Handle>>> {
        self.handle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Server {
    /// Leaves out the URL: one from the environment may contain a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {} at {}", self.backend, self.origin(), self.address)
    }
}
