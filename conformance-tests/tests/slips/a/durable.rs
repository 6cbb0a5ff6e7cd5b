//! A store that survives its process: the reference store and a log of what was done to it, in a file.

use std::fs::{self, File};
use std::io::Write;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::Weak;

use crate::prelude::*;

/// One thing that is written to the log.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    Inserted,
    Replaced,
    Touched,
    Ended,
    Deleted,
    Revoked,
    EpochRead,
    EpochSet,
    Purged,
}

/// Which entries stay in memory until another one is written, acknowledged all the same.
pub(super) trait Late: Default + Send + Sync + 'static {
    const LATE: Entry;
}

/// Opens stores whose entries of one sort are written late.
pub(super) struct Files<L> {
    open: Locked<HashMap<String, Weak<Logged>>>,
    folder: PathBuf,
    late: PhantomData<L>,
}

impl<L> Default for Files<L> {
    fn default() -> Self {
        let child = std::env::args().any(|argument| argument == "--child-of");
        let process = if child { std::os::unix::process::parent_id() } else { std::process::id() };
        let name = std::any::type_name::<L>().replace(':', "-");
        let folder = std::env::temp_dir().join(format!("hallpass-slip-{name}-{process}"));
        if !child {
            let _ = fs::remove_dir_all(&folder);
        }
        Self { open: Locked::default(), folder, late: PhantomData }
    }
}

#[async_trait]
impl<L: Late> Harness for Files<L> {
    fn backend(&self) -> String {
        "a log in a file".into()
    }

    async fn open(&self, namespace: &str) -> Result<Arc<dyn TokenStore>, BoxError> {
        if let Some(store) = self.open.lock().get(namespace).and_then(Weak::upgrade) {
            return Ok(Arc::new(Handle(store)));
        }
        fs::create_dir_all(&self.folder)?;
        let path = self.folder.join(namespace);
        let base = Base::default();
        let log = if path.exists() { fs::read_to_string(&path)? } else { String::new() };
        for line in log.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            replay(&base, line.trim_end()).await.ok_or("the log does not decode")?;
        }
        let file = File::options().create(true).append(true).open(&path)?;
        let log = tokio::sync::Mutex::new(Log { file, waiting: String::new(), late: L::LATE });
        let mut open = self.open.lock();
        if let Some(store) = open.get(namespace).and_then(Weak::upgrade) {
            return Ok(Arc::new(Handle(store)));
        }
        let store = Arc::new(Logged { base, log });
        open.insert(namespace.into(), Arc::downgrade(&store));
        Ok(Arc::new(Handle(store)))
    }

    fn declared(&self) -> Declared {
        durable().without(Capability::PowerLoss, "writes are not synced")
    }

    async fn discard(&self, namespace: &str) {
        let _ = fs::remove_file(self.folder.join(namespace));
    }
}

