//! Starting and stopping.

use std::io::Read;
use std::net::TcpListener;
use std::process::{Command, Output};

use crate::client::Browser;
use crate::server::{Server, run, store};

#[track_caller]
fn fails(output: &Output, code: i32, words: &str) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{error}");
    assert!(error.contains(words), "{error} should say {words}");
    assert_eq!(error.lines().count(), 1, "one clear line: {error}");
}

#[test]
fn help_names_every_flag() {
    let output = run(&["--help"]);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    for flag in [
        "--listen",
        "--store",
        "--remember-retry",
        "--remember-overlap",
        "--remember-min-interval",
        "--near-cache",
        "--insecure-cookies",
        "--help",
    ] {
        assert!(text.contains(flag), "{flag}");
    }
}

#[test]
fn bad_flags_are_refused_before_anything_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("data");
    let store = store(&place);
    for (args, words) in [
        (["--remember-overlap", "40"], "the least interval is at least twice the overlap"),
        (["--remember-retry", "99999999"], "the retry window is shorter than the idle lifetime"),
        (["--remember-retry", "soon"], "not a number of seconds"),
        (["--remember-retry", "-1"], "not a number of seconds"),
        (["--remember-retry", "NaN"], "not a number of seconds"),
        (["--near-cache", "601"], "a cache keeps a record for at most ten minutes"),
        (["--near-cache", "often"], "not a number of seconds"),
        (["--store", "mongodb://x"], "a store is one of memory:, "),
        (["--store", "sled:"], "a store is one of"),
        (["--store", "memory:x"], "a store is one of"),
        (["--colour", "red"], "--colour"),
        (["--insecure-cookies", "now"], "an argument without its flag"),
    ] {
        let output = run(&["--store", &store, args[0], args[1]]);
        fails(&output, 2, words);
        assert_eq!(String::from_utf8_lossy(&output.stderr).matches(words).count(), 1, "said once");
        assert!(!place.exists());
    }
}

#[test]
fn a_taken_port_is_said_to_be_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    fails(&run(&["--listen", &address, "--store", "memory:"]), 1, &format!("{address} is taken"));
    fails(&run(&["--listen", "nowhere", "--store", "memory:"]), 1, "cannot listen on nowhere");
}

#[test]
fn a_second_process_on_the_same_folder_is_turned_away() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::sled(folder.path(), &[]);
    let output = run(&["--listen", "127.0.0.1:0", "--store", &store(folder.path())]);
    fails(&output, 1, "another process has this folder open");
    assert!(String::from_utf8_lossy(&output.stderr).contains(folder.path().to_str().unwrap()));
    Browser::remembered(server.address);
}

#[test]
fn the_accounts_are_announced_and_a_polite_end_is_clean() {
    let folder = tempfile::tempdir().unwrap();
    for signal in ["-INT", "-TERM"] {
        let mut server = Server::sled(folder.path(), &[]);
        let mut browser = Browser::remembered(server.address);
        assert!(
            Command::new("kill").args([signal, &server.child.id().to_string()]).status().unwrap().success()
        );
        assert!(server.child.wait().unwrap().success());
        let mut text = String::new();
        server.stdout.read_to_string(&mut text).unwrap();
        assert_eq!(text, "account: alice / wonderland\naccount: bob / builder\n");

        let server = Server::sled(folder.path(), &[]);
        browser.address = server.address;
        assert_eq!(browser.me().0, 200);
    }
}

#[test]
fn what_a_store_is_opened_with_is_not_repeated() {
    for (args, words) in [
        (&["--store", "nosuch://user:hunter2@host/"][..], "a store is one of"),
        (&["postgres://user:hunter2@host/"], "an argument without its flag"),
    ] {
        let output = run(args);
        fails(&output, 2, words);
        assert!(!String::from_utf8_lossy(&output.stderr).contains("hunter2"));
    }
}
