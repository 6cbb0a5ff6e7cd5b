//! Takes the synchronous standby away for a minute. Every five seconds, prints how many of the server's
//! processes belong to this program, and how long the look-ups of other programs take:

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a tool that measures time"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hallpass_core::store::TokenStore;
use hallpass_core::{Kind, Policy, Subject, Tokens};
use hallpass_store_postgres::PostgresStore;
use hallpass_test_servers::postgres;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

const MINUTE: Duration = Duration::from_secs(60);
const OURS: &str = "select count(*) from pg_stat_activity where application_name = 'hallpass'";
const HANGING: &str = "select count(*) from pg_stat_activity where wait_event = 'SyncRep'";

async fn say(on: &mut PgConnection, sql: &'static str) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(on).await.unwrap();
}

async fn ask(on: &mut PgConnection, sql: &'static str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(on).await.unwrap()
}

#[tokio::main]
async fn main() {
    let server = postgres().unwrap();
    let store = PostgresStore::connect(server.url()).await.unwrap();
    store.migrate().await.unwrap();
    let tokens = Tokens::builder(store.clone()).policy(Policy::session()).build().unwrap();
    let alice = Subject::new("alice").unwrap();
    let login = tokens.begin_login(&alice).await.unwrap();
    let known = tokens.issue(&login, Kind::SESSION).await.unwrap().token.selector();
    let mut on = PgConnection::connect(server.url()).await.unwrap();
    say(&mut on, "alter system set synchronous_standby_names = 'missing'").await;
    say(&mut on, "select pg_reload_conf()").await;
    let (stop, failed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    for number in 0..64 {
        let (tokens, stop, failed) = (tokens.clone(), Arc::clone(&stop), Arc::clone(&failed));
        tokio::spawn(async move {
            let subject = Subject::new(format!("user {number}")).unwrap();
            while !stop.load(Ordering::Relaxed) {
                let done = match tokens.begin_login(&subject).await {
                    Ok(login) => tokens.issue(&login, Kind::SESSION).await.is_ok(),
                    Err(_) => false,
                };
                failed.fetch_add(u64::from(!done), Ordering::Relaxed);
            }
        });
    }
    println!(
        "{:>8} {:>6} {:>8} {:>14} {:>10} {:>10}",
        "seconds", "ours", "hanging", "failed logins", "look-ups", "max ms"
    );
    let began = Instant::now();
    while began.elapsed() < MINUTE {
        let (round, mut count, mut longest) = (Instant::now(), 0, Duration::ZERO);
        while round.elapsed() < Duration::from_secs(5) {
            let before = Instant::now();
            assert!(store.find(known).await.unwrap().is_some());
            longest = longest.max(before.elapsed());
            count += 1;
        }
        let (seconds, failed) = (began.elapsed().as_secs(), failed.load(Ordering::Relaxed));
        let (ours, hanging) = (ask(&mut on, OURS).await, ask(&mut on, HANGING).await);
        let millis = longest.as_secs_f64() * 1_000.0;
        println!("{seconds:>8} {ours:>6} {hanging:>8} {failed:>14} {count:>10} {millis:>10.1}");
    }
    stop.store(true, Ordering::Relaxed);
    say(&mut on, "alter system reset synchronous_standby_names").await;
    say(&mut on, "select pg_reload_conf()").await;
    let began = Instant::now();
    while tokens.begin_login(&Subject::new("bob").unwrap()).await.is_err() {}
    println!("{:>8} a login began again after {:.1} s", "", began.elapsed().as_secs_f64());
}
