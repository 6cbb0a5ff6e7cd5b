//! A Redis Cluster of six local processes.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use crate::backend::{Backend, Origin};
use crate::error::Error;
use crate::launch::places;
use crate::local::Recipe;
use crate::probe::redis_command;
use crate::process::TICK;
use crate::programs;
use crate::server::Server;

const MASTERS: usize = 3;
const SLOTS: usize = 16_384;
const STEP: Duration = Duration::from_secs(5);
const FORM: Duration = Duration::from_secs(60);

/// Three masters and three replicas: local processes, each on a port of its own.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Server>,
}

/// Starts a healthy Redis Cluster. A replica takes over from a master that is down for two seconds.
///
/// The cluster is always local: the nodes announce addresses to clients, and addresses inside containers cannot be
/// reached from outside.
///
/// # Errors
///
/// [`Error::Unavailable`] without `redis-server`, or if `HALLPASS_SERVERS` excludes `local`.
pub fn redis_cluster() -> Result<Cluster, Error> {
    let program = local_redis(&[("cluster-enabled", "yes"), ("cluster-node-timeout", "2000")])?;
    let nodes: Result<Vec<_>, _> = (0..MASTERS * 2).map(|_| Server::local(&program)).collect();
    let cluster = Cluster { nodes: nodes? };
    cluster.form()?;
    Ok(cluster)
}

impl Cluster {
    /// Every node: the initial masters first, then the replica of each, in the same order.
    #[must_use]
    pub fn nodes(&self) -> &[Server] {
        &self.nodes
    }

    /// The URL of every node.
    #[must_use]
    pub fn urls(&self) -> Vec<&str> {
        self.nodes.iter().map(Server::url).collect()
    }

    /// Whether each node that responds sees every slot served, and each replica has caught up with its master.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.nodes.iter().all(|node| {
            let Ok(info) = redis_command(node.address(), "CLUSTER INFO", STEP) else { return true };
            info.contains("cluster_state:ok")
                && info.contains("cluster_slots_ok:16384")
                && redis_command(node.address(), "INFO replication", STEP)
                    .is_ok_and(|info| !info.contains("master_link_status:down"))
        })
    }

    /// Assigns slots, introduces the nodes and sets up replicas, as `redis-cli --cluster create` does.
    fn form(&self) -> Result<(), Error> {
        let (masters, replicas) = self.nodes.split_at(MASTERS);
        for (number, node) in masters.iter().enumerate() {
            let (first, last) = (SLOTS * number / MASTERS, SLOTS * (number + 1) / MASTERS - 1);
            tell(node, &format!("CLUSTER ADDSLOTSRANGE {first} {last}"))?;
        }
        for (number, node) in self.nodes.iter().enumerate() {
            tell(node, &format!("CLUSTER SET-CONFIG-EPOCH {}", number + 1))?;
            let SocketAddr::V4(first) = masters[0].address() else { continue };
            tell(node, &format!("CLUSTER MEET {} {}", first.ip(), first.port()))?;
        }
        let acquainted = |node: &Server| {
            redis_command(node.address(), "CLUSTER INFO", STEP)
                .is_ok_and(|info| info.contains("cluster_known_nodes:6") && info.contains("cluster_size:3"))
        };
        until("the nodes know each other", || self.nodes.iter().all(acquainted))?;
        for (master, replica) in masters.iter().zip(replicas) {
            let id = tell(master, "CLUSTER MYID")?;
            tell(replica, &format!("CLUSTER REPLICATE {id}"))?;
        }
        let following = |node: &Server| {
            redis_command(node.address(), "INFO replication", STEP)
                .is_ok_and(|info| info.contains("master_link_status:up"))
        };
        until("replicas follow their masters", || replicas.iter().all(following))?;
        until("the cluster is healthy", || self.is_healthy())
    }
}

/// A recipe for a local Redis with these settings.
pub(crate) fn local_redis(settings: &[(&str, &str)]) -> Result<Recipe, Error> {
    if !places(None)?.contains(&Origin::Local) {
        let reason = "HALLPASS_SERVERS leaves local programs out".to_owned();
        return Err(Error::Unavailable { backend: Backend::Redis, tried: vec![reason] });
    }
    let settings: Vec<_> =
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    programs::find(Backend::Redis, &settings)
}

/// Sends a command; an error reply is an error.
pub(crate) fn tell(node: &Server, command: &str) -> Result<String, Error> {
    let answer = redis_command(node.address(), command, STEP);
    let answer = answer.and_then(|answer| match answer.starts_with('-') {
        true => Err(std::io::Error::other(format!("{command}: {answer}"))),
        false => Ok(answer),
    });
    answer.map_err(Error::io("set up a group of Redis servers"))
}

pub(crate) fn until(what: &'static str, mut done: impl FnMut() -> bool) -> Result<(), Error> {
    let deadline = Instant::now() + FORM;
    while !done() {
        if Instant::now() >= deadline {
            return Err(Error::Timeout { action: what, limit: FORM });
        }
        thread::sleep(TICK * 5);
    }
    Ok(())
}
