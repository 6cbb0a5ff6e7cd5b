//! Tests a disk that is full, and later has room again.
//!
//! A limit on the size of files (`ulimit -f`) takes the place of a full disk: it needs no privilege and no
//! mount, so the test runs wherever there is a shell. The write fails with `EFBIG` where a full disk returns
//! `ENOSPC`. The limit is the child's own soft one, which `prlimit` lifts from outside while it runs.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use hallpass_core::StoreError;
use hallpass_core::store::{Fence, Record, TokenStore};
use hallpass_store_sled::SledStore;

use crate::support::{Rng, as_child, child, subject, words};

/// In kilobytes; each of sled's first segments takes about 500.
const LIMIT: u32 = 2_048;

#[test]
fn writer() {
    let Some(folder) = as_child() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = SledStore::open(&folder).unwrap();
        let mut rng = Rng::of(1);
        let mut kept: Vec<Record> = Vec::new();
        let first = loop {
            let mut record = rng.record(Some(&subject("alice")));
            record.body = rng.body(8_000);
            match store.insert(&record, Fence::None).await {
                Ok(answer) => assert!(answer.is_inserted()),
                Err(error) => break error,
            }
            kept.push(record);
        };
        assert!(matches!(
            first,
            StoreError::Unavailable(_) | StoreError::Timeout { outcome_unknown: true, .. }
        ));
        assert!(words(&first).contains("File too large"), "{first:?}");
        assert!(kept.len() > 50, "{} fit", kept.len());
        // The store may find a little room after each new opening, until there is none left.
        let mut failed_in_a_row = 0;
        while failed_in_a_row < 100 {
            let mut record = rng.record(Some(&subject("alice")));
            record.body = rng.body(16_000);
            match store.insert(&record, Fence::None).await {
                Ok(_) => {
                    kept.push(record);
                    failed_in_a_row = 0;
                }
                Err(error) => {
                    assert!(words(&error).contains("File too large"), "{error:?}");
                    failed_in_a_row += 1;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            let known = &kept[rng.below(kept.len() as u64) as usize];
            match store.find(known.selector).await {
                Ok(found) => assert_eq!(found.as_ref(), Some(known), "no error and no record"),
                Err(error) => assert!(words(&error).contains("File too large"), "{error:?}"),
            }
        }
        println!("\nfull {}", kept.len());
        std::io::stdout().flush().unwrap();

        let mut line = String::new();
        std::io::stdin().read_line(&mut line).unwrap();
        let mut attempts = 0;
        loop {
            let record = rng.record(Some(&subject("alice")));
            attempts += 1;
            if store.insert(&record, Fence::None).await.is_ok() {
                kept.push(record);
                break;
            }
            assert!(attempts < 100, "the same handle works again");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // A megabyte, which cannot fit below the old limit.
        for _ in 0..64 {
            let mut record = rng.record(Some(&subject("alice")));
            record.body = rng.body(16_000);
            assert!(store.insert(&record, Fence::None).await.unwrap().is_inserted());
            kept.push(record);
        }
        for record in &kept {
            let found = store.find(record.selector).await.unwrap();
            assert_eq!(found.as_ref(), Some(record), "acknowledged and gone");
        }
        println!("\nwell after {attempts}");
    });
}

#[test]
fn a_full_disk_is_an_error_and_the_same_handle_works_when_there_is_room_again() {
    let folder = tempfile::tempdir().unwrap();
    let writer = child("full_disk::writer", folder.path());
    let mut shell = Command::new("bash");
    // Without the trap the system kills a process that writes beyond the limit; with it the write fails.
    shell.args(["-c", &format!("trap '' XFSZ; ulimit -S -f {LIMIT}; exec \"$0\" \"$@\"")]);
    shell.arg(writer.get_program()).args(writer.get_args());
    for (name, value) in writer.get_envs() {
        shell.env(name, value.unwrap());
    }
    let mut process = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut wait_for = |word: &str| {
        let found = lines.by_ref().map_while(Result::ok).find(|line| line.starts_with(word));
        println!("{found:?}");
        found.is_some()
    };
    let was_full = wait_for("full ");
    if was_full {
        let pid = process.id().to_string();
        let lifted = Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited:unlimited"]).status();
        assert!(lifted.unwrap().success());
        process.stdin.take().unwrap().write_all(b"go on\n").unwrap();
    }
    let was_well = wait_for("well ");
    assert!(process.wait().unwrap().success() && was_full && was_well);
    let store = SledStore::open(folder.path()).unwrap();
    assert!(store.size_on_disk().unwrap() > u64::from(LIMIT) * 1_024);
}
