//! The settings of a store, and how it connects.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hallpass_core::StoreError;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

use crate::backend::Backend;
use crate::check::Server;
use crate::cluster::Cluster;
use crate::cluster_slots::ClusterId;
use crate::connection::{Dialer, Node, ReplicaWait};
use crate::error::{not_done, refused};
use crate::feed_settings::FeedSettings;
use crate::keys::Keys;
use crate::permissions;
use crate::router::{LONGEST, Router};
use crate::sentinel::Sentinel;
use crate::statements::Scripts;
use crate::store::RedisStore;
use crate::topology::Topology;
use crate::url::{self, Kind, Target};

/// The shortest timeout: no server reliably answers sooner.
const SHORTEST: Duration = Duration::from_millis(10);

/// The default namespace.
const DEFAULT_NAMESPACE: &str = "default";

/// Connects a [`RedisStore`].
///
/// Made by [`RedisStore::single`], [`RedisStore::sentinel`] and [`RedisStore::cluster`].
#[must_use]
pub struct Builder {
    target: Target,
    namespace: String,
    limit: Duration,
    connections: usize,
    nodelay: bool,
    replica_wait: Option<ReplicaWait>,
    feed: FeedSettings,
    pub(crate) allow_eviction: bool,
    /// How long a master is used while no Sentinel answers.
    pub(crate) trust: Duration,
    #[cfg(feature = "test-hooks")]
    patches: Vec<[String; 3]>,
}

impl RedisStore {
    /// Connects with the defaults:
    ///
    /// | URL | to |
    /// | --- | --- |
    /// | `redis://[user:password@]host[:port][/number]` | one server |
    /// | `redis+sentinel://[user:password@]host[:port],…/master[/number]` | the master that these Sentinels watch; user and password are the server's |
    /// | `redis+cluster://[user:password@]host[:port],…` | the cluster of these nodes |
    ///
    /// With `rediss` in place of `redis` the connection uses TLS, which needs one of the TLS features.
    ///
    /// # Errors
    /// Those of [`Builder::connect`].
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Builder::new(url::read(url)?).connect().await
    }

    /// Returns a builder for one server.
    pub fn single(url: &str) -> Builder {
        Builder::of(Kind::Single, [url])
    }

    /// Returns a builder for the master that these Sentinels watch under this name.
    ///
    /// The number of a database in the first URL applies to the servers, `rediss://` applies to Sentinels and
    /// servers alike, and the password is that of the Sentinels: see [`Builder::credentials`].
    pub fn sentinel(urls: impl IntoIterator<Item = impl Into<String>>, master: &str) -> Builder {
        Builder::of(Kind::Sentinel { master: master.to_owned() }, urls)
    }

    /// Returns a builder for the cluster to which these nodes belong: any of them, preferably several.
    pub fn cluster(urls: impl IntoIterator<Item = impl Into<String>>) -> Builder {
        Builder::of(Kind::Cluster, urls)
    }
}

impl Builder {
    fn of(kind: Kind, urls: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::new(Target { kind, urls: urls.into_iter().map(Into::into).collect(), login: None })
    }

    fn new(target: Target) -> Self {
        Self {
            target,
            namespace: DEFAULT_NAMESPACE.to_owned(),
            limit: Duration::from_secs(5),
            connections: 1,
            nodelay: false,
            replica_wait: None,
            feed: FeedSettings::default(),
            allow_eviction: false,
            trust: Duration::ZERO,
            #[cfg(feature = "test-hooks")]
            patches: Vec::new(),
        }
    }

    /// Sets the namespace, which keeps this store apart from others on the same server: 1 to 64 characters of
    /// `a`–`z`, `0`–`9`, `_` and `-`; "default" by default.
    pub fn namespace(mut self, name: impl Into<String>) -> Self {
        self.namespace = name.into();
        self
    }

    /// Sets the user and password for the servers.
    ///
    /// Needed only behind Sentinel, because the URLs then hold the credentials for the Sentinels themselves;
    /// elsewhere it overrides the URL.
    pub fn credentials(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.target.login = Some((user.into(), password.into()));
        self
    }

