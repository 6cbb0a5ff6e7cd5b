//! An open sled database: recognises it, flushes it, closes it.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use hallpass_core::StoreError;

use crate::committer::{Committer, Job, Waiter};
use crate::error::{Damage, Error, damaged, from_sled, guarded, text};
use crate::feed::Feeds;
use crate::keys::{CLEAN, FORMAT, FORMAT_NUMBER, NAMESPACE};
use crate::locks::{Locks, UnflushedStripes};
use crate::opening;

/// The number of flushes after which the size of the files is measured again.
const SIZE_EVERY: u32 = 1024;

/// More than sled has written by the time our mark is flushed: a larger file with no data in it is damaged.
const NEW_AT_MOST: u64 = 64 * 1024;

/// What a database can still be used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    Ok,
    /// A write or a flush failed on the disk. sled accepts no more writes, but the folder can be opened
    /// again.
    Failed(Error),
    /// sled panicked during a write. Its threads may hang, so it is neither used nor closed any more.
    Panicked,
}

/// A database, its locks and its flusher.
pub(crate) struct Engine {
    db: sled::Db,
    pub(crate) locks: Locks,
    pub(crate) committer: Committer<Arc<Engine>>,
    pub(crate) feeds: Arc<Feeds>,
    cache_bytes: u64,
    failed: OnceLock<Error>,
    panicked: AtomicBool,
    /// Whether the folder was new, or had been closed cleanly.
    clean: bool,
    flushes: AtomicU32,
    fits: AtomicBool,
}

impl Engine {
    /// Opens the existing folder at `path`. Unless it [is clean](Self::is_clean), it must be checked before use.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if another process has it open or the disk fails, [`StoreError::Refused`]
    /// if it belongs to something else or cannot be written, [`StoreError::Corrupt`] if sled cannot read it.
    pub(crate) fn open(path: &Path, cache_bytes: u64, feeds: Arc<Feeds>) -> Result<Self, StoreError> {
        let (db, had) = opening::open(path, cache_bytes)?;
        let mut engine = Self {
            db,
            locks: Locks::new(),
            committer: Committer::new(),
            feeds,
            cache_bytes,
            failed: OnceLock::new(),
            panicked: AtomicBool::new(false),
            clean: false,
            flushes: AtomicU32::new(0),
            fits: AtomicBool::new(false),
        };
        match engine.run(true, |engine| engine.begin(had)) {
            Ok(clean) => engine.clean = clean,
            Err(error) => {
                engine.close_unmarked();
                return Err(error);
            }
        }
        engine.measure();
        Ok(engine)
    }

