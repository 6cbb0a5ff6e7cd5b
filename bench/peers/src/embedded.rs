//! sled itself, and other embeddable engines. A write is acknowledged when it would survive `kill -9`; redb always
//! survives a power loss.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

use fjall::{KeyspaceCreateOptions, PersistMode};
use hallpass_bench_load::Offer;
use hallpass_bench_load::rows::Random;
use redb::{ReadableDatabase, TableDefinition};
use tokio::sync::oneshot;

use crate::rows::{VALUE, keys};
use crate::{Offers, Setting};

const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// An engine with keys and values.
trait Engine: Sized + Send + Sync + 'static {
    fn open(path: &Path) -> Result<Self, BoxError>;
    fn get(&self, key: &[u8]) -> bool;
    /// Stores a value, and returns when it would survive a `kill -9`.
    fn put(&self, key: [u8; 16], value: Vec<u8>);
    /// Stores a value for every key.
    fn fill(&self, keys: &[[u8; 16]], value: &[u8]) -> Result<(), BoxError>;
}

pub(crate) fn add(setting: &mut Setting) -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let keys = Arc::new(keys(setting.rows));
    let offered = offers::<Sled>(setting, "sled", &folder.path().join("sled"), &keys);
    setting.add("sled", offered);
    let offered = offers::<Redb>(setting, "redb", &folder.path().join("redb"), &keys);
    setting.add("redb", offered);
    let offered = offers::<Fjall>(setting, "fjall", &folder.path().join("fjall"), &keys);
    setting.add("fjall", offered);
    setting.folder = Some(folder);
    Ok(())
}

/// The offers of an engine. Calls that wait for the disk run on blocking threads.
fn offers<E: Engine>(setting: &Setting, system: &str, path: &Path, keys: &Arc<Vec<[u8; 16]>>) -> Offers {
    let engine = Arc::new(E::open(path)?);
    engine.fill(keys, &[7; VALUE])?;
    let find = |(engine, keys): (Arc<E>, Arc<Vec<[u8; 16]>>), mut random: Random| async move {
        assert!(engine.get(&keys[random.below(keys.len())]));
        random
    };
    let written = Arc::new(AtomicU64::new(0));
    let rotate = move |(engine, keys): (Arc<E>, Arc<Vec<[u8; 16]>>), mut random: Random| {
        // An engine may skip writing a value that is stored already.
        let mut value = vec![7; VALUE];
        value[..8].copy_from_slice(&written.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        async move {
            let key = keys[random.below(keys.len())];
            let done = tokio::task::spawn_blocking(move || {
                assert!(engine.get(&key));
                engine.put(key, value);
            });
            done.await.unwrap();
            random
        }
    };
    let shared = (engine, keys.clone());
    Ok(vec![
        Offer::steady(&setting.runtime, system, "find", Random::of, shared.clone(), find),
        Offer::steady(&setting.runtime, system, "rotate", Random::of, shared, rotate),
    ])
}

struct Sled(sled::Db);

impl Engine for Sled {
    fn open(path: &Path) -> Result<Self, BoxError> {
        Ok(Self(sled::Config::new().path(path).flush_every_ms(None).open()?))
    }

    fn get(&self, key: &[u8]) -> bool {
        self.0.get(key).unwrap().is_some()
    }

    fn put(&self, key: [u8; 16], value: Vec<u8>) {
        self.0.insert(key, value).unwrap();
        self.0.flush().unwrap();
    }

    fn fill(&self, keys: &[[u8; 16]], value: &[u8]) -> Result<(), BoxError> {
        for key in keys {
            self.0.insert(key, value)?;
        }
        self.0.flush()?;
        Ok(())
    }
}

/// redb with group commit: writers hand their values to a thread that commits for all that wait.
struct Redb {
    database: Arc<redb::Database>,
    writes: mpsc::Sender<Write>,
}

type Write = ([u8; 16], Vec<u8>, oneshot::Sender<()>);

impl Engine for Redb {
    fn open(path: &Path) -> Result<Self, BoxError> {
        let database = Arc::new(redb::Database::create(path)?);
        let (writes, waiting) = mpsc::channel::<Write>();
        let committing = database.clone();
        std::thread::spawn(move || {
            while let Ok(first) = waiting.recv() {
                let transaction = committing.begin_write().unwrap();
                let mut done = Vec::new();
                {
                    let mut table = transaction.open_table(TABLE).unwrap();
                    for (key, value, written) in std::iter::once(first).chain(waiting.try_iter()) {
                        table.insert(&key[..], &value[..]).unwrap();
                        done.push(written);
                    }
                }
                transaction.commit().unwrap();
                done.into_iter().for_each(|written| _ = written.send(()));
            }
        });
        Ok(Self { database, writes })
    }

    fn get(&self, key: &[u8]) -> bool {
        let table = self.database.begin_read().unwrap().open_table(TABLE).unwrap();
        table.get(key).unwrap().is_some()
    }

    fn put(&self, key: [u8; 16], value: Vec<u8>) {
        let (written, done) = oneshot::channel();
        self.writes.send((key, value, written)).unwrap();
        done.blocking_recv().unwrap();
    }

    fn fill(&self, keys: &[[u8; 16]], value: &[u8]) -> Result<(), BoxError> {
        let transaction = self.database.begin_write()?;
        {
            let mut table = transaction.open_table(TABLE)?;
            for key in keys {
                table.insert(&key[..], value)?;
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

struct Fjall {
    database: fjall::Database,
    rows: fjall::Keyspace,
}

impl Engine for Fjall {
    fn open(path: &Path) -> Result<Self, BoxError> {
        let database = fjall::Database::builder(path).open()?;
        let rows = database.keyspace("rows", KeyspaceCreateOptions::default)?;
        Ok(Self { database, rows })
    }

    fn get(&self, key: &[u8]) -> bool {
        self.rows.get(key).unwrap().is_some()
    }

    fn put(&self, key: [u8; 16], value: Vec<u8>) {
        self.rows.insert(key, value).unwrap();
        self.database.persist(PersistMode::Buffer).unwrap();
    }

    fn fill(&self, keys: &[[u8; 16]], value: &[u8]) -> Result<(), BoxError> {
        for key in keys {
            self.rows.insert(key, value)?;
        }
        self.database.persist(PersistMode::Buffer)?;
        Ok(())
    }
}
