//! tower-sessions over its server stores, as most axum applications use it.

use std::collections::HashMap;
use std::sync::Arc;

use hallpass_bench_load::Offer;
use time::{Duration, OffsetDateTime};
use tower_sessions_core_14::SessionStore;
use tower_sessions_core_14::session::{Id, Record};

use crate::Setting;
use crate::rows::{DEVICE, ROTATING, Random, Stripe, many};

/// The offers of one of its stores.
pub(crate) async fn offers<S: SessionStore + Clone>(
    setting: &Setting,
    system: &str,
    store: S,
) -> Vec<Offer<'static>> {
    let (runtime, rows) = (&setting.runtime, setting.rows);
    let rows = Arc::new(fill(&store, rows).await);
    let rotating = rows[..ROTATING.min(rows.len())].to_vec();
    let mut offers = Vec::new();

    let read = store.clone();
    offers.push(Offer::steady(
        runtime,
        system,
        "find",
        |task, _| Random::new(task),
        move |mut random| {
            let (store, id) = (read.clone(), rows[random.below(rows.len())]);
            async move {
                assert!(store.load(&id).await.unwrap().is_some());
                random
            }
        },
    ));
    let changed = store.clone();
    offers.push(Offer::steady(runtime, system, "rotate", Stripe::of, move |mut stripe| {
        let (store, id) = (changed.clone(), rotating[stripe.next(rotating.len())]);
        async move {
            let mut record = store.load(&id).await.unwrap().unwrap();
            record.expiry_date += Duration::milliseconds(1);
            store.save(&record).await.unwrap();
            stripe
        }
    }));
    let made = store.clone();
    offers.push(Offer::steady(
        runtime,
        system,
        "issue",
        |task, _| task,
        move |number| {
            let store = made.clone();
            async move {
                store.create(&mut record(number, in_days(1))).await.unwrap();
                number + 1
            }
        },
    ));
    let (stocked, handle) = (store.clone(), setting.runtime.clone());
    let stock = move |mut left: Vec<Id>, wanted: usize| {
        left.extend(handle.block_on(fill(&stocked, wanted.saturating_sub(left.len()))));
        Ok(left)
    };
    offers.push(Offer::stocked(runtime, system, "revoke", stock, 20_000, move |id| {
        let store = store.clone();
        async move { store.delete(&id).await.unwrap() }
    }));
    offers
}

/// Creates this number of sessions.
async fn fill<S: SessionStore + Clone>(store: &S, count: usize) -> Vec<Id> {
    let store = store.clone();
    let make = move |number| {
        let store = store.clone();
        async move {
            let mut record = record(number, in_days(1));
            store.create(&mut record).await.unwrap();
            record.id
        }
    };
    many(0, count, make).await
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
