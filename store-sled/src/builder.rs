//! The settings of a store, and how its folder is opened.

use std::path::PathBuf;
use std::time::Duration;

use hallpass_core::StoreError;

use crate::error::Trouble;
use crate::folder::{Folder, Options};
use crate::store::SledStore;

/// The default namespace.
pub(crate) const DEFAULT_NAMESPACE: &str = "default";
const NAMESPACE_MAX_LEN: usize = 64;

/// When the store acknowledges a touch: the throttled write that only notes that a token was seen.
///
/// A touch is a replace that changes only times, each of them forward, and the write id. Rotations,
/// confirmations, changes of data, revocations, spendings, inserts and deletions are no touches, and always
/// wait for the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AckTouch {
    /// When it would survive a `kill -9`, like every other write.
    #[default]
    Flushed,
    /// When every handle sees it. sled writes it out within half a second, or with the next write that waits
    /// for the disk. A crash may take back the last touches: a token then seems idle for longer than it was,
    /// so it expires too early, never too late. No ended or replaced token becomes valid again.
    Written,
}

/// Opens a [`SledStore`] with settings other than the defaults.
///
/// Made by [`SledStore::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    path: PathBuf,
    namespace: String,
    touches: AckTouch,
    options: Options,
}

impl Builder {
    pub(crate) fn new(path: PathBuf) -> Self {
        let options = Options { cache_bytes: 1 << 30, timeout: Duration::from_secs(30) };
        Self { path, namespace: DEFAULT_NAMESPACE.to_owned(), touches: AckTouch::default(), options }
    }

    /// Sets the namespace, which keeps this store apart from others in the same folder: 1 to 64 characters of
    /// `a`–`z`, `0`–`9`, `_` and `-`; "default" by default.
    ///
    /// Meant for a handful, because sled uses space for each.
    pub fn namespace(mut self, name: impl Into<String>) -> Self {
        self.namespace = name.into();
        self
    }

    /// Sets when a touch is acknowledged; [`AckTouch::Flushed`] by default.
    pub fn touches(mut self, when: AckTouch) -> Self {
        self.touches = when;
        self
    }

    /// Sets how much of the folder sled may keep in memory, in bytes: 1 GiB by default, and never more than
    /// the size of the files.
    ///
    /// If the files outgrow it, reads move to blocking threads.
    pub fn cache_bytes(mut self, bytes: u64) -> Self {
        self.options.cache_bytes = bytes;
        self
    }

    /// Sets how long a call may take before it fails, 30 s by default.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.options.timeout = limit;
        self
    }

    /// Opens the folder, and creates it if it does not exist.
    ///
    /// **Blocks**: for a moment, or, after a crash, for about a second for every 100,000 records.
    ///
    /// If this process already has the folder open, the handles share it, with the cache size and the timeout
    /// of the first.
    ///
    /// # Errors
    /// - [`StoreError::Refused`]: an invalid namespace or cache size; the folder belongs to something else,
    ///   was written by a newer version, or cannot be written to.
    /// - [`StoreError::Unavailable`]: another process has the folder open; the disk is full or fails.
    /// - [`StoreError::Corrupt`]: sled cannot read its files.
    pub fn open(self) -> Result<SledStore, StoreError> {
        let legal = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        if !(1..=NAMESPACE_MAX_LEN).contains(&self.namespace.len()) || !self.namespace.bytes().all(legal) {
            return Err(refused("a namespace must be 1 to 64 characters of a-z, 0-9, '_' and '-'"));
        }
        let folder = Folder::open(&self.path, self.options)?;
        SledStore::new(folder, self.namespace.into(), self.touches)
    }
}

fn refused(why: &'static str) -> StoreError {
    StoreError::Refused(Trouble::Plain(why).into())
}
