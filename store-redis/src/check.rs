//! Reports dangerous settings of a server.

use std::collections::HashMap;
use std::fmt;

use hallpass_core::{StoreError, Timestamp};
use redis::Value;

use crate::connection::Node;
use crate::error::{no_answer, odd_answer, refused};

/// How far a server's clock may be off, in milliseconds, before it is reported.
const SKEW: u64 = 10_000;

/// Something about a server that an operator should know, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The server: `host:port`.
    pub server: String,
    /// The subject of the finding.
    pub about: FindingKind,
    text: String,
}

/// The subject of a [`Finding`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FindingKind {
    /// The server's clock is off. The store does not depend on it, but logs and other users do.
    Clock,
    /// Keys may be evicted: "log out everywhere" may miss some.
    Eviction,
    /// A crash of the server loses what it acknowledged.
    Persistence,
    /// A write may be on no replica when it is acknowledged.
    Replication,
    /// The server is a replica: it takes no writes, and reads from it are out of date.
    Role,
    /// The server is old.
    Version,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.server, self.text)
    }
}

/// What a server reports about itself.
#[derive(Debug)]
pub(crate) struct Server {
    name: String,
    info: HashMap<String, String>,
    /// Settings, as far as the user may read them.
    settings: HashMap<String, String>,
    /// Its clock, in milliseconds.
    time: Option<u64>,
}

impl Server {
    /// # Errors
    /// [`StoreError`] if it does not answer, or forbids `INFO`.
    pub(crate) async fn ask(node: &Node) -> Result<Self, StoreError> {
        let answer = node.ask(&redis::cmd("INFO")).await.map_err(|error| no_answer(&error))?;
        let text = match answer {
            Value::BulkString(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Value::VerbatimString { text, .. } => text,
            _ => return Err(odd_answer(false)),
        };
        let info = text.lines().filter_map(|line| line.split_once(':'));
        let info = info.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
        // Managed services forbid this; then there are fewer findings.
        let settings = redis::cmd("CONFIG").arg("GET").arg("*").take();
        let settings = match node.ask(&settings).await {
            Ok(Value::Map(pairs)) => {
                pairs.into_iter().filter_map(|(k, v)| Some((text_of(k)?, text_of(v)?))).collect()
            }
            _ => HashMap::new(),
        };
        let time = match node.ask(&redis::cmd("TIME")).await {
            Ok(Value::Array(parts)) => {
                let number = |at: usize| -> Option<u64> { text_of(parts.get(at)?.clone())?.parse().ok() };
                number(0).zip(number(1)).map(|(seconds, micros)| seconds * 1000 + micros / 1000)
            }
            _ => None,
        };
        Ok(Self { name: node.name.clone(), info, settings, time })
    }

    /// The major and minor version.
    pub(crate) fn version(&self) -> (u32, u32) {
        // Valkey reports Redis 7.2 here, with which it is compatible.
        let mut parts = self.info("redis_version").split('.').map(|part| part.parse().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
    }

    /// Checks whether a store may use this server.
    ///
    /// # Errors
    /// [`StoreError::Refused`] with the reason.
    pub(crate) fn admit(&self, as_cluster: bool, allow_eviction: bool) -> Result<(), StoreError> {
        if self.mode() == "sentinel" {
            return Err(refused("this server is a Sentinel: name the master that it watches"));
        }
        let clustered = self.mode() == "cluster";
        if clustered && !as_cluster {
            return Err(refused("this server is a node of a cluster: connect to it as one"));
        }
        if !clustered && as_cluster {
            return Err(refused("this server is no node of a cluster"));
        }
        if self.info("role") != "master" {
            return Err(refused("this server is a replica, which takes no writes"));
        }
        if self.evicts() && !allow_eviction {
            return Err(refused(
                "the server may evict keys: set maxmemory-policy to noeviction, or read danger::allow_eviction",
            ));
        }
        Ok(())
    }

    /// `standalone`, `sentinel` or `cluster`. Valkey has its own name for it from 8.0 on.
    fn mode(&self) -> &str {
        match self.info("redis_mode") {
            "" => self.info("server_mode"),
            mode => mode,
        }
    }

    fn evicts(&self) -> bool {
        // A server that does not report its policy counts as one that evicts.
        self.info("maxmemory_policy") != "noeviction"
    }

    pub(crate) fn findings(&self, wanted_replicas: u32, now: Timestamp) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut find = |about, text: String| {
            findings.push(Finding { server: self.name.clone(), about, text });
        };
        let version = self.info("redis_version");
        if self.version() < (7, 0) {
            find(
                FindingKind::Version,
                format!(
                    "Redis {version}: older than 7.0, the oldest tested version; revocations fail when memory is full"
                ),
            );
        }
        if self.info("role") != "master" {
            find(FindingKind::Role, "a replica: writes fail here, and reads are out of date".into());
        }
        if self.evicts() {
            let policy = self.info("maxmemory_policy");
            find(
                FindingKind::Eviction,
                format!(
                    "maxmemory-policy is {policy:?}: an evicted index makes \"log out everywhere\" incomplete; set noeviction"
                ),
            );
        }
        if self.info("aof_enabled") != "1" {
            let what = match self.settings.get("save").map(String::as_str) {
                Some("") => "neither appendonly nor save: a restart forgets everything, revocations included",
                _ => {
                    "no appendonly: a crash brings back what was revoked or replaced since the last snapshot"
                }
            };
            find(FindingKind::Persistence, what.into());
        } else if let Some(how) = self.settings.get("appendfsync").filter(|how| *how != "always") {
            find(
                FindingKind::Persistence,
                format!(
                    "appendfsync is {how}: a power loss takes back about the last second and more, and so may a crash of the process while the disk is busy"
                ),
            );
        }
        let replicas: u32 = self.info("connected_slaves").parse().unwrap_or(0);
        if replicas < wanted_replicas {
            find(
                FindingKind::Replication,
                format!(
                    "{replicas} replicas, and writes wait for {wanted_replicas}: revocations and rotations will fail"
                ),
            );
        }
        if replicas > 0 && self.settings.get("min-replicas-to-write").is_some_and(|least| least == "0") {
            find(FindingKind::Replication, "min-replicas-to-write is 0: a master that is cut off keeps acknowledging writes that a failover then takes back".into());
        }
        if replicas > 0 && wanted_replicas == 0 {
            find(FindingKind::Replication, "acknowledged before any replica has it: a failover may take back the last revocations and rotations; see Builder::wait_for_replicas".into());
        }
        if let Some(time) = self.time {
            let skew = time.abs_diff(now.as_millis());
            if skew > SKEW {
                find(
                    FindingKind::Clock,
                    format!(
                        "its clock is {} s off; times to live are durations, so nothing here depends on it",
                        skew / 1000
                    ),
                );
            }
        }
        findings
    }

    fn info(&self, name: &str) -> &str {
        self.info.get(name).map_or("", String::as_str)
    }
}

fn text_of(value: Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}
