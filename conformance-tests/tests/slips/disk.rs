//! A reference store that keeps a journal in a file, of which a slip leaves out a part: that part is in memory only
//! until something else writes it, as under a write that is not synced.

use std::any::type_name;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::Weak;

use hallpass_conformance_tests::Vandal;

use crate::journal::{hex, unhex};
use crate::prelude::*;

/// What is written to the journal.
pub(crate) enum Entry {
    /// The record as it is now.
    Put(Box<Record>),
    /// The record, as it was last, has gone.
    Gone(Box<Record>),
    /// An epoch was set.
    Epoch,
    /// An epoch was asked for.
    Asked,
}

/// The call that an entry is of.
pub(crate) enum Call {
    Insert,
    Replace { change: &'static str, old: Option<Box<Record>> },
    Delete,
    Revoke { action: Action, filter: RecordFilter, count: u64 },
    Epoch,
    Purge,
}

/// What a crash loses although it was acknowledged.
pub(crate) trait Lapse: Send + Sync + 'static {
    /// Whether the next write of something else takes it along. If not, it is written when the store is closed.
    const UNTIL_THE_NEXT: bool = false;

    fn loses(call: &Call, entry: &Entry) -> bool;
}

pub(crate) struct Disk<L> {
    open: Locked<HashMap<String, Weak<Inner<L>>>>,
}

impl<L> Default for Disk<L> {
    fn default() -> Self {
        Self { open: Locked::default() }
    }
}

struct Inner<L> {
    base: Base,
    journal: tokio::sync::Mutex<Journal>,
    lapse: PhantomData<fn() -> L>,
}

struct Journal {
    file: File,
    known: HashMap<Selector, Record>,
    /// What a crash loses, by what it is about.
    unwritten: BTreeMap<String, String>,
    until_the_next: bool,
}

impl Drop for Journal {
    fn drop(&mut self) {
        if !self.until_the_next {
            let _ = self.flush();
        }
    }
}

fn path<L>(namespace: &str) -> PathBuf {
    let child = std::env::args().any(|argument| argument == "--child-of");
    let run = if child { std::os::unix::process::parent_id() } else { std::process::id() };
    let name = type_name::<L>().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    std::env::temp_dir().join(format!("hallpass-slips-{run}")).join(name).join(namespace)
}

fn array<const N: usize>(text: &str) -> Option<[u8; N]> {
    unhex(text).ok()?.try_into().ok()
}

fn subject(text: &str) -> Option<Subject> {
    Subject::new(String::from_utf8(unhex(text).ok()?).ok()?).ok()
}

impl<L: Lapse> Inner<L> {
    async fn load(namespace: &str) -> Result<Self, BoxError> {
        let path = path::<L>(namespace);
        std::fs::create_dir_all(path.parent().ok_or("no folder")?)?;
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let base = Base::default();
        let mut known = HashMap::new();
        for line in text.lines() {
            let words: Vec<_> = line.split(' ').collect();
            match (words[0], words.len()) {
                ("P", 2) => {
                    let record = Record::decode(&unhex(words[1])?)?;
                    base.force(&record).await?;
                    known.insert(record.selector, record);
                }
                ("G", 2) => {
                    let selector = Selector(array(words[1]).ok_or("a torn journal")?);
                    base.delete(selector).await?;
                    known.remove(&selector);
                }
                ("S" | "A", 5) => {
                    let subject = subject(words[1]).ok_or("a torn journal")?;
                    let epoch = Epoch(array(words[2]).ok_or("a torn journal")?);
                    let now = Timestamp::from_millis(words[3].parse()?);
                    let keep = Duration::from_millis(words[4].parse()?);
                    if words[0] == "S" {
                        base.set_epoch(&subject, EpochUpdate::Set { epoch, now, keep }).await?;
                    } else {
                        base.epoch(&subject, epoch, keep, now).await?;
                    }
                }
                _ => {}
            }
        }
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let journal = tokio::sync::Mutex::new(Journal {
            file,
            known,
            unwritten: BTreeMap::new(),
            until_the_next: L::UNTIL_THE_NEXT,
        });
        Ok(Self { base, journal, lapse: PhantomData })
    }
}

impl Journal {
    fn keep<L: Lapse>(
        &mut self,
        call: &Call,
        entry: &Entry,
        about: String,
        line: String,
    ) -> Result<(), StoreError> {
        self.unwritten.remove(&about);
        if L::loses(call, entry) {
            self.unwritten.insert(about, line);
            return Ok(());
        }
        if self.until_the_next {
            self.flush()?;
        }
        self.file.write_all(line.as_bytes()).map_err(|error| StoreError::Other(error.into()))
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        let lines = std::mem::take(&mut self.unwritten).into_values().collect::<String>();
        self.file.write_all(lines.as_bytes()).map_err(|error| StoreError::Other(error.into()))
    }

    async fn note<L: Lapse>(
        &mut self,
        base: &Base,
        call: &Call,
        selectors: Vec<Selector>,
    ) -> Result<(), StoreError> {
        for selector in selectors {
            let now = base.find(selector).await?;
            let old = self.known.get(&selector).cloned();
            if now == old {
                continue;
            }
            let about = hex(&selector.0);
            match now {
                Some(record) => {
                    self.known.insert(selector, record.clone());
                    let text = format!("P {}\n", hex(&record.encode()));
                    self.keep::<L>(call, &Entry::Put(Box::new(record)), about, text)?;
                }
                None => {
                    self.known.remove(&selector);
                    if let Some(old) = old {
                        let text = format!("G {}\n", hex(&selector.0));
                        self.keep::<L>(call, &Entry::Gone(Box::new(old)), about, text)?;
                    }
                }
            }
        }
        Ok(())
    }
}

