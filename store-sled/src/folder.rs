//! A folder and its handles: those of one process share one sled database, which is opened again after the
//! disk failed.

use std::collections::HashMap;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};
use std::time::{Duration, Instant};

use hallpass_core::StoreError;
use tokio::sync::Semaphore;

use crate::engine::{Engine, Health};
use crate::error::{Error, from_system, guarded};
use crate::feed::Feeds;
use crate::repair::Repair;

/// The shortest time between two attempts to open.
const PAUSE: Duration = Duration::from_secs(1);

/// The least number of calls that sled works on at the same time; four for each processor if that is more.
const THREADS: usize = 16;
/// How long closing waits for calls under way, in milliseconds.
const CLOSING: u32 = 10_000;

/// The folders that this process has open, by canonical path. sled's lock admits a folder once, so all
/// handles share what the first one opened.
static FOLDERS: Mutex<Option<HashMap<PathBuf, Weak<Folder>>>> = Mutex::new(None);

/// The settings of a folder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) cache_bytes: u64,
    pub(crate) timeout: Duration,
}

/// A folder that all handles of this process share.
pub(crate) struct Folder {
    path: PathBuf,
    options: Options,
    permits: Arc<Semaphore>,
    handles: Arc<()>,
    feeds: Arc<Feeds>,
    state: RwLock<State>,
}

enum State {
    Open {
        engine: Arc<Engine>,
        repaired: Option<Repair>,
        since: Instant,
    },
    /// The disk failed and the database could not be opened; the next attempt comes at this instant at the
    /// earliest.
    Down {
        why: Error,
        until: Instant,
    },
    Closed,
}

impl Folder {
    /// Returns the folder at `path`, opens it if this process has not opened it yet, and creates it if it
    /// does not exist.
    ///
    /// # Errors
    /// [`StoreError`]
    pub(crate) fn open(path: &Path, options: Options) -> Result<Arc<Self>, StoreError> {
        std::fs::create_dir_all(path).map_err(|io| match io.kind() {
            ErrorKind::AlreadyExists => {
                StoreError::Refused(Error::Plain("a file is where the store needs a folder").into())
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
        let feeds = Arc::default();
        let (engine, repaired) = open(&path, options, &feeds)?;
        let state = RwLock::new(State::Open { engine, repaired, since: now() });
        let threads = std::thread::available_parallelism().map_or(0, |cores| 4 * cores.get());
        let permits = Arc::new(Semaphore::new(threads.max(THREADS)));
        let handles = Arc::new(());
        let folder = Arc::new(Self { path: path.clone(), options, permits, handles, feeds, state });
        folders.insert(path, Arc::downgrade(&folder));
        Ok(folder)
    }

    /// Permits to acquire before using a blocking thread: a disk that hangs must not use up the runtime's
    /// 512, which the application needs too.
    pub(crate) fn permits(&self) -> Arc<Semaphore> {
        self.permits.clone()
    }

    /// A token that each handle holds, so that closing recognises the last one.
    pub(crate) fn handle(&self) -> Arc<()> {
        self.handles.clone()
    }

    pub(crate) fn feeds(&self) -> &Feeds {
        &self.feeds
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.options.timeout
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the database if it is open and can be read. Never blocks.
    pub(crate) fn at_hand(&self) -> Option<Arc<Engine>> {
        match &*self.state.try_read().ok()? {
            State::Open { engine, .. } if engine.health() != Health::Panicked => Some(engine.clone()),
            _ => None,
        }
    }

    /// Returns the database. For a writer, opens it again if the disk has failed and it is time to try. A
    /// reader may use it as it is: what a failed flush left in doubt stays counted as unflushed. Blocks.
    ///
    /// # Errors
    /// [`StoreError`] while it is down.
    pub(crate) fn engine(&self, writes: bool) -> Result<Arc<Engine>, StoreError> {
        if let State::Open { engine, .. } = &*self.read()
            && engine.health() == Health::Ok
        {
            return Ok(engine.clone());
        }
        let mut state = self.write();
        if let State::Open { engine, since, .. } = &*state {
            match engine.health() {
                Health::Ok => return Ok(engine.clone()),
                Health::Panicked => return Err(StoreError::Other(Error::Panicked.into())),
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
                return Err(StoreError::Unavailable(Error::Plain("the folder is closed").into()));
            }
            _ => {}
        }
        match open(&self.path, self.options, &self.feeds) {
            Ok((engine, repaired)) => {
                tracing::info!("sled: the folder is open again");
                *state = State::Open { engine: engine.clone(), repaired, since: now() };
                Ok(engine)
            }
            Err(error) => {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%error, cause = source, "sled: the folder cannot be opened again");
                let why = Error::System(source.unwrap_or_default());
                *state = State::Down { why, until: now() + PAUSE };
                Err(error)
            }
        }
    }

    /// What the last opening found and repaired; `None` if the folder had been closed cleanly.
    pub(crate) fn repaired(&self) -> Option<Repair> {
        match &*self.read() {
            State::Open { repaired, .. } => *repaired,
            _ => None,
        }
    }

    /// Closes the folder permanently if no handle is left, once the calls under way are done. Blocks.
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
        Err(StoreError::Unavailable(Error::Plain("a call is still under way").into()))
    }

    fn shut(&self) -> Result<(), StoreError> {
        // From then on another opening may end records.
        self.feeds.close();
        match std::mem::replace(&mut *self.write(), State::Closed) {
            State::Open { engine, .. } => match Arc::into_inner(engine) {
                Some(engine) => engine.close(),
                None => Err(StoreError::Unavailable(Error::Plain("a call is still under way").into())),
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
        if let Err(error) = guarded(|| self.shut()) {
            let cause = std::error::Error::source(&error).map(tracing::field::display);
            tracing::error!(%error, cause, "sled: a folder was not closed cleanly");
        }
    }
}

impl fmt::Debug for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Folder").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Opens the database, and checks it if it was not closed cleanly.
fn open(
    path: &Path,
    options: Options,
    feeds: &Arc<Feeds>,
) -> Result<(Arc<Engine>, Option<Repair>), StoreError> {
    let engine = Engine::open(path, options.cache_bytes, Arc::clone(feeds))?;
    match Repair::of(&engine) {
        Ok(repaired) => {
            if let Some(found) = &repaired {
                tracing::info!(?found, "sled: the folder was not closed cleanly, and was checked");
            }
            Ok((Arc::new(engine), repaired))
        }
        Err(error) => {
            engine.close_unmarked();
            Err(error)
        }
    }
}

/// Waits briefly for calls that are ending, so that no other call holds the database. The caller ensures that
/// no new call gets it.
fn alone(engine: &Arc<Engine>) -> bool {
    (0..100).any(|_| {
        let alone = Arc::strong_count(engine) == 1;
        if !alone {
            std::thread::sleep(Duration::from_millis(1));
        }
        alone
    })
}

#[expect(clippy::disallowed_methods, reason = "paces attempts to open; no token depends on it")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tracing::field::{Field, Visit};
    use tracing::span;

    use super::*;

    /// Collects what is traced.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<String>>);

    impl Visit for Lines {
        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            *self.0.lock().unwrap() += &format!("{field}={value:?} ");
        }
    }

    impl tracing::Subscriber for Lines {
        fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
            metadata.target().starts_with("hallpass_store_sled")
        }
        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }
        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
        fn event(&self, event: &tracing::Event<'_>) {
            event.record(&mut self.clone());
        }
        fn enter(&self, _: &span::Id) {}
        fn exit(&self, _: &span::Id) {}
    }

