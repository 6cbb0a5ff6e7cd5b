//! A primary dies and its standby takes over, at the address that the store knows.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hallpass_core::store::{
    Action, Announcer, Epoch, EpochUpdate, Fence, Lost, Page, Proven, Record, TokenStore,
};
use hallpass_core::{Note, Selector, StoreError, Subject};
use hallpass_store_postgres::PostgresStore;
use hallpass_test_servers::{Backend, Launch, Origin, Server, needed};
use sqlx::{Connection, PgConnection};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::feed::ear::Ear;
use crate::outages::{LIMIT, in_time, write};
use crate::support::{
    admission, ask, at, connection, put, record, revocation, say, schema, store, stored, until, words,
};

/// The fixed address that a proxy or a pooler offers to its clients, in front of whichever server is the
/// primary.
#[derive(Clone)]
struct Address {
    of: SocketAddr,
    to: Arc<Mutex<SocketAddr>>,
}

impl Address {
    async fn of(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = Self { of: listener.local_addr().unwrap(), to: Arc::new(Mutex::new(server.address())) };
        let to = Arc::clone(&address.to);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let to = *to.lock().unwrap();
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(to).await?;
                    copy_bidirectional(&mut client, &mut server).await
                });
            }
        });
        address
    }

    fn lead_to(&self, server: &Server) {
        *self.to.lock().unwrap() = server.address();
    }
}

/// Turns a fresh server into a synchronous standby. The server's start ends when it is promoted.
pub(crate) async fn follow(primary: &Server, standby: &Arc<Server>) {
    let mut on = connection(standby.url()).await;
    let data: String = sqlx::query_scalar("show data_directory").fetch_one(&mut on).await.unwrap();
    let programs = "select setting from pg_config where name = 'BINDIR'";
    let programs: String = sqlx::query_scalar(programs).fetch_one(&mut on).await.unwrap();
    let (old, from) = (Arc::clone(standby), primary.address());
    let copying = tokio::task::spawn_blocking(move || {
        old.stop().unwrap();
        std::fs::remove_dir_all(&data).unwrap();
        let source = format!(
            "host={} port={} user=postgres dbname=postgres application_name=standby",
            from.ip(),
            from.port()
        );
        let mut copy = Command::new(Path::new(&programs).join("pg_basebackup"));
        copy.args(["--pgdata", &data, "--dbname", &source, "--write-recovery-conf", "--checkpoint=fast"]);
        assert!(copy.arg("--no-sync").status().unwrap().success());
        // The server's user is the owner of the parent folder.
        let around = Path::new(&data).parent().unwrap();
        let mut give = Command::new("chown");
        give.arg("-R").arg(format!("--reference={}", around.display())).arg(&data);
        assert!(give.status().unwrap().success());
    });
    copying.await.unwrap();
    let starting = Arc::clone(standby);
    std::thread::spawn(move || starting.start());
    let mut on = connection(primary.url()).await;
    say(&mut on, "alter system set synchronous_standby_names = 'standby'").await;
    say(&mut on, "select pg_reload_conf()").await;
    let follows =
        "select count(*) from pg_stat_replication where state = 'streaming' and sync_state = 'sync'";
    until("the standby follows", async || ask(&mut on, follows).await == 1).await;
}

/// Issues and ends logins until stopped. Returns the subjects, epochs and records whose end was acknowledged.
async fn end(store: PostgresStore, name: u32, stop: Arc<AtomicBool>) -> Vec<(Subject, Epoch, Selector)> {
    let mut ended = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let record = record(&format!("{name}-{}", ended.len()));
        let subject = record.subject.clone().unwrap();
        if in_time(store.insert(&record, Fence::None)).await.is_err() {
            continue;
        }
        let epoch = Epoch([name as u8; 16]);
        let update = EpochUpdate::Set { epoch, now: at(1), keep: Duration::from_secs(3_600) };
        let everywhere = revocation(Action::Remove).epoch(update);
        if in_time(store.revoke_by_subject(&subject, &everywhere)).await.is_ok() {
            ended.push((subject, epoch, record.selector));
        }
    }
    ended
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_takes_over_and_knows_every_acknowledged_write() {
    let launch = || needed("a failover", Launch::new(Backend::Postgres).only(Origin::Local).start()).unwrap();
    let (Some(primary), Some(standby)) = (launch().map(Arc::new), launch().map(Arc::new)) else { return };
    follow(&primary, &standby).await;
    let address = Address::of(&primary).await;
    let store = store(&primary.url_at(address.of), &schema(), |builder| builder.timeout(LIMIT)).await;
    let stop = Arc::new(AtomicBool::new(false));
    let (mut writers, mut enders) = (Vec::new(), Vec::new());
    for number in 0..10 {
        let record = record("writer");
        put(&store, &record).await;
        writers.push(tokio::spawn(write(store.clone(), record, Arc::clone(&stop))));
        enders.push(tokio::spawn(end(store.clone(), number, Arc::clone(&stop))));
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let dying = Arc::clone(&primary);
    tokio::task::spawn_blocking(move || dying.crash().unwrap()).await.unwrap();
    address.lead_to(&standby);
    let known = record("nobody");
    let mut refused = String::new();
    until("a write meets the standby", async || {
        if let Err(error) = in_time(store.insert(&known, Fence::None)).await {
            assert!(
                matches!(error, StoreError::Unavailable(_) | StoreError::Timeout { .. }),
                "{}",
                words(&error)
            );
            refused = words(&error);
        }
        refused.contains("read-only")
    })
    .await;
    let read = store.find(known.selector).await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "a standby was read: {read:?}");
    let mut on = connection(standby.url()).await;
    let promoted: bool = sqlx::query_scalar("select pg_promote()").fetch_one(&mut on).await.unwrap();
    assert!(promoted);
    let began = Instant::now();
    until("a write is acknowledged", async || {
        in_time(store.insert(&record("alice"), Fence::None)).await.is_ok()
    })
    .await;
    assert!(began.elapsed() < 5 * LIMIT, "{:?}", began.elapsed());
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop.store(true, Ordering::Relaxed);
    let mut errors = 0;
    for writer in writers {
        let known = writer.await.unwrap();
        let found: Record = store.find(known.acknowledged.selector).await.unwrap().unwrap();
        assert!(known.allows(&found), "a write that was acknowledged is lost");
        errors += known.errors;
    }
    assert!(errors > 0, "no call noticed");
    let mut count = 0;
    for ender in enders {
        for (subject, epoch, selector) in ender.await.unwrap() {
            assert_eq!(store.find(selector).await.unwrap(), None, "a revocation is lost");
            let now = store.epoch(&subject, Epoch([99; 16]), Duration::from_secs(60), at(1)).await.unwrap();
            assert_eq!(now, admission(epoch), "the epoch of a revocation is lost");
            count += 1;
        }
    }
    assert!(count > 0, "nothing was revoked");
}

