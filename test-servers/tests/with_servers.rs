//! The command `with-servers`.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which fail by panicking, and measure real time")]

use std::net::TcpStream;
use std::process::{Command, Output};

use hallpass_test_servers::{Backend, Launch, Origin, needed};

fn with_servers(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_with-servers"));
    command.args(arguments).env("HALLPASS_SERVERS", "local").output().unwrap()
}

#[test]
fn a_command_gets_urls_and_its_exit_code_counts() {
    let found = Launch::new(Backend::Redis).only(Origin::Local).start();
    let Some(_) = needed("a_command_gets_urls", found).unwrap() else { return };
    let output = with_servers(&["redis", "--", "sh", "-c", "echo $HALLPASS_REDIS_URL; exit 7"]);
    assert_eq!(output.status.code(), Some(7));
    let url = String::from_utf8(output.stdout).unwrap();
    let address = url.trim().strip_prefix("redis://").unwrap();
    assert!(TcpStream::connect(address).is_err(), "{address} still answers");
}

#[test]
fn a_wrong_word_is_refused() {
    for arguments in [&["mysql", "--", "true"][..], &[]] {
        let output = with_servers(arguments);
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains("usage: with-servers"));
    }
}
