//! Who is the master, asked of Sentinels.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use hallpass_core::StoreError;
use redis::{RedisError, Value};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::error::{refused, settled, unavailable};
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

    /// Asks all Sentinels at once, because one that is frozen must not hold up the others, and each server that
    /// is named whether it agrees; the first that does is the master.
    async fn find(&self) -> Result<Arc<Node>, StoreError> {
        let mut asked = JoinSet::new();
        for sentinel in self.sentinels.iter().map(Arc::clone) {
            let question = redis::cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(&*self.name).take();
            asked.spawn(async move {
                match sentinel.ask(&question).await {
                    Ok(answer) => Heard::Named(address(&answer)),
                    Err(error) => Heard::Nothing(settled(&error, "this server is no Sentinel")),
                }
            });
        }
        let (mut named, mut unknown, mut refusal) = (Vec::new(), false, None);
        while let Some(heard) = asked.join_next().await {
            match heard {
                Ok(Heard::Named(Some((host, port)))) => {
                    let name = format!("{host}:{port}");
                    if named.contains(&name) {
                        continue;
                    }
                    let current = self.known().map(|known| known.master);
                    let candidate = match current.filter(|node| node.name == name) {
                        Some(node) => node,
                        None => match self.servers.node(&host, port) {
                            Ok(node) => node,
                            Err(_) => return Err(refused("the address of the master is none")),
                        },
                    };
                    named.push(name);
                    asked.spawn(async move {
                        match is_master(&candidate).await {
                            Ok(true) => Heard::Master(candidate),
                            Ok(false) => Heard::Nothing(None),
                            Err(error) => Heard::Nothing(settled(&error, "the server refuses ROLE")),
                        }
                    });
                }
                Ok(Heard::Named(None)) => unknown = true,
                Ok(Heard::Master(master)) => {
                    // Those that do not answer close their connections when their time is up.
                    asked.detach_all();
                    return Ok(master);
                }
                Ok(Heard::Nothing(why)) => refusal = refusal.or(why),
                Err(_) => {}
            }
        }
        Err(match refusal {
            Some(refusal) => refusal,
            None if unknown && named.is_empty() => refused("no Sentinel knows a master of this name"),
            None => unavailable("no Sentinel names a server that is the master"),
        })
    }

    fn known(&self) -> Option<Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

enum Heard {
    /// Where a Sentinel says that the master is, if it knows one of this name.
    Named(Option<(String, u16)>),
    /// The server agrees.
    Master(Arc<Node>),
    /// No answer, or none that helps; and why, if that will not pass by itself.
    Nothing(Option<StoreError>),
}

async fn is_master(node: &Node) -> Result<bool, RedisError> {
    match node.ask(&redis::cmd("ROLE")).await? {
        Value::Array(role) => Ok(matches!(role.first(), Some(Value::BulkString(name)) if name == b"master")),
        _ => Ok(false),
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
