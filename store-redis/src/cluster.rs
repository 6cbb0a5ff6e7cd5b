//! Which node of a cluster has which slots, and when that is asked again: after a failover, and while slots move.
//!
//! A failed call marks the map as possibly wrong. The next call asks a few nodes for it, and then the others,
//! while further calls wait. Between two such questions there is a pause, in which calls go on with the map as it
//! is known.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use hallpass_core::StoreError;
use redis::RedisError;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::cluster_slots::{ClusterId, Layout, Place};
use crate::connection::{Dialer, Node};
use crate::error::{describe, settled, unavailable, unavailable_because};
use hallpass_core::error_chain;

const SLOTS: usize = 16_384;
/// The shortest time between two queries for the map. It doubles with each query that finds nothing new.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How many nodes are asked for the map first.
const ASKED: usize = 3;
/// How long they have to answer before the other nodes are asked too.
const GRACE: Duration = Duration::from_millis(250);

/// A cluster.
#[derive(Debug)]
pub(crate) struct Cluster {
    dialer: Dialer,
    /// The ids of the nodes, which distinguish this cluster from another.
    cluster_id: Arc<ClusterId>,
    /// The nodes that the application named: where to begin, and to begin again.
    seeds: Vec<Arc<Node>>,
    map: RwLock<Map>,
    /// Whether the map may be wrong, and is asked for before the next call.
    needs_refresh: AtomicBool,
    asking: Mutex<()>,
    /// Which nodes to ask next.
    turn: AtomicUsize,
}

#[derive(Debug)]
struct Map {
    owners: Vec<Option<Arc<Node>>>,
    /// Every node that the last answer named or that a redirection named since, and the seeds, by
    /// `host:port`. Each keeps its connections.
    nodes: HashMap<String, Arc<Node>>,
    /// When the next query for the map is allowed, and how long the pause before it was.
    due: Instant,
    pause: Duration,
}

impl Cluster {
    pub(crate) fn new(dialer: Dialer, cluster_id: Arc<ClusterId>, seeds: Vec<Arc<Node>>) -> Self {
        Self {
            dialer,
            cluster_id,
            map: RwLock::new(Map::of(&seeds)),
            seeds,
            needs_refresh: AtomicBool::new(true),
            asking: Mutex::default(),
            turn: AtomicUsize::new(0),
        }
    }

    pub(crate) fn request_refresh(&self) {
        self.needs_refresh.store(true, Ordering::Release);
    }

    /// Returns the owner, unless the map may be wrong and another query is due.
    pub(crate) fn known_owner(&self, slot: u16) -> Option<Arc<Node>> {
        let map = self.map.read().unwrap_or_else(PoisonError::into_inner);
        if self.needs_refresh.load(Ordering::Acquire) && map.due <= Instant::now() {
            return None;
        }
        map.owners.get(usize::from(slot)).cloned().flatten()
    }

    pub(crate) async fn owner(&self, slot: u16) -> Result<Arc<Node>, StoreError> {
        self.refresh_if_due().await?;
        let map = self.map.read().unwrap_or_else(PoisonError::into_inner);
        let owner = map.owners.get(usize::from(slot)).cloned().flatten();
        drop(map);
        owner.ok_or_else(|| {
            self.request_refresh();
            unavailable("no node of the cluster serves this slot")
        })
    }

    pub(crate) async fn masters(&self) -> Result<Vec<Arc<Node>>, StoreError> {
        self.refresh_if_due().await?;
        let map = self.map.read().unwrap_or_else(PoisonError::into_inner);
        let mut masters: Vec<Arc<Node>> = Vec::new();
        for owner in map.owners.iter().flatten() {
            if !masters.iter().any(|master| Arc::ptr_eq(master, owner)) {
                masters.push(Arc::clone(owner));
            }
        }
        Ok(masters)
    }

    /// Notes the new owner of a slot, as reported by `from`.
    pub(crate) fn moved(&self, error: &RedisError, from: &Node) {
        let (Some((_, slot)), Some(node)) = (error.redirect_node(), self.asked_of(error, from)) else {
            return self.request_refresh();
        };
        tracing::debug!(slot, from = %from.name, to = %node.name, "a slot has moved");
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(owner) = map.owners.get_mut(usize::from(slot)) {
            *owner = Some(node);
        }
    }

    /// Returns the node to which `from` redirects. A node that does not know the other's name leaves the host
    /// out, or writes `?`: then it is the one node of the map with this port, or it is on the host of `from`.
    pub(crate) fn asked_of(&self, error: &RedisError, from: &Node) -> Option<Arc<Node>> {
        let (address, _) = error.redirect_node()?;
        let (host, port) = address.rsplit_once(':')?;
        let port: u16 = port.parse().ok()?;
        let host = match host.trim_matches(['[', ']']) {
            "" | "?" => None,
            host => Some(host),
        };
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        match host {
            Some(host) => map.node(&self.dialer, host, port),
            None => map.by_port(port).or_else(|| map.node(&self.dialer, host_of(&from.name), port)),
        }
    }

