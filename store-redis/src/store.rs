//! The store: each operation is one script on one slot.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::store::{
    Admission, Change, Epoch, Era, Fence, Insert, Listed, Page, Purged, Record, Replace, Revision,
    Revocation, TokenStore,
};
use hallpass_core::{Kinds, Note, Purposes, Selector, StoreError, Subject, Timestamp};
use redis::Value;
use tokio::time::{Instant, timeout_at};

use crate::builder::Builder;
use crate::check::{Finding, Server};
use crate::error::{corrupt, late, no_answer, no_record, odd_answer, refused};
use crate::keys::{self, Keys, SLACK};
use crate::router::{Call, Effect, Request, Router};
use crate::script::{Script, Scripts};

/// How many entries of the index one step of a list reads.
const LOOKED_AT: u32 = 1_000;

/// Keeps tokens in Redis: one server, a Sentinel group or a cluster.
///
/// Clones are cheap and share their connections. A handle may be used from the runtime on which it was
/// connected.
#[derive(Clone)]
pub struct RedisStore {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) router: Router,
    pub(crate) keys: Keys,
    pub(crate) scripts: Scripts,
    namespace: Box<str>,
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
        crate::url::read(url)?.connect().await
    }

    /// Returns a builder for one server.
    pub fn single(url: &str) -> Builder {
        Builder::single(url)
    }

    /// Returns a builder for the master that these Sentinels watch under this name.
    ///
    /// The number of a database in the first URL applies to the servers, `rediss://` applies to Sentinels and
    /// servers alike, and the password is that of the Sentinels: see [`Builder::credentials`].
    pub fn sentinel(urls: impl IntoIterator<Item = impl Into<String>>, master: &str) -> Builder {
        Builder::sentinel(urls.into_iter().map(Into::into).collect(), master)
    }

    /// Returns a builder for the cluster to which these nodes belong: any of them, preferably several.
    pub fn cluster(urls: impl IntoIterator<Item = impl Into<String>>) -> Builder {
        Builder::cluster(urls.into_iter().map(Into::into).collect())
    }

    /// Reports what is dangerous about the current settings of the servers, for a start-up log or a health
    /// page.
    ///
    /// `now` is the present instant: a store has no clock.
    ///
    /// # Errors
    /// [`StoreError`] if a server does not answer.
    pub async fn check(&self, now: Timestamp) -> Result<Vec<Finding>, StoreError> {
        let router = &self.inner.router;
        let wanted = router.confirm.map_or(0, |confirm| confirm.replicas);
        let asking = async {
            let mut findings = Vec::new();
            for node in router.topology.masters().await? {
                findings.extend(Server::ask(&node).await?.findings(wanted, now));
            }
            Ok(findings)
        };
        router.in_time(asking).await
    }

    pub(crate) fn new(router: Router, keys: Keys, scripts: Scripts, namespace: Box<str>) -> Self {
        Self { inner: Arc::new(Inner { router, keys, scripts, namespace }) }
    }

    pub(crate) async fn script(
        &self,
        script: &Script,
        shard: [u8; 2],
        effect: Effect,
        whole_slot: bool,
        keys: &[&[u8]],
        arguments: &[&[u8]],
    ) -> Result<Value, StoreError> {
        let request = Request::Script { script, keys, arguments };
        self.inner.router.run(&Call { shard, request, effect, whole_slot }).await
    }

    async fn read(&self, shard: [u8; 2], request: Request<'_>) -> Result<Value, StoreError> {
        let call = Call { shard, request, effect: Effect::Read, whole_slot: false };
        self.inner.router.run(&call).await
    }

    /// Reads the index page by page, until there are enough records.
    async fn list(
        &self,
        subject: &Subject,
        page: &Page,
        give_up: Instant,
    ) -> Result<Vec<Listed>, StoreError> {
        let Inner { keys, scripts, .. } = &*self.inner;
        let shard = subject.shard();
        let (index, records) = (keys.index(subject), keys.records(shard));
        let (purposes, look) = (purposes(page.purposes), number(LOOKED_AT.into()));
        let mut first = page.after.map_or_else(String::new, |(created, _)| number(created.as_millis()));
        let mut after = match &page.after {
            // A place in another shard comes before or after everything in this one at its instant.
            Some((_, selector)) => match selector.shard().cmp(&shard) {
                std::cmp::Ordering::Less => vec![0; 14],
                std::cmp::Ordering::Equal => keys::rest(selector).to_vec(),
                std::cmp::Ordering::Greater => Vec::new(),
            },
            None => Vec::new(),
        };
        let (mut listed, most) = (Vec::new(), usize::from(page.limit.get()));
        loop {
            let limit = (most - listed.len()).to_string();
            let mut arguments: Vec<&[u8]> =
                vec![&records, limit.as_bytes(), look.as_bytes(), first.as_bytes(), &after, &purposes];
            push_kinds(&mut arguments, &page.kinds);
            let answer = self.script(&scripts.list, shard, Effect::Read, true, &[&index], &arguments).await?;
            let Value::Array(values) = answer else { return Err(odd_answer(false)) };
            let mut values = values.into_iter();
            let (Some(Value::BulkString(score)), Some(Value::BulkString(member))) =
                (values.next(), values.next())
            else {
                return Err(odd_answer(false));
            };
            while let Some(found) = values.next() {
                let (score, value) =
                    (values.next().unwrap_or(Value::Nil), values.next().unwrap_or(Value::Nil));
                listed.push(entry(shard, &found, &score, value)?);
            }
            if score.is_empty() {
                return Ok(listed);
            }
            if Instant::now() > give_up {
                return Err(late(false, None));
            }
            (first, after) = (String::from_utf8(score).map_err(|_| odd_answer(false))?, member);
        }
    }
}

