//! Where a server comes from: a URL in the environment, local programs, or a container.

use std::env;
use std::io::{self, Write};

use url::Url;

use crate::backend::{Backend, Origin};
#[cfg(feature = "containers")]
use crate::container;
use crate::error::Error;
use crate::probe;
use crate::programs;
use crate::server::Server;

const PLACES: &str = "HALLPASS_SERVERS";
/// If one of these variables is set, no test may be skipped.
const REQUIRE_ALL: [&str; 3] = ["CI", "HALLPASS_FULL", programs::ROOT];

/// Starts a PostgreSQL server from the first place that has one.
///
/// # Errors
///
/// [`Error::Unavailable`] if no place has one; any other error if a place has one that does not work.
pub fn postgres() -> Result<Server, Error> {
    Launch::new(Backend::Postgres).start()
}

/// Starts a Redis server from the first place that has one. It appends every write to a file.
///
/// # Errors
///
/// The same as for [`postgres`].
pub fn redis() -> Result<Server, Error> {
    Launch::new(Backend::Redis).start()
}

/// Returns `None` if this machine has no such server, and reports on standard error that the test was not run.
///
/// `what` names what was not run. With `CI=true`, with `HALLPASS_FULL=1`, or if `HALLPASS_TEST_ROOT` chooses the
/// programs, nothing may be skipped.
///
/// # Errors
///
/// [`Error::Unavailable`] if nothing may be skipped, and every other error in any case.
pub fn needed<T>(what: &str, found: Result<T, Error>) -> Result<Option<T>, Error> {
    match found {
        Ok(server) => Ok(Some(server)),
        Err(error @ Error::Unavailable { .. }) if !REQUIRE_ALL.iter().any(|variable| is_set(variable)) => {
            // Not `eprintln!`: libtest hides its output for a test that passes.
            _ = writeln!(io::stderr(), "NOT RUN: {what}: {error}");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// A server with settings of its own.
///
/// ```no_run
/// # fn main() -> Result<(), hallpass_test_servers::Error> {
/// use hallpass_test_servers::{Backend, Launch};
///
/// let full = Launch::new(Backend::Redis).setting("maxmemory", "2mb").start()?;
/// let crowded = Launch::new(Backend::Postgres).setting("max_connections", "20").start()?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Launch {
    backend: Backend,
    settings: Vec<(String, String)>,
    only: Option<Origin>,
}

impl Launch {
    /// A server with default settings, but durable: PostgreSQL unchanged, Redis with `appendonly yes`.
    #[must_use]
    pub fn new(backend: Backend) -> Self {
        Self { backend, settings: Vec::new(), only: None }
    }

    /// Sets a line of `postgresql.conf` or `redis.conf`, overriding the default. A server from the environment is
    /// then skipped, because its settings are unknown.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Searches only this place.
    #[must_use]
    pub fn only(mut self, origin: Origin) -> Self {
        self.only = Some(origin);
        self
    }

    /// Starts the server from the first place that has one.
    ///
    /// # Errors
    ///
    /// The same as for [`postgres`].
    pub fn start(&self) -> Result<Server, Error> {
        let mut tried = Vec::new();
        for origin in places(self.only)? {
            match origin {
                Origin::Environment => match self.look_up() {
                    Ok(Some(server)) => return Ok(server),
                    Ok(None) => tried.push(format!("{} is not set", self.variable())),
                    Err(error @ Error::Unsupported { .. }) => tried.push(error.to_string()),
                    Err(error) => return Err(error),
                },
                Origin::Local => match programs::find(self.backend, &self.settings) {
                    Ok(program) => return Server::local(&program),
                    Err(Error::Unavailable { tried: reasons, .. }) => tried.extend(reasons),
                    Err(error) => return Err(error),
                },
                Origin::Container => match self.in_container() {
                    Err(Error::Unavailable { tried: reasons, .. }) => tried.extend(reasons),
                    other => return other,
                },
            }
        }
        Err(Error::Unavailable { backend: self.backend, tried })
    }

    fn variable(&self) -> &'static str {
        match self.backend {
            Backend::Postgres => "HALLPASS_POSTGRES_URL",
            Backend::Redis => "HALLPASS_REDIS_URL",
            // No one sets this variable.
            Backend::Other(_) => "HALLPASS_OTHER_URL",
        }
    }

    fn look_up(&self) -> Result<Option<Server>, Error> {
        let variable = self.variable();
        let wrong = |reason: String| Error::Environment { variable, reason };
        let Some(text) = env::var(variable).ok().filter(|text| !text.is_empty()) else { return Ok(None) };
        if !self.settings.is_empty() {
            return Err(Error::Unsupported { action: "change the settings of", origin: Origin::Environment });
        }
        // Do not repeat the text: it may contain a password.
        let url = Url::parse(&text).map_err(|error| wrong(error.to_string()))?;
        let (schemes, default) = match self.backend {
            Backend::Postgres => (["postgres", "postgresql"], 5432),
            Backend::Redis => (["redis", "rediss"], 6379),
            Backend::Other(_) => (["tcp", "tcp"], 0),
        };
        if !schemes.contains(&url.scheme()) {
            return Err(wrong(format!("begins neither with {}:// nor with {}://", schemes[0], schemes[1])));
        }
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| wrong("names no host".to_owned()))?.trim_matches(['[', ']']);
        let port = url.port().unwrap_or(default);
        let address = probe::resolve(host, port).map_err(|error| wrong(error.to_string()))?;
        match Server::running(self.backend, url, address) {
            Err(Error::Io { source, .. }) => Err(wrong(format!("nothing answers at {address}: {source}"))),
            answer => answer.map(Some),
        }
    }

    #[cfg(feature = "containers")]
    fn in_container(&self) -> Result<Server, Error> {
        container::launch(self.backend, &self.settings)
    }

    #[cfg(not(feature = "containers"))]
    fn in_container(&self) -> Result<Server, Error> {
        let reason = "the feature `containers` of hallpass-test-servers is off".to_owned();
        Err(Error::Unavailable { backend: self.backend, tried: vec![reason] })
    }
}

/// The places to search, in order of preference, among those that `HALLPASS_SERVERS` allows. Containers are excluded
/// if `HALLPASS_TEST_ROOT` is set: they have other versions than that folder.
pub(crate) fn places(only: Option<Origin>) -> Result<Vec<Origin>, Error> {
    let all = [Origin::Environment, Origin::Local, Origin::Container];
    if let Some(only) = only {
        return Ok(vec![only]);
    }
    let Some(words) = env::var(PLACES).ok().filter(|words| !words.is_empty()) else {
        return Ok(if programs::root()?.is_some() { all[..2].into() } else { all.into() });
    };
    let origin = |word: &str| match word.trim() {
        "environment" => Ok(Origin::Environment),
        "local" => Ok(Origin::Local),
        "container" => Ok(Origin::Container),
        other => Err(Error::Environment {
            variable: PLACES,
            reason: format!("{other:?} is none of environment, local, container"),
        }),
    };
    words.split(',').map(origin).collect()
}

fn is_set(variable: &str) -> bool {
    env::var(variable).is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}
