//! A store that survives its process: the reference store with a journal in a file. A part of the journal may be kept
//! in memory for a while, or for good, as under a write that is not synced.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Weak;

use hallpass_conformance_tests::Vandal;

use crate::prelude::*;

/// What is written to the journal.
pub(crate) enum Entry {
    /// The record as it is now.
    Put,
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
    Replace { change: &'static str, rotates: bool },
    Delete,
    Revoke { action: Action, filter: RecordFilter, count: u64 },
    Epoch,
    Purge,
}

/// How long an entry stays in memory that is not written at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// The next write takes it along.
    NextWrite,
    /// It is written when the store is closed.
    Closed,
    /// It is never written.
    Never,
}

/// Opens stores that keep a journal.
pub(crate) struct Journals {
    until: Until,
    /// Whether an entry stays in memory.
    loses: fn(&Call, &Entry) -> bool,
    /// Whether records that were there when the store was opened are never due.
    forgets_due_times: bool,
    open: Locked<HashMap<String, Weak<Twisted<Journaled>>>>,
}

impl Journals {
    /// Stores that keep in memory what `loses` picks.
    pub(crate) fn losing(until: Until, loses: fn(&Call, &Entry) -> bool) -> Self {
        Self { until, loses, forgets_due_times: false, open: Locked::default() }
    }

    /// Stores that lose the due times. What they purge is back after a restart.
    pub(crate) fn without_due_times() -> Self {
        let mut journals = Self::losing(Until::Never, |call, _| matches!(call, Call::Purge));
        journals.forgets_due_times = true;
        journals
    }

    pub(crate) fn shared(self) -> Shared {
        Shared(Arc::new(self))
    }

    async fn load(&self, namespace: &str) -> Result<Twisted<Journaled>, BoxError> {
        let path = path(namespace);
        fs::create_dir_all(path.parent().ok_or("no folder")?)?;
        let (store, mut known) = (Base::default(), HashMap::new());
        // The last line may be cut off.
        let text = fs::read_to_string(&path).unwrap_or_default();
        for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["record", record] => {
                    let record = Record::decode(&unhex(record)?)?;
                    store.force(&record).await?;
                    known.insert(record.selector, record);
                }
                ["gone", selector] => {
                    let selector = Selector(array(selector)?);
                    store.delete(selector).await?;
                    known.remove(&selector);
                }
                [word, subject, epoch, now, keep] => {
                    let subject = &Subject::new(String::from_utf8(unhex(subject)?)?)?;
                    let (fresh, now) = (Epoch(array(epoch)?), Timestamp::from_millis(now.parse()?));
                    let keep = Duration::from_millis(keep.parse()?);
                    if word == "set" {
                        store.set_epoch(subject, EpochUpdate::Set { epoch: fresh, now, keep }).await?;
                    } else {
                        store.epoch(EpochCall { subject, fresh, keep, now }).await?;
                    }
                }
                _ => return Err(format!("no line of a journal: {line}").into()),
            }
        }
        let never_due = if self.forgets_due_times { known.keys().copied().collect() } else { Vec::new() };
        let journal = Journal {
            file: OpenOptions::new().create(true).append(true).open(path)?,
            known,
            never_due,
            unwritten: BTreeMap::new(),
            until: self.until,
            loses: self.loses,
        };
        let twist = Arc::new(Journaled(Arc::new(tokio::sync::Mutex::new(journal))));
        Ok(Twisted { store, twist })
    }
}

#[async_trait]
impl Harness for Journals {
    fn backend(&self) -> String {
        "journal".into()
    }
    async fn open(&self, namespace: &str) -> Result<Arc<dyn TokenStore>, BoxError> {
        if let Some(open) = self.open.lock().get(namespace).and_then(Weak::upgrade) {
            return Ok(open);
        }
        let opened = Arc::new(self.load(namespace).await?);
        self.open.lock().insert(namespace.into(), Arc::downgrade(&opened));
        Ok(opened)
    }
    fn declared(&self) -> Declared {
        durable()
    }
    fn vandal(&self) -> Option<&dyn Vandal> {
        Some(self)
    }
}

#[async_trait]
impl Vandal for Journals {
    async fn damage(&self, namespace: &str, selector: Selector) -> Result<(), BoxError> {
        let open = self.open.lock().get(namespace).and_then(Weak::upgrade).ok_or("no such namespace")?;
        open.store.damage(selector);
        Ok(())
    }
}

impl Drop for Journals {
    fn drop(&mut self) {
        for namespace in self.open.lock().keys() {
            let _ = fs::remove_file(path(namespace));
        }
    }
}

/// The file of a namespace, for this process and for its crash children.
fn path(namespace: &str) -> PathBuf {
    let child = std::env::args().any(|argument| argument == "--child-of");
    let run = if child { std::os::unix::process::parent_id() } else { std::process::id() };
    std::env::temp_dir().join(format!("hallpass-journals-{run}")).join(namespace)
}

struct Journal {
    file: File,
    /// The records in the journal.
    known: HashMap<Selector, Record>,
    never_due: Vec<Selector>,
    /// The lines that a crash loses, by what they are about.
    unwritten: BTreeMap<String, String>,
    until: Until,
    loses: fn(&Call, &Entry) -> bool,
}

impl Drop for Journal {
    fn drop(&mut self) {
        if self.until == Until::Closed {
            let _ = self.flush();
        }
    }
}

impl Journal {
    fn keep(&mut self, call: &Call, entry: &Entry, about: &[u8], line: String) -> Result<(), StoreError> {
        let about = hex(about);
        if self.until == Until::NextWrite {
            self.flush()?;
        }
        self.unwritten.remove(&about);
        if (self.loses)(call, entry) {
            self.unwritten.insert(about, line);
            return Ok(());
        }
        self.write(&line)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        let lines: String = std::mem::take(&mut self.unwritten).into_values().collect();
        self.write(&lines)
    }

