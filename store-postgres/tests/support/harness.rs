//! The suite's harness: one server, a schema for each namespace, and a proxy to cut connections.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hallpass_conformance_tests::{Capability, Declared, Fault, Harness, Server};
use hallpass_core::BoxError;
use hallpass_core::store::TokenStore;
use hallpass_store_postgres::{Builder, PostgresStore};
use hallpass_test_servers::{Error, Launch, Mode, Origin, Proxy, pgbouncer};

/// The address of the database, and the server itself if this process started it.
pub(crate) struct Place {
    url: String,
    owned: Option<Owned>,
}

struct Owned {
    server: hallpass_test_servers::Server,
    _pooler: Option<hallpass_test_servers::Server>,
    proxy: Proxy,
}

impl Place {
    /// Starts a server for this process, behind PgBouncer or not; in a crash child, uses its parent's.
    ///
    /// # Errors
    /// Why it did not start.
    pub(crate) async fn start(launch: &Launch, pooler: bool) -> Result<Arc<Self>, Error> {
        if std::env::var_os("HALLPASS_CONFORMANCE_CHILD").is_some() {
            let url = std::fs::read_to_string(note(std::os::unix::process::parent_id())).unwrap();
            return Ok(Arc::new(Self { url, owned: None }));
        }
        let launch = launch.clone();
        let started = tokio::task::spawn_blocking(move || {
            let server = launch.start()?;
            let pooler = if pooler { Some(pgbouncer(&server)?) } else { None };
            Ok((server, pooler))
        });
        let (server, pooler) = started.await.unwrap()?;
        let front = pooler.as_ref().unwrap_or(&server);
        let proxy = Proxy::start(front.address()).await.unwrap();
        proxy.set(calm());
        let url = front.url_at(proxy.address());
        std::fs::write(note(std::process::id()), &url).unwrap();
        Ok(Arc::new(Self { url, owned: Some(Owned { server, _pooler: pooler, proxy }) }))
    }

    fn owned(&self) -> Result<&Owned, BoxError> {
        Ok(self.owned.as_ref().ok_or("this server is not ours")?)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.owned.is_some() {
            let _ = std::fs::remove_file(note(std::process::id()));
        }
    }
}

/// The proxy's mode without a fault: it delays each call, half of it in each direction.
fn calm() -> Mode {
    if delay().is_zero() { Mode::Pass } else { Mode::Delay(delay() / 2) }
}

/// The delay in milliseconds from `HALLPASS_TEST_DELAY`.
fn delay() -> Duration {
    let delay = std::env::var("HALLPASS_TEST_DELAY").ok().and_then(|delay| delay.parse().ok());
    delay.map_or(Duration::ZERO, Duration::from_millis)
}

/// The file from which a crash child reads its parent's URL.
fn note(process: u32) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("server-of-{process}"))
}

type Configure = Box<dyn Fn(Builder) -> Builder + Send + Sync>;

/// The harness for stores with one configuration.
pub(crate) struct Postgres {
    name: String,
    place: Arc<Place>,
    configure: Configure,
}

impl Postgres {
    pub(crate) fn new(name: &str, place: &Arc<Place>, configure: Configure) -> Self {
        Self { name: name.to_owned(), place: Arc::clone(place), configure }
    }

    async fn control(
        &self,
        verb: impl FnOnce(&hallpass_test_servers::Server) -> Result<(), Error> + Send + 'static,
    ) -> Result<(), BoxError> {
        let place = Arc::clone(&self.place);
        tokio::task::spawn_blocking(move || Ok(verb(&place.owned()?.server)?)).await?
    }
}

#[async_trait]
impl Harness for Postgres {
    fn backend(&self) -> String {
        self.name.clone()
    }

    async fn open(&self, namespace: &str) -> Result<Arc<dyn TokenStore>, BoxError> {
        // Opening a connection takes several round trips.
        let timeout = Duration::from_secs(3) + delay() * 50;
        let builder = PostgresStore::builder().schema(namespace).connections(8).timeout(timeout);
        let store = (self.configure)(builder).connect(&self.place.url).await?;
        store.migrate().await?;
        Ok(Arc::new(store))
    }

    fn declared(&self) -> Declared {
        Declared::everything()
            .without(Capability::PowerLoss, "whether the disk keeps its word cannot be tested here")
    }

    fn server(&self) -> Option<&dyn Server> {
        Some(self)
    }
}

#[async_trait]
impl Server for Postgres {
    fn faults(&self) -> &[Fault] {
        match self.place.owned().map(|owned| owned.server.origin()) {
            Err(_) => &[],
            Ok(Origin::Environment) => &[Fault::Cut],
            Ok(_) => &[Fault::Cut, Fault::Freeze, Fault::Restart, Fault::Stop],
        }
    }

    async fn inflict(&self, fault: Fault) -> Result<(), BoxError> {
        match fault {
            Fault::Cut => {
                let proxy = &self.place.owned()?.proxy;
                proxy.set(Mode::Refuse);
                proxy.cut();
                Ok(())
            }
            Fault::Freeze => self.control(|server| server.freeze()).await,
            // Without a checkpoint: acknowledged writes must be recovered from the log.
            Fault::Restart => self.control(|server| server.crash().and_then(|()| server.start())).await,
            Fault::Stop => self.control(|server| server.stop()).await,
        }
    }

    async fn heal(&self) -> Result<(), BoxError> {
        let owned = self.place.owned()?;
        owned.proxy.set(calm());
        if owned.server.origin() == Origin::Environment {
            return Ok(());
        }
        self.control(|server| server.thaw().and_then(|()| server.start())).await
    }
}
