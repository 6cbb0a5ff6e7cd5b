//! Servers for the suite, and the faults that it can inflict on them.

use std::env;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hallpass_conformance_tests::{Capability, Declared, Fault, Harness, Server as Hurt, crash_child};
use hallpass_core::BoxError;
use hallpass_core::store::TokenStore;
use hallpass_store_redis::{Builder, RedisStore};
use hallpass_test_servers::{
    Backend, Cluster, Launch, Mode, Origin, Proxy, Sentinel, Server, needed, redis, redis_cluster,
    redis_sentinel,
};
use tokio::runtime::Runtime;
use tokio::task::spawn_blocking;

/// The timeout of a call without a delay.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How the servers are arranged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Single,
    Sentinel,
    Cluster,
    Container,
}

const ALL: [(Kind, &str); 4] = [
    (Kind::Single, "single"),
    (Kind::Sentinel, "sentinel"),
    (Kind::Cluster, "cluster"),
    (Kind::Container, "container"),
];

/// The groups in `HALLPASS_REDIS_GROUPS`, or all that this run must include.
pub(crate) fn chosen() -> Vec<Kind> {
    let is_set = |name| env::var(name).is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"));
    let full = is_set("CI") || is_set("HALLPASS_FULL");
    let named = env::var("HALLPASS_REDIS_GROUPS").unwrap_or_default();
    let named: Vec<&str> = named.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let wanted = |&(kind, name): &(Kind, &str)| match named.as_slice() {
        [] => full || kind != Kind::Container,
        named => named.contains(&name),
    };
    ALL.into_iter().filter(wanted).map(|(kind, _)| kind).collect()
}

/// The running servers.
enum Group {
    One(Box<Server>),
    Sentinel(Sentinel),
    Cluster(Cluster),
    /// In a crash child: its parent runs the servers.
    OfTheParent,
}

/// A harness on real servers.
pub(crate) struct RedisHarness {
    name: String,
    kind: Kind,
    urls: Vec<String>,
    /// Changes to the scripts: name, from, to.
    patches: Vec<[String; 3]>,
    group: Arc<Group>,
    proxy: Option<Proxy>,
    /// The proxy runs on it.
    _runtime: Option<Runtime>,
}

impl RedisHarness {
    /// Starts the servers. Reports and returns `None` if this machine lacks them and may go without.
    pub(crate) fn start(kind: Kind, patches: &[[String; 3]]) -> Result<Option<Self>, BoxError> {
        let what = format!("the suite on Redis ({kind:?})");
        let group = match kind {
            Kind::Single => needed(&what, redis())?.map(|server| Group::One(Box::new(server))),
            Kind::Container => needed(&what, Launch::new(Backend::Redis).only(Origin::Container).start())?
                .map(|server| Group::One(Box::new(server))),
            Kind::Sentinel => needed(&what, redis_sentinel())?.map(Group::Sentinel),
            Kind::Cluster => needed(&what, redis_cluster())?.map(Group::Cluster),
        };
        let Some(group) = group else { return Ok(None) };
        let (mut proxy, mut runtime) = (None, None);
        let urls = match &group {
            Group::One(server) => {
                let own = Runtime::new()?;
                let between = own.block_on(Proxy::start(server.address()))?;
                between.set(calm());
                let urls = vec![server.url_at(between.address())];
                (proxy, runtime) = (Some(between), Some(own));
                urls
            }
            Group::Sentinel(group) => group.sentinels().iter().map(|node| node.url().to_owned()).collect(),
            Group::Cluster(group) => group.urls().iter().map(|url| (*url).to_owned()).collect(),
            Group::OfTheParent => Vec::new(),
        };
        Ok(Some(Self {
            name: format!("redis {}", name(kind)),
            kind,
            urls,
            patches: patches.to_vec(),
            group: Arc::new(group),
            proxy,
            _runtime: runtime,
        }))
    }

    /// In a crash child: the servers that its parent started.
    pub(crate) fn of_the_parent() -> Option<Self> {
        let text = crash_child()?;
        let mut words = text.split(' ').map(str::to_owned);
        let first = words.next()?;
        let (kind, _) = ALL.into_iter().find(|(_, name)| *name == first)?;
        Some(Self {
            name: first,
            kind,
            urls: words.collect(),
            patches: Vec::new(),
            group: Arc::new(Group::OfTheParent),
            proxy: None,
            _runtime: None,
        })
    }

