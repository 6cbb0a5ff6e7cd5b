//! How a store is opened.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use hallpass_core::StoreError;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgPool};
use tokio::time::timeout;

use crate::connections::{Connections, Options, REST, TEST};
use crate::error::{Trouble, What};
use crate::names::Names;
use crate::statements::{Patch, Statements};
use crate::store::PostgresStore;

/// Time beyond this is for ever.
const LONGEST: Duration = Duration::from_secs(100 * 24 * 60 * 60);

/// Opens a [`PostgresStore`] otherwise than with the defaults. Made by [`PostgresStore::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    names: Names,
    timeout: Duration,
    connections: u32,
    pooler: bool,
    share: bool,
    patches: Vec<Patch>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            names: Names::default(),
            timeout: Duration::from_secs(5),
            connections: 16,
            pooler: false,
            share: false,
            patches: Vec::new(),
        }
    }

    /// The schema that the tables are in; "public" unless told otherwise. 1 to 40 ASCII letters, digits and `_`,
    /// no digit first.
    pub fn schema(mut self, name: impl Into<String>) -> Self {
        self.names.schema = name.into();
        self
    }

    /// What the tables' names begin with; "hallpass" unless told otherwise, which makes `hallpass_tokens`,
    /// `hallpass_epochs` and `hallpass_schema`. The same alphabet. Another prefix, or another schema, is another
    /// namespace.
    pub fn prefix(mut self, name: impl Into<String>) -> Self {
        self.names.prefix = name.into();
        self
    }

    /// How long a call may take before it fails; 5 s unless told otherwise. The server is told to give up
    /// sooner: statements after this time, waits for locks after half of it.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit.min(LONGEST);
        self
    }

    /// How many connections [`connect`](Self::connect) may open; 16 unless told otherwise.
    pub fn connections(mut self, most: u32) -> Self {
        self.connections = most;
        self
    }

    /// For a server behind PgBouncer in transaction mode, or another pooler that hands each transaction another
    /// server connection: no prepared statement outlives its transaction, every operation is a transaction,
    /// and timeouts are set in each. Costs about half of the throughput.
    pub fn pgbouncer(mut self) -> Self {
        self.pooler = true;
        self
    }

    /// With the statements for many calls even where there is one, to test them.
    #[doc(hidden)]
    pub fn sharing_always(mut self) -> Self {
        self.share = true;
        self
    }

    /// With one statement changed, to prove that tests notice: `from` stands in the file exactly once.
    #[doc(hidden)]
    pub fn patched(mut self, file: &str, from: &str, to: &str) -> Self {
        self.patches.push(Patch { file: file.to_owned(), from: from.to_owned(), to: to.to_owned() });
        self
    }

    /// Connects to the server at `url`: `postgres://user:password@host:5432/database`, with sqlx's parameters.
    /// The tables need not be there yet: [`PostgresStore::migrate`] makes them.
    ///
    /// # Errors
    /// - [`StoreError::Refused`]: no URL, wrong password or database, bad names, tables of a newer version.
    /// - [`StoreError::Unavailable`]: nobody answers.
    pub async fn connect(self, url: &str) -> Result<PostgresStore, StoreError> {
        let refused = |error: sqlx::Error| Trouble::connecting(&error).into_error(false);
        // sqlx does not look at it.
        if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(refused(sqlx::Error::Configuration("another scheme".into())));
        }
        let options = PgConnectOptions::from_str(url).map_err(refused)?;
        self.connect_with(options).await
    }

    /// The same with options of sqlx's.
    ///
    /// # Errors
    /// Those of [`connect`](Self::connect).
    pub async fn connect_with(self, options: PgConnectOptions) -> Result<PostgresStore, StoreError> {
        let options = self.configure(options);
        let timed_out = || Trouble::new(What::Unavailable, "the server does not answer in time");
        // By hand: a pool keeps trying, and hides what is wrong.
        let first =
            timeout(self.timeout, options.connect()).await.map_err(|_| timed_out().into_error(false))?;
        let first = first.map_err(|error| Trouble::connecting(&error).into_error(false))?;
        let _ = timeout(TEST, first.close()).await;
        let pool = PgPoolOptions::new()
            .max_connections(self.connections.max(1))
            .acquire_timeout(self.timeout)
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    if meta.idle_for > REST {
                        // One that does not answer makes room for a new one.
                        let answer = timeout(TEST, connection.ping()).await;
                        return Ok(matches!(answer, Ok(Ok(()))));
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(options);
        self.open(pool, true).await
    }

    /// Uses a pool of the application's, and gives each connection back after each call. A store that has a pool
    /// to itself, through [`connect`](Self::connect), is faster. The pool's connections should have
    /// `statement_timeout` and `lock_timeout` set.
    ///
    /// # Errors
    /// Those of [`connect`](Self::connect).
    pub async fn from_pool(self, pool: PgPool) -> Result<PostgresStore, StoreError> {
        self.open(pool, false).await
    }

    fn configure(&self, options: PgConnectOptions) -> PgConnectOptions {
        let options = options.disable_statement_logging();
        let options = match options.get_application_name() {
            None => options.application_name("hallpass"),
            Some(_) => options,
        };
        if self.pooler {
            // A pooler refuses what it does not know at the start.
            return options.statement_cache_capacity(0).extra_float_digits(None);
        }
        let isolation = [("default_transaction_isolation", "read committed".to_owned())];
        options.options(self.limits().into_iter().chain(isolation))
    }

    /// What the server is told about time, in milliseconds.
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
            let sql = Statements::new(&self.names, !self.pooler, &self.patches)?;
            let mut begin = sql.begin.text().to_owned();
            if self.pooler {
                begin.extend(self.limits().map(|(name, value)| format!("; set local {name} = {value}")));
            }
            let most = pool.options().get_max_connections() as usize;
            let (pooler, share) = (self.pooler, self.share);
            let options = Options { limit: self.timeout, keep, pooler, begin: begin.into(), share };
            let connections = Arc::new(Connections::new(pool, sql, options));
            let store = PostgresStore::new(connections, self.names.clone(), most);
            store.check().await?;
            Ok::<_, Trouble>(store)
        };
        open.await.map_err(|trouble| trouble.into_error(false))
    }
}