#[async_trait]
impl TokenStore for RedisStore {
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let Inner { keys, scripts, .. } = &*self.inner;
        let shard = record.selector.shard();
        let mut named = vec![keys.record(record.selector)];
        let subject = match &record.subject {
            Some(subject) if subject.shard() != shard => {
                return Err(refused("the selector does not begin with the shard of its subject (T7)"));
            }
            Some(subject) => {
                named.push(keys.index(subject));
                true
            }
            None => false,
        };
        let mut epoch: &[u8] = &[];
        let fence = match (&fence, &record.subject) {
            (Fence::None, _) => "none",
            (Fence::Epoch(_), None) => return Ok(Insert::Fenced),
            (Fence::Epoch(expected), Some(subject)) => {
                named.push(keys.epoch(subject));
                epoch = &expected.0;
                "epoch"
            }
            (Fence::Parent(parent), _)
                if self.inner.router.topology.is_cluster() && parent.shard() != shard =>
            {
                return Err(refused("the parent is in another shard: it has another subject (T7)"));
            }
            (Fence::Parent(parent), _) => {
                named.push(keys.record(*parent));
                "parent"
            }
        };
        let (value, ttl) = (record.encode(), number(keys::time_to_live(record)));
        let (created, member) = (number(record.created_at.as_millis()), keys::member(record));
        let least = keys::index_time_to_live(record);
        let (given, least, records) = (number(keys::generous(least)), number(least), keys.records(shard));
        let mut arguments: Vec<&[u8]> = vec![&value, ttl.as_bytes(), fence.as_bytes(), epoch];
        if subject {
            arguments.extend([created.as_bytes(), &member, least.as_bytes(), given.as_bytes(), &records]);
        }
        let named: Vec<&[u8]> = named.iter().map(Vec::as_slice).collect();
        match self.script(&scripts.insert, shard, Effect::Write, subject, &named, &arguments).await? {
            Value::Int(-2) => Ok(Insert::Fenced),
            Value::Int(-1) => Ok(Insert::Duplicate),
            Value::Int(0) if !subject => Ok(Insert::Inserted { of_subject: None }),
            Value::Int(entries) if subject && entries > 0 => {
                Ok(Insert::Inserted { of_subject: u32::try_from(entries).ok() })
            }
            _ => Err(odd_answer(true)),
        }
    }

    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        let request = Request::Get(self.inner.keys.record(selector));
        match self.read(selector.shard(), request).await? {
            Value::Nil => Ok(None),
            Value::BulkString(bytes) => {
                let record = Record::decode(&bytes).map_err(|source| corrupt(Some(selector), source))?;
                Ok(Some(record))
            }
            _ => Err(odd_answer(false)),
        }
    }

    async fn replace(
        &self,
        next: &Record,
        expected: Revision,
        _change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        if expected == Revision::MAX {
            return Err(refused("there is no revision after the largest"));
        }
        let Inner { keys, scripts, .. } = &*self.inner;
        let shard = next.selector.shard();
        let mut named = vec![keys.record(next.selector)];
        if let Some(subject) = next.subject.as_ref().filter(|_| keys::outlives_its_index(next)) {
            named.push(keys.index(subject));
        }
        let (value, ttl) = (next.encode(), number(keys::time_to_live(next)));
        let (expected, least) = (expected.get().to_be_bytes(), keys::index_time_to_live(next));
        let (given, least) = (number(keys::generous(least)), number(least));
        let arguments: [&[u8]; 5] = [&value, ttl.as_bytes(), &expected, least.as_bytes(), given.as_bytes()];
        let named: Vec<&[u8]> = named.iter().map(Vec::as_slice).collect();
        let answer = self.script(&scripts.replace, shard, Effect::Ending, false, &named, &arguments).await?;
        match word(&answer) {
            b"REPLACED" => Ok(Replace::Replaced),
            b"CONFLICT" => Ok(Replace::Conflict),
            b"MISSING" => Ok(Replace::Missing),
            _ => Err(odd_answer(true)),
        }
    }

    async fn delete(&self, selector: Selector, _note: &Note) -> Result<bool, StoreError> {
        let Inner { keys, scripts, .. } = &*self.inner;
        let (shard, key) = (selector.shard(), keys.record(selector));
        let indexes = keys.indexes(shard);
        let answer = self.script(&scripts.delete, shard, Effect::Ending, true, &[&key], &[&indexes]).await?;
        Ok(count(&answer)? > 0)
    }

    async fn revoke_by_subject(&self, subject: &Subject, revocation: &Revocation) -> Result<u64, StoreError> {
        self.revoke(subject, revocation).await
    }

    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError> {
        let time = self.inner.router.time_of_many();
        match timeout_at(time.last, self.list(subject, page, time.give_up)).await {
            Ok(listed) => listed,
            Err(_) => Err(late(false, None)),
        }
    }

    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        let Inner { keys, scripts, .. } = &*self.inner;
        let (shard, key) = (subject.shard(), keys.epoch(subject));
        let least = now.saturating_add(keep);
        if let Value::BulkString(value) = self.read(shard, Request::Get(key.clone())).await?
            && let Some((epoch, over)) = epoch_of(&value)
            && over >= least.as_millis()
        {
            return Ok(Admission { epoch, era: Era::FIRST });
        }
        let (over, ttl) = epoch_time(now, keep);
        let least = least.as_millis().to_be_bytes();
        let arguments: [&[u8]; 4] = [&fresh.0, &over, ttl.as_bytes(), &least];
        let answer = self.script(&scripts.epoch, shard, Effect::Write, false, &[&key], &arguments).await?;
        match epoch_of(word(&answer)) {
            Some((epoch, _)) => Ok(Admission { epoch, era: Era::FIRST }),
            None => Err(odd_answer(true)),
        }
    }

    /// Removes nothing: Redis removes expired records itself, an hour after `purge_at`. Checks that every
    /// master answers.
    async fn purge_expired(&self, _now: Timestamp, _limit: u32) -> Result<Purged, StoreError> {
        let router = &self.inner.router;
        let asking = async {
            for node in router.topology.masters().await? {
                if let Err(error) = node.ask(&redis::cmd("PING")).await {
                    router.topology.suspect();
                    return Err(no_answer(&error));
                }
            }
            Ok(Purged { removed: 0, more: false })
        };
        router.in_time(asking).await
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("servers", &self.inner.router.topology.name())
            .field("namespace", &self.inner.namespace)
            .finish_non_exhaustive()
    }
}