    fn write(&mut self, lines: &str) -> Result<(), StoreError> {
        self.file.write_all(lines.as_bytes()).map_err(|error| StoreError::Other(error.into()))
    }

    /// Keeps what `call` has done to these records.
    async fn note(&mut self, store: &Base, call: &Call, selectors: &[Selector]) -> Result<(), StoreError> {
        for selector in selectors {
            let now = store.find(*selector).await?;
            if now.as_ref() == self.known.get(selector) {
                continue;
            }
            let (entry, line) = match (now, self.known.remove(selector)) {
                (Some(record), _) => {
                    let line = format!("record {}\n", hex(&record.encode()));
                    self.known.insert(*selector, record);
                    (Entry::Put, line)
                }
                (None, Some(old)) => (Entry::Gone(Box::new(old)), format!("gone {}\n", hex(&selector.0))),
                (None, None) => continue,
            };
            self.keep(call, &entry, &selector.0, line)?;
        }
        Ok(())
    }

    fn note_epoch(&mut self, call: &Call, entry: &Entry, epoch: EpochCall<'_>) -> Result<(), StoreError> {
        let EpochCall { subject, fresh, keep, now } = epoch;
        let word = if matches!(entry, Entry::Epoch) { "set" } else { "asked" };
        let name = subject.as_str().as_bytes();
        let times = format!("{} {}", now.as_millis(), keep.as_millis());
        self.keep(call, entry, name, format!("{word} {} {} {times}\n", hex(name), hex(&fresh.0)))
    }
}

/// The twist that keeps the journal.
pub(crate) struct Journaled(Arc<tokio::sync::Mutex<Journal>>);

/// Does a write in a task of its own, so that a caller that goes away tears nothing.
macro_rules! whole {
    ($self:ident, |$store:ident, $journal:ident| $do:block) => {{
        let ($store, journal) = ($store.clone(), Arc::clone(&$self.0));
        apart(async move {
            let mut $journal = journal.lock().await;
            $do
        })
        .await
    }};
}

impl Twist for Journaled {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let record = record.clone();
        whole!(self, |store, journal| {
            let answer = store.insert(&record, fence).await?;
            journal.note(&store, &Call::Insert, &[record.selector]).await?;
            Ok(answer)
        })
    }
    async fn replace(&self, store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
        let (next, expected) = (call.next.clone(), call.expected);
        let name = match call.change {
            Change::Touch => "touch",
            Change::Update => "update",
            Change::End(_) => "end",
        };
        whole!(self, |store, journal| {
            let old = store.find(next.selector).await?;
            let rotates = old.is_some_and(|old| old.generation != next.generation);
            let note = Note::none();
            let change = if name == "end" { Change::End(&note) } else { Change::Update };
            let call = ReplaceCall { next: &next, expected, change };
            let answer = store.replace(call).await?;
            journal.note(&store, &Call::Replace { change: name, rotates }, &[next.selector]).await?;
            Ok(answer)
        })
    }
    async fn delete(&self, store: &Base, selector: Selector) -> Result<bool, StoreError> {
        whole!(self, |store, journal| {
            let there = store.delete(selector).await?;
            journal.note(&store, &Call::Delete, &[selector]).await?;
            Ok(there)
        })
    }
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        let (subject, filter, action, update) =
            (call.subject.clone(), call.filter.clone(), call.action, call.update);
        whole!(self, |store, journal| {
            let call = RevokeCall { subject: &subject, filter: &filter, action, update };
            let count = store.revoke(call).await?;
            let mut known: Vec<_> = journal.known.values().collect();
            known.retain(|record| record.subject.as_ref() == Some(&subject));
            let known: Vec<_> = known.into_iter().map(|record| record.selector).collect();
            let call = Call::Revoke { action, filter, count };
            journal.note(&store, &call, &known).await?;
            if let EpochUpdate::Set { epoch: fresh, now, keep } = update {
                let epoch = EpochCall { subject: &subject, fresh, keep, now };
                journal.note_epoch(&call, &Entry::Epoch, epoch)?;
            }
            Ok(count)
        })
    }
    async fn epoch(&self, store: &Base, call: EpochCall<'_>) -> Result<Epoch, StoreError> {
        let (subject, EpochCall { fresh, keep, now, .. }) = (call.subject.clone(), call);
        whole!(self, |store, journal| {
            let call = EpochCall { subject: &subject, fresh, keep, now };
            let epoch = store.epoch(call).await?;
            // An epoch that was set, and is written when the store is closed, is not written by asking for it.
            let about = hex(subject.as_str().as_bytes());
            if journal.until == Until::NextWrite || !journal.unwritten.contains_key(&about) {
                journal.note_epoch(&Call::Epoch, &Entry::Asked, EpochCall { fresh: epoch, ..call })?;
            }
            Ok(epoch)
        })
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        whole!(self, |store, journal| {
            let spared = store.find_all(&journal.never_due).await?;
            let purged = store.purge_but(&spared, now, limit).await?;
            let known: Vec<_> = journal.known.keys().copied().collect();
            journal.note(&store, &Call::Purge, &known).await?;
            Ok(purged)
        })
    }
}

fn array<const N: usize>(text: &str) -> Result<[u8; N], BoxError> {
    unhex(text)?.try_into().map_err(|_| "a word of another length".into())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Result<Vec<u8>, BoxError> {
    let digits = |at| u8::from_str_radix(text.get(at..at + 2).unwrap_or_default(), 16);
    Ok((0..text.len()).step_by(2).map(digits).collect::<Result<_, _>>()?)
}
