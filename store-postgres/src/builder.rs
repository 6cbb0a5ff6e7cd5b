//! The settings of a store, and how it is opened.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use hallpass_core::StoreError;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};
use tokio::time::timeout;

use crate::batch::QUEUE;
use crate::check::Check;
use crate::connection::{Connections, LONGEST, Options, REST, TEST};
use crate::error::Error;
use crate::migrate;
use crate::names::Names;
use crate::patches::Patches;
use crate::pooler;
use crate::revoke::Bounds;
use crate::statements::Statements;
use crate::store::{PostgresStore, Settings};
use crate::url;

/// The shortest timeout: no server reliably answers sooner.
const SHORTEST: Duration = Duration::from_millis(10);

/// The largest `max_connections` that a server can have. The pool allocates a place for each at the start.
const MOST_CONNECTIONS: u32 = 0x3_ffff;

/// Opens a [`PostgresStore`] with settings other than the defaults.
///
/// Made by [`PostgresStore::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    names: Names,
    timeout: Duration,
    connections: u32,
    pooler: Option<Pooler>,
    pub(crate) share: bool,
    pub(crate) queue: usize,
    pub(crate) bounds: Bounds,
    functions: bool,
    confirm: Option<Duration>,
    pub(crate) patches: Patches,
}

impl PostgresStore {
    /// Connects to the server at `url`, as [`Builder::connect`] does.
    ///
    /// # Errors
    /// Those of [`Builder::connect`].
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Self::builder().connect(url).await
    }

    /// Uses a pool of the application's, as [`Builder::from_pool`] does.
    ///
    /// # Errors
    /// Those of [`Builder::from_pool`].
    pub async fn from_pool(pool: PgPool) -> Result<Self, StoreError> {
        Self::builder().from_pool(pool).await
    }

    /// Returns a builder, for other tables, other limits, or a pooler.
    pub fn builder() -> Builder {
        Builder {
            names: Names::default(),
            timeout: Duration::from_secs(5),
            connections: 16,
            pooler: None,
            share: false,
            queue: QUEUE,
            bounds: Bounds::DEFAULT,
            functions: true,
            confirm: None,
            patches: Patches::default(),
        }
    }
}

/// A pooler between the store and the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pooler {
    /// It forgets prepared statements after each transaction.
    Forgets,
    /// It keeps them for each of its clients.
    Prepares,
}

impl Builder {
    /// Sets the schema of the tables, "public" by default.
    ///
    /// A name has 1 to 40 ASCII letters, digits and `_`, and does not begin with a digit.
    pub fn schema(mut self, name: impl Into<String>) -> Self {
        self.names.schema = name.into();
        self
    }

    /// Sets the first part of the tables' names.
    ///
    /// The default is "hallpass", which makes `hallpass_tokens`, `hallpass_epochs` and `hallpass_schema`. The rules
    /// for a schema's name apply, and the prefix must not end in `_epochs`. Another prefix, or another
    /// schema, is another namespace.
    pub fn prefix(mut self, name: impl Into<String>) -> Self {
        self.names.prefix = name.into();
        self
    }

