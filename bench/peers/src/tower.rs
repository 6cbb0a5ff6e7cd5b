//! tower-sessions over its server stores, as most axum applications use it.

use std::collections::HashMap;
use std::sync::Arc;

use hallpass_bench_load::Offer;
use hallpass_bench_load::rows::{DEVICE, ROTATING, Random, Stripe};
use time::{Duration, OffsetDateTime};
use tower_sessions_core_14::SessionStore;
use tower_sessions_core_14::session::{Id, Record};

use crate::Setting;
use crate::rows::many;

/// The offers of one of its stores.
pub(crate) async fn offers<S: SessionStore + Clone>(
    setting: &Setting,
    system: &str,
    store: S,
) -> Vec<Offer<'static>> {
    let runtime = &setting.runtime;
    let rows = Arc::new(fill(&store, setting.rows).await);
    let rotating = ROTATING.min(rows.len());
    let find = |(store, rows): (S, Arc<Vec<Id>>), mut random: Random| async move {
        assert!(store.load(&rows[random.below(rows.len())]).await.unwrap().is_some());
        random
    };
    let rotate = move |(store, rows): (S, Arc<Vec<Id>>), mut stripe: Stripe| async move {
        let mut record = store.load(&rows[stripe.next(rotating)]).await.unwrap().unwrap();
        record.expiry_date += Duration::milliseconds(1);
        store.save(&record).await.unwrap();
        stripe
    };
    let issue = |store: S, number| async move {
        store.create(&mut record(number, in_days(1))).await.unwrap();
        number + 1
    };
    let (stocked, handle) = (store.clone(), runtime.clone());
    let stock = move |missing| handle.block_on(fill(&stocked, missing));
    let revoke = |store: S, id| async move { store.delete(&id).await.unwrap() };
    let shared = (store.clone(), rows);
    vec![
        Offer::steady(runtime, system, "find", Random::of, shared.clone(), find),
        Offer::steady(runtime, system, "rotate", Stripe::of, shared, rotate),
        Offer::steady(runtime, system, "issue", |task, _| task, store.clone(), issue),
        Offer::stocked(runtime, system, "revoke", stock, 20_000, store, revoke),
    ]
}

/// Creates this number of sessions.
pub(crate) async fn fill<S: SessionStore + Clone>(store: &S, count: usize) -> Vec<Id> {
    let make = |store: S, number| async move {
        let mut record = record(number, in_days(1));
        store.create(&mut record).await.unwrap();
        record.id
    };
    many(0, count, store.clone(), make).await
}

/// A session as axum-login stores it, with a description of the device.
pub(crate) fn record(number: usize, expiry_date: OffsetDateTime) -> Record {
    let data = HashMap::from([
        ("user_id".to_owned(), format!("user-{number:08}").into()),
        ("auth_hash".to_owned(), vec![7; 32].into()),
        ("device".to_owned(), DEVICE.into()),
    ]);
    Record { id: Id::default(), data, expiry_date }
}

pub(crate) fn in_days(days: i64) -> OffsetDateTime {
    OffsetDateTime::now_utc() + Duration::days(days)
}
