//! A backend that is wrong in one cell of the matrix, to prove that the suite notices a mistake in each cell it
//! visits.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::store::{
    Admission, Announcer, Change, Epoch, Era, Fence, Insert, Listed, Page, Purged, Record, Replace, Revision,
    Revocation, TokenStore,
};
use hallpass_core::{BoxError, Note, Selector, StoreError, Subject, Timestamp};

use crate::coverage::{Asked, Cell, Edges, Known};
use crate::declared::Declared;
use crate::harness::{Fault, Harness, Server, Vandal};

/// Every cell of the matrix: operation and edge.
pub fn cells() -> impl Iterator<Item = Cell> {
    Cell::all()
}

/// A backend that yields at each call and is wrong in `cell` only: there it acknowledges a write without making it,
/// or returns something else from a read.
pub struct Planted<H> {
    inner: Arc<H>,
    shared: Arc<Shared>,
}

struct Shared {
    cell: Cell,
    known: Mutex<HashMap<String, Arc<Mutex<Known>>>>,
    nodes: AtomicUsize,
    in_fault: AtomicBool,
}

impl<H: Harness> Planted<H> {
    /// Wraps `inner` with a mistake in `cell`.
    #[must_use]
    pub fn new(inner: H, cell: Cell) -> Self {
        let shared = Shared {
            cell,
            known: Mutex::default(),
            nodes: AtomicUsize::new(0),
            in_fault: AtomicBool::new(false),
        };
        Self { inner: Arc::new(inner), shared: Arc::new(shared) }
    }
}

impl<H> Clone for Planted<H> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), shared: Arc::clone(&self.shared) }
    }
}

impl<H> fmt::Debug for Planted<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Planted").field(&self.shared.cell).finish()
    }
}

#[async_trait]
impl<H: Harness> Harness for Planted<H> {
    fn backend(&self) -> String {
        format!("{}, wrong in {:?}", self.inner.backend(), self.shared.cell)
    }

    async fn open(&self, namespace: &str) -> Result<Arc<dyn TokenStore>, BoxError> {
        let inner = self.inner.open(namespace).await?;
        let known = Arc::clone(lock(&self.shared.known).entry(namespace.to_owned()).or_default());
        let node = self.shared.nodes.fetch_add(1, Ordering::Relaxed);
        let shared = Arc::clone(&self.shared);
        Ok(Arc::new(Wrong {
            inner,
            shared,
            known,
            node,
            broken: AtomicBool::new(false),
            last: Mutex::default(),
        }))
    }

    fn declared(&self) -> Declared {
        self.inner.declared()
    }

    fn vandal(&self) -> Option<&dyn Vandal> {
        self.inner.vandal()
    }

    fn server(&self) -> Option<&dyn Server> {
        self.inner.server().map(|_| self as &dyn Server)
    }

    async fn discard(&self, namespace: &str) {
        lock(&self.shared.known).remove(namespace);
        self.inner.discard(namespace).await;
    }
}

#[async_trait]
impl<H: Harness> Server for Planted<H> {
    fn faults(&self) -> &[Fault] {
        self.inner.server().map_or(&[], Server::faults)
    }

    async fn inflict(&self, fault: Fault) -> Result<(), BoxError> {
        let server = self.inner.server().ok_or("the server has gone")?;
        server.inflict(fault).await?;
        self.shared.in_fault.store(fault != Fault::Restart, Ordering::Relaxed);
        Ok(())
    }

    async fn heal(&self) -> Result<(), BoxError> {
        self.shared.in_fault.store(false, Ordering::Relaxed);
        self.inner.server().ok_or("the server has gone")?.heal().await
    }
}

struct Wrong {
    inner: Arc<dyn TokenStore>,
    shared: Arc<Shared>,
    known: Arc<Mutex<Known>>,
    node: usize,
    /// A call was dropped in the wrong cell, which breaks the handle.
    broken: AtomicBool,
    /// The records inserted last, so that a removed record can be shown.
    last: Mutex<HashMap<Selector, Record>>,
}

/// A call under way; it ends with `end` or by being dropped.
struct Visit<'a> {
    store: &'a Wrong,
    asked: Asked<'a>,
    is_wrong: bool,
    open: bool,
}

