//! House rules that no lint checks.

use std::io::Result;

use hallpass_checks::{File, files};

/// The limit of a file, in lines. Half of it is comfortable.
const LONGEST: usize = 500;

/// Every Rust file except those that search for the forbidden strings.
fn sources() -> Result<Vec<File>> {
    let mut sources = files("rs")?;
    sources.retain(|file| !file.path.starts_with("checks/"));
    Ok(sources)
}

/// The files that contain one of `needles`.
fn files_with(needles: &[&str]) -> Result<Vec<String>> {
    let mut sources = sources()?;
    sources.retain(|file| needles.iter().any(|needle| file.text.contains(needle)));
    Ok(sources.into_iter().map(|file| file.path).collect())
}

#[test]
fn one_file_asks_the_system_for_the_time() {
    assert_eq!(files_with(&["SystemTime::now"]).unwrap(), ["core/src/clock.rs"]);
}

#[test]
fn no_test_and_no_example_is_switched_off() {
    assert_eq!(files_with(&["#[ignore", "```ignore", ",ignore"]).unwrap(), [""; 0]);
}

#[test]
fn nothing_is_left_to_do() {
    assert_eq!(files_with(&["todo!", "unimplemented!", "FIXME"]).unwrap(), [""; 0]);
}

#[test]
fn no_file_is_longer_than_a_noun() {
    for file in files("rs").unwrap() {
        let lines = file.text.lines().count();
        assert!(lines <= LONGEST, "{} has {lines} lines", file.path);
    }
}