    /// Sets how long a call may take before it fails, including the time to connect: 5 s by default, at least
    /// 10 ms and at most 20 s (contract S12).
    ///
    /// A revocation or a list of very many records takes up to 3.5 times as long, and at most 20 s.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limit = limit.clamp(SHORTEST, LONGEST);
        self
    }

    /// Sets how many connections to open to each node, 1 by default.
    ///
    /// All callers share one, and it is seldom the bottleneck: try 2 if it keeps a core of the application
    /// fully busy.
    pub fn connections(mut self, number: usize) -> Self {
        self.connections = number.max(1);
        self
    }

    /// Sets whether to use `TCP_NODELAY`; off by default.
    ///
    /// All callers share a connection, and requests that the kernel holds back until earlier ones are
    /// acknowledged go out together. Measured on the loopback, in pairs of runs: the option makes no
    /// difference to look-ups, which share round trips anyway, nor to a single task. Scripts per second fall
    /// to 0.83 times with 16 tasks, and to 0.73 times with 64. Set it if a server is often slow to answer,
    /// because its acknowledgements may then be 40 ms late.
    pub fn nodelay(mut self, on: bool) -> Self {
        self.nodelay = on;
        self
    }

    /// Acknowledges revocations, deletions and replaces only when at least `replicas` replicas have them,
    /// within this time (`WAIT`).
    ///
    /// By default the store waits for no replica.
    ///
    /// Too few replicas is a [`StoreError::Timeout`] with unknown outcome: the write is done on the master,
    /// and lost if the master is lost now. The README says what this guarantees and what it does not.
    pub fn wait_for_replicas(mut self, replicas: u32, within: Duration) -> Self {
        self.replica_wait = (replicas > 0).then_some(ReplicaWait { replicas, within });
        self
    }

    /// Lets a near cache rely on a master only while `replicas` replicas confirm that they follow it.
    ///
    /// A master that was replaced behind its back still answers, and does not report what ends on its successor. So
    /// until the store or the old master learns of the failover, a near cache may accept what has ended: for
    /// milliseconds in a cluster, for up to a second after the Sentinels have decided, and without either
    /// permanently.
    ///
    /// With this option the feed writes a marker to each master every `every`, and waits until its replicas have it
    /// (`WAIT`). Give the number of **all** replicas of a master, because any replica that still follows the old
    /// master confirms it. If the last confirmation began more than twice `every` ago, the feed proves nothing, and
    /// verifications read the store; none is refused. So a near cache sees an ending within its lag and twice
    /// `every`, whatever happens to the master, while the machine of this feed is not suspended: a suspension does not
    /// age a confirmation. A quarter of the lag is a good choice. `every` is at least 10 ms. By default nothing is
    /// confirmed.
    pub fn confirm_masters(mut self, replicas: u32, every: Duration) -> Self {
        let within = every.clamp(SHORTEST, LONGEST);
        self.feed.confirm = (replicas > 0).then_some(ReplicaWait { replicas, within });
        self
    }

    /// Makes the feed wrong, to prove that tests notice.
    #[cfg(feature = "test-hooks")]
    pub fn feed_fault(mut self, fault: crate::feed_settings::FeedFault) -> Self {
        self.feed.fault = Some(fault);
        self
    }

    /// Replaces text in a script, to prove that tests notice.
    #[cfg(feature = "test-hooks")]
    pub fn patched(mut self, script: &str, from: &str, to: &str) -> Self {
        self.patches.push([script, from, to].map(str::to_owned));
        self
    }

    /// Connects, and checks the settings of every master.
    ///
    /// # Errors
    /// - [`StoreError::Refused`]: a wrong URL, namespace or password; a server that evicts
    ///   (see [`danger`](crate::danger)); a replica; a cluster node addressed as a single server, or the
    ///   other way round.
    /// - [`StoreError::Unavailable`] or [`StoreError::Timeout`]: no server answers.
    pub async fn connect(self) -> Result<RedisStore, StoreError> {
        let keys = Keys::new(&self.namespace)?;
        let mut scripts = Scripts::new();
        #[cfg(feature = "test-hooks")]
        for [script, from, to] in &self.patches {
            scripts.patch(script, from, to)?;
        }
        let topology = self.topology()?;
        let router = Router { topology, limit: self.limit, replica_wait: self.replica_wait, keys };
        let looking = async {
            let mut versions = Vec::new();
            for node in router.topology.masters().await? {
                let server = Server::ask(&node).await?;
                server.admit(router.topology.is_cluster(), self.allow_eviction)?;
                permissions::check(&node, &router, &scripts.permissions).await?;
                versions.push(server.version());
            }
            Ok(versions)
        };
        let versions = router.in_time(looking).await?;
        if versions.into_iter().min().is_some_and(|oldest| oldest >= (7, 0)) {
            scripts.end_at_maxmemory();
        }
        let backend = Backend { router, scripts, feed: self.feed };
        Ok(RedisStore::new(backend, self.namespace.into()))
    }

    fn topology(&self) -> Result<Topology, StoreError> {
        let mut infos = Vec::new();
        for url in &self.target.urls {
            infos.push(url.as_str().into_connection_info().map_err(|error| not_done(&error))?);
        }
        let Some(first) = infos.first().cloned() else { return Err(refused("no URL was given")) };
        for info in &infos {
            if !info.addr().is_supported() {
                return Err(refused("a rediss:// URL needs one of the crate's TLS features"));
            }
            if let ConnectionAddr::TcpTls { insecure, .. } = info.addr() {
                if *insecure {
                    return Err(refused("#insecure in a URL accepts the certificate of any server"));
                }
                choose_cryptography();
            }
        }
        let nodes = |dialer: &Dialer| -> Result<Vec<Arc<Node>>, StoreError> {
            let open = |info: &ConnectionInfo| dialer.open(info.addr().clone());
            infos.iter().map(|info| open(info).map_err(|error| not_done(&error))).collect()
        };
        Ok(match &self.target.kind {
            Kind::Single => {
                let node = self.dialer(self.log_in(first.clone())).open(first.addr().clone());
                Topology::Single(node.map_err(|error| not_done(&error))?)
            }
            Kind::Sentinel { master } => {
                // A Sentinel has no numbered databases.
                let to_sentinel = first.redis_settings().clone().set_db(0);
                let sentinels = nodes(&self.dialer(first.clone().set_redis_settings(to_sentinel)))?;
                let bare = redis::RedisConnectionInfo::default().set_db(first.redis_settings().db());
                let servers = self.dialer(self.log_in(first.set_redis_settings(bare)));
                Topology::Sentinel(Arc::new(Sentinel::new(sentinels, master.clone(), servers, self.trust)))
            }
            Kind::Cluster => {
                if infos.iter().any(|info| matches!(info.addr(), ConnectionAddr::Unix(_))) {
                    return Err(refused("cluster nodes cannot be reached over Unix sockets"));
                }
                let cluster_id = Arc::new(ClusterId::default());
                let dialer =
                    Dialer { cluster_id: Some(Arc::clone(&cluster_id)), ..self.dialer(self.log_in(first)) };
                let seeds = nodes(&dialer)?;
                Topology::Cluster(Box::new(Cluster::new(dialer, cluster_id, seeds)))
            }
        })
    }

    fn log_in(&self, info: ConnectionInfo) -> ConnectionInfo {
        let Some((user, password)) = &self.target.login else { return info };
        let settings = info.redis_settings().clone().set_username(user).set_password(password);
        info.set_redis_settings(settings)
    }

    fn dialer(&self, like: ConnectionInfo) -> Dialer {
        Dialer { connections: self.connections, nodelay: self.nodelay, ..Dialer::new(like, self.limit) }
    }
}

