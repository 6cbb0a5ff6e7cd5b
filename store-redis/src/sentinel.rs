//! Finds the master by asking Sentinels, and notices a failover: Sentinels have made another server the master.
//!
//! After a failed call the Sentinels are asked before the next one. Without a failure they are asked twice a
//! second, because an old master may still answer. Calls fail while no Sentinel names a master.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use hallpass_core::StoreError;
use redis::{RedisError, Value};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::connection::{Dialer, Node};
use crate::error::{ErrorClass, class, refused, settled, unavailable, unavailable_because};
use hallpass_core::error_chain;

/// How long an answer is used. A master that was frozen, replaced and thawed considers itself the master
/// until Sentinel tells it otherwise, about eight seconds later. So asking only after an error is not enough.
const ANSWER_MAX_AGE: Duration = Duration::from_millis(500);
/// How long to wait for the other Sentinels after one has answered.
const GRACE: Duration = Duration::from_millis(250);
/// The shortest time between two questions, however many calls fail.
const THROTTLE: Duration = Duration::from_millis(50);

/// A group of servers under Sentinel.
#[derive(Debug)]
pub(crate) struct Sentinel {
    sentinels: Vec<Arc<Node>>,
    /// The name under which they watch the master.
    name: String,
    servers: Dialer,
    /// How long the master is used while no Sentinel answers: not at all by default.
    trust: Duration,
    known: RwLock<Option<Known>>,
    /// Whether the last answer may be wrong, and the Sentinels are asked before the next call.
    needs_refresh: AtomicBool,
    asking: Mutex<Asked>,
}

/// The last question to the Sentinels.
#[derive(Debug, Default)]
struct Asked {
    at: Option<Instant>,
    failed: bool,
}

#[derive(Clone, Debug)]
struct Known {
    master: Arc<Node>,
    since: Instant,
    /// When a Sentinel last named it.
    named: Instant,
}

impl Sentinel {
    pub(crate) fn new(sentinels: Vec<Arc<Node>>, name: String, servers: Dialer, trust: Duration) -> Self {
        Self {
            sentinels,
            name,
            servers,
            trust,
            known: RwLock::default(),
            needs_refresh: AtomicBool::new(false),
            asking: Mutex::default(),
        }
    }

    pub(crate) fn request_refresh(&self) {
        self.needs_refresh.store(true, Ordering::Release);
    }

    /// Returns the master, if the last answer may still be used.
    pub(crate) fn known_master(&self) -> Option<Arc<Node>> {
        let believed = |known: &Known| {
            !self.needs_refresh.load(Ordering::Acquire) && known.since.elapsed() < ANSWER_MAX_AGE
        };
        self.known().filter(believed).map(|known| known.master)
    }