    #[test]
    fn a_folder_that_is_dropped_uncleanly_is_traced() {
        let lines = Lines::default();
        let _listening = tracing::subscriber::set_default(lines.clone());
        let path = tempfile::tempdir().unwrap();
        let options = Options { cache_bytes: 1 << 20, timeout: Duration::from_secs(1) };
        drop(Folder::open(path.path(), options).unwrap());
        assert_eq!(*lines.0.lock().unwrap(), "");
        let folder = Folder::open(path.path(), options).unwrap();
        let full = std::io::Error::from_raw_os_error(28);
        let _ = folder.engine(true).unwrap().written::<()>(Err(sled::Error::Io(full)));
        lines.0.lock().unwrap().clear();
        drop(folder);
        let lines = lines.0.lock().unwrap();
        assert!(lines.contains("not closed cleanly") && lines.contains("No space left"), "{lines}");
    }

    #[test]
    fn a_disk_that_fails_and_the_opening_after_it_are_traced() {
        let lines = Lines::default();
        let _listening = tracing::subscriber::set_default(lines.clone());
        let path = tempfile::tempdir().unwrap();
        let options = Options { cache_bytes: 1 << 20, timeout: Duration::from_secs(1) };
        let folder = Folder::open(path.path(), options).unwrap();
        let fail = |engine: &Engine| {
            let full = std::io::Error::from_raw_os_error(28);
            let _ = engine.written::<()>(Err(sled::Error::Io(full)));
        };
        let engine = folder.engine(true).unwrap();
        for _ in 0..2 {
            fail(&engine);
            let text = lines.0.lock().unwrap().clone();
            assert_eq!(text.matches("the disk has failed").count(), 1, "{text}");
        }
        drop(engine);
        let deadline = now() + Duration::from_secs(30);
        while folder.engine(true).is_err() {
            assert!(now() < deadline, "the folder is not opened again");
            std::thread::sleep(Duration::from_millis(10));
        }
        let text = lines.0.lock().unwrap().clone();
        assert!(text.contains("not closed cleanly, and was checked"), "{text}");
        assert!(text.contains("the folder is open again"), "{text}");
    }
}
