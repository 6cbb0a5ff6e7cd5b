//! The suite on the reference store.

use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use hallpass_conformance_tests::{Capability, Declared, Harness};
use hallpass_core::{BoxError, MemoryStore, TokenStore};

#[derive(Default)]
struct Memory(Mutex<HashMap<String, MemoryStore>>);

#[async_trait::async_trait]
impl Harness for Memory {
    fn backend(&self) -> String {
        "memory".into()
    }
    async fn open(&self, namespace: &str) -> Result<Arc<dyn TokenStore>, BoxError> {
        let mut stores = self.0.lock().map_err(|_| "poisoned")?;
        Ok(Arc::new(stores.entry(namespace.into()).or_default().clone()))
    }
    fn declared(&self) -> Declared {
        Declared::everything()
            .without(Capability::ProcessCrash, "memory only: a restart forgets everybody")
            .without(Capability::Outage, "no server: nothing to stop or to cut off")
    }
}

fn main() -> ExitCode {
    hallpass_conformance_tests::main(Memory::default())
}
