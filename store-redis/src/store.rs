//! The store: each operation is one script on one slot.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::{
    Action, Advance, Epoch, Fence, Insert, Kinds, Logins, Page, Purged, Record, Replace, Revision, Selector,
    StoreError, Subject, Timestamp, TokenStore, Which,
};
use redis::Value;
use tokio::task::JoinSet;

use crate::builder::Builder;
use crate::check::{Finding, Server};
use crate::error::{corrupt, no_answer, odd_answer, refused};
use crate::keys::{self, Keys, SLACK};
use crate::router::{Call, Effect, Request, Router};
use crate::script::{Script, Scripts};

/// How many records one `MGET` asks for.
const BATCH: usize = 256;

/// Tokens in Redis: one server, a Sentinel group or a cluster.
///
/// Cheap to clone; clones share their connections. A handle may be used from the runtime on which it was
/// connected.
#[derive(Clone)]
pub struct RedisStore {
    inner: Arc<Inner>,
}

struct Inner {
    router: Router,
    keys: Keys,
    scripts: Scripts,
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
    /// and the same with `rediss`, which needs one of the TLS features.
    ///
    /// # Errors
    /// As [`Builder::connect`].
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        crate::url::read(url)?.connect().await
    }

    /// One server.
    pub fn single(url: &str) -> Builder {
        Builder::single(url)
    }

    /// The master that these Sentinels watch under this name. A number of a database in the first URL is
    /// that of the servers, `rediss://` is for Sentinels and servers alike, and the password is that of
    /// the Sentinels: see [`Builder::credentials`].
    pub fn sentinel(urls: impl IntoIterator<Item = impl Into<String>>, master: &str) -> Builder {
        Builder::sentinel(urls.into_iter().map(Into::into).collect(), master)
    }

    /// The cluster that these nodes belong to: any of them, and better several.
    pub fn cluster(urls: impl IntoIterator<Item = impl Into<String>>) -> Builder {
        Builder::cluster(urls.into_iter().map(Into::into).collect())
    }

    /// What is dangerous about the settings of the servers, as of now; for a start-up log or a health
    /// page. `now` is the present instant: a store has no clock.
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

    async fn script(
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
        let (created, member) = (number(record.created_at.as_millis()), keys::member(&record.selector));
        let (index_ttl, records) = (number(keys::index_time_to_live(record)), keys.records(shard));
        let mut arguments: Vec<&[u8]> = vec![&value, ttl.as_bytes(), fence.as_bytes(), epoch];
        if subject {
            arguments.extend([created.as_bytes(), member, index_ttl.as_bytes(), &records]);
        }
        let named: Vec<&[u8]> = named.iter().map(Vec::as_slice).collect();
        let answer = self.script(&scripts.insert, shard, Effect::Write, subject, &named, &arguments).await?;
        match word(&answer) {
            b"INSERTED" => Ok(Insert::Inserted),
            b"DUPLICATE" => Ok(Insert::Duplicate),
            b"FENCED" => Ok(Insert::Fenced),
            _ => Err(odd_answer(true)),
        }
    }

    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        let request = Request::Get(self.inner.keys.record(selector));
        decode(selector, self.read(selector.shard(), request).await?)
    }

    async fn find_many(&self, selectors: &[Selector]) -> Result<Vec<Option<Record>>, StoreError> {
        let router = &self.inner.router;
        match router.topology.is_cluster() {
            true => router.in_time(self.find_each(selectors)).await,
            false => router.in_time(self.find_together(selectors)).await,
        }
    }

    async fn replace(&self, next: &Record, expected: Revision) -> Result<Replace, StoreError> {
        let Inner { keys, scripts, .. } = &*self.inner;
        let shard = next.selector.shard();
        let mut named = vec![keys.record(next.selector)];
        if let Some(subject) = next.subject.as_ref().filter(|_| keys::outlives_its_index(next)) {
            named.push(keys.index(subject));
        }
        let (value, ttl) = (next.encode(), number(keys::time_to_live(next)));
        let (expected, index_ttl) = (expected.get().to_be_bytes(), number(keys::index_time_to_live(next)));
        let arguments: [&[u8]; 4] = [&value, ttl.as_bytes(), &expected, index_ttl.as_bytes()];
        let named: Vec<&[u8]> = named.iter().map(Vec::as_slice).collect();
        let answer = self.script(&scripts.replace, shard, Effect::Ending, false, &named, &arguments).await?;
        match word(&answer) {
            b"REPLACED" => Ok(Replace::Replaced),
            b"CONFLICT" => Ok(Replace::Conflict),
            b"MISSING" => Ok(Replace::Missing),
            _ => Err(odd_answer(true)),
        }
    }

    async fn delete(&self, selector: Selector) -> Result<bool, StoreError> {
        let Inner { keys, scripts, .. } = &*self.inner;
        let (shard, key) = (selector.shard(), keys.record(selector));
        let indexes = keys.indexes(shard);
        let answer = self.script(&scripts.delete, shard, Effect::Ending, true, &[&key], &[&indexes]).await?;
        Ok(count(&answer)? > 0)
    }

    async fn revoke_by_subject(
        &self,
        subject: &Subject,
        which: &Which,
        action: Action,
        advance: Advance,
    ) -> Result<u64, StoreError> {
        let Inner { keys, scripts, .. } = &*self.inner;
        let shard = subject.shard();
        let (index, epoch_key, records) = (keys.index(subject), keys.epoch(subject), keys.records(shard));
        let mut named: Vec<&[u8]> = vec![&index];
        let (mut epoch, mut epoch_ttl) = ([0; 16], String::new());
        if let Advance::To { epoch: next, keep, now: _ } = advance {
            named.push(&epoch_key);
            (epoch, epoch_ttl) = (next.0, number(epoch_time_to_live(keep)));
        }
        let (action, reason, at) = match action {
            Action::Remove => ("remove", 0, Timestamp::from_millis(0)),
            Action::Mark { reason, at } => ("mark", reason.code(), at),
        };
        let (reason, at) = ([reason], at.as_millis().to_be_bytes());
        let (logins, login) = match &which.logins {
            Logins::Any => ("any", [0; 8]),
            Logins::Only(login) => ("only", login.0),
            Logins::Except(login) => ("except", login.0),
        };
        let live_at = which.live_at.map(|at| at.as_millis().to_be_bytes());
        let (slack, spare) = (number(SLACK), which.keep_newest.to_string());
        let mut arguments: Vec<&[u8]> = vec![&records, &epoch, epoch_ttl.as_bytes()];
        arguments.extend([action.as_bytes(), &reason, &at, slack.as_bytes()]);
        arguments.extend([logins.as_bytes(), &login, live_at.as_ref().map_or(&[], |at| at.as_slice())]);
        arguments.push(spare.as_bytes());
        push_kinds(&mut arguments, &which.kinds);
        count(&self.script(&scripts.revoke, shard, Effect::Ending, true, &named, &arguments).await?)
    }

    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
        let Inner { keys, scripts, .. } = &*self.inner;
        let shard = subject.shard();
        let (index, records) = (keys.index(subject), keys.records(shard));
        let limit = page.limit.to_string();
        let first = page.after.map_or_else(|| "+inf".to_owned(), |(created, _)| number(created.as_millis()));
        let after = match &page.after {
            // A place in another shard is before or after everything here at its instant.
            Some((_, selector)) => match selector.shard().cmp(&shard) {
                std::cmp::Ordering::Less => vec![0; 14],
                std::cmp::Ordering::Equal => keys::member(selector).to_vec(),
                std::cmp::Ordering::Greater => Vec::new(),
            },
            None => Vec::new(),
        };
        let mut arguments: Vec<&[u8]> = vec![&records, limit.as_bytes(), first.as_bytes(), &after];
        push_kinds(&mut arguments, &page.kinds);
        let answer = self.script(&scripts.list, shard, Effect::Read, true, &[&index], &arguments).await?;
        let Value::Array(values) = answer else { return Err(odd_answer(false)) };
        values
            .into_iter()
            .map(|value| match value {
                Value::BulkString(bytes) => Record::decode(&bytes).map_err(|source| corrupt(None, source)),
                _ => Err(odd_answer(false)),
            })
            .collect()
    }

    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        _now: Timestamp,
    ) -> Result<Epoch, StoreError> {
        let Inner { keys, scripts, .. } = &*self.inner;
        let (shard, key) = (subject.shard(), keys.epoch(subject));
        let (ttl, least) = (number(epoch_time_to_live(keep)), number(millis(keep)));
        let arguments: [&[u8]; 3] = [&fresh.0, ttl.as_bytes(), least.as_bytes()];
        let answer = self.script(&scripts.epoch, shard, Effect::Write, false, &[&key], &arguments).await?;
        match word(&answer).try_into() {
            Ok(epoch) => Ok(Epoch(epoch)),
            Err(_) => Err(odd_answer(true)),
        }
    }

    /// Removes nothing: Redis collects by itself, an hour after `purge_at`. Asks every master whether
    /// it is there.
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