    fn builder(&self) -> Builder {
        let builder = match self.kind {
            Kind::Single | Kind::Container => RedisStore::single(&self.urls[0]),
            Kind::Sentinel => RedisStore::sentinel(&self.urls, "hallpass"),
            Kind::Cluster => RedisStore::cluster(&self.urls),
        };
        // Opening a connection takes several round trips.
        let builder = if delay().is_zero() { builder } else { builder.timeout(TIMEOUT + delay() * 50) };
        self.patches.iter().fold(builder, |builder, [name, from, to]| builder.patched(name, from, to))
    }
}

/// The proxy's mode without a fault: it delays each call, half of it in each direction.
fn calm() -> Mode {
    if delay().is_zero() { Mode::Pass } else { Mode::Delay(delay() / 2) }
}

/// The delay in milliseconds from `HALLPASS_TEST_DELAY`.
fn delay() -> Duration {
    let delay = env::var("HALLPASS_TEST_DELAY").ok().and_then(|delay| delay.parse().ok());
    delay.map_or(Duration::ZERO, Duration::from_millis)
}

fn name(kind: Kind) -> &'static str {
    ALL.into_iter().find(|(listed, _)| *listed == kind).map_or("", |(_, name)| name)
}

#[async_trait]
impl Harness for RedisHarness {
    fn backend(&self) -> String {
        self.name.clone()
    }

    async fn open(&self, namespace: &str) -> Result<Arc<dyn TokenStore>, BoxError> {
        Ok(Arc::new(self.builder().namespace(namespace).connect().await?))
    }

    fn for_child(&self) -> String {
        format!("{} {}", name(self.kind), self.urls.join(" "))
    }

    fn declared(&self) -> Declared {
        Declared::everything()
            .without(Capability::Purge, "Redis collects by itself, an hour after a record may go")
            .without(Capability::PowerLoss, "the servers of the suite write their log once a second to disk")
    }

    fn server(&self) -> Option<&dyn Hurt> {
        Some(self)
    }
}

#[async_trait]
impl Hurt for RedisHarness {
    fn faults(&self) -> &[Fault] {
        match self.proxy {
            Some(_) => &[Fault::Cut, Fault::Freeze, Fault::Restart, Fault::Stop],
            None => &[Fault::Freeze, Fault::Restart, Fault::Stop],
        }
    }

    async fn inflict(&self, fault: Fault) -> Result<(), BoxError> {
        if let (Fault::Cut, Some(proxy)) = (fault, &self.proxy) {
            proxy.set(Mode::Refuse);
            proxy.cut();
            return Ok(());
        }
        let group = Arc::clone(&self.group);
        spawn_blocking(move || {
            for server in group.servers() {
                match fault {
                    Fault::Freeze => server.freeze()?,
                    Fault::Stop | Fault::Restart => server.stop()?,
                    Fault::Cut => return Err("there is no proxy to cut at".into()),
                }
            }
            match fault {
                Fault::Restart => group.heal(),
                _ => Ok(()),
            }
        })
        .await?
    }

    async fn heal(&self) -> Result<(), BoxError> {
        if let Some(proxy) = &self.proxy {
            proxy.set(calm());
        }
        let group = Arc::clone(&self.group);
        spawn_blocking(move || group.heal()).await?
    }
}

impl Group {
    /// The servers that hold data.
    fn servers(&self) -> Vec<&Server> {
        match self {
            Self::One(server) => vec![server],
            Self::Sentinel(group) => group.servers().iter().collect(),
            Self::Cluster(group) => group.nodes().iter().collect(),
            Self::OfTheParent => Vec::new(),
        }
    }

    fn heal(&self) -> Result<(), BoxError> {
        for server in self.servers() {
            server.thaw()?;
        }
        for server in self.servers() {
            server.start()?;
        }
        match self {
            Self::Sentinel(group) => until("a master and a replica", || group.is_healthy()),
            Self::Cluster(group) => until("a healthy cluster", || group.is_healthy()),
            _ => Ok(()),
        }
    }
}

/// Waits for something outside this process, at most a minute.
pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) -> Result<(), BoxError> {
    for _ in 0..1200 {
        if done() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err(format!("waited a minute in vain for {what}").into())
}
