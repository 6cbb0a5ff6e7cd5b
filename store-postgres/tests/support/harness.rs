//! The suite's harness: one server, a schema for each namespace, a proxy to cut connections with.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hallpass_conformance_tests::{Capability, Declared, Harness, Server, Trouble};
use hallpass_core::{BoxError, TokenStore};
use hallpass_store_postgres::{Builder, PostgresStore};
use hallpass_test_servers::{Error, Launch, Mode, Origin, Proxy};

/// A PostgreSQL, and a way to mistreat it if it is ours.
pub(crate) struct Postgres {
    name: String,
    url: String,
    owned: Option<(Arc<hallpass_test_servers::Server>, Proxy)>,
    troubles: Vec<Trouble>,
    configure: Box<dyn Fn(Builder) -> Builder + Send + Sync>,
}

impl Postgres {
    /// A server of this process, or, in a crash child, of its parent.
    ///
    /// # Errors
    /// What kept it from starting.
    pub(crate) async fn start(name: &str, launch: &Launch) -> Result<Self, Error> {
        let (name, configure) = (name.to_owned(), Box::new(|builder| builder));
        if std::env::var_os("HALLPASS_CONFORMANCE_CHILD").is_some() {
            let url = std::fs::read_to_string(note(std::os::unix::process::parent_id())).unwrap();
            return Ok(Self { name, url, owned: None, troubles: Vec::new(), configure });
        }
        let launch = launch.clone();
        let server = tokio::task::spawn_blocking(move || launch.start()).await.unwrap()?;
        let proxy = Proxy::start(server.address()).await.unwrap();
        let url = server.url_at(proxy.address());
        std::fs::write(note(std::process::id()), &url).unwrap();
        let troubles = match server.origin() {
            Origin::Environment => vec![Trouble::Cut],
            _ => vec![Trouble::Cut, Trouble::Freeze, Trouble::Restart, Trouble::Stop],
        };
        Ok(Self { name, url, owned: Some((Arc::new(server), proxy)), troubles, configure })
    }

    /// The same server, not to be hurt.
    pub(crate) fn like(other: &Self) -> Self {
        let (name, url) = (other.name.clone(), other.url.clone());
        Self { name, url, owned: None, troubles: Vec::new(), configure: Box::new(|builder| builder) }
    }

    /// With stores that are opened otherwise.
    pub(crate) fn configured(
        mut self,
        configure: impl Fn(Builder) -> Builder + Send + Sync + 'static,
    ) -> Self {
        self.configure = Box::new(configure);
        self
    }

    async fn control(
        &self,
        verb: impl FnOnce(&hallpass_test_servers::Server) -> Result<(), Error> + Send + 'static,
    ) -> Result<(), BoxError> {
        let (server, _) = self.owned.as_ref().ok_or("this server is not ours")?;
        let server = Arc::clone(server);
        Ok(tokio::task::spawn_blocking(move || verb(&server)).await??)
    }

    fn store(&self, namespace: &str) -> Builder {
        let builder =
            PostgresStore::builder().schema(namespace).connections(8).timeout(Duration::from_secs(3));
        (self.configure)(builder)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.owned.is_some() {
            let _ = std::fs::remove_file(note(std::process::id()));
        }
    }
}

/// Where a crash child reads its parent's URL.
fn note(process: u32) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("server-of-{process}"))
}

#[async_trait]
impl Harness for Postgres {
    fn backend(&self) -> String {
        self.name.clone()
    }

    async fn open(&self, namespace: &str) -> Result<Arc<dyn TokenStore>, BoxError> {
        let store = self.store(namespace).connect(&self.url).await?;
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
    fn troubles(&self) -> &[Trouble] {
        &self.troubles
    }

    async fn inflict(&self, trouble: Trouble) -> Result<(), BoxError> {
        match trouble {
            Trouble::Cut => {
                let (_, proxy) = self.owned.as_ref().ok_or("this server is not ours")?;
                proxy.set(Mode::Refuse);
                proxy.cut();
                Ok(())
            }
            Trouble::Freeze => self.control(|server| server.freeze()).await,
            // Without a checkpoint: what was acknowledged has to come back from the log.
            Trouble::Restart => self.control(|server| server.crash().and_then(|()| server.start())).await,
            Trouble::Stop => self.control(|server| server.stop()).await,
        }
    }

    async fn heal(&self) -> Result<(), BoxError> {
        if let Some((server, proxy)) = &self.owned {
            proxy.set(Mode::Pass);
            if server.origin() == Origin::Environment {
                return Ok(());
            }
        }
        self.control(|server| server.thaw().and_then(|()| server.start())).await
    }
}
