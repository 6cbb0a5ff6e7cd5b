//! The layer as a browser sees it: a site, and a client with a cookie jar.
//!
//! `README.md` in this folder says which case mirrors which case of another project's suite.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test may panic")]

mod browser;
#[path = "../../examples/cached_users/loader.rs"]
mod cached_users;
mod heard;
mod jar;
mod routes;
mod site;
mod users;
mod wire;

mod accounts;
mod attempts;
mod audience;
mod cookies;
mod csrf;
mod data;
mod devices;
mod events;
mod garbage;
mod honest;
mod keys;
mod late;
mod locked;
mod login;
mod logout;
mod near;
mod once;
mod origin;
mod outage;
mod overtaken;
mod protection;
mod races;
mod remember;
mod required;
mod streams;
mod theft;

/// Runs the same cases again with sled instead of memory, in another process.
#[test]
fn every_case_holds_over_sled_too() {
    if std::env::var_os(site::ON_DISK).is_some() {
        return;
    }
    let program = std::env::current_exe().unwrap();
    let output = std::process::Command::new(program).env(site::ON_DISK, "1").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn every_case_stands_in_the_table() {
    let table = include_str!("README.md");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it");
    let mut cases = 0;
    for file in
        std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).filter(|path| path.is_file())
    {
        let text = std::fs::read_to_string(file).unwrap();
        for part in text.split("#[tokio::test").skip(1) {
            let Some((_, part)) = part.split_once("]\nasync fn ") else { continue };
            let name = part.split('(').next().unwrap();
            assert!(table.contains(&format!("| `{name}` |")), "{name}");
            cases += 1;
        }
    }
    assert!(table.contains(&format!("\n{cases} cases ")), "{cases} cases");
}
