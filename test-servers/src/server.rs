//! A server that a test can use and disturb.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use url::Url;

use crate::container::Container;
use crate::error::Error;
use crate::local::Local;
use crate::probe;
use crate::process::TICK;

const SOON: Duration = Duration::from_secs(5);

/// The kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backend {
    /// PostgreSQL.
    Postgres,
    /// Redis.
    Redis,
    /// Any other server, launched by a [`Program`](crate::Program).
    Other(&'static str),
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Postgres => "PostgreSQL",
            Self::Redis => "Redis",
            Self::Other(name) => name,
        })
    }
}

/// Where a server comes from, in the order in which the places are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A server that runs already; its URL is in the environment. This crate does not stop, start or freeze it.
    Environment,
    /// A program on this machine, with its own folder and port.
    Local,
    /// A container of its own.
    Container,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Environment => "the environment",
            Self::Local => "local programs",
            Self::Container => "a container",
        })
    }
}

/// A running server; it is removed with its data when dropped, and also when this process ends in any other way.
///
/// Methods block the thread, each for a bounded time. In an async test call the slow ones (`stop`, `start`,
/// `restart`, `crash`: some 10 ms to 20 s) through `spawn_blocking` if other tasks must continue. For a server from
/// the environment they all return [`Error::Unsupported`].
pub struct Server {
    backend: Backend,
    url: Url,
    address: SocketAddr,
    handle: Mutex<Handle>,
}

#[derive(Debug)]
pub(crate) enum Handle {
    Environment,
    Local(Local),
    Container(Container),
}

impl Server {
    pub(crate) fn new(backend: Backend, url: Url, address: SocketAddr, handle: Handle) -> Self {
        Self { backend, url, address, handle: Mutex::new(handle) }
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
        match *self.lock() {
            Handle::Environment => Origin::Environment,
            Handle::Local(_) => Origin::Local,
            Handle::Container(_) => Origin::Container,
        }
    }

    /// The process id, if the server is local and running.
    #[must_use]
    pub fn process_id(&self) -> Option<i32> {
        match &*self.lock() {
            Handle::Local(local) => local.process_id(),
            _ => None,
        }
    }

    /// The version that the server reports, such as `PostgreSQL 17.12`, `Valkey 8.1.1` or `PgBouncer 1.24.1`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it does not respond within 5 s, or requires a password first.
    pub fn version(&self) -> Result<String, Error> {
        if let Handle::Local(local) = &*self.lock()
            && let Some(version) = local.logged_version()
        {
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
        self.control("stop", Local::stop, Container::stop)
    }

    /// Ends the server immediately, as a crash would: `SIGKILL` for Redis, an immediate shutdown (`SIGQUIT`, no
    /// checkpoint, recovery at the next start) for PostgreSQL. The machine keeps running, so this does not test
    /// fsync.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] if PostgreSQL had to be killed.
    pub fn crash(&self) -> Result<(), Error> {
        self.control("crash", Local::crash, Container::crash)
    }

    /// Starts the server again after `stop` or `crash`, with the same data and port, and waits until it responds.
    ///
    /// # Errors
    ///
    /// [`Error::Start`] with the end of its log, or [`Error::Timeout`].
    pub fn start(&self) -> Result<(), Error> {
        self.control("start", Local::start, Container::start)?;
        self.until_it_answers(Duration::from_secs(60))
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
        self.control("freeze", Local::freeze, Container::freeze)
    }

    /// Resumes a frozen server.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the signal cannot be sent.
    pub fn thaw(&self) -> Result<(), Error> {
        self.control("thaw", Local::thaw, Container::thaw)
    }

    pub(crate) fn until_it_answers(&self, limit: Duration) -> Result<(), Error> {
        let deadline = Instant::now() + limit;
        while let Err(error) = self.answers(Duration::from_secs(1)) {
            if Instant::now() >= deadline || self.has_ended() {
                return Err(error);
            }
            thread::sleep(TICK);
        }
        Ok(())
    }

    fn user(&self) -> &str {
        if self.url.username().is_empty() { "postgres" } else { self.url.username() }
    }

    fn has_ended(&self) -> bool {
        match &mut *self.lock() {
            Handle::Environment => false,
            Handle::Local(local) => local.has_ended(),
            Handle::Container(container) => container.has_ended(),
        }
    }

    /// The end of a container's log.
    pub(crate) fn last_words(&self) -> Option<String> {
        match &*self.lock() {
            Handle::Container(container) => container.log().ok(),
            _ => None,
        }
    }

    fn control(
        &self,
        action: &'static str,
        local: impl FnOnce(&mut Local) -> Result<(), Error>,
        container: impl FnOnce(&mut Container) -> Result<(), Error>,
    ) -> Result<(), Error> {
        match &mut *self.lock() {
            Handle::Environment => Err(Error::Unsupported { action, origin: Origin::Environment }),
            Handle::Local(handle) => local(handle),
            Handle::Container(handle) => container(handle),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Handle> {
        self.handle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Server {
    /// Leaves out the URL: one from the environment may contain a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {} at {}", self.backend, self.origin(), self.address)
    }
}
