//! The processor time that feeds take from the servers.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use hallpass_core::Kind;
use hallpass_core::store::{Action, ChangeFeed, Heard, RecordFilter, Revocation, TokenStore};
use hallpass_store_postgres::PostgresStore;
use hallpass_store_redis::RedisStore;
use hallpass_test_servers::{Server, pgbouncer};
use sqlx::{Connection, PgConnection};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::maker::{Made, Maker};
use crate::options::Options;
use crate::ours::insert;
use crate::report::{Fact, Goal, Report};

/// The pause between two polls, and their number in a round.
const PAUSE: Duration = Duration::from_millis(20);
const POLLS: u32 = 200;
/// The number of logins that are ended in a round.
const ENDINGS: usize = 4_000;
/// The number of feeds of a server, a feed for each node.
const NODES: usize = 10;

type Feed = Box<dyn ChangeFeed>;

/// A poll of PostgreSQL, direct and through PgBouncer, beside the shortest statement there is.
pub(super) fn polls(report: &mut Report, area: &str, options: &Options, runtime: &Handle, server: &Server) {
    let mut watch = runtime.block_on(PgConnection::connect(server.url())).unwrap();
    let mut select = runtime.block_on(PgConnection::connect(server.url())).unwrap();
    let mut direct = runtime.block_on(feed_of(PostgresStore::builder(), server.url())).unwrap();
    let bouncer = pgbouncer(server);
    let mut pooled = match &bouncer {
        Ok(bouncer) => {
            let opened = feed_of(PostgresStore::builder().pgbouncer(), bouncer.url());
            Some(runtime.block_on(opened).unwrap())
        }
        Err(error) => {
            report.missing(area, "PgBouncer", &error.to_string());
            None
        }
    };
    let (mut polls, mut behind, mut selects) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=options.rounds {
        report.progress(&format!("{area}: polls, round {round} of {}", options.rounds));
        runtime.block_on(async {
            let before = backends(&mut watch).await;
            turns(&mut direct).await;
            let polled = backends(&mut watch).await;
            if let Some(pooled) = &mut pooled {
                turns(pooled).await;
            }
            let pooled = backends(&mut watch).await;
            for _ in 0..POLLS {
                sqlx::query("SELECT 1").execute(&mut select).await.unwrap();
                sleep(PAUSE).await;
            }
            let selected = backends(&mut watch).await;
            if round > 0 {
                polls.push((polled - before) / f64::from(POLLS));
                behind.push((pooled - polled) / f64::from(POLLS));
                selects.push((selected - pooled) / f64::from(POLLS));
            }
        });
    }
    let what = |what: &str| format!("{area}: server's processor time for {what}, every 20 ms");
    report.fact(Fact::of(what("a poll"), Some(Goal::AtMost(100.0)), "µs", polls));
    if pooled.is_some() {
        report.fact(Fact::of(what("a poll through PgBouncer"), None, "µs", behind));
    }
    report.fact(Fact::of(what("a prepared `SELECT 1`"), None, "µs", selects));
}

async fn feed_of(builder: hallpass_store_postgres::Builder, url: &str) -> Result<Feed, String> {
    let store = builder.connect(url).await.map_err(|error| format!("{error:?}"))?;
    store.migrate().await.map_err(|error| format!("{error:?}"))?;
    let announcer = store.announcer().ok_or("it announces nothing")?;
    announcer.feed().await.map_err(|error| format!("{error:?}"))
}

async fn turns(feed: &mut Feed) {
    let heard = Heard::new(|_| {});
    for _ in 0..POLLS {
        _ = feed.turn(&heard).await.unwrap();
        sleep(PAUSE).await;
    }
}

/// The processor time so far of all sessions but this one, in microseconds.
async fn backends(watch: &mut PgConnection) -> f64 {
    let sql =
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
    let pids: Vec<i32> = sqlx::query_scalar(sql).fetch_all(watch).await.unwrap();
    pids.into_iter().map(processor_time).sum()
}

/// The processor time so far of a process with one thread, or of the first thread, in microseconds.
///
/// # Panics
/// If the system does not tell: zero would look like a very good figure.
fn processor_time(pid: i32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1_000.0
}

/// What an ending costs Redis with its announcement and without, and for each feed that hears it.
pub(super) fn announcements(
    report: &mut Report,
    area: &str,
    options: &Options,
    runtime: &Handle,
    server: &Server,
) {
    let Some(pid) = server.process_id() else {
        return report.missing(area, "the server's processor time", "the server is not a local process");
    };
    let told = runtime.block_on(RedisStore::single(server.url()).namespace("told").connect()).unwrap();
    let told: Arc<dyn TokenStore> = Arc::new(told);
    let silent = RedisStore::single(server.url()).namespace("silent").patched(
        "revoke.lua",
        "  local noted = redis.pcall('SETRANGE'",
        "  if true then return end\n  local noted = redis.pcall('SETRANGE'",
    );
    let silent: Arc<dyn TokenStore> = Arc::new(runtime.block_on(silent.connect()).unwrap());
    let (mut notes, mut clients, mut questions) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=options.rounds {
        report.progress(&format!("{area}: announcements, round {round} of {}", options.rounds));
        runtime.block_on(async {
            let note = ending(&told, pid, 64).await - ending(&silent, pid, 64).await;
            let alone = ending(&told, pid, 1).await;
            let mut feeds = Vec::new();
            for _ in 0..NODES {
                feeds.push(told.announcer().unwrap().feed().await.unwrap());
            }
            let heard = ending(&told, pid, 1).await;
            let before = processor_time(pid);
            for _ in 0..POLLS {
                for feed in &mut feeds {
                    _ = feed.turn(&Heard::new(|_| {})).await.unwrap();
                }
                sleep(PAUSE).await;
            }
            let asked = processor_time(pid) - before;
            if round > 0 {
                notes.push(note);
                clients.push((heard - alone) / NODES as f64);
                questions.push(asked / f64::from(POLLS) / NODES as f64);
            }
        });
    }
    let what = |what: &str| format!("{area}: server's processor time {what}");
    let note = what("for the announcement of an ending, without a feed");
    report.fact(Fact::of(note, Some(Goal::AtMost(1.5)), "µs", notes));
    let client = what("for each client and each turn of the event loop that announces");
    report.fact(Fact::of(client, Some(Goal::AtMost(5.0)), "µs", clients));
    report.fact(Fact::of(what("for the question of a client, every 20 ms"), None, "µs", questions));
}

/// The server's processor time for an ending, in microseconds, from this number of tasks.
async fn ending(store: &Arc<dyn TokenStore>, pid: i32, tasks: usize) -> f64 {
    let made = Maker::now().make_many(Kind::SESSION, 0, ENDINGS).await;
    insert(store, &made).await;
    let mut made = made.into_iter();
    let before = processor_time(pid);
    let mut ending = JoinSet::new();
    for _ in 0..tasks {
        let (store, share) =
            (store.clone(), made.by_ref().take(ENDINGS.div_ceil(tasks)).collect::<Vec<Made>>());
        ending.spawn(async move {
            for made in share {
                let (subject, login) = (made.record.subject.unwrap(), made.record.login);
                let revocation = Revocation::new(RecordFilter::login(login), Action::Remove);
                assert_eq!(store.revoke_by_subject(&subject, &revocation).await.unwrap(), 1);
            }
        });
    }
    ending.join_all().await;
    (processor_time(pid) - before) / ENDINGS as f64
}
