//! Records built by hand, a generator whose seed can be printed, and children to kill.

use std::path::Path;
use std::process::{Command, Stdio};

use hallpass_core::store::{Body, Era, Record, Revision};
use hallpass_core::{Device, Kind, LoginId, Purpose, Selector, StoreError, Subject, Timestamp, error_chain};
use hallpass_store_sled::SledStore;
use tempfile::TempDir;

/// Random values, with the same sequence for the same seed.
pub(crate) struct Rng(fastrand::Rng);

impl Rng {
    /// A generator with a seed from the system, which is printed so that a failure can be repeated.
    pub(crate) fn seeded() -> Self {
        let seed =
            std::env::var("HALLPASS_SEED").map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
        println!("HALLPASS_SEED={seed}");
        Self::of(seed)
    }

    pub(crate) fn of(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    pub(crate) fn seed(&mut self) -> u64 {
        self.0.u64(..)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0.u64(..limit)
    }

    pub(crate) fn bytes<const LEN: usize>(&mut self) -> [u8; LEN] {
        std::array::from_fn(|_| self.0.u8(..))
    }

    pub(crate) fn body(&mut self, len: usize) -> Body {
        Body::new((0..len).map(|_| self.0.u8(..)).collect()).unwrap()
    }

    /// A record as core would issue it, with a random body.
    pub(crate) fn record(&mut self, subject: Option<&Subject>) -> Record {
        let created = at(1_000_000 + self.below(1_000));
        let len = 100 + self.below(100) as usize;
        Record {
            selector: Selector(self.bytes()),
            subject: subject.cloned(),
            kind: Kind::SESSION,
            purpose: Purpose::Device,
            era: Era::FIRST,
            login: LoginId(self.bytes()),
            created_at: created,
            updated_at: created,
            seen_at: created,
            expires_at: at(9_000_000),
            idle_at: Some(at(2_000_000)),
            purge_at: at(2_500_000),
            revoked: None,
            revision: Revision::FIRST,
            generation: 0,
            device: Device::new("Firefox").unwrap(),
            body: self.body(len),
        }
    }

    /// `record` after a rotation.
    pub(crate) fn rotated(&mut self, record: &Record) -> Record {
        let mut next = record.clone();
        next.revision = record.revision.next();
        next.generation += 1;
        next.body = self.body(record.body.as_bytes().len());
        next
    }

    /// `record` after its idle expiry was moved: later times and another write id.
    pub(crate) fn touched(&mut self, record: &Record) -> Record {
        let mut next = record.clone();
        next.revision = record.revision.next();
        next.seen_at = at(record.seen_at.as_millis() + 1);
        next.body = self.body(record.body.as_bytes().len());
        next
    }
}

pub(crate) fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(crate) fn subject(name: &str) -> Subject {
    Subject::new(name).unwrap()
}

/// A store in a folder, which is removed when the first of the two is dropped.
pub(crate) fn store() -> (TempDir, SledStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = SledStore::open(folder.path()).unwrap();
    (folder, store)
}

/// Opens the folder with sled itself. One of sled's threads may hold the lock a moment longer than the
/// database that was closed.
pub(crate) fn raw(folder: &Path) -> sled::Db {
    let mut attempts = 0;
    loop {
        match sled::open(folder) {
            Ok(db) => return db,
            Err(error) => assert!(attempts < 100, "{error}"),
        }
        attempts += 1;
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// The text of an error with all its sources, in `Display` and in `Debug`.
pub(crate) fn words(error: &StoreError) -> String {
    format!("{error:?} {}", error_chain(error))
}

/// This test binary again, to run only the test `name`, which finds its folder with [`as_child`].
pub(crate) fn child(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([name, "--exact", "--nocapture", "--test-threads=1"]);
    command.env("HALLPASS_SLED_CHILD", folder).env("RUST_BACKTRACE", "0").stdin(Stdio::null());
    command
}

/// The folder that the parent names, if this process is a child.
pub(crate) fn as_child() -> Option<std::path::PathBuf> {
    std::env::var_os("HALLPASS_SLED_CHILD").map(Into::into)
}
