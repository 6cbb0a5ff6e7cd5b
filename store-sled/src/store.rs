//! The store that applications hold, and how its asynchronous calls reach code that blocks.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::store::{
    Admission, Announcer, Change, ChangeFeed, Epoch, Era, Fence, Insert, Listed, Page, Purged, Record,
    Replace, Revision, Revocation, TokenStore,
};
use hallpass_core::{Note, Selector, StoreError, Subject, Timestamp};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::committer::Job;
use crate::engine::{Engine, Health};
use crate::error::Error;
use crate::folder::Folder;
use crate::namespace::{Answer, Namespace};
use crate::repair::Repair;

/// Keeps records in a folder of the local disk.
///
/// Clones, and stores that the same process opens on the same folder, share one database; another process is
/// refused. Dropping the last handle closes the folder, which blocks for a flush.
///
/// Needs a tokio runtime with time enabled, and uses its blocking threads for work that may block.
#[derive(Clone)]
pub struct SledStore {
    folder: Arc<Folder>,
    handle: Arc<()>,
    namespace: Arc<str>,
    flushes_touches: bool,
}

impl SledStore {
    pub(crate) fn new(
        folder: Arc<Folder>,
        namespace: Arc<str>,
        flushes_touches: bool,
    ) -> Result<Self, StoreError> {
        // sled creates the tree here, so that the first write in a new namespace takes no longer than others.
        let engine = folder.engine(true)?;
        engine.run(true, |engine| Namespace::new(engine, &namespace).map(drop))?;
        drop(engine);
        Ok(Self { handle: folder.handle(), folder, namespace, flushes_touches })
    }

    /// What the check at opening found and repaired; `None` if the folder had been closed cleanly, or was
    /// new.
    #[must_use]
    pub fn repaired(&self) -> Option<Repair> {
        self.folder.repaired()
    }

    /// Returns how many bytes the folder takes. sled reuses the space of removed data, but never returns it.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn size_on_disk(&self) -> Result<u64, StoreError> {
        self.folder.engine(false)?.size_on_disk()
    }

    /// Closes this handle, and the folder if it was the last one.
    ///
    /// Dropping does so too, but this reports whether it worked. **Blocks.**
    ///
    /// # Errors
    /// [`StoreError`]; acknowledged writes are on disk in any case.
    pub fn close(self) -> Result<(), StoreError> {
        drop(self.handle);
        self.folder.close()
    }

    /// Runs a small write together with others that wait, if the database is healthy.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Namespace<'_>) -> Result<Answer<T>, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let Some(engine) = self.folder.at_hand().filter(|engine| engine.health() == Health::Ok) else {
            return self.run(true, work).await;
        };
        let runtime = runtime()?;
        let (tell, told) = oneshot::channel();
        let namespace = self.namespace.clone();
        let job: Job<Arc<Engine>> =
            Box::new(move |engine| match Namespace::perform(engine, &namespace, true, work) {
                Ok(Answer { value, rests_on }) => engine.settle(rests_on, answer(tell, value)),
                Err(error) => {
                    let _ = tell.send(Err(error));
                    None
                }
            });
        if engine.committer.submit(job) {
            let leader = Leader { engine, _folder: self.folder.clone(), done: false };
            runtime.spawn_blocking(move || leader.lead());
        }
        self.hear(true, told).await
    }

    /// Runs longer work, or work that may have to open the database again, on a blocking thread of its own.
    async fn run<T: Send + 'static>(
        &self,
        writes: bool,
        work: impl FnOnce(&Namespace<'_>) -> Result<Answer<T>, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let runtime = runtime()?;
        let (tell, told) = oneshot::channel();
        let (folder, namespace) = (self.folder.clone(), self.namespace.clone());
        let call = async move {
            // The semaphore is never closed, so this cannot fail.
            let permit = folder.permits().acquire_owned().await.ok();
            runtime.spawn_blocking(move || {
                let done = folder.engine(writes).and_then(|engine| {
                    let answer = Namespace::perform(&engine, &namespace, writes, work)?;
                    Ok((engine, answer))
                });
                drop(permit);
                match done {
                    Ok((engine, Answer { value, rests_on })) => {
                        if let Some(waiter) = engine.settle(rests_on, answer(tell, value)) {
                            engine.flush_for(waiter);
                        }
                    }
                    Err(error) => drop(tell.send(Err(error))),
                }
            });
            told.await
        };
        self.hear(writes, call).await
    }

    /// Waits for an answer, at most until the timeout (S12). Work that was begun is completed even if its
    /// caller is gone (S13).
    async fn hear<T>(
        &self,
        writes: bool,
        told: impl Future<Output = Result<Result<T, StoreError>, oneshot::error::RecvError>>,
    ) -> Result<T, StoreError> {
        match tokio::time::timeout(self.folder.timeout(), told).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => {
                let error = Error::Plain("the tokio runtime is shutting down");
                Err(StoreError::Unavailable(error.into()))
            }
            Err(_) => {
                let source = Error::Plain("the folder does not answer in time").into();
                Err(StoreError::Timeout { source, outcome_unknown: writes })
            }
        }
    }
}

