//! Our store on sled, beside the bare engine and other embeddable engines.

use std::sync::Arc;

use hallpass_core::store::TokenStore;
use hallpass_store_sled::SledStore;
use tokio::runtime::Handle;

use crate::options::Options;
use crate::ours::Ours;
use crate::peers::Peers;
use crate::report::Report;
use crate::run;

pub(crate) fn bench(report: &mut Report, options: &Options, runtime: &Handle) {
    let folder = tempfile::tempdir().unwrap();
    report.progress("sled: filling the store");
    let store: Arc<dyn TokenStore> = Arc::new(SledStore::open(folder.path()).unwrap());
    let ours = runtime.block_on(Ours::load(store, options.rows));
    let mut offers = ours.offers();
    offers.push(ours.purge(options.rows.min(10_000)));
    let peers = Peers::start(report, "sled", "-", options.rows);
    offers.extend(peers.iter().flat_map(Peers::offers));
    run::area(report, "sled", offers, options);
}
