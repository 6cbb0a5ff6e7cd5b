//! What people use to save the trip to the store: a JSON web token, or tower-sessions with a cache in memory, of which
//! no other node hears when a session ends.

use std::hint::black_box;
use std::sync::Arc;

use hallpass_bench_load::Offer;
use hallpass_bench_load::rows::Zipf;
use jsonwebtoken::Algorithm;
use tokio::task::coop::consume_budget;
use tower_sessions_core_14::SessionStore;
use tower_sessions_core_14::session::Id;
use tower_sessions_core_14::session_store::CachingSessionStore;
use tower_sessions_moka_store::MokaStore;
use tower_sessions_redis_store::RedisStore;
use tower_sessions_redis_store::fred::prelude::{ClientLike, Config, Pool};
use tower_sessions_sqlx_store::PostgresStore;
use tower_sessions_sqlx_store::sqlx::postgres::PgPoolOptions;

use crate::memory::{BATCH, jwt};
use crate::{Offers, Setting, postgres, redis, tower};

const JWT: &str = "jsonwebtoken HS256";
const CACHING: &str = "tower-sessions CachingSessionStore, moka";
const ALONE: &str = "verify on one thread";

pub(crate) fn postgres(setting: &mut Setting) {
    let open = async |setting: &Setting| -> Offers {
        let pool = PgPoolOptions::new().max_connections(postgres::POOL).connect(&setting.server).await?;
        let store = PostgresStore::new(pool);
        store.migrate().await?;
        Ok(cached(setting, store).await)
    };
    let offers = setting.runtime.clone().block_on(open(setting));
    add(setting, offers);
}

pub(crate) fn redis(setting: &mut Setting) {
    let open = async |setting: &Setting| -> Offers {
        let pool = Pool::new(Config::from_url(&setting.server)?, None, None, None, redis::POOL)?;
        pool.init().await?;
        Ok(cached(setting, RedisStore::new(pool)).await)
    };
    let offers = setting.runtime.clone().block_on(open(setting));
    add(setting, offers);
}

fn add(setting: &mut Setting, offers: Offers) {
    setting.add(CACHING, offers);
    setting.add(JWT, Ok(vec![Offer::counted(JWT, ALONE, BATCH, jwt(Algorithm::HS256))]));
}

/// Loads sessions that are all in the cache.
async fn cached<S: SessionStore + Clone>(setting: &Setting, store: S) -> Vec<Offer<'static>> {
    let ids = Arc::new(tower::fill(&store, setting.rows).await);
    let store = CachingSessionStore::new(MokaStore::new(None), store);
    for id in ids.iter() {
        assert!(store.load(id).await.unwrap().is_some());
    }
    let zipf = Zipf::among(ids.len());
    let (mut alone, shared, runtime) = (zipf.clone(), (store.clone(), ids.clone()), setting.runtime.clone());
    let batch = move || {
        runtime.block_on(async {
            for _ in 0..BATCH {
                assert!(black_box(store.load(&ids[alone.pick()]).await).unwrap().is_some());
            }
        });
    };
    type Shared<S> = (CachingSessionStore<MokaStore, S>, Arc<Vec<Id>>);
    let step = |(store, ids): Shared<S>, mut zipf: Zipf| async move {
        // As for hallpass: a hit never waits, and others get their turn.
        consume_budget().await;
        assert!(store.load(&ids[zipf.pick()]).await.unwrap().is_some());
        zipf
    };
    let state = move |task, tasks| zipf.of(task, tasks);
    vec![
        // It runs the batch, which blocks.
        tokio::task::block_in_place(|| Offer::counted(CACHING, ALONE, BATCH, batch)),
        Offer::steady(&setting.runtime, CACHING, "verify", state, shared, step),
    ]
}
