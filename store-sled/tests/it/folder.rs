//! Tests folders that cannot be opened, and folders that are opened twice.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use hallpass_core::store::{Fence, Record, TokenStore};
use hallpass_core::{Selector, StoreError};
use hallpass_store_sled::SledStore;

use crate::support::{Rng, as_child, child, raw, store, subject, words};

fn refused(path: &Path, because: &str) {
    let error = SledStore::open(path).unwrap_err();
    assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
    assert!(words(&error).contains(because), "{error:?}");
}

#[tokio::test]
async fn two_openings_in_one_process_are_one_store() {
    let mut rng = Rng::seeded();
    let (folder, one) = store();
    let other = SledStore::open(folder.path().join(".")).unwrap();
    let record = rng.record(None);
    assert!(one.insert(&record, Fence::None).await.unwrap().is_inserted());
    assert_eq!(other.find(record.selector).await.unwrap(), Some(record.clone()));
    drop(one);
    assert_eq!(other.find(record.selector).await.unwrap(), Some(record), "the other keeps it open");
}

#[test]
fn a_folder_can_be_opened_again_at_once() {
    let (folder, store) = store();
    drop(store);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..10).for_each(|_| drop(SledStore::open(folder.path()).unwrap())));
        }
    });
}

#[test]
fn a_file_in_the_way_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "kept").unwrap();
    refused(&file, "a file is where the store needs a folder");
    assert_eq!(fs::read(&file).unwrap(), b"kept");
}

#[test]
fn second_process() {
    let Some(folder) = as_child() else { return };
    println!("answer: {}", words(&SledStore::open(folder).unwrap_err()));
}

#[test]
fn a_second_process_is_told_so() {
    let (folder, store) = store();
    let run = child("folder::second_process", folder.path()).output().unwrap();
    let said = String::from_utf8(run.stdout).unwrap();
    assert!(run.status.success(), "{said}");
    assert!(said.contains("answer: Unavailable"), "{said}");
    assert!(said.contains("another process has this folder open"), "{said}");
    drop(store);
    assert!(SledStore::open(folder.path()).is_ok());
}

#[test]
fn a_folder_with_other_files_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.txt"), "years").unwrap();
    refused(folder.path(), "holds no token store");
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["thesis.txt"]);
}

#[test]
fn a_foreign_sled_database_is_refused() {
    for tree in ["__sled__default", "their tree"] {
        let folder = tempfile::tempdir().unwrap();
        let db = raw(folder.path());
        db.open_tree(tree).unwrap().insert("their key", "their value").unwrap();
        drop(db);
        refused(folder.path(), "a sled database that is no token store");
        let db = raw(folder.path());
        assert_eq!(db.open_tree(tree).unwrap().get("their key").unwrap().unwrap(), "their value");
        assert_eq!(db.get("hallpass-store-sled").unwrap(), None);
    }
}

#[test]
fn a_newer_layout_is_refused() {
    let (folder, store) = store();
    drop(store);
    for (layout, because) in [("2", "a newer version (layout 2)"), ("two", "no token store")] {
        raw(folder.path()).insert("hallpass-store-sled", layout).unwrap();
        refused(folder.path(), because);
    }
}

#[test]
fn where_no_folder_can_be_made_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    refused(&file.join("tokens"), "Not a directory");
    // sysfs creates no folder, not even for root, and reports that with one of these texts.
    if cfg!(target_os = "linux") {
        refused(Path::new("/sys/kernel/hallpass"), "permi");
    }
}

#[test]
fn files_that_cannot_be_written_are_refused() {
    // Permissions do not restrict root, but no process can open a directory for writing.
    for file in ["db", "conf"] {
        let (folder, store) = store();
        drop(store);
        fs::remove_file(folder.path().join(file)).unwrap();
        fs::create_dir(folder.path().join(file)).unwrap();
        let error = SledStore::open(folder.path()).unwrap_err();
        assert!(words(&error).contains("Is a directory"), "{file}: {error:?}");
    }
}

#[test]
fn broken_folder() {
    let Some(folder) = as_child() else { return };
    match SledStore::open(folder) {
        Err(error) => println!("answer: {}", words(&error)),
        Ok(store) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let (mut whole, mut failed) = (0, 0);
            runtime.block_on(async {
                for record in known() {
                    match store.find(record.selector).await {
                        Ok(found) => whole += u32::from(found.is_some_and(|found| found == record)),
                        Err(_) => failed += 1,
                    }
                }
                let written = store.insert(&Rng::of(2).record(None), Fence::None).await;
                println!("answer: works, {whole} found, {failed} failed, {written:?}");
            });
        }
    }
}