struct OnDisk<L>(Arc<Inner<L>>);

impl<L> fmt::Debug for OnDisk<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnDisk")
    }
}

/// Does a write in a task of its own, so that a caller who goes away tears nothing.
macro_rules! whole {
    ($self:ident, |$base:ident, $journal:ident| $do:block) => {{
        let inner = Arc::clone(&$self.0);
        apart(async move {
            let mut $journal = inner.journal.lock().await;
            let $base = inner.base.clone();
            $do
        })
        .await
    }};
}

fn epoch_line(letter: char, subject: &Subject, epoch: Epoch, now: Timestamp, keep: Duration) -> String {
    let name = hex(subject.as_str().as_bytes());
    format!("{letter} {name} {} {} {}\n", hex(&epoch.0), now.as_millis(), keep.as_millis())
}

#[async_trait]
impl<L: Lapse> TokenStore for OnDisk<L> {
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let record = record.clone();
        whole!(self, |base, journal| {
            let answer = base.insert(&record, fence).await?;
            journal.note::<L>(&base, &Call::Insert, vec![record.selector]).await?;
            Ok(answer)
        })
    }
    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        if self.0.base.is_damaged(selector) {
            let source = "the body does not decode".into();
            return Err(StoreError::Corrupt { selector: Some(selector), source });
        }
        self.0.base.find(selector).await
    }
    async fn replace(
        &self,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        let next = next.clone();
        let name = match change {
            Change::Touch => "touch",
            Change::Update => "update",
            Change::End(_) => "end",
        };
        whole!(self, |base, journal| {
            let old = base.find(next.selector).await?.map(Box::new);
            let answer = base.replace(&next, expected, Change::Update).await?;
            journal.note::<L>(&base, &Call::Replace { change: name, old }, vec![next.selector]).await?;
            Ok(answer)
        })
    }
    async fn delete(&self, selector: Selector, _note: &Note) -> Result<bool, StoreError> {
        whole!(self, |base, journal| {
            let there = base.delete(selector).await?;
            journal.note::<L>(&base, &Call::Delete, vec![selector]).await?;
            Ok(there)
        })
    }
    async fn revoke_by_subject(&self, subject: &Subject, revocation: &Revocation) -> Result<u64, StoreError> {
        let (subject, Revocation { filter, action, epoch: update, .. }) =
            (subject.clone(), revocation.clone());
        whole!(self, |base, journal| {
            let count = base.revoke(&subject, &filter, action, update).await?;
            let of_subject =
                journal.known.values().filter(|record| record.subject.as_ref() == Some(&subject));
            let selectors = of_subject.map(|record| record.selector).collect();
            let call = Call::Revoke { action, filter, count };
            journal.note::<L>(&base, &call, selectors).await?;
            if let EpochUpdate::Set { epoch, now, keep } = update {
                let line = epoch_line('S', &subject, epoch, now, keep);
                let about = format!("epoch {}", subject.as_str());
                journal.keep::<L>(&call, &Entry::Epoch, about, line)?;
            }
            Ok(count)
        })
    }
    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError> {
        let records = self.0.base.list(subject, page).await?;
        Ok(records.into_iter().map(|record| self.0.base.shown(record)).collect())
    }
    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        let subject = subject.clone();
        whole!(self, |base, journal| {
            let epoch = base.epoch(&subject, fresh, keep, now).await?;
            // An epoch that was set, and is written when the store is closed, is not written by asking for it.
            let about = format!("epoch {}", subject.as_str());
            if L::UNTIL_THE_NEXT || !journal.unwritten.contains_key(&about) {
                let line = epoch_line('A', &subject, epoch, now, keep);
                journal.keep::<L>(&Call::Epoch, &Entry::Asked, about, line)?;
            }
            Ok(Admission { epoch, era: Era::FIRST })
        })
    }
    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        whole!(self, |base, journal| {
            let purged = base.purge(now, limit).await?;
            let selectors = journal.known.keys().copied().collect();
            journal.note::<L>(&base, &Call::Purge, selectors).await?;
            Ok(purged)
        })
    }
}

#[async_trait]
impl<L: Lapse> Harness for Disk<L> {
    fn backend(&self) -> String {
        "journal".into()
    }
    async fn open(&self, namespace: &str) -> Result<Arc<dyn TokenStore>, BoxError> {
        let open = self.open.lock().get(namespace).and_then(Weak::upgrade);
        if let Some(inner) = open {
            return Ok(Arc::new(OnDisk(inner)));
        }
        let inner = Arc::new(Inner::<L>::load(namespace).await?);
        self.open.lock().insert(namespace.into(), Arc::downgrade(&inner));
        Ok(Arc::new(OnDisk(inner)))
    }
    fn declared(&self) -> Declared {
        durable()
    }
    fn vandal(&self) -> Option<&dyn Vandal> {
        Some(self)
    }
    async fn discard(&self, namespace: &str) {
        let _ = std::fs::remove_file(path::<L>(namespace));
    }
}

#[async_trait]
impl<L: Lapse> Vandal for Disk<L> {
    async fn damage(&self, namespace: &str, selector: Selector) -> Result<(), BoxError> {
        let inner = self.open.lock().get(namespace).and_then(Weak::upgrade).ok_or("no such namespace")?;
        inner.base.damage(selector);
        Ok(())
    }
}
