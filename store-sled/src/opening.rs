//! Getting sled to open a folder, or to say in words why it does not.

use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

use hallpass_core::StoreError;

use crate::error::{Trouble, at_opening, from_system, guarded, is_lock};

/// How often, 20 ms apart, the lock is tried: the handle before may be closing in another thread.
const ATTEMPTS: u32 = 50;

/// The database in the folder at `path`, which is there, and how large its file was before. Blocks.
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
            .map_err(|_| StoreError::Corrupt { selector: None, source: Trouble::Panicked.into() })?;
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
        // What a fresh file system brings along, and what sled makes first.
        if name != "lost+found" && name != "blobs" {
            return Err(StoreError::Refused(Trouble::OtherFiles.into()));
        }
    }
    Ok(())
}

/// Removes snapshots of sled's that a crash left half written. sled means to pass over them but looks for
/// another ending than it writes, takes them for the newest, and finds its files damaged for ever after
/// (spacejam/sled#1527). Without them it reads its log from the last whole snapshot on.
///
/// Under sled's own lock, so that nobody is just writing one.
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
