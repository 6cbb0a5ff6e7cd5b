//! Runs the suite on this store, with an actor for each namespace.

use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use hallpass_conformance_tests::{Backend, Capability};
use hallpass_custom_store::ActorStore;

fn main() -> ExitCode {
    let stores: Arc<Mutex<HashMap<String, ActorStore>>> = Arc::default();
    let discarded = Arc::clone(&stores);
    let actor = Backend::new("actor", move |namespace| {
        let mut stores = stores.lock().unwrap_or_else(PoisonError::into_inner);
        // A second node: another handle of the same actor.
        let store = stores.entry(namespace).or_insert_with(ActorStore::empty).clone();
        async move { Ok(store) }
    })
    .discard(move |namespace| {
        discarded.lock().unwrap_or_else(PoisonError::into_inner).remove(&namespace);
        async {}
    })
    .without(Capability::ProcessCrash, "the tables are gone when the actor stops")
    .without(Capability::Outage, "no server: nothing to stop or to cut off");
    hallpass_conformance_tests::main(actor)
}