impl RedisStore {
    async fn find_together(&self, selectors: &[Selector]) -> Result<Vec<Option<Record>>, StoreError> {
        let mut found = Vec::with_capacity(selectors.len());
        for batch in selectors.chunks(BATCH) {
            let keys: Vec<_> = batch.iter().map(|selector| self.inner.keys.record(*selector)).collect();
            let request = Request::Values(keys.iter().map(Vec::as_slice).collect());
            let Value::Array(values) = self.read([0, 0], request).await? else {
                return Err(odd_answer(false));
            };
            if values.len() != batch.len() {
                return Err(odd_answer(false));
            }
            for (selector, value) in batch.iter().zip(values) {
                found.push(decode(*selector, value)?);
            }
        }
        Ok(found)
    }

    /// Each by itself, all at once: their slots differ.
    async fn find_each(&self, selectors: &[Selector]) -> Result<Vec<Option<Record>>, StoreError> {
        let mut finding = JoinSet::new();
        for (at, selector) in selectors.iter().copied().enumerate() {
            let store = self.clone();
            finding.spawn(async move { (at, store.find(selector).await) });
        }
        let mut found = vec![None; selectors.len()];
        while let Some(joined) = finding.join_next().await {
            let (at, record) = joined.map_err(|error| StoreError::Other(Box::new(error)))?;
            found[at] = record?;
        }
        Ok(found)
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("topology", &self.inner.router.topology.name())
            .field("namespace", &self.inner.namespace)
            .field("timeout", &self.inner.router.limit)
            .field("confirm", &self.inner.router.confirm)
            .finish_non_exhaustive()
    }
}

