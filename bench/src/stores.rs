//! Our stores, beside the libraries that are in use today on the same servers, or embedded.

use std::env;
use std::sync::Arc;

use hallpass_store_sled::SledStore;
use hallpass_test_servers::{Backend, Error, Launch, Server, redis, redis_cluster};
use tokio::runtime::Handle;

use crate::open::{self, Store};
use crate::options::Options;
use crate::ours::Ours;
use crate::report::Report;
use crate::run;

/// The number of rows that are purged in a turn.
const PURGED: usize = 10_000;

pub(crate) fn sled(report: &mut Report, options: &Options, runtime: &Handle) {
    let folder = tempfile::tempdir().unwrap();
    let store = SledStore::open(folder.path()).unwrap();
    beside(report, "sled", "-", options, runtime, (Ok(Arc::new(store)), true));
}

pub(crate) fn postgres(report: &mut Report, options: &Options, runtime: &Handle) {
    let Some(server) = started(report, "postgres", || postgres_server(None)) else { return };
    let store = runtime.block_on(open::postgres(server.url()));
    beside(report, "postgres", server.url(), options, runtime, (store, true));
}

/// Redis has no purge: its keys have a time to live.
pub(crate) fn redis_single(report: &mut Report, options: &Options, runtime: &Handle) {
    let Some(server) = started(report, "redis", redis) else { return };
    let store = runtime.block_on(open::redis(server.url()));
    beside(report, "redis", server.url(), options, runtime, (store, false));
}

pub(crate) fn redis_clustered(report: &mut Report, options: &Options, runtime: &Handle) {
    let Some(cluster) = started(report, "redis cluster", redis_cluster) else { return };
    let store = runtime.block_on(open::redis_cluster(&cluster.urls()));
    beside(report, "redis cluster", &cluster.urls().join(","), options, runtime, (store, false));
}

/// Starts a server with room for 64 connections of each system, and a cache of this size, such as `4GB`.
pub(crate) fn postgres_server(cache: Option<&str>) -> Result<Server, Error> {
    let launch = Launch::new(Backend::Postgres);
    if env::var_os("HALLPASS_POSTGRES_URL").is_some_and(|url| !url.is_empty()) {
        return launch.start();
    }
    let launch = launch.setting("max_connections", "300");
    match cache {
        Some(cache) => launch.setting("shared_buffers", cache),
        None => launch,
    }
    .start()
}

/// Returns what was started. If nothing was, reports the server as missing.
pub(crate) fn started<T>(report: &mut Report, area: &str, start: impl Fn() -> Result<T, Error>) -> Option<T> {
    report.progress(&format!("{area}: starting a server"));
    start().map_err(|error| report.missing(area, "the server", &error.to_string())).ok()
}

/// Measures a store of ours, and whether it purges, beside the peers at `server`.
fn beside(
    report: &mut Report,
    area: &str,
    server: &str,
    options: &Options,
    runtime: &Handle,
    (store, purges): (Store, bool),
) {
    report.progress(&format!("{area}: filling our store"));
    let mut offers = Vec::new();
    match store {
        Ok(store) => {
            let ours = runtime.block_on(Ours::load(store, options.rows));
            offers.extend(ours.offers());
            offers.extend(purges.then(|| ours.purge(options.rows.min(PURGED))));
        }
        Err(reason) => report.missing(area, "hallpass", &reason),
    }
    run::area(report, area, offers, (server, options.rows), options);
}
