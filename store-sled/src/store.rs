//! The handle, and how its asynchronous calls reach what blocks.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::{
    Action, Advance, Epoch, Fence, Insert, Page, Purged, Record, Replace, Revision, Selector, StoreError,
    Subject, Timestamp, TokenStore, Which,
};
use tokio::runtime::Handle;

use crate::builder::{AckTouch, Builder};
use crate::error::Trouble;
use crate::folder::Folder;
use crate::repair::Repair;
use crate::space::Space;

/// Keeps records in a folder of the local disk.
///
/// Clones, and stores opened on the same folder by the same process, share one database; another
/// process is refused. When the last handle goes the folder is closed, which blocks for a flush.
///
/// Needs a tokio runtime with time enabled. Writes run on its blocking threads.
#[derive(Clone)]
pub struct SledStore {
    folder: Arc<Folder>,
    namespace: Arc<str>,
    touches: AckTouch,
}

impl SledStore {
    /// Opens the folder at `path`, as [`Builder::open`] does. **Blocks.**
    ///
    /// # Errors
    /// Those of [`Builder::open`].
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        Self::builder(path).open()
    }

    /// For another namespace, weaker acknowledgement of touches, or other limits.
    pub fn builder(path: impl Into<PathBuf>) -> Builder {
        Builder::new(path.into())
    }

    pub(crate) fn new(
        folder: Arc<Folder>,
        namespace: Arc<str>,
        touches: AckTouch,
    ) -> Result<Self, StoreError> {
        // sled makes the tree here, so that a new namespace costs its first write nothing.
        let engine = folder.engine(true)?;
        engine.run(true, |engine| {
            let _ = Space::new(engine, &namespace)?;
            engine.flush()
        })?;
        drop(engine);
        Ok(Self { folder, namespace, touches })
    }

    /// What the check at opening found and repaired; `None` if the folder had been closed in good order,
    /// or was new.
    #[must_use]
    pub fn repaired(&self) -> Option<Repair> {
        self.folder.repaired()
    }

    /// How many bytes the folder takes. sled reuses the space of what was removed but gives none back.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn size_on_disk(&self) -> Result<u64, StoreError> {
        self.folder.engine(false)?.size_on_disk()
    }

    /// Closes this handle, and the folder if it was the last one: what dropping does too, but this says
    /// whether it worked. **Blocks.**
    ///
    /// # Errors
    /// [`StoreError`]; what was acknowledged is on disk all the same.
    pub fn close(self) -> Result<(), StoreError> {
        Arc::into_inner(self.folder).map_or(Ok(()), |folder| folder.close())
    }

    /// Does `work` on a blocking thread, to its end even if the caller is gone (S13), and waits for it
    /// no longer than the timeout (S12).
    async fn run<T: Send + 'static>(
        &self,
        writes: bool,
        work: impl FnOnce(&Space<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let Ok(runtime) = Handle::try_current() else {
            let trouble = Trouble::Plain("called outside a tokio runtime");
            return Err(StoreError::Refused(trouble.into()));
        };
        let (folder, namespace) = (self.folder.clone(), self.namespace.clone());
        let call = async move {
            // Never closed, so the error cannot come.
            let permit = folder.permits().acquire_owned().await.ok();
            runtime
                .spawn_blocking(move || {
                    let _permit = permit;
                    let engine = folder.engine(writes)?;
                    engine.run(writes, |engine| work(&Space::new(engine, &namespace)?))
                })
                .await
        };
        match tokio::time::timeout(self.folder.timeout(), call).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => {
                let trouble = Trouble::Plain("the tokio runtime is shutting down");
                Err(StoreError::Unavailable(trouble.into()))
            }
            Err(_) => {
                let source = Trouble::Plain("the folder does not answer in time").into();
                Err(StoreError::Timeout { source, outcome_unknown: writes })
            }
        }
    }
}

#[async_trait]
impl TokenStore for SledStore {
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let record = record.clone();
        self.run(true, move |space| space.insert(&record, fence)).await
    }

    /// Reads on the calling thread while the folder fits into the cache: that takes 1 to 2 µs, a tenth
    /// of what another thread would cost.
    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        if let Some(engine) = self.folder.at_hand().filter(|engine| engine.fits()) {
            let found = engine.run(false, |engine| Space::new(engine, &self.namespace)?.get(selector));
            if !engine.locks.unflushed(selector) {
                return found;
            }
        }
        let found = self.run(false, move |space| space.find_many(&[selector])).await?;
        Ok(found.into_iter().next().flatten())
    }

    async fn find_many(&self, selectors: &[Selector]) -> Result<Vec<Option<Record>>, StoreError> {
        let selectors = selectors.to_vec();
        self.run(false, move |space| space.find_many(&selectors)).await
    }

    async fn replace(&self, next: &Record, expected: Revision) -> Result<Replace, StoreError> {
        let (next, lazy_touches) = (next.clone(), self.touches == AckTouch::Written);
        self.run(true, move |space| space.replace(&next, expected, lazy_touches)).await
    }

    async fn delete(&self, selector: Selector) -> Result<bool, StoreError> {
        self.run(true, move |space| space.delete(selector)).await
    }

    async fn revoke_by_subject(
        &self,
        subject: &Subject,
        which: &Which,
        action: Action,
        advance: Advance,
    ) -> Result<u64, StoreError> {
        let (subject, which) = (subject.clone(), which.clone());
        self.run(true, move |space| space.revoke_by_subject(&subject, &which, action, advance)).await
    }

    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
        let (subject, page) = (subject.clone(), page.clone());
        self.run(false, move |space| space.list_by_subject(&subject, &page)).await
    }

    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Epoch, StoreError> {
        let subject = subject.clone();
        self.run(true, move |space| space.epoch(&subject, fresh, keep, now)).await
    }

    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.run(true, move |space| space.purge_expired(now, limit)).await
    }
}

impl fmt::Debug for SledStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SledStore")
            .field("path", &self.folder.path())
            .field("namespace", &self.namespace)
            .field("touches", &self.touches)
            .finish_non_exhaustive()
    }
}
