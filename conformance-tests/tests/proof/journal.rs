//! A store that survives its process: the reference store with an append-only file.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Weak;

use crate::prelude::*;
use crate::twist::Twisted;

/// What a journal does not write.
pub(crate) const NOTHING: u8 = 0;
pub(crate) const EPOCHS: u8 = 1;
pub(crate) const TOUCHES: u8 = 2;
/// Which records are due.
pub(crate) const DUE: u8 = 3;

/// Opens journals that hold back the last `HELD` lines and do not write what is `LOST`.
#[derive(Default)]
pub(crate) struct Journals<const HELD: usize, const LOST: u8>(
    Locked<HashMap<String, Weak<Twisted<Journal<HELD, LOST>>>>>,
);

#[async_trait]
impl<const HELD: usize, const LOST: u8> Harness for Journals<HELD, LOST> {
    fn backend(&self) -> String {
        "journal".into()
    }
    fn declared(&self) -> Declared {
        durable()
    }
    async fn open(&self, namespace: &str) -> Result<Arc<dyn TokenStore>, BoxError> {
        if let Some(open) = self.0.lock().get(namespace).and_then(Weak::upgrade) {
            return Ok(open);
        }
        let (journal, store) = (Journal { path: path(namespace), ..Journal::default() }, Base::default());
        let old = replay(&store, &fs::read_to_string(&journal.path).unwrap_or_default()).await?;
        *journal.never_due.lock() = if LOST == DUE { old } else { Vec::new() };
        let opened = Arc::new(Twisted { store, twist: Arc::new(journal) });
        self.0.lock().insert(namespace.into(), Arc::downgrade(&opened));
        Ok(opened)
    }
}

impl<const HELD: usize, const LOST: u8> Drop for Journals<HELD, LOST> {
    fn drop(&mut self) {
        for namespace in self.0.lock().keys() {
            let _ = fs::remove_file(path(namespace));
        }
    }
}

fn path(namespace: &str) -> PathBuf {
    std::env::temp_dir().join(format!("hallpass-proof-{namespace}"))
}

/// The twist that writes the journal; it keeps the lines not yet written.
#[derive(Default)]
pub(crate) struct Journal<const HELD: usize, const LOST: u8> {
    path: PathBuf,
    held: Locked<Vec<String>>,
    never_due: Locked<Vec<Selector>>,
}

impl<const HELD: usize, const LOST: u8> Journal<HELD, LOST> {
    /// Appends a line; with lines held back, an earlier one is written instead.
    fn append(&self, line: String) -> Result<(), StoreError> {
        let mut held = self.held.lock();
        held.push(line);
        let mut file = OpenOptions::new().create(true).append(true).open(&self.path).map_err(failed)?;
        let due = held.len().saturating_sub(HELD);
        held.drain(..due).try_for_each(|line| file.write_all(line.as_bytes())).map_err(failed)
    }

    fn keep(&self, record: &Record) -> Result<(), StoreError> {
        self.append(format!("record {}\n", hex(&record.encode())))
    }

    fn drop(&self, selector: Selector) -> Result<(), StoreError> {
        self.append(format!("gone {}\n", hex(&selector.0)))
    }

    fn keep_epoch(&self, subject: &Subject, epoch: Epoch) -> Result<(), StoreError> {
        match LOST != EPOCHS {
            true => self.append(format!("epoch {} {}\n", hex(subject.as_str().as_bytes()), hex(&epoch.0))),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl<const HELD: usize, const LOST: u8> Twist for Journal<HELD, LOST> {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let answer = store.insert(record, fence).await?;
        if answer.is_inserted() {
            self.keep(record)?;
        }
        Ok(answer)
    }
    async fn replace(
        &self,
        store: &Base,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        let answer = store.replace(next, expected, change).await?;
        if answer == Replace::Replaced && !(LOST == TOUCHES && change == Change::Touch) {
            self.keep(next)?;
        }
        Ok(answer)
    }
    async fn delete(&self, store: &Base, selector: Selector) -> Result<bool, StoreError> {
        let there = store.delete(selector).await?;
        if there {
            self.drop(selector)?;
        }
        Ok(there)
    }
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        let before = store.all(subject).await?;
        let count = store.revoke(subject, filter, action, update).await?;
        if let EpochUpdate::Set { epoch, .. } = update {
            self.keep_epoch(subject, epoch)?;
        }
        for old in before {
            match store.find(old.selector).await? {
                Some(now) if now == old => {}
                Some(now) => self.keep(&now)?,
                None => self.drop(old.selector)?,
            }
        }
        Ok(count)
    }
    async fn epoch(
        &self,
        store: &Base,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Epoch, StoreError> {
        let epoch = store.epoch(subject, fresh, keep, now).await?;
        self.keep_epoch(subject, epoch)?;
        Ok(epoch)
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let never_due = self.never_due.lock().clone();
        let spared = store.find_all(&never_due).await?;
        for record in &spared {
            store.delete(record.selector).await?;
        }
        let purged = store.purge(now, limit).await;
        for record in &spared {
            store.force(record).await?;
        }
        purged
    }
}

/// Repeats the operations in `journal` and returns the selectors of its records. Its last line may be cut off.
async fn replay(store: &Base, journal: &str) -> Result<Vec<Selector>, BoxError> {
    let mut named = Vec::new();
    for line in journal.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            ["record", record] => {
                let record = Record::decode(&unhex(record)?)?;
                store.force(&record).await?;
                named.push(record.selector);
            }
            ["gone", selector] => {
                store.delete(Selector(unhex(selector)?.try_into().map_err(|_| "no selector")?)).await?;
            }
            ["epoch", subject, epoch] => {
                let subject = Subject::new(String::from_utf8(unhex(subject)?)?)?;
                let epoch = Epoch(unhex(epoch)?.try_into().map_err(|_| "no epoch")?);
                let (now, keep) = (Timestamp::MIN, Timestamp::MAX.since(Timestamp::MIN));
                store.set_epoch(&subject, EpochUpdate::Set { epoch, now, keep }).await?;
            }
            _ => return Err(format!("no line of a journal: {line}").into()),
        }
    }
    Ok(named)
}

fn failed(error: std::io::Error) -> StoreError {
    StoreError::Other(error.into())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub(crate) fn unhex(text: &str) -> Result<Vec<u8>, BoxError> {
    let digits = |at| u8::from_str_radix(text.get(at..at + 2).unwrap_or_default(), 16);
    Ok((0..text.len()).step_by(2).map(digits).collect::<Result<_, _>>()?)
}