fn decode(selector: Selector, value: Value) -> Result<Option<Record>, StoreError> {
    match value {
        Value::Nil => Ok(None),
        Value::BulkString(bytes) => {
            let record = Record::decode(&bytes).map_err(|source| corrupt(Some(selector), source))?;
            Ok(Some(record))
        }
        _ => Err(odd_answer(false)),
    }
}

fn push_kinds<'a>(arguments: &mut Vec<&'a [u8]>, kinds: &'a Kinds) {
    match kinds {
        Kinds::Any => arguments.push(b"any"),
        Kinds::Only(kinds) => {
            arguments.push(b"only");
            arguments.extend(kinds.iter().map(|kind| kind.as_str().as_bytes()));
        }
    }
}

/// One and a half times what was asked for: then it is renewed only once in half of that.
fn epoch_time_to_live(keep: Duration) -> u64 {
    millis(keep.saturating_add(keep / 2)).max(1)
}

fn millis(duration: Duration) -> u64 {
    // The largest time to live that a record can have.
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).min(Timestamp::MAX.as_millis())
}

fn number(value: u64) -> String {
    value.to_string()
}

fn word(answer: &Value) -> &[u8] {
    match answer {
        Value::BulkString(word) => word,
        Value::SimpleString(word) => word.as_bytes(),
        _ => &[],
    }
}

fn count(answer: &Value) -> Result<u64, StoreError> {
    match answer {
        Value::Int(count) => u64::try_from(*count).map_err(|_| odd_answer(true)),
        _ => Err(odd_answer(true)),
    }
}
