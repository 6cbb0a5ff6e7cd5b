//! actix-session's Redis store.

use std::collections::HashMap;
use std::sync::Arc;

use actix_session::storage::{RedisSessionStore, SessionKey, SessionStore};
use actix_web::cookie::time::Duration;
use hallpass_bench_load::Offer;
use hallpass_bench_load::rows::{DEVICE, ROTATING, Random, Stripe};

use crate::rows::many;
use crate::{Offers, Setting};

const SYSTEM: &str = "actix-session";
const DAY: Duration = Duration::days(1);

pub(crate) async fn offers(setting: &Setting) -> Offers {
    let store = RedisSessionStore::new(setting.server.as_str()).await?;
    let runtime = &setting.runtime;
    let rows = Arc::new(fill(&store, setting.rows).await);
    let rotating = rows.len().min(ROTATING);

    let find = |(store, rows): (RedisSessionStore, Arc<Vec<SessionKey>>), mut random: Random| async move {
        assert!(store.load(&rows[random.below(rows.len())]).await.unwrap().is_some());
        random
    };
    let rotate = move |(store, rows): (RedisSessionStore, Arc<Vec<SessionKey>>), mut stripe: Stripe| async move {
        let row = &rows[stripe.next(rotating)];
        let state = store.load(row).await.unwrap().unwrap();
        store.update(copy(row), state, &DAY).await.unwrap();
        stripe
    };
    let issue = |store: RedisSessionStore, number| async move {
        store.save(state(number), &DAY).await.unwrap();
        number + 1
    };
    let (stocked, handle) = (store.clone(), runtime.clone());
    let stock = move |missing| handle.block_on(fill(&stocked, missing));
    let revoke = |store: RedisSessionStore, key: SessionKey| async move { store.delete(&key).await.unwrap() };
    let shared = (store.clone(), rows);
    Ok(vec![
        Offer::steady(runtime, SYSTEM, "find", Random::of, shared.clone(), find),
        Offer::steady(runtime, SYSTEM, "rotate", Stripe::of, shared, rotate),
        Offer::steady(runtime, SYSTEM, "issue", |task, _| task, store.clone(), issue),
        Offer::stocked(runtime, SYSTEM, "revoke", stock, 60_000, store, revoke),
    ])
}

async fn fill(store: &RedisSessionStore, count: usize) -> Vec<SessionKey> {
    let make =
        |store: RedisSessionStore, number| async move { store.save(state(number), &DAY).await.unwrap() };
    many(0, count, store.clone(), make).await
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