    pub(crate) async fn master(self: &Arc<Self>) -> Result<Arc<Node>, StoreError> {
        let known = self.known();
        if let Some(known) = known
            && !self.needs_refresh.load(Ordering::Acquire)
        {
            let age = known.since.elapsed();
            if age < ANSWER_MAX_AGE {
                return Ok(known.master);
            }
            if age < ANSWER_MAX_AGE * 2 {
                // Calls go on with this master while one task asks again. If no Sentinel answers, they stop a
                // second after the last answer: a failover may have happened meanwhile.
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
        // One call asks, and the others use its answer.
        let mut last = self.asking.lock().await;
        let needs_refresh = self.needs_refresh.load(Ordering::Acquire);
        let just_asked = last.at.is_some_and(|at| at.elapsed() < THROTTLE);
        if just_asked && last.failed {
            // The last known master is too old to be used, even if the failed question was asked only a
            // moment ago.
            return Err(unavailable("no Sentinel names the master"));
        }
        if let Some(known) = self.known()
            && (!needs_refresh && known.since.elapsed() < ANSWER_MAX_AGE || just_asked)
        {
            return Ok(known.master);
        }
        let found = self.find().await;
        // Stays so if this call is dropped below, so that the next one does not take the old master.
        *last = Asked { at: Some(Instant::now()), failed: true };
        let now = Instant::now();
        let known = match found {
            Ok(master) => Known { master, since: now, named: now },
            Err(error) => {
                tracing::warn!(error = error_chain(&error), "no Sentinel names the master");
                match self.still_trusted(&error).await {
                    Some(known) => Known { since: now, ..known },
                    None => return Err(error),
                }
            }
        };
        last.failed = false;
        let master = Arc::clone(&known.master);
        let before = self.known.write().unwrap_or_else(PoisonError::into_inner).replace(known);
        // After the master is stored: a call that sees the flag cleared finds the new master. If a call fails in
        // between, its request for a refresh is lost; the answer ages nevertheless, and is asked for again.
        self.needs_refresh.store(false, Ordering::Release);
        if let Some(before) = before
            && !Arc::ptr_eq(&before.master, &master)
        {
            tracing::warn!(from = %before.master.name, to = %master.name, "the master has changed");
            // What a call still sends there would be lost, or read what was revoked meanwhile.
            before.master.close();
        }
        Ok(master)
    }

    /// Returns the last master, if it is trusted and calls itself a master.
    async fn still_trusted(&self, error: &StoreError) -> Option<Known> {
        let known = self.known().filter(|known| known.named.elapsed() < self.trust)?;
        let silent = matches!(error, StoreError::Unavailable(_));
        (silent && matches!(is_master(&known.master).await, Ok(true))).then_some(known)
    }

    /// Asks all Sentinels concurrently, so that a frozen one does not delay the others. Then asks the server
    /// that the newest answer names whether it is the master. The newest answer has the highest epoch. A
    /// Sentinel that has not heard of a failover names the old master, and that server agrees until it hears
    /// of the failover too.
    async fn find(&self) -> Result<Arc<Node>, StoreError> {
        let mut asked = JoinSet::new();
        for sentinel in self.sentinels.iter().map(Arc::clone) {
            let name = self.name.clone();
            asked.spawn(async move { ask(&sentinel, &name).await });
        }
        let (mut newest, mut unknown, mut refusal, mut last) = (None, false, None, None);
        let mut until = None;
        loop {
            let heard = match until {
                None => asked.join_next().await,
                Some(until) => timeout_at(until, asked.join_next()).await.unwrap_or(None),
            };
            let Some(heard) = heard else { break };
            match heard {
                Ok(Ok(Some(place))) => {
                    until = until.or_else(|| Some(Instant::now() + GRACE));
                    newest = newest.max(Some(place));
                }
                Ok(Ok(None)) => unknown = true,
                Ok(Err(error)) => {
                    refusal = refusal.or_else(|| settled(&error, "this server is no Sentinel"));
                    last = Some(error);
                }
                Err(_) => {}
            }
        }
        // The other requests go on, and close their connections when their time is up.
        asked.detach_all();
        let Some(Place { host, port, .. }) = newest else {
            return Err(match refusal {
                Some(refusal) => refusal,
                None if unknown => refused("no Sentinel knows a master of this name"),
                None => unavailable_because("no Sentinel answers", last.as_ref()),
            });
        };
        let current = self.known().map(|known| known.master);
        let candidate = match current.filter(|node| node.name == format!("{host}:{port}")) {
            Some(node) => node,
            None => match self.servers.node(&host, port) {
                Ok(node) => node,
                Err(_) => return Err(refused("the address of the master is invalid")),
            },
        };
        match is_master(&candidate).await {
            Ok(true) => Ok(candidate),
            Ok(false) => Err(unavailable("the server that Sentinel names is not a master")),
            Err(error) => Err(settled(&error, "the server that Sentinel names does not know ROLE")
                .unwrap_or_else(|| {
                    unavailable_because("the server that Sentinel names does not answer", Some(&error))
                })),
        }
    }

    fn known(&self) -> Option<Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The address of the master, as a Sentinel reports it. Of two answers, the later has the higher epoch.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    epoch: u64,
    host: String,
    port: u16,
}

/// Asks one Sentinel; `None` if it knows no master of this name.
async fn ask(sentinel: &Node, name: &str) -> Result<Option<Place>, RedisError> {
    // The epoch comes first, so that it is never newer than the address. A user may be allowed to ask only
    // for the address.
    let epoch = match sentinel.ask(redis::cmd("SENTINEL").arg("MASTER").arg(name)).await {
        Ok(Value::Map(fields)) => fields.iter().find_map(|(field, value)| match (field, value) {
            (Value::BulkString(field), Value::BulkString(value)) if field == b"config-epoch" => {
                std::str::from_utf8(value).ok()?.parse().ok()
            }
            _ => None,
        }),
        Err(error) if class(&error) == ErrorClass::Lost => return Err(error),
        _ => None,
    };
    let answer = sentinel.ask(redis::cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(name)).await?;
    Ok(address(&answer).map(|(host, port)| Place { epoch: epoch.unwrap_or(0), host, port }))
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