    /// Runs `work`. A panic becomes an error; if `work` writes, the panic also ends the use of this database.
    ///
    /// # Errors
    /// Those of `work`, or [`StoreError::Other`].
    pub(crate) fn run<T>(
        &self,
        writes: bool,
        work: impl FnOnce(&Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        catch_unwind(AssertUnwindSafe(|| work(self))).unwrap_or_else(|_| {
            if writes {
                self.panic();
            }
            Err(StoreError::Other(Error::Panicked.into()))
        })
    }

    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Other`] if the database accepts no more reads, or no more writes.
    pub(crate) fn accepts(&self, writes: bool) -> Result<(), StoreError> {
        match self.health() {
            Health::Panicked => Err(StoreError::Other(Error::Panicked.into())),
            Health::Failed(why) if writes => Err(StoreError::Unavailable(why.into())),
            _ => Ok(()),
        }
    }

    pub(crate) fn health(&self) -> Health {
        match self.failed.get() {
            _ if self.panicked.load(Ordering::SeqCst) => Health::Panicked,
            Some(why) => Health::Failed(why.clone()),
            None => Health::Ok,
        }
    }

    /// Whether the folder was new, or had been closed cleanly.
    pub(crate) fn is_clean(&self) -> bool {
        self.clean
    }

    /// Whether data that was read once stays in memory, because the files are no larger than the cache.
    pub(crate) fn fits(&self) -> bool {
        self.fits.load(Ordering::Relaxed)
    }

    /// # Errors
    /// [`StoreError`]
    pub(crate) fn size_on_disk(&self) -> Result<u64, StoreError> {
        self.db.size_on_disk().map_err(|error| from_sled(&error))
    }

    /// The tree of a namespace.
    ///
    /// # Errors
    /// [`StoreError`]
    pub(crate) fn tree(&self, namespace: &str) -> Result<sled::Tree, StoreError> {
        self.written(self.db.open_tree([NAMESPACE, namespace].concat()))
    }

    /// The trees of all namespaces.
    ///
    /// # Errors
    /// [`StoreError`]
    pub(crate) fn trees(&self) -> Result<Vec<sled::Tree>, StoreError> {
        let names = self.db.tree_names();
        let names = names.into_iter().filter(|name| name.starts_with(NAMESPACE.as_bytes()));
        names.map(|name| self.written(self.db.open_tree(name))).collect()
    }

    /// Converts the result of a write, and notes it if the disk has failed.
    ///
    /// # Errors
    /// [`StoreError`]
    pub(crate) fn written<T>(&self, result: sled::Result<T>) -> Result<T, StoreError> {
        result.map_err(|error| {
            if let sled::Error::Io(io) = &error {
                self.fail(io);
            }
            from_sled(&error)
        })
    }

    /// Calls `deliver` once everything on which the answer rests is on disk: now if it already is, otherwise
    /// by the returned waiter.
    pub(crate) fn settle(
        self: &Arc<Self>,
        rests_on: UnflushedStripes,
        deliver: impl FnOnce(Result<(), StoreError>) + Send + 'static,
    ) -> Option<Waiter> {
        if !rests_on.needs_flush() {
            deliver(Ok(()));
            return None;
        }
        let engine = self.clone();
        Some(Box::new(move |result| {
            if result.is_ok() {
                engine.locks.flushed(&rests_on);
            }
            drop(engine);
            deliver(result.map_err(in_doubt));
        }))
    }

    /// Does jobs until there are none. Blocks.
    pub(crate) fn lead(self: &Arc<Self>) {
        self.committer.lead(self, || self.flush_now());
    }

    /// Calls `waiter` after the next flush. Blocks if it is this thread's turn to lead.
    pub(crate) fn flush_for(self: &Arc<Self>, waiter: Waiter) {
        let job: Job<Arc<Self>> = Box::new(|_| Some(waiter));
        if self.committer.submit(job) {
            self.lead();
        }
    }

    /// Returns when everything written so far is on disk. Blocks. Only for a caller with exclusive use of the
    /// database.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        self.flush_now().map_err(in_doubt)
    }

    /// Closes the database, and marks it as closed cleanly unless something failed.
    ///
    /// # Errors
    /// [`StoreError`]
    pub(crate) fn close(self) -> Result<(), StoreError> {
        let result = self.accepts(true).and_then(|()| {
            self.run(true, |engine| {
                engine.flush()?;
                engine.written(engine.db.insert(CLEAN, &[]))?;
                engine.flush()
            })
        });
        self.close_unmarked();
        result
    }

    /// Recognises a folder of this crate, or marks a new one. `had` is the size of its file before sled opened it.
    /// Returns whether it was new, or had been closed cleanly.
    fn begin(&self, had: u64) -> Result<bool, StoreError> {
        let number = self.db.get(FORMAT).map_err(|error| from_sled(&error))?;
        if let Some(number) = &number {
            let number = std::str::from_utf8(number).ok().and_then(|digits| digits.parse().ok());
            match number {
                Some(FORMAT_NUMBER) => {}
                Some(number) => return Err(StoreError::Refused(Error::Newer(number).into())),
                None => return Err(StoreError::Refused(Error::Foreign.into())),
            }
        } else {
            // A crash between sled's first byte and our mark leaves an empty database, which this store may
            // take.
            if !self.db.is_empty() || self.db.tree_names().len() > 1 {
                return Err(StoreError::Refused(Error::Foreign.into()));
            }
            if had > NEW_AT_MOST {
                return Err(damaged(None, "a database that is not new has no readable data"));
            }
            self.written(self.db.insert(FORMAT, FORMAT_NUMBER.to_string().as_bytes()))?;
        }
        let clean = self.written(self.db.remove(CLEAN))?.is_some();
        self.flush()?;
        Ok(clean || number.is_none())
    }

    fn flush_now(&self) -> Result<(), Error> {
        if let Some(why) = self.failed.get() {
            return Err(why.clone());
        }
        match catch_unwind(AssertUnwindSafe(|| self.db.flush())) {
            Ok(Ok(_)) => {
                if self.flushes.fetch_add(1, Ordering::Relaxed) % SIZE_EVERY == SIZE_EVERY - 1 {
                    self.measure();
                }
                Ok(())
            }
            Ok(Err(sled::Error::Io(io))) => {
                self.fail(&io);
                Err(Error::FlushFailed(text(&io)))
            }
            Ok(Err(error)) => {
                self.panic();
                Err(Error::Damaged(Damage::of(&error)))
            }
            Err(_) => {
                self.panic();
                Err(Error::Panicked)
            }
        }
    }

    /// Notes that the disk has failed: no more writes until the folder is opened again.
    fn fail(&self, why: &std::io::Error) {
        if self.failed.set(Error::System(text(why))).is_ok() {
            tracing::warn!(
                error = text(why),
                "sled: the disk has failed; the next write opens the folder again"
            );
        }
    }

    /// Notes that sled panicked or lost data: no more calls.
    fn panic(&self) {
        if !self.panicked.swap(true, Ordering::SeqCst) {
            tracing::error!(
                "sled: panicked or found its files damaged; every call fails until the process starts again"
            );
        }
    }

    fn measure(&self) {
        let fits = self.size_on_disk().is_ok_and(|size| size <= self.cache_bytes);
        self.fits.store(fits, Ordering::Relaxed);
    }

    /// Closes the database without a mark, so that it is checked when it is opened again.
    pub(crate) fn close_unmarked(self) {
        if self.health() == Health::Panicked {
            // Closing would wait for threads that no longer exist.
            std::mem::forget(self);
        } else {
            let _ = guarded(|| {
                drop(self);
                Ok(())
            });
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("health", &self.health()).finish_non_exhaustive()
    }
}

/// The error for a caller that waited for a flush that failed.
fn in_doubt(error: Error) -> StoreError {
    StoreError::Timeout { source: error.into(), outcome_unknown: true }
}