    fn is_due(&self) -> bool {
        self.needs_refresh.load(Ordering::Acquire)
            && self.map.read().unwrap_or_else(PoisonError::into_inner).due <= Instant::now()
    }

    async fn refresh_if_due(&self) -> Result<(), StoreError> {
        if !self.is_due() {
            return Ok(());
        }
        // One call asks for the map, and the others wait for it.
        let _asking = self.asking.lock().await;
        if !self.is_due() {
            return Ok(());
        }
        let answer = self.ask().await;
        // No `await` from here on: the map and the ids change together.
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        let first = self.cluster_id.is_empty();
        let news = match &answer {
            Ok((teller, layout)) => {
                self.cluster_id.become_those_of(layout);
                let news = map.learn(&self.dialer, &self.seeds, teller, layout);
                // While the map is locked: a call that sees the flag cleared waits for the lock, and finds the new map.
                self.needs_refresh.store(false, Ordering::Release);
                news
            }
            Err(_) => false,
        };
        map.rest(news);
        drop(map);
        let (teller, layout) = answer?;
        if first {
            // Until now any cluster was accepted. These connections are closed, so that they are checked when
            // they are opened again.
            for seed in self.seeds.iter().filter(|seed| !Arc::ptr_eq(seed, &teller)) {
                seed.close();
            }
        }
        if news {
            tracing::info!(said_by = %teller.name, masters = layout.masters(), "the map of the cluster has changed");
        }
        Ok(())
    }

    /// Asks a few nodes concurrently, then all others, so that a frozen node does not delay the rest. Uses
    /// the first answer of a node of this cluster.
    async fn ask(&self) -> Result<(Arc<Node>, Layout), StoreError> {
        let mut nodes: Vec<_> = {
            let map = self.map.read().unwrap_or_else(PoisonError::into_inner);
            map.nodes.values().cloned().collect()
        };
        let from = self.turn.fetch_add(ASKED, Ordering::Relaxed) % nodes.len().max(1);
        nodes.rotate_left(from);
        let others = nodes.split_off(nodes.len().min(ASKED));
        let mut asking =
            Asking { cluster_id: &self.cluster_id, asked: JoinSet::new(), refusal: None, last: None };
        asking.begin(nodes);
        if let Ok(Some(told)) = timeout(GRACE, asking.first()).await {
            return Ok(told);
        }
        asking.begin(others);
        if let Some(told) = asking.first().await {
            return Ok(told);
        }
        Err(asking
            .refusal
            .take()
            .unwrap_or_else(|| unavailable_because("no node of the cluster answers", asking.last.as_ref())))
    }
}

/// The nodes that are asked for the map.
struct Asking<'a> {
    cluster_id: &'a ClusterId,
    asked: JoinSet<(Result<Layout, RedisError>, Arc<Node>)>,
    /// Why the answers so far cannot be used, if trying again does not help.
    refusal: Option<StoreError>,
    /// The last error.
    last: Option<RedisError>,
}

impl Asking<'_> {
    fn begin(&mut self, nodes: Vec<Arc<Node>>) {
        for node in nodes {
            self.asked.spawn(async move {
                let answer = node.ask(&Layout::question()).await;
                (answer.map(|answer| Layout::read(&answer)), node)
            });
        }
    }

    /// Returns the first usable answer; `None` when every node has answered or failed.
    async fn first(&mut self) -> Option<(Arc<Node>, Layout)> {
        while let Some(answer) = self.asked.join_next().await {
            match answer {
                Ok((Ok(layout), node)) if layout.is_empty() => {
                    tracing::debug!(node = %node.name, "a node knows of no slots");
                }
                Ok((Ok(layout), node)) if !self.cluster_id.shares(&layout) => {
                    tracing::warn!(node = %node.name, "a node of another cluster answers here; its answer is ignored");
                    node.close();
                    self.refusal = self
                        .refusal
                        .take()
                        .or_else(|| Some(unavailable("the server that answers belongs to another cluster")));
                }
                Ok((Ok(layout), node)) => {
                    // The other requests go on, and close their connections when their time is up.
                    self.asked.detach_all();
                    return Some((node, layout));
                }
                Ok((Err(error), node)) => {
                    tracing::debug!(node = %node.name, error = error_chain(&describe(&error)), "a node does not return the map");
                    let settled = settled(&error, "this server is no node of a cluster");
                    self.refusal = self.refusal.take().or(settled);
                    self.last = Some(error);
                }
                Err(_) => {}
            }
        }
        None
    }
}

impl Map {
    fn of(seeds: &[Arc<Node>]) -> Self {
        let nodes = seeds.iter().map(|seed| (seed.name.clone(), Arc::clone(seed))).collect();
        Self { owners: vec![None; SLOTS], nodes, due: Instant::now(), pause: Duration::ZERO }
    }

