//! The suite on store-sled: a folder for each namespace.

use std::process::ExitCode;

use hallpass_conformance_tests::{Backend, Capability};
use hallpass_store_sled::SledStore;

fn main() -> ExitCode {
    let folder = |namespace: &str| format!("{}/conformance/{namespace}", env!("CARGO_TARGET_TMPDIR"));
    let sled = Backend::blocking("sled 0.34", move |namespace| Ok(SledStore::open(folder(namespace))?))
        .discard(move |namespace| async move { drop(std::fs::remove_dir_all(folder(&namespace))) })
        .without(Capability::PowerLoss, "sled calls fsync twice a second, not per write")
        .without(Capability::Outage, "embedded: nothing to stop or to cut off");
    hallpass_conformance_tests::main(sled)
}
