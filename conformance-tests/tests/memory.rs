//! Runs the suite on the reference store.

use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::Mutex;

use hallpass_conformance_tests::{Backend, Capability};
use hallpass_core::MemoryStore;

fn main() -> ExitCode {
    let stores: Mutex<HashMap<String, MemoryStore>> = Mutex::default();
    let memory = Backend::blocking("memory", move |namespace| {
        let mut stores = stores.lock().map_err(|_| "a case panicked while it opened a store")?;
        Ok(stores.entry(namespace.to_owned()).or_default().clone())
    })
    .without(Capability::ProcessCrash, "memory only: a restart forgets everybody")
    .without(Capability::Outage, "no server: nothing to stop or to cut off");
    hallpass_conformance_tests::main(memory)
}
