//! House rules that no lint knows.

use std::io::Result;

use hallpass_checks::{File, files};

/// The longest file, in lines. Half of it is comfortable.
const LONGEST: usize = 500;

/// Every Rust file but those that look for what they must not find.
fn sources() -> Result<Vec<File>> {
    let mut sources = files("rs")?;
    sources.retain(|file| !file.path.starts_with("checks/"));
    Ok(sources)
}

fn assert_absent(needle: &str, allowed: &[&str]) {
    for file in sources().unwrap() {
        if !allowed.contains(&file.path.as_str()) {
            assert!(!file.text.contains(needle), "{} contains {needle}", file.path);
        }
    }
}

#[test]
fn one_file_asks_the_system_for_the_time() {
    assert_absent("SystemTime::now", &["core/src/clock.rs"]);
}

#[test]
fn no_test_is_switched_off() {
    assert_absent("#[ignore", &[]);
    // rustdoc compiles every other example.
    assert_absent("```ignore", &[]);
    assert_absent(",ignore", &[]);
}

#[test]
fn nothing_is_left_to_do() {
    assert_absent("todo!", &[]);
    assert_absent("unimplemented!", &[]);
    assert_absent("FIXME", &[]);
}

#[test]
fn no_file_is_longer_than_a_noun() {
    for file in files("rs").unwrap() {
        let lines = file.text.lines().count();
        assert!(lines <= LONGEST, "{} has {lines} lines", file.path);
    }
}
