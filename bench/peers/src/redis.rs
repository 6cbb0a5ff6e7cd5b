//! Redis, a single server: tower-sessions, actix-session, the bare driver, and redis-benchmark.

use std::sync::Arc;

use hallpass_bench_load::Offer;
use hallpass_bench_load::rows::{ROTATING, Random, Stripe};
use redis::aio::ConnectionLike;
use redis::{Client, pipe};
use tower_sessions_redis_store::RedisStore;
use tower_sessions_redis_store::fred::prelude::{ClientLike, Config, Pool};

use crate::rows::{VALUE, keys};
use crate::{Offers, Setting, actix, external, tower};

/// The number of connections, as in the example of tower-sessions.
pub(crate) const POOL: usize = 6;
const BARE: &str = "redis-rs multiplexed";

pub(crate) fn add(setting: &mut Setting) {
    let runtime = setting.runtime.clone();
    let offers = runtime.block_on(tower_sessions(setting, &setting.server));
    setting.add("tower-sessions-redis-store", offers);
    let offers = runtime.block_on(actix::offers(setting));
    setting.add("actix-session", offers);
    let offers = runtime.block_on(single(setting));
    setting.add(BARE, offers);
    let offers = external::redis_benchmark(setting);
    setting.add("redis-benchmark", offers);
}

pub(crate) async fn tower_sessions(setting: &Setting, url: &str) -> Offers {
    let pool = Pool::new(Config::from_url(url)?, None, None, None, POOL)?;
    pool.init().await?;
    Ok(tower::offers(setting, "tower-sessions-redis-store", RedisStore::new(pool)).await)
}

async fn single(setting: &Setting) -> Offers {
    let connection = Client::open(setting.server.as_str())?.get_multiplexed_async_connection().await?;
    bare(setting, BARE, connection).await
}

/// The bare driver: one connection for all tasks, and plain bytes as values.
pub(crate) async fn bare<C>(setting: &Setting, system: &str, connection: C) -> Offers
where
    C: ConnectionLike + Clone + Send + Sync + 'static,
{
    let keys: Arc<Vec<_>> =
        Arc::new(keys(setting.rows).into_iter().map(|key| [&b"bare:"[..], &key].concat()).collect());
    let mut filling = connection.clone();
    for keys in keys.chunks(1_000) {
        let mut fill = pipe();
        for key in keys {
            fill.set(key, &[7_u8; VALUE]).ignore();
        }
        for command in fill.cmd_iter() {
            command.query_async::<()>(&mut filling).await?;
        }
    }
    let find = |(mut connection, keys): (C, Arc<Vec<Vec<u8>>>), mut random: Random| async move {
        let row = &keys[random.below(keys.len())];
        let found: Vec<u8> = redis::cmd("GET").arg(row).query_async(&mut connection).await.unwrap();
        assert_eq!(found.len(), VALUE);
        random
    };
    let rotating = keys.len().min(ROTATING);
    let rotate = move |(mut connection, keys): (C, Arc<Vec<Vec<u8>>>), mut stripe: Stripe| async move {
        let row = &keys[stripe.next(rotating)];
        let found: Vec<u8> = redis::cmd("GET").arg(row).query_async(&mut connection).await.unwrap();
        redis::cmd("SET").arg(row).arg(&found).query_async::<()>(&mut connection).await.unwrap();
        stripe
    };
    let shared = (connection, keys);
    Ok(vec![
        Offer::steady(&setting.runtime, system, "find", Random::of, shared.clone(), find),
        Offer::steady(&setting.runtime, system, "rotate", Stripe::of, shared, rotate),
    ])
}