impl Visit<'_> {
    fn end<T>(mut self, answer: Result<T, StoreError>, wrote: impl Fn(&T) -> bool) -> Result<T, StoreError> {
        self.open = false;
        lock(&self.store.known).end(self.asked, self.store.node, answer.as_ref().is_ok_and(wrote));
        answer
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        if self.open {
            lock(&self.store.known).end(self.asked, self.store.node, false);
            if self.store.shared.cell.is(self.asked.operation(), Edges::dropped()) {
                self.store.broken.store(true, Ordering::Relaxed);
            }
        }
    }
}

impl Wrong {
    async fn visit<'a>(&'a self, asked: Asked<'a>) -> Result<Visit<'a>, StoreError> {
        let mut edges = lock(&self.known).begin(asked, self.node);
        if self.shared.in_fault.load(Ordering::Relaxed) {
            edges = Edges::fault();
        }
        let is_wrong = self.shared.cell.is(asked.operation(), edges);
        let visit = Visit { store: self, asked, is_wrong, open: true };
        tokio::task::yield_now().await;
        if self.broken.load(Ordering::Relaxed) && self.shared.cell.is_of(asked.operation()) {
            return Err(StoreError::Other("the connection was never given back".into()));
        }
        Ok(visit)
    }
}

#[async_trait]
impl TokenStore for Wrong {
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let visit = self.visit(Asked::Insert(record, fence)).await?;
        let answer = match visit.is_wrong {
            true => Ok(Insert::Inserted { of_subject: None }),
            false => self.inner.insert(record, fence).await,
        };
        if answer.as_ref().is_ok_and(|answer| answer.is_inserted()) {
            lock(&self.last).insert(record.selector, record.clone());
        }
        visit.end(answer, |answer| answer.is_inserted())
    }

    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        let visit = self.visit(Asked::Find(selector)).await?;
        let answer = match (visit.is_wrong, self.inner.find(selector).await) {
            (true, Ok(Some(_)) | Err(_)) => Ok(None),
            (true, Ok(None)) => Ok(lock(&self.last).get(&selector).cloned()),
            (false, answer) => answer,
        };
        visit.end(answer, |_| false)
    }

    async fn replace(
        &self,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        let visit = self.visit(Asked::Replace(next, expected, change)).await?;
        let answer = match visit.is_wrong {
            true => Ok(Replace::Replaced),
            false => self.inner.replace(next, expected, change).await,
        };
        visit.end(answer, |answer| *answer == Replace::Replaced)
    }

    async fn delete(&self, selector: Selector, note: &Note) -> Result<bool, StoreError> {
        let visit = self.visit(Asked::Delete(selector, note)).await?;
        let answer = match visit.is_wrong {
            true => Ok(!self.inner.find(selector).await.is_ok_and(|found| found.is_some())),
            false => self.inner.delete(selector, note).await,
        };
        visit.end(answer, |found| *found)
    }

    async fn revoke_by_subject(&self, subject: &Subject, revocation: &Revocation) -> Result<u64, StoreError> {
        let visit = self.visit(Asked::Revoke(subject, revocation)).await?;
        let answer = match visit.is_wrong {
            true => Ok(0),
            false => self.inner.revoke_by_subject(subject, revocation).await,
        };
        visit.end(answer, |_| true)
    }

    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError> {
        let visit = self.visit(Asked::List(subject, page)).await?;
        let answer = self.inner.list_by_subject(subject, page).await;
        let answer = match (visit.is_wrong, answer) {
            (true, Ok(list)) if list.is_empty() => {
                let some = lock(&self.last).values().next().cloned();
                Ok(some.into_iter().map(Listed::from).collect())
            }
            (true, Ok(list)) => Ok(list.into_iter().skip(1).collect()),
            (true, Err(_)) => Ok(Vec::new()),
            (false, answer) => answer,
        };
        visit.end(answer, |_| false)
    }

    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        let visit = self.visit(Asked::Epoch(subject, fresh, keep, now)).await?;
        let answer = match visit.is_wrong {
            true => Ok(Admission { epoch: Epoch([0xee; 16]), era: Era::FIRST }),
            false => self.inner.epoch(subject, fresh, keep, now).await,
        };
        visit.end(answer, |_| true)
    }

    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let visit = self.visit(Asked::Purge(now, limit)).await?;
        let answer = match visit.is_wrong {
            true => Ok(Purged { removed: 0, more: false }),
            false => self.inner.purge_expired(now, limit).await,
        };
        visit.end(answer, |purged| purged.removed > 0)
    }

    fn announcer(&self) -> Option<&dyn Announcer> {
        self.inner.announcer()
    }
}

impl fmt::Debug for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Planted")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