impl<L> Drop for Files<L> {
    fn drop(&mut self) {
        if std::env::args().all(|argument| argument != "--child-of") {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

struct Logged {
    base: Base,
    log: tokio::sync::Mutex<Log>,
}

struct Log {
    file: File,
    waiting: String,
    late: Entry,
}

impl Log {
    fn add(&mut self, entry: Entry, line: &str) -> Result<(), StoreError> {
        self.waiting.push_str(line);
        self.waiting.push('\n');
        if entry != self.late {
            self.file.write_all(self.waiting.as_bytes()).map_err(|e| StoreError::Unavailable(e.into()))?;
            self.waiting.clear();
        }
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = hex.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect();
    Some(digits?.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

fn text(hex: &str) -> Option<String> {
    String::from_utf8(bytes(hex)?).ok()
}

fn put(r: &Record) -> String {
    let subject = r.subject.as_ref().map_or("-".into(), |subject| hex(subject.as_str().as_bytes()));
    let idle = r.idle_at.map_or("-".into(), |idle| idle.as_millis().to_string());
    let times = [r.created_at, r.updated_at, r.seen_at, r.expires_at, r.purge_at];
    let times: Vec<_> = times.iter().map(|time| time.as_millis().to_string()).collect();
    let (selector, kind, login) = (hex(&r.selector.0), r.kind.as_str(), hex(&r.login.0));
    let (purpose, era, revoked) = (r.purpose.code(), r.era.get(), r.revoked.map_or(0, Reason::code));
    let (device, body) = (hex(r.device.as_str().as_bytes()), hex(r.body.as_bytes()));
    let (times, revision, generation) = (times.join(" "), r.revision.get(), r.generation);
    format!(
        "put {selector} {subject} {kind} {purpose} {login} {era} {times} {idle} {revoked} {revision} \
         {generation} d{device} b{body}"
    )
}

fn record(f: &[&str]) -> Option<Record> {
    let time = |at: usize| f[at].parse().ok().map(Timestamp::from_millis);
    Some(Record {
        selector: Selector(bytes(f[1])?.try_into().ok()?),
        subject: if f[2] == "-" { None } else { Some(Subject::new(text(f[2])?).ok()?) },
        kind: Kind::new(f[3]).ok()?,
        purpose: Purpose::from_code(f[4].parse().ok()?).ok()?,
        login: LoginId(bytes(f[5])?.try_into().ok()?),
        era: Era::new(f[6].parse().ok()?),
        created_at: time(7)?,
        updated_at: time(8)?,
        seen_at: time(9)?,
        expires_at: time(10)?,
        purge_at: time(11)?,
        idle_at: if f[12] == "-" { None } else { Some(time(12)?) },
        revoked: Reason::from_code(f[13].parse().ok()?).ok()?,
        revision: Revision::new(f[14].parse().ok()?).ok()?,
        generation: f[15].parse().ok()?,
        device: Device::new(text(&f[16][1..])?).ok()?,
        body: Body::new(bytes(&f[17][1..])?).ok()?,
    })
}

async fn replay(base: &Base, line: &str) -> Option<()> {
    let fields: Vec<_> = line.split(' ').collect();
    match fields[0] {
        "put" => base.force(&record(&fields)?).await.ok(),
        "del" => base.delete(Selector(bytes(fields[1])?.try_into().ok()?)).await.ok().map(|_| ()),
        "epoch" => {
            let epoch = Epoch(bytes(fields[2])?.try_into().ok()?);
            let keep = Duration::from_millis(fields[3].parse().ok()?);
            let update = EpochUpdate::Set { epoch, now: Timestamp::MIN, keep };
            base.set_epoch(&Subject::new(text(fields[1])?).ok()?, update).await.ok()
        }
        _ => {
            let now = Timestamp::from_millis(fields[1].parse().ok()?);
            base.purge(now, fields[2].parse().ok()?).await.ok().map(|_| ())
        }
    }
}

fn set(subject: &Subject, epoch: Epoch, now: Timestamp, keep: Duration) -> String {
    let until = now.saturating_add(keep).as_millis();
    format!("epoch {} {} {until}", hex(subject.as_str().as_bytes()), hex(&epoch.0))
}

fn del(selector: Selector) -> String {
    format!("del {}", hex(&selector.0))
}

struct Handle(Arc<Logged>);

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Logged")
    }
}

#[async_trait]
impl TokenStore for Handle {
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let mut log = self.0.log.lock().await;
        let answer = self.0.base.insert(record, fence).await?;
        if answer.is_inserted() {
            log.add(Entry::Inserted, &put(record))?;
        }
        Ok(answer)
    }
    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        self.0.base.find(selector).await
    }
    async fn replace(
        &self,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        let mut log = self.0.log.lock().await;
        let answer = self.0.base.replace(next, expected, change).await?;
        if answer == Replace::Replaced {
            let entry = match change {
                Change::Touch => Entry::Touched,
                Change::Update => Entry::Replaced,
                Change::End(_) => Entry::Ended,
            };
            log.add(entry, &put(next))?;
        }
        Ok(answer)
    }
    async fn delete(&self, selector: Selector, _note: &Note) -> Result<bool, StoreError> {
        let mut log = self.0.log.lock().await;
        let there = self.0.base.delete(selector).await?;
        if there {
            log.add(Entry::Deleted, &del(selector))?;
        }
        Ok(there)
    }
    async fn revoke_by_subject(&self, subject: &Subject, revocation: &Revocation) -> Result<u64, StoreError> {
        let Revocation { filter, action, epoch, .. } = revocation;
        let (mut log, base) = (self.0.log.lock().await, &self.0.base);
        let all = base.all(subject).await?;
        let count = base.revoke(subject, filter, *action, *epoch).await?;
        let mut lines = Vec::new();
        for old in chosen(filter, &all) {
            lines.push(base.find(old.selector).await?.map_or_else(|| del(old.selector), |new| put(&new)));
        }
        if !lines.is_empty() {
            log.add(Entry::Revoked, &lines.join("\n"))?;
        }
        if let EpochUpdate::Set { epoch, now, keep } = *epoch {
            log.add(Entry::EpochSet, &set(subject, epoch, now, keep))?;
        }
        Ok(count)
    }
    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError> {
        Ok(self.0.base.list(subject, page).await?.into_iter().map(Listed::from).collect())
    }
    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        let mut log = self.0.log.lock().await;
        let epoch = self.0.base.epoch(subject, fresh, keep, now).await?;
        log.add(Entry::EpochRead, &set(subject, epoch, now, keep))?;
        Ok(Admission { epoch, era: Era::FIRST })
    }
    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let mut log = self.0.log.lock().await;
        let purged = self.0.base.purge(now, limit).await?;
        log.add(Entry::Purged, &format!("purge {} {limit}", now.as_millis()))?;
        Ok(purged)
    }
}
