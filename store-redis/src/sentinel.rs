//! Who is the master, asked of Sentinels.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use hallpass_core::StoreError;
use redis::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::error::{refused, unavailable};
use crate::node::{Dialer, Node};

/// How long an answer is believed. A master that was frozen, replaced and thawed takes itself for the master
/// until Sentinel tells it, some eight seconds later; so it is not enough to ask after an error.
const BELIEF: Duration = Duration::from_millis(500);
/// Not more often than this, however many calls fail.
const THROTTLE: Duration = Duration::from_millis(50);

/// A group of servers under Sentinel.
#[derive(Debug)]
pub(crate) struct Sentinel {
    sentinels: Vec<Arc<Node>>,
    /// The name under which they watch the master.
    name: String,
    servers: Dialer,
    known: RwLock<Option<Known>>,
    suspect: AtomicBool,
    asking: Mutex<Option<Instant>>,
}

#[derive(Clone, Debug)]
struct Known {
    master: Arc<Node>,
    since: Instant,
}

impl Sentinel {
    pub(crate) fn new(sentinels: Vec<Arc<Node>>, name: String, servers: Dialer) -> Self {
        Self {
            sentinels,
            name,
            servers,
            known: RwLock::default(),
            suspect: AtomicBool::new(false),
            asking: Mutex::default(),
        }
    }

    pub(crate) fn suspect(&self) {
        self.suspect.store(true, Ordering::Release);
    }

    /// If what Sentinel said is still believed.
    pub(crate) fn known_master(&self) -> Option<Arc<Node>> {
        let believed =
            |known: &Known| !self.suspect.load(Ordering::Acquire) && known.since.elapsed() < BELIEF;
        self.known().filter(believed).map(|known| known.master)
    }

    pub(crate) async fn master(self: &Arc<Self>) -> Result<Arc<Node>, StoreError> {
        let known = self.known();
        if let Some(known) = known
            && !self.suspect.load(Ordering::Acquire)
        {
            let age = known.since.elapsed();
            if age < BELIEF {
                return Ok(known.master);
            }
            if age < BELIEF * 2 {
                // In use: asked on the side, once.
                if self.asking.try_lock().is_ok() {
                    let this = Arc::clone(self);
                    tokio::spawn(async move { drop(this.ask_again().await) });
                }
                return Ok(known.master);
            }
        }
        self.ask_again().await
    }

    async fn ask_again(&self) -> Result<Arc<Node>, StoreError> {
        let mut last = self.asking.lock().await;
        let suspect = self.suspect.load(Ordering::Acquire);
        if let Some(known) = self.known()
            && (!suspect && known.since.elapsed() < BELIEF || last.is_some_and(|at| at.elapsed() < THROTTLE))
        {
            return Ok(known.master);
        }
        let found = self.find().await;
        *last = Some(Instant::now());
        let master = found?;
        let known = Known { master: Arc::clone(&master), since: Instant::now() };
        let before = self.known.write().unwrap_or_else(PoisonError::into_inner).replace(known);
        self.suspect.store(false, Ordering::Release);
        if let Some(before) = before
            && !Arc::ptr_eq(&before.master, &master)
        {
            before.master.close();
        }
        Ok(master)
    }

    /// Asks one Sentinel after the other, and the server that it names whether it agrees.
    async fn find(&self) -> Result<Arc<Node>, StoreError> {
        let question = redis::cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(self.name.as_str()).take();
        let mut unknown = 0;
        for sentinel in &self.sentinels {
            let Ok(answer) = sentinel.ask(&question).await else { continue };
            let Some((host, port)) = address(&answer) else {
                unknown += 1;
                continue;
            };
            let current = self.known().map(|known| known.master);
            let candidate = match current.filter(|node| node.name == format!("{host}:{port}")) {
                Some(node) => node,
                None => match self.servers.node(&host, port) {
                    Ok(node) => node,
                    Err(_) => return Err(refused("the address of the master is none")),
                },
            };
            if is_master(&candidate).await {
                return Ok(candidate);
            }
        }
        if unknown == self.sentinels.len() {
            return Err(refused("no Sentinel knows a master of this name"));
        }
        Err(unavailable("no Sentinel names a server that is the master"))
    }

    fn known(&self) -> Option<Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn is_master(node: &Node) -> bool {
    match node.ask(&redis::cmd("ROLE")).await {
        Ok(Value::Array(role)) => matches!(role.first(), Some(Value::BulkString(name)) if name == b"master"),
        _ => false,
    }
}

fn address(answer: &Value) -> Option<(String, u16)> {
    let Value::Array(parts) = answer else { return None };
    let text = |at: usize| match parts.get(at) {
        Some(Value::BulkString(bytes)) => String::from_utf8(bytes.clone()).ok(),
        _ => None,
    };
    Some((text(0)?, text(1)?.parse().ok()?))
}
