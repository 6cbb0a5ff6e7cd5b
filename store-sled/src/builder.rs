//! How a folder is opened.

use std::path::PathBuf;
use std::time::Duration;

use hallpass_core::StoreError;

use crate::error::Trouble;
use crate::folder::{Folder, Options};
use crate::store::SledStore;

/// The namespace of who names none.
pub(crate) const DEFAULT_NAMESPACE: &str = "default";
const NAMESPACE_MAX_LEN: usize = 64;

/// When a touch is acknowledged: the throttled write that says only that a token was seen.
///
/// A touch is a replace that changes nothing but times, all of them forward, and the write id.
/// Rotations, confirmations, changes of data, revocations, spendings, inserts and deletions are none
/// and always wait for the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AckTouch {
    /// When it would survive a `kill -9`, like every other write.
    #[default]
    Flushed,
    /// When every handle sees it; sled writes it out within half a second, or with the next write that
    /// does wait. A crash may take back the last touches: a token is then idle for longer than it
    /// really was, so it expires too early, never too late. No ended or replaced token lives again.
    Written,
}

/// Opens a [`SledStore`] otherwise than with the defaults. Made by [`SledStore::builder`].
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

    /// Keeps apart from other namespaces in the same folder: 1 to 64 characters of `a`–`z`, `0`–`9`,
    /// `_` and `-`; "default" unless told otherwise. Meant for a handful, as sled spends space on each.
    pub fn namespace(mut self, name: impl Into<String>) -> Self {
        self.namespace = name.into();
        self
    }

    /// When a touch is acknowledged; [`AckTouch::Flushed`] unless told otherwise.
    pub fn touches(mut self, when: AckTouch) -> Self {
        self.touches = when;
        self
    }

    /// How much of the folder sled may keep in memory, in bytes; 1 GiB unless told otherwise, and never
    /// more than the files have. Once they outgrow it, reads move to blocking threads.
    pub fn cache_bytes(mut self, bytes: u64) -> Self {
        self.options.cache_bytes = bytes;
        self
    }

    /// How long a call may take before it fails; 30 s unless told otherwise.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.options.timeout = limit;
        self
    }

    /// Opens the folder; makes it if it is not there. **Blocks**: an instant, or, after a crash, about a
    /// second for 100,000 records.
    ///
    /// Where this process has the folder open already, the handles share it, with the cache and the
    /// timeout of the first.
    ///
    /// # Errors
    /// - [`StoreError::Refused`]: a bad namespace or cache; the folder is not ours, was written by a
    ///   newer version, or cannot be written to.
    /// - [`StoreError::Unavailable`]: another process has it open; the disk is full or fails.
    /// - [`StoreError::Corrupt`]: sled can make nothing of its files.
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