    /// Adopts the map that `teller` returned, and forgets every node that it does not name. Returns whether a
    /// slot has a new owner.
    fn learn(&mut self, dialer: &Dialer, seeds: &[Arc<Node>], teller: &Arc<Node>, layout: &Layout) -> bool {
        let (mut owners, mut named) = (vec![None; SLOTS], HashMap::new());
        let mut node = |place: &Place| {
            // A node that does not know its own address leaves it out.
            let host = place.host.as_deref().unwrap_or_else(|| host_of(&teller.name));
            let node = self.node(dialer, host, place.port)?;
            named.insert(node.name.clone(), Arc::clone(&node));
            Some(node)
        };
        for range in layout.ranges() {
            let Some(master) = node(&range.master) else { continue };
            // Replicas know the cluster too, in case every master is gone.
            for replica in &range.replicas {
                node(replica);
            }
            for owner in owners.iter_mut().take(range.last + 1).skip(range.first) {
                *owner = Some(Arc::clone(&master));
            }
        }
        for node in seeds.iter().chain([teller]) {
            named.entry(node.name.clone()).or_insert_with(|| Arc::clone(node));
        }
        let same = |(old, new): (&Option<Arc<Node>>, &Option<Arc<Node>>)| match (old, new) {
            (Some(old), Some(new)) => Arc::ptr_eq(old, new),
            (old, new) => old.is_none() && new.is_none(),
        };
        let news = !self.owners.iter().zip(&owners).all(same);
        (self.owners, self.nodes) = (owners, named);
        news
    }

    /// Sets when the next query for the map is allowed.
    fn rest(&mut self, news: bool) {
        let now = Instant::now();
        let quiet = now.saturating_duration_since(self.due) > LONGEST_PAUSE;
        self.pause =
            if news || quiet { FIRST_PAUSE } else { (self.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE) };
        self.due = now + self.pause;
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

    /// Returns the node with this port, if there is only one.
    fn by_port(&self, port: u16) -> Option<Arc<Node>> {
        let mut nodes = self.nodes.values().filter(|node| port_of(&node.name) == Some(port));
        nodes.next().filter(|_| nodes.next().is_none()).cloned()
    }
}

fn host_of(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(host, _)| host)
}

fn port_of(name: &str) -> Option<u16> {
    name.rsplit_once(':')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use redis::{IntoConnectionInfo, Value};

    use super::*;

    fn range(first: usize, last: usize, ports: &[u16]) -> Value {
        let number = |number: usize| Value::Int(i64::try_from(number).unwrap());
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let node = |port: &u16| {
            let id = format!("id of {port}");
            Value::Array(vec![text("127.0.0.1"), number(usize::from(*port)), text(&id)])
        };
        Value::Array([number(first), number(last)].into_iter().chain(ports.iter().map(node)).collect())
    }

    fn layout(ranges: &[Value]) -> Layout {
        Layout::read(&Value::Array(ranges.to_vec()))
    }

    fn names(map: &Map) -> Vec<&str> {
        let mut names: Vec<_> = map.nodes.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    fn dialer() -> Dialer {
        let like = "redis://127.0.0.1:1".into_connection_info().unwrap();
        Dialer::new(like, Duration::from_secs(4))
    }

    #[test]
    fn what_left_the_cluster_is_forgotten_and_what_stayed_keeps_its_connections() {
        let dialer = dialer();
        let seeds = [dialer.node("127.0.0.1", 1).unwrap()];
        let mut map = Map::of(&[]);
        let first = layout(&[range(0, 8191, &[2, 3]), range(8192, 16_383, &[4, 5])]);
        assert!(map.learn(&dialer, &seeds, &seeds[0], &first));
        assert!(!map.learn(&dialer, &seeds, &seeds[0], &first));
        let [stays, guest] = [2, 9].map(|port| map.node(&dialer, "127.0.0.1", port).unwrap());
        assert_eq!(names(&map).len(), 6, "{map:?}");
        assert!(map.learn(&dialer, &seeds, &stays, &layout(&[range(0, 16_383, &[2, 6])])));
        assert_eq!(names(&map), ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:6"]);
        assert!(map.owners.iter().flatten().all(|owner| Arc::ptr_eq(owner, &stays)));
        assert_eq!(Arc::strong_count(&guest), 1, "a node that no answer names is kept");
    }

    #[test]
    fn looks_that_find_nothing_new_become_rare() {
        let mut map = Map::of(&[]);
        let pauses = (0..6).map(|_| {
            map.rest(false);
            map.pause.as_millis()
        });
        assert_eq!(pauses.collect::<Vec<_>>(), [100, 200, 400, 800, 1000, 1000]);
        map.rest(true);
        assert_eq!(map.pause, FIRST_PAUSE);
    }
}