/// The duty to run the waiting jobs on a thread. A runtime that shuts down may drop it instead.
struct Leader {
    engine: Arc<Engine>,
    /// Keeps the folder open until the jobs are done. Dropped after `engine`, because closing needs the last
    /// reference to the engine.
    _folder: Arc<Folder>,
    done: bool,
}

impl Leader {
    fn lead(mut self) {
        self.engine.lead();
        self.done = true;
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        if !self.done {
            self.engine.committer.give_up();
        }
    }
}

fn answer<T: Send + 'static>(
    tell: oneshot::Sender<Result<T, StoreError>>,
    value: T,
) -> impl FnOnce(Result<(), StoreError>) + Send + 'static {
    move |flushed| drop(tell.send(flushed.map(|()| value)))
}

fn runtime() -> Result<Handle, StoreError> {
    Handle::try_current()
        .map_err(|_| StoreError::Refused(Error::Plain("called outside a tokio runtime").into()))
}

#[async_trait]
impl TokenStore for SledStore {
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let record = record.clone();
        self.write(move |namespace| namespace.insert(&record, fence)).await
    }

    /// Reads on the calling thread while the folder fits into the cache: that takes 1 to 2 µs, a tenth of the
    /// cost of another thread.
    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        if let Some(engine) = self.folder.at_hand().filter(|engine| engine.fits()) {
            let found = engine.run(false, |engine| Namespace::new(engine, &self.namespace)?.get(selector));
            if !engine.locks.unflushed(selector) {
                return found;
            }
        }
        self.run(false, move |namespace| namespace.find(selector)).await
    }

    async fn replace(
        &self,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        if expected == Revision::MAX {
            let error = Error::Plain("the revision cannot be counted any further");
            return Err(StoreError::Refused(error.into()));
        }
        let next = next.clone();
        let flushed = change != Change::Touch || self.flushes_touches;
        let ends = matches!(change, Change::End(_));
        self.write(move |namespace| namespace.replace(&next, expected, flushed, ends)).await
    }

    async fn delete(&self, selector: Selector, _note: &Note) -> Result<bool, StoreError> {
        self.write(move |namespace| namespace.delete(selector)).await
    }

    async fn revoke_by_subject(&self, subject: &Subject, revocation: &Revocation) -> Result<u64, StoreError> {
        let (subject, revocation) = (subject.clone(), revocation.clone());
        self.run(true, move |namespace| namespace.revoke_by_subject(&subject, &revocation)).await
    }

    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError> {
        let (subject, page) = (subject.clone(), page.clone());
        self.run(false, move |namespace| namespace.list_by_subject(&subject, &page)).await
    }

    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        let subject = subject.clone();
        let epoch = self.write(move |namespace| namespace.epoch(&subject, fresh, keep, now)).await?;
        Ok(Admission { epoch, era: Era::FIRST })
    }

    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.run(true, move |namespace| namespace.purge_expired(now, limit)).await
    }

    fn announcer(&self) -> Option<&dyn Announcer> {
        Some(self)
    }
}

#[async_trait]
impl Announcer for SledStore {
    /// Opens a queue in memory for what ends in this namespace, through any handle of this process. No other process
    /// can end anything.
    async fn feed(&self) -> Result<Box<dyn ChangeFeed>, StoreError> {
        Ok(Box::new(self.folder.feeds().open(&self.namespace)))
    }
}

impl fmt::Debug for SledStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SledStore")
            .field("path", &self.folder.path())
            .field("namespace", &self.namespace)
            .field("flushes_touches", &self.flushes_touches)
            .finish_non_exhaustive()
    }
}
