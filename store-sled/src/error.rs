//! Converts sled's errors and panics.
//!
//! No text from sled that may quote stored data is passed on (S18). Of its errors, only those of the
//! operating system and of its configuration are passed on; of its panics, none.

use std::fmt;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};

use hallpass_core::{DecodeError, Selector, StoreError};

/// The source of a [`StoreError`] of this crate: one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Error {
    /// Another process holds sled's lock.
    InUse,
    /// A folder with files, none of them sled's.
    OtherFiles,
    /// A sled database without this crate's mark.
    Foreign,
    /// A database of this crate, but of a later version.
    Newer(u32),
    /// sled panicked. Its message may quote stored bytes, and stays on standard error.
    Panicked,
    /// A flush failed: earlier writes may be on disk or not.
    FlushFailed(String),
    /// An error of the operating system, or of sled about its configuration.
    System(String),
    /// sled found its file damaged, or a bug in itself.
    Damaged(Damage),
    /// A fixed sentence.
    Plain(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse => f.write_str("another process has this folder open"),
            Self::OtherFiles => f.write_str("the folder is not empty and holds no token store"),
            Self::Foreign => f.write_str("the folder holds a sled database that is no token store"),
            Self::Newer(number) => write!(f, "the folder was written by a newer version (layout {number})"),
            Self::Panicked => f.write_str("sled panicked; see its message on standard error"),
            Self::FlushFailed(why) => write!(f, "the write may not be on disk: {why}"),
            Self::System(why) => f.write_str(why),
            Self::Damaged(_) => f.write_str("sled finds its files damaged"),
            Self::Plain(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Damaged(damage) => Some(damage),
            _ => None,
        }
    }
}

/// The reason why sled considers its files damaged, without any text of sled's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    /// Data does not match its checksum; the offset in the file, if sled knows it.
    Data(Option<u64>),
    /// A tree that was open does not exist.
    NoTree,
    /// sled reports a bug in itself.
    Bug,
}

impl Damage {
    pub(crate) fn of(error: &sled::Error) -> Self {
        match error {
            sled::Error::Corruption { at, .. } => Self::Data(at.map(|at| at.lid())),
            sled::Error::CollectionNotFound(_) => Self::NoTree,
            _ => Self::Bug,
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(Some(at)) => write!(f, "the data at offset {at} does not match its checksum"),
            Self::Data(None) => f.write_str("data does not match its checksum"),
            Self::NoTree => f.write_str("a tree that was open does not exist"),
            Self::Bug => f.write_str("sled reports a bug in itself"),
        }
    }
}

impl std::error::Error for Damage {}

/// Runs something that calls sled, and converts a panic into an error.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    // Half-done work is behind a lock that ignores poisoning, or in sled itself.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(StoreError::Other(Error::Panicked.into())))
}

/// Converts an error of opening a folder.
pub(crate) fn at_opening(error: &sled::Error) -> StoreError {
    match error {
        sled::Error::Io(io) if is_lock(io) => StoreError::Unavailable(Error::InUse.into()),
        sled::Error::Io(io) => from_system(io),
        _ => from_sled(error),
    }
}

/// Whether another process holds the lock: sled words this error itself, and its kind is lost.
pub(crate) fn is_lock(io: &std::io::Error) -> bool {
    let text = io.to_string();
    text.starts_with("could not acquire lock") && text.contains("WouldBlock")
}

/// Converts an error of the operating system about a path.
pub(crate) fn from_system(io: &std::io::Error) -> StoreError {
    let trouble = Error::System(text(io)).into();
    match io.kind() {
        ErrorKind::NotADirectory
        | ErrorKind::NotFound
        | ErrorKind::PermissionDenied
        | ErrorKind::ReadOnlyFilesystem
        | ErrorKind::InvalidInput => StoreError::Refused(trouble),
        ErrorKind::InvalidData | ErrorKind::UnexpectedEof => {
            StoreError::Corrupt { selector: None, source: trouble }
        }
        _ => StoreError::Unavailable(trouble),
    }
}

/// The message of the operating system. sled keeps only the `Debug` form of an error that it returns twice.
pub(crate) fn text(io: &std::io::Error) -> String {
    let text = io.to_string();
    match text.split_once("message: \"").and_then(|(_, rest)| rest.split_once('"')) {
        Some((message, _)) => message.to_owned(),
        None => text,
    }
}

/// Converts an error of reading or writing.
pub(crate) fn from_sled(error: &sled::Error) -> StoreError {
    match error {
        sled::Error::Io(io) => StoreError::Unavailable(Error::System(text(io)).into()),
        sled::Error::Unsupported(why) => StoreError::Refused(Error::System(why.clone()).into()),
        _ => StoreError::Corrupt { selector: None, source: Error::Damaged(Damage::of(error)).into() },
    }
}

/// The error for a stored value that is not a valid record.
pub(crate) fn corrupt(selector: Selector, source: DecodeError) -> StoreError {
    StoreError::Corrupt { selector: Some(selector), source: source.into() }
}

/// The error for stored data that this crate did not write.
pub(crate) fn damaged(selector: Option<Selector>, why: &'static str) -> StoreError {
    StoreError::Corrupt { selector, source: Error::Plain(why).into() }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn a_panic_becomes_an_error_without_its_words() {
        let error = guarded::<()>(|| panic!("secret bytes")).unwrap_err();
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        assert_eq!(error.source().unwrap().to_string(), Error::Panicked.to_string());
    }

    #[test]
    fn a_full_disk_says_so() {
        let error = from_sled(&sled::Error::Io(std::io::Error::from_raw_os_error(28)));
        assert!(matches!(error, StoreError::Unavailable(_)));
        assert!(error.source().unwrap().to_string().contains("No space left"), "{error:?}");
        let twice = std::io::Error::other(format!("{:?}", std::io::Error::from_raw_os_error(28)));
        assert_eq!(text(&twice), "No space left on device");
    }

    #[test]
    fn sled_is_not_quoted() {
        let error = from_sled(&sled::Error::ReportableBug("secret bytes".into()));
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        assert_eq!(reason(&error), "sled reports a bug in itself");
    }

    #[test]
    fn damage_has_a_reason() {
        let error = from_sled(&sled::Error::Corruption { at: Some(sled::DiskPtr::Inline(4_096)), bt: () });
        assert_eq!(reason(&error), "the data at offset 4096 does not match its checksum");
        let error = from_sled(&sled::Error::CollectionNotFound("secret".into()));
        assert_eq!(reason(&error), "a tree that was open does not exist");
    }

    fn reason(error: &StoreError) -> String {
        error.source().unwrap().source().unwrap().to_string()
    }
}
