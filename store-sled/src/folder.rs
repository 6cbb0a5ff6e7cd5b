//! A folder and who has it open: the handles of this process share one sled database, which is opened
//! again when the disk failed it.

use std::collections::HashMap;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};
use std::time::{Duration, Instant};

use hallpass_core::StoreError;
use tokio::sync::Semaphore;

use crate::engine::{Engine, Health};
use crate::error::{Trouble, from_system, guarded};
use crate::repair::Repair;

/// How long after one opening the next one comes, at the earliest.
const PAUSE: Duration = Duration::from_secs(1);

/// Calls that sled works on at once, at least; four for each processor where that is more.
const THREADS: usize = 16;
/// How long closing waits for calls under way, in milliseconds.
const CLOSING: u32 = 10_000;

/// The folders open in this process, by canonical path: sled's lock admits a folder once, so two
/// handles have to share what the first one opened.
static FOLDERS: Mutex<Option<HashMap<PathBuf, Weak<Folder>>>> = Mutex::new(None);

/// What sled is told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) cache_bytes: u64,
    pub(crate) timeout: Duration,
}

/// One folder, as all handles of this process share it.
pub(crate) struct Folder {
    path: PathBuf,
    options: Options,
    permits: Arc<Semaphore>,
    handles: Arc<()>,
    state: RwLock<State>,
}

enum State {
    Open {
        engine: Arc<Engine>,
        since: Instant,
    },
    /// The disk failed it and it could not be opened; not to be opened again before this instant.
    Down {
        why: Trouble,
        until: Instant,
    },
    Closed,
}

impl Folder {
    /// The folder at `path`, opened if nobody in this process has it open; made if it is not there.
    ///
    /// # Errors
    /// [`StoreError`]
    pub(crate) fn open(path: &Path, options: Options) -> Result<Arc<Self>, StoreError> {
        std::fs::create_dir_all(path).map_err(|io| match io.kind() {
            ErrorKind::AlreadyExists => {
                StoreError::Refused(Trouble::Plain("a file is where the store needs a folder").into())
            }
            _ => from_system(&io),
        })?;
        let path = path.canonicalize().map_err(|io| from_system(&io))?;
        let mut table = FOLDERS.lock().unwrap_or_else(PoisonError::into_inner);
        let folders = table.get_or_insert_default();
        folders.retain(|_, folder| folder.strong_count() > 0);
        if let Some(folder) = folders.get(&path).and_then(Weak::upgrade) {
            return Ok(folder);
        }
        let engine = Arc::new(Engine::open(&path, options)?);
        let state = RwLock::new(State::Open { engine, since: now() });
        let threads = std::thread::available_parallelism().map_or(0, |cores| 4 * cores.get());
        let permits = Arc::new(Semaphore::new(threads.max(THREADS)));
        let handles = Arc::new(());
        let folder = Arc::new(Self { path: path.clone(), options, permits, handles, state });
        folders.insert(path, Arc::downgrade(&folder));
        Ok(folder)
    }

    /// To be had before taking a blocking thread: a disk that hangs must not use up the runtime's, which
    /// are 512 and the application's too.
    pub(crate) fn permits(&self) -> Arc<Semaphore> {
        self.permits.clone()
    }

    /// To be held by each handle, so that closing knows the last.
    pub(crate) fn handle(&self) -> Arc<()> {
        self.handles.clone()
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.options.timeout
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The database if it is at hand and can be read. Never blocks.
    pub(crate) fn at_hand(&self) -> Option<Arc<Engine>> {
        match &*self.state.try_read().ok()? {
            State::Open { engine, .. } if engine.health() != Health::Lost => Some(engine.clone()),
            _ => None,
        }
    }

    /// The database; for a writer opened again if the disk has failed it and it is time to try. A reader
    /// may have it as it is: what a failed flush left in doubt stays counted as unflushed. Blocks.
    ///
    /// # Errors
    /// [`StoreError`] while it is down.
    pub(crate) fn engine(&self, writes: bool) -> Result<Arc<Engine>, StoreError> {
        if let State::Open { engine, .. } = &*self.read()
            && engine.health() == Health::Well
        {
            return Ok(engine.clone());
        }
        let mut state = self.write();
        if let State::Open { engine, since } = &*state {
            match engine.health() {
                Health::Well => return Ok(engine.clone()),
                Health::Lost => return Err(StoreError::Other(Trouble::Panicked.into())),
                Health::Failed(_) if !writes => return Ok(engine.clone()),
                Health::Failed(why) if now() < *since + PAUSE || !alone(engine) => {
                    return Err(StoreError::Unavailable(why.into()));
                }
                Health::Failed(why) => {
                    let down = State::Down { why, until: now() };
                    if let State::Open { engine, .. } = std::mem::replace(&mut *state, down)
                        && let Some(engine) = Arc::into_inner(engine)
                    {
                        engine.close_unmarked();
                    }
                }
            }
        }
        match &*state {
            State::Down { why, until } if now() < *until => {
                return Err(StoreError::Unavailable(why.clone().into()));
            }
            State::Closed => {
                return Err(StoreError::Unavailable(Trouble::Plain("the folder is closed").into()));
            }
            _ => {}
        }
        match Engine::open(&self.path, self.options) {
            Ok(engine) => {
                let engine = Arc::new(engine);
                *state = State::Open { engine: engine.clone(), since: now() };
                Ok(engine)
            }
            Err(error) => {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                let why = Trouble::System(source.unwrap_or_default());
                *state = State::Down { why, until: now() + PAUSE };
                Err(error)
            }
        }
    }

    /// What the last opening found and repaired; `None` if the folder had been closed in good order.
    pub(crate) fn repaired(&self) -> Option<Repair> {
        match &*self.read() {
            State::Open { engine, .. } => engine.repaired(),
            _ => None,
        }
    }

    /// Closes it for good if no handle is left, when the calls under way are done. Blocks.
    ///
    /// # Errors
    /// [`StoreError`] if the last flush failed, or had failed before.
    pub(crate) fn close(mut self: Arc<Self>) -> Result<(), StoreError> {
        for _ in 0..CLOSING {
            if Arc::strong_count(&self.handles) > 1 {
                return Ok(());
            }
            match Arc::try_unwrap(self) {
                Ok(folder) => return folder.shut(),
                Err(shared) => self = shared,
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Err(StoreError::Unavailable(Trouble::Plain("a call is still under way").into()))
    }

    fn shut(&self) -> Result<(), StoreError> {
        match std::mem::replace(&mut *self.write(), State::Closed) {
            State::Open { engine, .. } => match Arc::into_inner(engine) {
                Some(engine) => engine.close(),
                None => Err(StoreError::Unavailable(Trouble::Plain("a call is still under way").into())),
            },
            State::Down { why, .. } => Err(StoreError::Unavailable(why.into())),
            State::Closed => Ok(()),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = guarded(|| self.shut());
    }
}

impl fmt::Debug for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Folder").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Waits a little for calls on their way out, so that nobody else has the database. The caller sees to
/// it that nobody new gets it.
fn alone(engine: &Arc<Engine>) -> bool {
    (0..100).any(|_| {
        let alone = Arc::strong_count(engine) == 1;
        if !alone {
            std::thread::sleep(Duration::from_millis(1));
        }
        alone
    })
}

#[expect(clippy::disallowed_methods, reason = "paces attempts to open; decides about no token")]
fn now() -> Instant {
    Instant::now()
}