/// The same records in every process; enough for several of sled's segments, because with fewer it rarely
/// panics.
fn known() -> Vec<Record> {
    let mut rng = Rng::of(1);
    let mut record = || Record { body: rng.body(16_000), ..rng.record(Some(&subject("alice"))) };
    (0..150).map(|_| record()).collect()
}

/// Damages each file of the folder in turn, at many places. A separate process opens the result, so that an
/// abort or a hang is noticed.
#[test]
fn a_damaged_folder_is_an_error_or_works_but_never_takes_the_process_down() {
    let mut rng = Rng::seeded();
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    let store = SledStore::open(&whole).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for record in known() {
            assert!(store.insert(&record, Fence::None).await.unwrap().is_inserted());
        }
    });
    store.close().unwrap();
    let files: Vec<_> = fs::read_dir(&whole).unwrap().map(|entry| entry.unwrap().path()).collect();
    let files: Vec<_> = files.into_iter().filter(|path| path.is_file()).collect();
    assert!(files.len() >= 2, "{files:?}");
    let (mut errors, mut panics, mut works) = (0, 0, 0);
    for file in &files {
        let name = file.file_name().unwrap();
        let bytes = fs::read(file).unwrap();
        let used = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0) as u64 + 1;
        for round in 0..32 {
            let path = folder.path().join("broken");
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(path.join("blobs")).unwrap();
            for file in &files {
                fs::copy(file, path.join(file.file_name().unwrap())).unwrap();
            }
            let mut broken = bytes.clone();
            // The first bytes are headers, where damage does most.
            let place = if round % 3 == 0 { rng.below(used.min(64)) } else { rng.below(used) } as usize;
            match round % 4 {
                0 => broken.truncate(place),
                1 => broken[place] ^= 1 << rng.below(8),
                2 => broken[place..(place + 64).min(used as usize)].fill(0xff),
                _ => broken[place..].fill(0),
            }
            fs::write(path.join(name), broken).unwrap();
            let said = opened_by_a_child(&path, &format!("{name:?} at {place}, round {round}"));
            errors += u32::from(!said.contains("works"));
            panics += u32::from(said.contains("panicked"));
            works += u32::from(said.contains("works"));
        }
    }
    println!("{errors} errors, {panics} of them panics, {works} work");
    assert!(panics > 0 && works > 0, "{errors} errors, {panics} of them panics, {works} work");
}

fn opened_by_a_child(path: &Path, what: &str) -> String {
    let mut command = child("folder::broken_folder", path);
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let (answer, answered) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in lines.map_while(Result::ok).filter(|line| line.contains("answer: ")) {
            let _ = answer.send(line);
        }
    });
    let said = answered.recv_timeout(std::time::Duration::from_secs(40));
    if said.is_err() {
        let _ = process.kill();
    }
    let status = process.wait().unwrap();
    reader.join().unwrap();
    let said = said.unwrap_or_else(|_| panic!("{what}: no answer, {status}"));
    assert!(status.success(), "{what}: {said}, {status}");
    said
}

#[test]
fn a_database_of_which_nothing_can_be_read_is_not_taken_for_a_new_one() {
    let (folder, store) = store();
    drop(store);
    fs::write(folder.path().join("db"), vec![0; 1 << 20]).unwrap();
    let error = SledStore::open(folder.path()).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
}

#[tokio::test]
async fn a_snapshot_that_a_crash_left_half_written_is_passed_over() {
    let (folder, store) = store();
    let known = known();
    for record in &known {
        assert!(store.insert(record, Fence::None).await.unwrap().is_inserted());
    }
    drop(store);
    fs::write(folder.path().join("snap.00000000FFFFFFFF.generating"), "half of it").unwrap();
    let store = SledStore::open(folder.path()).unwrap();
    for record in known {
        assert_eq!(store.find(record.selector).await.unwrap(), Some(record));
    }
}

#[tokio::test]
async fn an_unknown_selector_in_a_new_folder_is_none() {
    let (_folder, store) = store();
    assert_eq!(store.find(Selector([1; 16])).await.unwrap(), None);
    assert!(store.size_on_disk().unwrap() > 0);
}