/// Reads one entry of a list.
fn entry(shard: [u8; 2], member: &Value, score: &Value, value: Value) -> Result<Listed, StoreError> {
    let rest: &[u8; 14] = word(member).try_into().map_err(|_| odd_answer(false))?;
    let mut selector = [0; 16];
    selector[..2].copy_from_slice(&shard);
    selector[2..].copy_from_slice(rest);
    // A score is a float, and every instant is a whole number that a float represents exactly.
    let score: Option<f64> = std::str::from_utf8(word(score)).ok().and_then(|score| score.parse().ok());
    let created_at = Timestamp::from_millis(score.ok_or_else(|| odd_answer(false))? as u64);
    let selector = Selector(selector);
    let corrupt = |source| Listed::Corrupt { selector, created_at, source };
    Ok(match value {
        Value::BulkString(bytes) => match Record::decode(&bytes) {
            Ok(record) if record.selector == selector => record.into(),
            Ok(_) => corrupt(no_record("the record names another selector")),
            Err(source) => corrupt(Box::new(source)),
        },
        Value::Nil => corrupt(no_record("a key of this namespace holds something else")),
        _ => return Err(odd_answer(false)),
    })
}

pub(crate) fn push_kinds<'a>(arguments: &mut Vec<&'a [u8]>, kinds: &'a Kinds) {
    match kinds {
        Kinds::Any => arguments.push(b"any"),
        Kinds::Only(kinds) => {
            arguments.push(b"only");
            arguments.extend(kinds.iter().map(|kind| kind.as_str().as_bytes()));
        }
    }
}

pub(crate) fn purposes(purposes: Purposes) -> Vec<u8> {
    purposes.iter().map(|purpose| purpose.code()).collect()
}

/// Returns when an epoch that is kept from `now` on expires, and its time to live. Both are one and a half
/// times as long as requested, so that the epoch is prolonged only once in half of the requested time. The
/// server's clock may run an hour fast.
pub(crate) fn epoch_time(now: Timestamp, keep: Duration) -> ([u8; 8], String) {
    let keep = keep.saturating_add(keep / 2);
    (now.saturating_add(keep).as_millis().to_be_bytes(), number(millis(keep) + SLACK))
}

/// The epoch in a value, and when it expires.
fn epoch_of(value: &[u8]) -> Option<(Epoch, u64)> {
    let (epoch, over) = value.split_first_chunk::<16>()?;
    Some((Epoch(*epoch), u64::from_be_bytes(over.try_into().ok()?)))
}

fn millis(duration: Duration) -> u64 {
    // At most the largest time to live that a record can have.
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).min(Timestamp::MAX.as_millis())
}

pub(crate) fn number(value: u64) -> String {
    value.to_string()
}

fn word(answer: &Value) -> &[u8] {
    match answer {
        Value::BulkString(word) => word,
        Value::SimpleString(word) => word.as_bytes(),
        _ => &[],
    }
}

pub(crate) fn count(answer: &Value) -> Result<u64, StoreError> {
    match answer {
        Value::Int(count) => u64::try_from(*count).map_err(|_| odd_answer(true)),
        _ => Err(odd_answer(true)),
    }
}
