//! The conformance suite on this store: a file for each namespace, where the suite's children find it too.

use hallpass_conformance_tests::{Capability, Declared, Harness};
use hallpass_core::{BoxError, TokenStore};
use hallpass_custom_store::SqliteStore;

struct Sqlite;

#[async_trait::async_trait]
impl Harness for Sqlite {
    fn backend(&self) -> String {
        format!("sqlite {}", rusqlite::version())
    }
    async fn open(&self, namespace: &str) -> Result<std::sync::Arc<dyn TokenStore>, BoxError> {
        Ok(std::sync::Arc::new(SqliteStore::open(format!("{}/{namespace}.db", env!("CARGO_TARGET_TMPDIR")))?))
    }
    fn declared(&self) -> Declared {
        Declared::everything()
            .without(Capability::PowerLoss, "nobody pulled a plug")
            .without(Capability::Outage, "there is no server")
    }
}

fn main() -> std::process::ExitCode {
    hallpass_conformance_tests::main(Sqlite)
}
