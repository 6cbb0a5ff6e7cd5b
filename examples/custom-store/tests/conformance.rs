//! Runs the suite on this store, with a file for each namespace.

use std::process::ExitCode;

use hallpass_conformance_tests::{Backend, Capability};
use hallpass_custom_store::SqliteStore;

fn main() -> ExitCode {
    let file = |namespace: &str| format!("{}/{namespace}.db", env!("CARGO_TARGET_TMPDIR"));
    let sqlite = Backend::blocking(format!("sqlite {}", rusqlite::version()), move |namespace| {
        Ok(SqliteStore::open(file(namespace))?)
    })
    .discard(move |namespace| async move {
        let _ = ["", "-wal", "-shm"].map(|suffix| std::fs::remove_file(file(&namespace) + suffix));
    })
    .damage(move |namespace, selector| {
        let rows = rusqlite::Connection::open(file(namespace))?.execute(
            "UPDATE tokens SET body = zeroblob(100000) WHERE selector = ?1",
            [selector.0.as_slice()],
        )?;
        if rows == 1 { Ok(()) } else { Err("there is no such row".into()) }
    })
    .without(Capability::PowerLoss, "not tested with a power loss")
    .without(Capability::Outage, "there is no server")
    .without(Capability::Feed, "this store announces nothing");
    hallpass_conformance_tests::main(sqlite)
}
