//! A page of a site whose sessions are in memory, beside the same page over the memory store.

use std::sync::Arc;

use hallpass_bench_load::http;
use hallpass_bench_load::site::{call_in, serve};
use hallpass_core::store::TokenStore;
use hallpass_core::{MemoryStore, Tokens};
use tokio::runtime::Handle;

use super::verify::hits;
use super::{compared, keeping, policy};
use crate::options::Options;
use crate::report::{Goal, Report};
use crate::run;
use crate::web;

const OURS: &str = "hallpass-web, near cache";
const MEMORY: &str = "the same over MemoryStore";
const PAGE: &str = "page in process";

pub(super) fn bench(
    report: &mut Report,
    area: &str,
    options: &Options,
    runtime: &Handle,
    store: &Arc<dyn TokenStore>,
) {
    if !options.measures(PAGE) {
        return;
    }
    let near = keeping(store, 1_000);
    let memory = Tokens::builder(MemoryStore::new()).policy(policy()).build().unwrap();
    let mut offers = Vec::new();
    for (system, tokens) in [(OURS, near.clone()), (MEMORY, memory)] {
        let site = web::site(tokens);
        let address = serve(runtime, &site).unwrap();
        // The first request of the session starts the turns of the feed, in the runtime.
        let cookies = runtime.block_on(http::log_in(address, "/login", "")).unwrap();
        offers.push(call_in(runtime, system, PAGE, &site, "/", &cookies));
    }
    let before = near.near_cache_stats().unwrap();
    run::grown(report, area, None, offers, options);
    let after = near.near_cache_stats().unwrap();
    report.fact(hits(&format!("{area}, pages"), &before, &after));
    let what = ("a page with a kept session, above one over the memory store", Goal::AtMost(1.0), "µs");
    let micros = |mine, theirs| 1e6 / mine - 1e6 / theirs;
    compared(report, (area, PAGE, 1), (OURS, MEMORY), what, micros);
}
