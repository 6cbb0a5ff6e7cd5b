//! Which node of a cluster has which slots.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use hallpass_core::StoreError;
use redis::{RedisError, Value};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::error::{settled, unavailable};
use crate::node::{Dialer, Node};

const SLOTS: usize = 16_384;
/// Not more often than this, however many calls fail.
const THROTTLE: Duration = Duration::from_millis(100);

/// A cluster.
#[derive(Debug)]
pub(crate) struct Cluster {
    dialer: Dialer,
    /// As the application named them: where to begin, and where to begin again.
    seeds: Vec<Arc<Node>>,
    map: RwLock<Map>,
    suspect: AtomicBool,
    asking: Mutex<Option<Instant>>,
}

#[derive(Debug, Default)]
struct Map {
    owners: Vec<Option<Arc<Node>>>,
    /// Every node that the last answer named, that one sent us to since, and the seeds, by `host:port`: each keeps its
    /// connections.
    nodes: HashMap<String, Arc<Node>>,
}

impl Cluster {
    pub(crate) fn new(dialer: Dialer, seeds: Vec<Arc<Node>>) -> Self {
        let nodes = seeds.iter().map(|seed| (seed.name.clone(), Arc::clone(seed))).collect();
        let map = Map { owners: vec![None; SLOTS], nodes };
        Self {
            dialer,
            seeds,
            map: RwLock::new(map),
            suspect: AtomicBool::new(true),
            asking: Mutex::default(),
        }
    }

    pub(crate) fn suspect(&self) {
        self.suspect.store(true, Ordering::Release);
    }

    /// If nothing speaks against what is known.
    pub(crate) fn known_owner(&self, slot: u16) -> Option<Arc<Node>> {
        if self.suspect.load(Ordering::Acquire) {
            return None;
        }
        let map = self.map.read().unwrap_or_else(PoisonError::into_inner);
        map.owners.get(usize::from(slot)).cloned().flatten()
    }

    pub(crate) async fn owner(&self, slot: u16) -> Result<Arc<Node>, StoreError> {
        self.refresh_if_suspect().await?;
        let map = self.map.read().unwrap_or_else(PoisonError::into_inner);
        let owner = map.owners.get(usize::from(slot)).cloned().flatten();
        drop(map);
        owner.ok_or_else(|| {
            self.suspect();
            unavailable("no node of the cluster serves this slot")
        })
    }

    pub(crate) async fn masters(&self) -> Result<Vec<Arc<Node>>, StoreError> {
        self.refresh_if_suspect().await?;
        let map = self.map.read().unwrap_or_else(PoisonError::into_inner);
        let mut masters: Vec<Arc<Node>> = Vec::new();
        for owner in map.owners.iter().flatten() {
            if !masters.iter().any(|master| Arc::ptr_eq(master, owner)) {
                masters.push(Arc::clone(owner));
            }
        }
        Ok(masters)
    }

    pub(crate) fn moved(&self, error: &RedisError) {
        let (Some((_, slot)), Some(node)) = (error.redirect_node(), self.asked_of(error)) else {
            return self.suspect();
        };
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(owner) = map.owners.get_mut(usize::from(slot)) {
            *owner = Some(node);
        }
    }

    pub(crate) fn asked_of(&self, error: &RedisError) -> Option<Arc<Node>> {
        let (address, _) = error.redirect_node()?;
        let (host, port) = address.rsplit_once(':')?;
        self.node(host.trim_matches(['[', ']']), port.parse().ok()?)
    }

    fn node(&self, host: &str, port: u16) -> Option<Arc<Node>> {
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        map.node(&self.dialer, host, port)
    }

    async fn refresh_if_suspect(&self) -> Result<(), StoreError> {
        if !self.suspect.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut last = self.asking.lock().await;
        if !self.suspect.load(Ordering::Acquire) || last.is_some_and(|at| at.elapsed() < THROTTLE) {
            return Ok(());
        }
        let answer = self.ask_everybody().await;
        *last = Some(Instant::now());
        let (teller, ranges) = answer?;
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        map.learn(&self.dialer, &self.seeds, &teller, &ranges);
        drop(map);
        self.suspect.store(false, Ordering::Release);
        Ok(())
    }

    /// All at once, because one that is frozen must not hold up the others; the first to answer is believed.
    async fn ask_everybody(&self) -> Result<(Arc<Node>, Vec<Value>), StoreError> {
        let mut nodes: Vec<_> = {
            let map = self.map.read().unwrap_or_else(PoisonError::into_inner);
            map.nodes.values().cloned().collect()
        };
        let seeds = self.seeds.iter().filter(|seed| !nodes.iter().any(|node| Arc::ptr_eq(node, seed)));
        let seeds: Vec<_> = seeds.cloned().collect();
        nodes.extend(seeds);
        let mut asked = JoinSet::new();
        for node in nodes {
            asked.spawn(async move { (node.ask(redis::cmd("CLUSTER").arg("SLOTS")).await, node) });
        }
        let mut refusal = None;
        while let Some(answer) = asked.join_next().await {
            match answer {
                Ok((Ok(Value::Array(ranges)), node)) if !ranges.is_empty() => {
                    // Those that do not answer close their connections when their time is up.
                    asked.detach_all();
                    return Ok((node, ranges));
                }
                Ok((Err(error), _)) => {
                    refusal = refusal.or_else(|| settled(&error, "this server is no node of a cluster"));
                }
                _ => {}
            }
        }
        Err(refusal.unwrap_or_else(|| unavailable("no node of the cluster answers")))
    }
}