/// Starts a stopped server as a standby without a primary: it shows the data it had. Its start ends when it
/// is promoted.
async fn demote(server: &Arc<Server>) {
    let mut on = connection(server.url()).await;
    let data: String = sqlx::query_scalar("show data_directory").fetch_one(&mut on).await.unwrap();
    let demoted = Arc::clone(server);
    tokio::task::spawn_blocking(move || {
        demoted.stop().unwrap();
        std::fs::write(Path::new(&data).join("standby.signal"), "").unwrap();
    })
    .await
    .unwrap();
    let starting = Arc::clone(server);
    std::thread::spawn(move || starting.start());
    until("the demoted server can be read", async || PgConnection::connect(server.url()).await.is_ok()).await;
}

async fn promote(server: &Server) {
    let mut on = connection(server.url()).await;
    assert!(sqlx::query_scalar::<_, bool>("select pg_promote()").fetch_one(&mut on).await.unwrap());
}

/// An orderly switch-over, after which the address still leads to the server that was the primary.
#[tokio::test(flavor = "multi_thread")]
async fn a_demoted_primary_is_noticed_before_a_read_is_believed() {
    let launch =
        || needed("a switch-over", Launch::new(Backend::Postgres).only(Origin::Local).start()).unwrap();
    let (Some(old), Some(new)) = (launch().map(Arc::new), launch().map(Arc::new)) else { return };
    let (schema, address) = (schema(), Address::of(&old).await);
    let store = store(&old.url_at(address.of), &schema, |builder| builder).await;
    // Without asking whether the server is in recovery, the store returns what the old primary had.
    let blind = crate::support::store(&old.url_at(address.of), &schema, |builder| {
        let builder = builder.patched("find.sql", "pg_is_in_recovery()", "false");
        builder.patched("list_by_subject.sql", "pg_is_in_recovery()", "false")
    })
    .await;
    let alice = stored(&store, "alice").await;
    follow(&old, &new).await;
    let mut on = connection(old.url()).await;
    say(&mut on, "alter system reset synchronous_standby_names").await;
    drop(on);
    let mut ear = Ear::open(&store).await;
    assert_eq!(ear.turn().await, Proven::ThisTurn);
    demote(&old).await;
    assert_eq!(ear.turn().await, Proven::Lost(Lost::Closed));
    promote(&new).await;
    // The login is ended on the new primary.
    let elsewhere = PostgresStore::builder().schema(&schema).connect(new.url()).await.unwrap();
    assert!(elsewhere.delete(alice.selector, &Note::none()).await.unwrap());
    for _ in 0..20 {
        let found = store.find(alice.selector).await;
        assert!(matches!(found, Err(StoreError::Unavailable(_))), "read on a demoted server: {found:?}");
    }
    let error = store.feed().await.err().unwrap();
    assert!(matches!(error, StoreError::Unavailable(_)), "{}", words(&error));
    assert!(words(&error).contains("standby"), "{}", words(&error));
    let (name, page) = (alice.subject.clone().unwrap(), Page::first(NonZeroU16::MIN));
    let listed = store.list_by_subject(&name, &page).await;
    assert!(matches!(listed, Err(StoreError::Unavailable(_))), "listed on a demoted server: {listed:?}");
    until("the demoted server is believed", async || blind.find(alice.selector).await.is_ok()).await;
    assert_eq!(blind.find(alice.selector).await.unwrap().as_ref(), Some(&alice));
    assert_eq!(blind.list_by_subject(&name, &page).await.unwrap().len(), 1);
    let error = PostgresStore::connect(old.url()).await.unwrap_err();
    assert!(
        matches!(error, StoreError::Refused(_)) && words(&error).contains("standby"),
        "{}",
        words(&error)
    );
    address.lead_to(&new);
    until("the primary is found", async || store.find(alice.selector).await.is_ok()).await;
    assert_eq!(store.find(alice.selector).await.unwrap(), None, "what was ended is found");
    // Its unlogged tables are empty.
    let mut ear = Ear::open(&store).await;
    let bob = record("bob");
    put(&elsewhere, &bob).await;
    assert!(elsewhere.delete(bob.selector, &Note::none()).await.unwrap());
    assert_eq!(ear.hears().await.ended, [bob.selector].into());
    // Lets its start end.
    promote(&old).await;
}
