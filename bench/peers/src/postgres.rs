//! PostgreSQL: tower-sessions, session-guard, bare drivers, and pgbench.

use std::sync::Arc;
use std::time::Instant;

use hallpass_bench_load::rows::Random;
use hallpass_bench_load::{Offer, Turn};
use sqlx::{Connection, PgConnection};
use tower_sessions_core_14::ExpiredDeletion;
use tower_sessions_core_14::SessionStore;
use tower_sessions_sqlx_store::PostgresStore;
use tower_sessions_sqlx_store::sqlx::postgres::PgPoolOptions;

use crate::rows::{VALUE, keys, many};
use crate::{Offers, Setting, external, session_guard, tower};

/// The number of connections of a pool.
pub(crate) const POOL: u32 = 16;
/// The number of pipelined connections.
const PIPELINES: usize = 4;
/// The number of rows that are purged in a turn.
pub(crate) const PURGED: usize = 10_000;

pub(crate) fn add(setting: &mut Setting) {
    let runtime = setting.runtime.clone();
    let offers = runtime.block_on(tower_sessions(setting));
    setting.add("tower-sessions-sqlx-store", offers);
    let offers = runtime.block_on(session_guard::offers(setting));
    setting.add("session-guard PgStore", offers);
    let keys = runtime.block_on(bare(setting));
    let keys = keys.map(Arc::new).map_err(|error| error.to_string());
    let offers = keys.clone().map_err(Into::into).and_then(|keys| sqlx(setting, keys));
    setting.add("sqlx prepared", offers);
    let offers = keys.map_err(Into::into).and_then(|keys| runtime.block_on(pipelined(setting, keys)));
    setting.add("tokio-postgres pipelined", offers);
    let offers = external::pgbench(setting);
    setting.add("pgbench", offers);
}

async fn tower_sessions(setting: &Setting) -> Offers {
    let pool = PgPoolOptions::new().max_connections(POOL).connect(&setting.server).await?;
    let store = PostgresStore::new(pool);
    store.migrate().await?;
    let mut offers = tower::offers(setting, "tower-sessions-sqlx-store", store.clone()).await;
    let (runtime, rows) = (setting.runtime.clone(), setting.rows.min(PURGED));
    let purge = Offer::new("tower-sessions-sqlx-store", "purge", move |_, _| {
        let make = |store: PostgresStore, number| async move {
            store.create(&mut tower::record(number, tower::in_days(-60))).await.unwrap();
        };
        runtime.block_on(many(0, rows, store.clone(), make));
        let start = Instant::now();
        runtime.block_on(store.delete_expired()).map_err(|error| error.to_string())?;
        Ok(Turn::reported(rows as u64, start.elapsed()))
    });
    offers.push(purge.only_from(&[1]));
    Ok(offers)
}

/// Creates a table of keys and values, and returns its keys.
async fn bare(setting: &Setting) -> Result<Vec<[u8; 16]>, sqlx::Error> {
    let mut connection = PgConnection::connect(&setting.server).await?;
    sqlx::query("CREATE TABLE IF NOT EXISTS bare (id bytea PRIMARY KEY, data bytea NOT NULL)")
        .execute(&mut connection)
        .await?;
    let keys = keys(setting.rows);
    for keys in keys.chunks(10_000) {
        let ids: Vec<&[u8]> = keys.iter().map(<[u8; 16]>::as_slice).collect();
        sqlx::query("INSERT INTO bare SELECT id, $2 FROM unnest($1::bytea[]) id")
            .bind(ids)
            .bind(vec![7_u8; VALUE])
            .execute(&mut connection)
            .await?;
    }
    sqlx::query("VACUUM ANALYZE bare").execute(&mut connection).await?;
    Ok(keys)
}

/// sqlx, with a connection of its own for each task.
fn sqlx(setting: &Setting, keys: Arc<Vec<[u8; 16]>>) -> Offers {
    let (runtime, server) = (setting.runtime.clone(), setting.server.clone());
    let state = move |task, _| {
        let connection = runtime.block_on(PgConnection::connect(&server)).unwrap();
        (connection, Random::of(task, 0))
    };
    let step = |keys: Arc<Vec<[u8; 16]>>, (mut connection, mut random): (PgConnection, Random)| async move {
        let key = &keys[random.below(keys.len())][..];
        let found = sqlx::query_scalar::<_, Vec<u8>>("SELECT data FROM bare WHERE id = $1").bind(key);
        assert_eq!(found.fetch_one(&mut connection).await.unwrap().len(), VALUE);
        (connection, random)
    };
    Ok(vec![Offer::steady(&setting.runtime, "sqlx prepared", "find", state, keys, step)])
}

/// A few connections, each with as many queries under way as there are tasks.
async fn pipelined(setting: &Setting, keys: Arc<Vec<[u8; 16]>>) -> Offers {
    let mut clients = Vec::new();
    for _ in 0..PIPELINES {
        let (client, connection) = tokio_postgres::connect(&setting.server, tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        let select = client.prepare("SELECT data FROM bare WHERE id = $1").await?;
        clients.push((client, select));
    }
    type Clients = Arc<Vec<(tokio_postgres::Client, tokio_postgres::Statement)>>;
    type Shared = (Clients, Arc<Vec<[u8; 16]>>);
    let step = |(clients, keys): Shared, (task, mut random): (usize, Random)| async move {
        let ((client, select), key) = (&clients[task % PIPELINES], &keys[random.below(keys.len())][..]);
        let row = client.query_one(select, &[&key]).await.unwrap();
        assert_eq!(row.get::<_, &[u8]>(0).len(), VALUE);
        (task, random)
    };
    let (state, shared) = (|task, _| (task, Random::of(task, 0)), (Arc::new(clients), keys));
    Ok(vec![Offer::steady(&setting.runtime, "tokio-postgres pipelined", "find", state, shared, step)])
}
