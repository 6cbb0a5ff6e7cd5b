//! Our stores on real servers, beside the libraries that are in use on them today.

use std::env;

use hallpass_test_servers::{Backend, Error, Launch, Server, redis, redis_cluster};
use tokio::runtime::Handle;

use crate::open::{self, Store};
use crate::options::Options;
use crate::ours::Ours;
use crate::peers::Peers;
use crate::report::Report;
use crate::run;

/// The number of rows that are purged in a turn.
const PURGED: usize = 10_000;

pub(crate) fn postgres(report: &mut Report, options: &Options, runtime: &Handle) {
    report.progress("postgres: starting a server");
    let Some(server) = started(report, "postgres", postgres_server(None)) else { return };
    let store = runtime.block_on(open::postgres(server.url()));
    let ours = ours(report, "postgres", options, runtime, store);
    let mut offers = ours.as_ref().map(Ours::offers).unwrap_or_default();
    offers.extend(ours.iter().map(|ours| ours.purge(options.rows.min(PURGED))));
    let peers = Peers::start(report, "postgres", server.url(), options.rows);
    offers.extend(peers.iter().flat_map(Peers::offers));
    run::area(report, "postgres", offers, options);
}

/// Redis has no purge: its keys have a time to live.
pub(crate) fn redis_single(report: &mut Report, options: &Options, runtime: &Handle) {
    report.progress("redis: starting a server");
    let Some(server) = started(report, "redis", redis()) else { return };
    let store = runtime.block_on(open::redis(server.url()));
    let ours = ours(report, "redis", options, runtime, store);
    let mut offers = ours.as_ref().map(Ours::offers).unwrap_or_default();
    let peers = Peers::start(report, "redis", server.url(), options.rows);
    offers.extend(peers.iter().flat_map(Peers::offers));
    run::area(report, "redis", offers, options);
}

pub(crate) fn redis_clustered(report: &mut Report, options: &Options, runtime: &Handle) {
    report.progress("redis cluster: starting six servers");
    let Some(cluster) = started(report, "redis cluster", redis_cluster()) else { return };
    let urls = cluster.urls().join(",");
    let store = runtime.block_on(open::redis_cluster(&cluster.urls()));
    let ours = ours(report, "redis cluster", options, runtime, store);
    let mut offers = ours.as_ref().map(Ours::offers).unwrap_or_default();
    let peers = Peers::start(report, "redis cluster", &urls, options.rows);
    offers.extend(peers.iter().flat_map(Peers::offers));
    run::area(report, "redis cluster", offers, options);
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
pub(crate) fn started<T>(report: &mut Report, area: &str, found: Result<T, Error>) -> Option<T> {
    found.map_err(|error| report.missing(area, "the server", &error.to_string())).ok()
}

fn ours(report: &mut Report, area: &str, options: &Options, runtime: &Handle, store: Store) -> Option<Ours> {
    report.progress(&format!("{area}: filling our store"));
    match store {
        Ok(store) => Some(runtime.block_on(Ours::load(store, options.rows))),
        Err(reason) => {
            report.missing(area, "hallpass", &reason);
            None
        }
    }
}
