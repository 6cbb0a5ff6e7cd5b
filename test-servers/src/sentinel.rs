//! Redis with a replica, monitored by three Sentinels, all local processes.

use std::time::Duration;

use crate::backend::Backend;
use crate::cluster::{local_redis, tell, until};
use crate::error::Error;
use crate::local::Recipe;
use crate::probe::redis_command;
use crate::programs;
use crate::server::Server;

const NAME: &str = "hallpass";
const STEP: Duration = Duration::from_secs(5);

/// A master, a replica, and three Sentinels with a quorum of two.
#[derive(Debug)]
pub struct Sentinel {
    // Dropped first, so that no failover starts while the others shut down.
    sentinels: Vec<Server>,
    servers: Vec<Server>,
}

/// Starts Redis under Sentinel; every process knows the others. A master silent for one second is replaced.
///
/// It is always local, for the same reason as a [`Cluster`](crate::Cluster).
///
/// # Errors
///
/// [`Error::Unavailable`] without `redis-server`, or if `HALLPASS_SERVERS` excludes `local`.
pub fn redis_sentinel() -> Result<Sentinel, Error> {
    let master = Server::local(&local_redis(&[])?)?;
    let (ip, port) = (master.address().ip(), master.address().port());
    let replica = Server::local(&local_redis(&[("replicaof", &format!("{ip} {port}"))])?)?;
    let watch = format!(
        "port {{port}}\nbind 127.0.0.1\ndir {{folder}}\nsentinel monitor {NAME} {ip} {port} 2\n\
         sentinel down-after-milliseconds {NAME} 1000\nsentinel failover-timeout {NAME} 5000\n"
    );
    let program = programs::redis_server()?;
    let command = vec![program, "{folder}/sentinel.conf".to_owned(), "--sentinel".to_owned()];
    let sentinel = Recipe::new(Backend::Redis, command, "Sentinel ID is");
    let sentinel = Recipe { files: vec![("sentinel.conf", watch)], ..sentinel };
    let sentinels: Result<Vec<_>, _> = (0..3).map(|_| Server::local(&sentinel)).collect();
    let group = Sentinel { sentinels: sentinels?, servers: vec![master, replica] };
    until("the replica and the Sentinels to be known", || group.is_complete())?;
    Ok(group)
}

impl Sentinel {
    /// The master's name, for the client: `hallpass`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        NAME
    }

    /// The three Sentinels.
    #[must_use]
    pub fn sentinels(&self) -> &[Server] {
        &self.sentinels
    }

    /// The initial master and its replica.
    #[must_use]
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// The server that the first responding Sentinel considers the master.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if no Sentinel responds or names either server.
    pub fn master(&self) -> Result<&Server, Error> {
        let ask = format!("SENTINEL GET-MASTER-ADDR-BY-NAME {NAME}");
        let answer = self.sentinels.iter().find_map(|sentinel| tell(sentinel, &ask).ok());
        let address = answer.unwrap_or_default().replace('\n', ":");
        let master = self.servers.iter().find(|server| server.address().to_string() == address);
        master.ok_or_else(|| Error::Io {
            action: "learn of the master from Sentinel",
            source: std::io::ErrorKind::NotFound.into(),
        })
    }

    /// Whether the current master reports that role, the other server follows it, and the responding Sentinels agree.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        let Ok(master) = self.master() else { return false };
        let ask = format!("SENTINEL GET-MASTER-ADDR-BY-NAME {NAME}");
        let address = format!("{}\n{}", master.address().ip(), master.address().port());
        let role = |server: &Server| redis_command(server.address(), "INFO replication", STEP);
        self.sentinels.iter().filter_map(|sentinel| tell(sentinel, &ask).ok()).all(|said| said == address)
            && self.servers.iter().all(|server| {
                let expected: &[&str] = match server.address() == master.address() {
                    true => &["role:master", "connected_slaves:1"],
                    false => &["role:slave", "master_link_status:up"],
                };
                role(server).is_ok_and(|info| expected.iter().all(|line| info.contains(line)))
            })
    }

    /// Whether a failover is possible: it needs a replica that has caught up, and a majority.
    fn is_complete(&self) -> bool {
        let follows = redis_command(self.servers[1].address(), "INFO replication", STEP)
            .is_ok_and(|info| info.contains("master_link_status:up"));
        follows
            && self.sentinels.iter().all(|sentinel| {
                redis_command(sentinel.address(), "INFO sentinel", STEP)
                    .is_ok_and(|info| info.contains("status=ok") && info.contains("slaves=1,sentinels=3"))
            })
    }
}
