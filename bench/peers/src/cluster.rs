//! Redis Cluster: tower-sessions and the bare driver. actix-session has no cluster client.

use redis::cluster::ClusterClient;

use crate::redis::{bare, tower_sessions};
use crate::{Offers, Setting};

const BARE: &str = "redis-rs cluster";

/// Adds the offers. The server is given as the URLs of all nodes, separated by commas.
pub(crate) fn add(setting: &mut Setting) {
    let runtime = setting.runtime.clone();
    let first = setting.server.split(',').next().unwrap_or_default();
    let url = first.replacen("redis://", "redis-cluster://", 1);
    let offers = runtime.block_on(tower_sessions(setting, &url));
    setting.add("tower-sessions-redis-store", offers);
    let offers = runtime.block_on(nodes(setting));
    setting.add(BARE, offers);
}

async fn nodes(setting: &Setting) -> Offers {
    let client = ClusterClient::new(setting.server.split(','))?;
    bare(setting, BARE, client.get_async_connection().await?).await
}
