//! Opens a folder with sled, or explains why that fails.

use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

use hallpass_core::StoreError;

use crate::error::{Error, at_opening, from_system, guarded, is_lock};

/// How often to try the lock, every 20 ms: another thread may be closing the previous handle.
const ATTEMPTS: u32 = 50;

/// Opens the database in the existing folder at `path`, and returns how large its file was before. Blocks.
///
/// # Errors
/// [`StoreError`]
pub(crate) fn open(path: &Path, cache_bytes: u64) -> Result<(sled::Db, u64), StoreError> {
    only_ours(path)?;
    let had = std::fs::metadata(path.join("db")).map_or(0, |file| file.len());
    let config = sled::Config::new().path(path).cache_capacity(cache_bytes);
    let mut attempt = 0;
    loop {
        remove_half_snapshots(path)?;
        // A file that sled cannot make sense of often makes it panic.
        let opened = guarded(|| Ok(config.open()))
            .map_err(|_| StoreError::Corrupt { selector: None, source: Error::Panicked.into() })?;
        match opened {
            Ok(db) => return Ok((db, had)),
            Err(sled::Error::Io(io)) if is_lock(&io) && attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(at_opening(&error)),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// # Errors
/// [`StoreError::Refused`] if there are files in the folder and none of them is sled's.
fn only_ours(path: &Path) -> Result<(), StoreError> {
    if path.join("db").exists() || path.join("conf").exists() {
        return Ok(());
    }
    for entry in std::fs::read_dir(path).map_err(|io| from_system(&io))? {
        let name = entry.map_err(|io| from_system(&io))?.file_name();
        // "lost+found" comes with a new file system, and "blobs" is what sled creates first.
        if name != "lost+found" && name != "blobs" {
            return Err(StoreError::Refused(Error::OtherFiles.into()));
        }
    }
    Ok(())
}

/// Removes snapshots that a crash left half written. sled tries to skip them, but looks for a different file
/// ending than the one that it writes. So it takes them for the newest snapshots, and from then on reports its
/// files as damaged (spacejam/sled#1527). Without them it reads its log from the last complete snapshot on.
///
/// Runs under sled's own lock, so that no other process is writing one.
fn remove_half_snapshots(path: &Path) -> Result<(), StoreError> {
    let half = |name: &OsStr| {
        name.to_str().is_some_and(|name| name.starts_with("snap.") && name.ends_with(".generating"))
    };
    let entries = std::fs::read_dir(path).map_err(|io| from_system(&io))?;
    let half: Vec<_> = entries.filter_map(Result::ok).filter(|entry| half(&entry.file_name())).collect();
    if !half.is_empty()
        && let Ok(lock) = File::open(path.join("db"))
        && lock.try_lock().is_ok()
    {
        for entry in half {
            std::fs::remove_file(entry.path()).map_err(|io| from_system(&io))?;
        }
    }
    Ok(())
}
