//! actix-session's Redis store.

use std::collections::HashMap;
use std::sync::Arc;

use actix_session::storage::{RedisSessionStore, SessionKey, SessionStore};
use actix_web::cookie::time::Duration;
use hallpass_bench_load::Offer;

use crate::rows::{DEVICE, ROTATING, Random, Stripe, many};
use crate::{Offers, Setting};

const SYSTEM: &str = "actix-session";
const DAY: Duration = Duration::days(1);

pub(crate) async fn offers(setting: &Setting) -> Offers {
    let store = RedisSessionStore::new(setting.server.as_str()).await?;
    let runtime = &setting.runtime;
    let rows = Arc::new(fill(&store, setting.rows).await);
    let rotating = rows.len().min(ROTATING);

    let (read, reads) = (store.clone(), rows.clone());
    let find = move |mut random: Random| {
        let (store, rows, row) = (read.clone(), reads.clone(), random.below(reads.len()));
        async move {
            assert!(store.load(&rows[row]).await.unwrap().is_some());
            random
        }
    };
    let changed = store.clone();
    let rotate = move |mut stripe: Stripe| {
        let (store, rows, row) = (changed.clone(), rows.clone(), stripe.next(rotating));
        async move {
            let state = store.load(&rows[row]).await.unwrap().unwrap();
            store.update(copy(&rows[row]), state, &DAY).await.unwrap();
            stripe
        }
    };
    let made = store.clone();
    let issue = move |number| {
        let store = made.clone();
        async move {
            store.save(state(number), &DAY).await.unwrap();
            number + 1
        }
    };
    let (stocked, handle) = (store.clone(), runtime.clone());
    let stock = move |mut left: Vec<SessionKey>, wanted: usize| {
        left.extend(handle.block_on(fill(&stocked, wanted.saturating_sub(left.len()))));
        Ok(left)
    };
    let revoke = move |key: SessionKey| {
        let store = store.clone();
        async move { store.delete(&key).await.unwrap() }
    };
    Ok(vec![
        Offer::steady(runtime, SYSTEM, "find", |task, _| Random::new(task), find),
        Offer::steady(runtime, SYSTEM, "rotate", Stripe::of, rotate),
        Offer::steady(runtime, SYSTEM, "issue", |task, _| task, issue),
        Offer::stocked(runtime, SYSTEM, "revoke", stock, 60_000, revoke),
    ])
}

async fn fill(store: &RedisSessionStore, count: usize) -> Vec<SessionKey> {
    let store = store.clone();
    let make = move |number| {
        let store = store.clone();
        async move { store.save(state(number), &DAY).await.unwrap() }
    };
    many(0, count, make).await
}

fn state(number: usize) -> HashMap<String, String> {
    HashMap::from([
        ("user_id".to_owned(), format!("\"user-{number:08}\"")),
        ("device".to_owned(), format!("\"{DEVICE}\"")),
    ])
}

fn copy(key: &SessionKey) -> SessionKey {
    key.as_ref().to_owned().try_into().unwrap()
}
