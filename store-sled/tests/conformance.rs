//! The conformance suite on store-sled: a folder for each namespace.

use std::process::ExitCode;
use std::sync::Arc;

use hallpass_conformance_tests::{Capability, Declared, Harness};
use hallpass_core::{BoxError, TokenStore};
use hallpass_store_sled::SledStore;

struct Sled;

#[async_trait::async_trait]
impl Harness for Sled {
    fn backend(&self) -> String {
        "sled 0.34".into()
    }
    async fn open(&self, namespace: &str) -> Result<Arc<dyn TokenStore>, BoxError> {
        let folder = format!("{}/conformance/{namespace}", env!("CARGO_TARGET_TMPDIR"));
        Ok(Arc::new(tokio::task::spawn_blocking(move || SledStore::open(folder)).await??))
    }
    fn declared(&self) -> Declared {
        Declared::everything()
            .without(Capability::PowerLoss, "sled calls fsync twice a second, not per write")
            .without(Capability::Outage, "embedded: nothing to stop or to cut off")
    }
    async fn discard(&self, namespace: &str) {
        let _ = std::fs::remove_dir_all(format!("{}/conformance/{namespace}", env!("CARGO_TARGET_TMPDIR")));
    }
}

fn main() -> ExitCode {
    hallpass_conformance_tests::main(Sled)
}
