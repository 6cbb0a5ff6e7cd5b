//! session-guard's PgStore, with the calls that its guard makes for the same operation.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use hallpass_bench_load::rows::{ROTATING, Random, Stripe};
use hallpass_bench_load::{Offer, Turn};
use session_guard::store::{PgStore, Rotation, SessionRecord, SessionStore, SessionUpdate, Supersede};
use session_guard::{Baseline, Fingerprint, TokenHash};
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

use crate::postgres::{POOL, PURGED};
use crate::rows::many;
use crate::{Offers, Setting};

const SYSTEM: &str = "session-guard PgStore";
/// The number of logins of a subject.
const LOGINS: usize = 10;

pub(crate) async fn offers(setting: &Setting) -> Offers {
    let pool = PgPoolOptions::new().max_connections(POOL).connect(&setting.server).await?;
    let store = PgStore::migrated(pool).await?;
    let runtime = &setting.runtime;
    let rows = fill(&store, 0, setting.rows, in_days(1)).await;
    let rotating = rows[..ROTATING.min(rows.len() / 2)].iter().map(|row| Mutex::new(*row));
    let rotating: Arc<Vec<_>> = Arc::new(rotating.collect());
    // Rotated sessions change their tokens, so only the other ones are read.
    let read: Arc<Vec<_>> = Arc::new(rows[rotating.len()..].to_vec());
    let find = |(store, rows): (PgStore, Arc<Vec<(Uuid, TokenHash)>>), mut random: Random| async move {
        assert!(store.find_by_token(&rows[random.below(rows.len())].1).await.unwrap().is_some());
        random
    };
    let rotate = |(store, rows): (PgStore, Arc<Vec<Mutex<_>>>), mut stripe: Stripe| async move {
        let row = &rows[stripe.next(rows.len())];
        let (session, hash) = *row.lock().unwrap();
        let next = random_hash();
        assert!(store.find_by_token(&hash).await.unwrap().is_some());
        assert!(store.apply(&rotation(session, hash, next)).await.unwrap());
        row.lock().unwrap().1 = next;
        stripe
    };
    let issue = |store: PgStore, number| async move {
        store.insert_session(&record(80_000_000 + number, in_days(1)), &random_hash()).await.unwrap();
        number + 1
    };
    let (stocked, handle, mut first) = (store.clone(), runtime.clone(), 90_000_000);
    let stock = move |missing| {
        first += missing;
        handle.block_on(fill(&stocked, first - missing, missing, in_days(1)))
    };
    let revoke = |store: PgStore, (session, _)| async move {
        assert!(store.delete_session(session).await.unwrap());
    };
    let subjects = setting.rows.div_ceil(LOGINS);
    let list = move |store: PgStore, mut random: Random| async move {
        let subject = subject(random.below(subjects) * LOGINS);
        assert!(!store.list_subject_sessions(&subject).await.unwrap().is_empty());
        random
    };
    Ok(vec![
        Offer::steady(runtime, SYSTEM, "find", Random::of, (store.clone(), read), find),
        Offer::steady(runtime, SYSTEM, "rotate", Stripe::of, (store.clone(), rotating), rotate),
        Offer::steady(runtime, SYSTEM, "issue", |task, _| task, store.clone(), issue),
        Offer::stocked(runtime, SYSTEM, "revoke", stock, 20_000, store.clone(), revoke),
        Offer::steady(runtime, SYSTEM, "list", Random::of, store.clone(), list),
        purge(setting, store),
    ])
}

fn purge(setting: &Setting, store: PgStore) -> Offer<'static> {
    let (runtime, rows) = (setting.runtime.clone(), setting.rows.min(PURGED));
    let offer = Offer::new(SYSTEM, "purge", move |_, _| {
        runtime.block_on(fill(&store, 70_000_000, rows, in_days(-60)));
        let start = Instant::now();
        let gone = runtime.block_on(store.delete_expired(Utc::now(), in_days(-3_650)));
        let gone = gone.map_err(|error| error.to_string())?;
        Ok(Turn::reported(gone, start.elapsed()))
    });
    offer.only_from(&[1])
}

/// The update that its guard requests when the current token is presented for the first time and is due.
fn rotation(session: Uuid, hash: TokenHash, next: TokenHash) -> SessionUpdate {
    let now = Utc::now();
    let prune_superseded_before = now - TimeDelta::seconds(30);
    let rotation = Rotation { new_token: next, supersede: Supersede::Exact(hash), prune_superseded_before };
    SessionUpdate { mark_used: Some(hash), rotation: Some(rotation), ..SessionUpdate::touch(session, now) }
}

async fn fill(store: &PgStore, first: usize, count: usize, expires: DateTime<Utc>) -> Vec<(Uuid, TokenHash)> {
    let make = move |store: PgStore, number| async move {
        let (record, hash) = (record(number, expires), random_hash());
        store.insert_session(&record, &hash).await.unwrap();
        (record.id, hash)
    };
    many(first, count, store.clone(), make).await
}

fn record(number: usize, expires_at: DateTime<Utc>) -> SessionRecord {
    let now = Utc::now();
    let created_at = now.min(expires_at - TimeDelta::days(1));
    SessionRecord {
        id: Uuid::new_v4(),
        subject: subject(number),
        created_at,
        authenticated_at: created_at,
        last_seen_at: created_at,
        expires_at,
        step_up_required: false,
        baseline: Baseline::new(Fingerprint::default()),
        origin: None,
    }
}

/// The subject as canonical JSON, which session-guard requires.
fn subject(number: usize) -> String {
    format!("\"user-{:08}\"", number / LOGINS)
}

fn random_hash() -> TokenHash {
    let (one, other) = (Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes());
    TokenHash::of(&format!("{one:?}{other:?}"))
}

fn in_days(days: i64) -> DateTime<Utc> {
    Utc::now() + TimeDelta::days(days)
}