    /// Sets how long a call may take before it fails: 5 s by default, at least 10 ms and at most 20 s
    /// (contract S12).
    ///
    /// The server gives up statements after this time, and stops waiting for locks after half of it. A
    /// revocation of more than 2,000 records takes up to 3.5 times as long, and at most 20 s.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit.clamp(SHORTEST, LONGEST);
        self
    }

    /// Sets how many connections [`connect`](Self::connect) may keep open on the server, 16 by default.
    ///
    /// One in eight, and at least one, is reserved for look-ups, so that writes that wait for a lock or a
    /// standby never block them. With 1 connection there is no reserve, and look-ups wait for every write.
    ///
    /// Opening a store takes two connections for a moment, and [`PostgresStore::migrate`] one of its own.
    pub fn connections(mut self, most: u32) -> Self {
        self.connections = most.clamp(1, MOST_CONNECTIONS);
        self
    }

    /// Prepares the store for PgBouncer in transaction mode, or for another pooler that gives each
    /// transaction a different server connection.
    ///
    /// No prepared statement outlives its transaction, every operation is a transaction, and each transaction
    /// sets the time limits. This costs about half of the throughput; see
    /// [`pgbouncer_prepared`](Self::pgbouncer_prepared).
    pub fn pgbouncer(mut self) -> Self {
        self.pooler = Some(Pooler::Forgets);
        self
    }

    /// Prepares the store for PgBouncer 1.21 or later in transaction mode with `max_prepared_statements`
    /// above 0, the default from 1.24 on.
    ///
    /// Statements are prepared once, and an operation that takes one round trip without a pooler takes one
    /// here.
    ///
    /// The store cannot set the server's time limits then, so set them for the user: `alter role app set
    /// statement_timeout = '5s'` and `lock_timeout = '2500ms'` for a [`timeout`](Self::timeout) of 5 s.
    /// Without them a call that waits for a lock still fails, but with an unknown outcome.
    pub fn pgbouncer_prepared(mut self) -> Self {
        self.pooler = Some(Pooler::Prepares);
        self
    }

    /// Uses no functions in the database, for databases whose rules forbid them.
    ///
    /// A revocation is then a transaction of four or more round trips instead of one, and
    /// [`PostgresStore::migrate`] creates no function.
    pub fn without_functions(mut self) -> Self {
        self.functions = false;
        self
    }

    /// Lets a near cache rely on the server only while its synchronous standbys confirm that they follow it.
    ///
    /// A primary that was replaced behind its back still answers, and does not announce what ends on its successor. So
    /// a node that is cut off together with it accepts what has ended, until it learns of the failover.
    ///
    /// With this option the feed commits a message to the log every `every`, which waits for the standbys that
    /// `synchronous_standby_names` requires; what the other writes wait for is not changed. **Every standby that may be
    /// promoted must be among those that it requires**: for two of them, `FIRST 2 (a, b)`. One that is not required, or
    /// one of a quorum, may be promoted while the others confirm the old primary. If the last confirmation began more
    /// than twice `every` ago, the feed proves nothing, and verifications read the store; none is refused. So a near
    /// cache sees an ending within its lag and twice `every`, whatever happens to the primary, while the machine of this
    /// feed is not suspended: a suspension does not age a confirmation. A quarter of the lag is a good choice. `every`
    /// is at least 10 ms and at most 20 s. By default nothing is confirmed.
    ///
    /// A feed then has a second connection. Opening it is [`StoreError::Refused`] while the server has no synchronous
    /// standbys, and opening a store is, behind a pooler in transaction mode. It needs the language PL/pgSQL, which
    /// every database has by default, and no function.
    pub fn confirm_primary(mut self, every: Duration) -> Self {
        self.confirm = Some(every.clamp(SHORTEST, LONGEST));
        self
    }

    /// Connects to the server at `url`: `postgres://user:password@host:5432/database`, with sqlx's
    /// parameters.
    ///
    /// The tables need not exist yet: [`PostgresStore::migrate`] creates them.
    ///
    /// # Errors
    /// - [`StoreError::Refused`]: not a PostgreSQL URL, a wrong password or database, invalid names, a
    ///   standby, a database that is not in UTF-8, tables that need a newer version.
    /// - [`StoreError::Unavailable`]: no server answers.
    pub async fn connect(self, url: &str) -> Result<PostgresStore, StoreError> {
        let refused = |error: sqlx::Error| Error::connecting(&error).into_error(false);
        // sqlx does not check the scheme.
        if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(refused(sqlx::Error::Configuration("another scheme".into())));
        }
        let url = url::of_the_driver(url).map_err(|error| error.into_error(false))?;
        let options = PgConnectOptions::from_str(&url).map_err(refused)?;
        self.connect_with(options).await
    }

    /// Connects with sqlx's options.
    ///
    /// # Errors
    /// Those of [`connect`](Self::connect).
    pub async fn connect_with(self, options: PgConnectOptions) -> Result<PostgresStore, StoreError> {
        let options = self.configure(options);
        // Without the pool, which keeps trying and hides the error.
        let first = timeout(self.timeout, options.connect())
            .await
            .map_err(|_| Error::unanswered().into_error(false))?;
        let mut first = first.map_err(|error| Error::connecting(&error).into_error(false))?;
        // A failure to open a second connection proves nothing: the server may allow this user only one.
        if let Ok(Ok(mut second)) = timeout(self.timeout / 2, options.connect()).await {
            let suits = self.suits(&mut first, &mut second).await;
            close(second).await;
            suits.map_err(|error| error.into_error(false))?;
        }
        close(first).await;
        let pool = PgPoolOptions::new()
            .max_connections(self.connections)
            .acquire_timeout(self.timeout)
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    if meta.idle_for > REST {
                        // A connection that does not answer makes room for a new one.
                        let answer = timeout(TEST, connection.ping()).await;
                        return Ok(matches!(answer, Ok(Ok(()))));
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(options);
        self.open(pool, true).await
    }

    /// Uses a pool of the application's, and returns each connection to it after each call.
    ///
    /// A store with a pool of its own, through [`connect`](Self::connect), is faster. The pool's connections
    /// should have `statement_timeout` and `lock_timeout` set.
    ///
    /// # Errors
    /// Those of [`connect`](Self::connect).
    pub async fn from_pool(self, pool: PgPool) -> Result<PostgresStore, StoreError> {
        if pool.options().get_max_connections() > 1 {
            let two = async { Ok::<_, sqlx::Error>((pool.acquire().await?, pool.acquire().await?)) };
            if let Ok(Ok((mut first, mut second))) = timeout(self.timeout / 2, two).await {
                let suits = self.suits(&mut first, &mut second).await;
                suits.map_err(|error| error.into_error(false))?;
            }
        }
        self.open(pool, false).await
    }

    /// Checks that a pooler between the store and the server is of the declared kind, or absent if none is
    /// declared.
    async fn suits(&self, first: &mut PgConnection, second: &mut PgConnection) -> Result<(), Error> {
        let found = async {
            match self.pooler {
                Some(Pooler::Forgets) => Ok(()),
                Some(Pooler::Prepares) => pooler::keeps_statements(first, second).await,
                None => pooler::keeps_sessions(first, second).await,
            }
        };
        // If a pooler has one server connection for all clients, the second waits for the first.
        timeout(self.timeout / 2, found).await.unwrap_or(Ok(()))
    }

    fn configure(&self, options: PgConnectOptions) -> PgConnectOptions {
        let options = options.disable_statement_logging();
        let options = match options.get_application_name() {
            None => options.application_name("hallpass"),
            Some(_) => options,
        };
        // A pooler refuses start-up parameters that it does not know.
        match self.pooler {
            Some(Pooler::Forgets) => return options.statement_cache_capacity(0).extra_float_digits(None),
            Some(Pooler::Prepares) => return options.extra_float_digits(None),
            None => {}
        }
        let isolation = [("default_transaction_isolation", "read committed".to_owned())];
        options.options(self.limits().into_iter().chain(isolation))
    }

    /// The server's time limits, in milliseconds.
    fn limits(&self) -> [(&'static str, String); 3] {
        let millis = |limit: Duration| limit.as_millis().clamp(1, i32::MAX as u128).to_string();
        [
            ("statement_timeout", millis(self.timeout)),
            ("lock_timeout", millis(self.timeout / 2)),
            ("idle_in_transaction_session_timeout", millis(self.timeout)),
        ]
    }

    async fn open(self, pool: PgPool, keep: bool) -> Result<PostgresStore, StoreError> {
        let open = async {
            self.names.check()?;
            let forgets = self.pooler == Some(Pooler::Forgets);
            if self.confirm.is_some() && self.pooler.is_some() {
                // Its connections last no longer than a transaction, and may lead to different servers.
                return Err(Error::refused("Builder::confirm_primary needs connections without a pooler"));
            }
            self.patches.check(|file| Statements::is_file(file) || migrate::is_file(file))?;
            let sql = Statements::new(&self.names, !forgets, &self.patches)?;
            let mut begin = sql.begin.text().to_owned();
            if self.pooler.is_some() {
                begin.extend(self.limits().map(|(name, value)| format!("; set local {name} = {value}")));
            }
            let options = Options {
                limit: self.timeout,
                keep,
                transactions: forgets,
                direct: self.pooler.is_none(),
                begin: begin.into(),
                share: self.share,
                queue: self.queue,
                confirm: self.confirm,
            };
            let connections = Arc::new(Connections::new(pool, sql, options));
            let migrations = migrate::patched(&self.patches, self.functions)?;
            let settings = Settings { bounds: self.bounds, functions: self.functions, migrations };
            connections.perform(&Check(&self.names), connections.deadline()).await?;
            Ok::<_, Error>(PostgresStore::new(connections, self.names, settings))
        };
        open.await.map_err(|error| {
            error.trace();
            error.into_error(false)
        })
    }
}

/// Closes a connection. A failure to do so is harmless.
async fn close(connection: PgConnection) {
    if let Ok(Err(error)) = timeout(TEST, connection.close()).await {
        tracing::debug!(cause = %Error::from(error), "PostgreSQL: a connection was not closed cleanly");
    }
}