impl Map {
    /// Takes over what `teller` said, and forgets every node that it did not name.
    fn learn(&mut self, dialer: &Dialer, seeds: &[Arc<Node>], teller: &Arc<Node>, ranges: &[Value]) {
        let (mut owners, mut named) = (vec![None; SLOTS], HashMap::new());
        for range in ranges {
            let Some((first, end, host, port)) = parse(range) else { continue };
            // A node that does not know its own address leaves it out.
            let host = if host.is_empty() { host_of(&teller.name) } else { &host };
            let Some(node) = self.node(dialer, host, port) else { continue };
            for (host, port) in replicas(range) {
                named.extend(self.node(dialer, &host, port).map(|node| (node.name.clone(), node)));
            }
            for owner in owners.iter_mut().take(end + 1).skip(first) {
                *owner = Some(Arc::clone(&node));
            }
            named.insert(node.name.clone(), node);
        }
        for node in seeds.iter().chain([teller]) {
            named.entry(node.name.clone()).or_insert_with(|| Arc::clone(node));
        }
        (self.owners, self.nodes) = (owners, named);
    }

    fn node(&mut self, dialer: &Dialer, host: &str, port: u16) -> Option<Arc<Node>> {
        let name = format!("{host}:{port}");
        if let Some(node) = self.nodes.get(&name) {
            return Some(Arc::clone(node));
        }
        let node = dialer.node(host, port).ok()?;
        self.nodes.insert(name, Arc::clone(&node));
        Some(node)
    }
}

/// First slot, last slot, host and port of the master: how an entry of `CLUSTER SLOTS` begins.
fn parse(range: &Value) -> Option<(usize, usize, String, u16)> {
    let Value::Array(parts) = range else { return None };
    let [Value::Int(first), Value::Int(last), Value::Array(master), ..] = parts.as_slice() else {
        return None;
    };
    let (host, port) = address(master)?;
    Some((usize::try_from(*first).ok()?, usize::try_from(*last).ok()?, host, port))
}

/// The replicas of such an entry: they know the cluster too, should every master be gone.
fn replicas(range: &Value) -> Vec<(String, u16)> {
    let Value::Array(parts) = range else { return Vec::new() };
    let addresses = parts.iter().skip(3).filter_map(|part| match part {
        Value::Array(node) => address(node),
        _ => None,
    });
    addresses.filter(|(host, _)| !host.is_empty()).collect()
}

fn address(node: &[Value]) -> Option<(String, u16)> {
    let host = match node.first()? {
        Value::BulkString(host) => String::from_utf8(host.clone()).ok()?,
        Value::Nil => String::new(),
        _ => return None,
    };
    let Value::Int(port) = node.get(1)? else { return None };
    Some((host, u16::try_from(*port).ok()?))
}

fn host_of(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(host, _)| host)
}

#[cfg(test)]
mod tests {
    use redis::IntoConnectionInfo;

    use super::*;

    fn range(first: usize, last: usize, ports: &[u16]) -> Value {
        let number = |number: usize| Value::Int(i64::try_from(number).unwrap());
        let node = |port: &u16| {
            Value::Array(vec![Value::BulkString(b"127.0.0.1".to_vec()), number(usize::from(*port))])
        };
        Value::Array([number(first), number(last)].into_iter().chain(ports.iter().map(node)).collect())
    }

    fn names(map: &Map) -> Vec<&str> {
        let mut names: Vec<_> = map.nodes.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn what_left_the_cluster_is_forgotten_and_what_stayed_keeps_its_connections() {
        let like = "redis://127.0.0.1:1".into_connection_info().unwrap();
        let dialer = Dialer { like, lanes: 1, patience: Duration::from_secs(1), nodelay: false };
        let seeds = [dialer.node("127.0.0.1", 1).unwrap()];
        let mut map = Map::default();
        let first = [range(0, 8191, &[2, 3]), range(8192, 16_383, &[4, 5])];
        map.learn(&dialer, &seeds, &seeds[0], &first);
        let [stays, guest] = [2, 9].map(|port| map.node(&dialer, "127.0.0.1", port).unwrap());
        assert_eq!(names(&map).len(), 6, "{map:?}");
        map.learn(&dialer, &seeds, &stays, &[range(0, 16_383, &[2, 6])]);
        assert_eq!(names(&map), ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:6"]);
        assert!(map.owners.iter().flatten().all(|owner| Arc::ptr_eq(owner, &stays)));
        assert_eq!(Arc::strong_count(&guest), 1, "somebody keeps what nobody names");
    }
}