/// Chooses a cryptography provider if the process has chosen none: the driver would panic if there is more
/// than one.
fn choose_cryptography() {
    #[cfg(feature = "rustls")]
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // An error means that another thread was faster.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

impl fmt::Debug for Builder {
    /// Without URLs and credentials, which hold passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("kind", &self.target.kind)
            .field("namespace", &self.namespace)
            .field("limit", &self.limit)
            .field("connections", &self.connections)
            .field("replica_wait", &self.replica_wait)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_what_connections_are_made_with() {
        let info = || "redis://a".into_connection_info().unwrap();
        let plain = RedisStore::single("redis://a");
        let (dialer, quick) = (plain.dialer(info()), plain.nodelay(true).connections(3).dialer(info()));
        assert_eq!((dialer.nodelay, dialer.connections), (false, 1));
        assert_eq!((quick.nodelay, quick.connections), (true, 3));
        assert_eq!(RedisStore::single("redis://a").connections(0).dialer(info()).connections, 1);
    }

    #[test]
    fn a_builder_shows_no_password() {
        for url in ["redis://u:hunter2@a", "redis+cluster://u:hunter2@a,b", "redis+sentinel://u:hunter2@a/m"]
        {
            assert!(!format!("{:?}", Builder::new(url::read(url).unwrap())).contains("hunter2"));
        }
    }

    #[test]
    fn a_timeout_has_bounds() {
        for (asked, limit) in [(Duration::MAX, LONGEST), (Duration::ZERO, SHORTEST)] {
            assert_eq!(RedisStore::single("redis://a").timeout(asked).limit, limit);
        }
        let limit = Duration::from_secs(7);
        assert_eq!(RedisStore::single("redis://a").timeout(limit).limit, limit);
    }

    #[test]
    fn any_server_is_not_believed_to_be_the_right_one() {
        let error = RedisStore::single("rediss://a/#insecure").topology().unwrap_err();
        assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
    }
}
