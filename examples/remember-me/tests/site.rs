//! The program, over HTTP.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::Duration;

struct Site {
    address: SocketAddr,
    program: Child,
}

impl Site {
    fn start() -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let program =
            Command::new(env!("CARGO_BIN_EXE_hallpass-remember-me")).arg(address.to_string()).spawn();
        let site = Self { address, program: program.unwrap() };
        for _ in 0..600 {
            if TcpStream::connect(address).is_ok() {
                break;
            }
            sleep(Duration::from_millis(50));
        }
        site
    }

    fn ask(&self, method: &str, path: &str, cookies: &str, form: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncookie: {cookies}\r\n\
             accept: text/html\r\ncontent-type: application/x-www-form-urlencoded\r\n\
             content-length: {}\r\n\r\n{form}",
            self.address,
            form.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.program.kill().unwrap();
        self.program.wait().unwrap();
    }
}

/// The cookies that an answer sets, as a browser sends them back; those taken away are empty.
fn cookies(answer: &str) -> Vec<&str> {
    let lines = answer.lines().filter_map(|line| line.strip_prefix("set-cookie: "));
    lines.filter_map(|line| line.split(';').next()).collect()
}

#[test]
fn somebody_is_remembered_and_logs_out() {
    let site = Site::start();
    let answer = site.ask("GET", "/", "", "");
    assert!(answer.starts_with("HTTP/1.1 303") && answer.contains("location: /login?next=/\r\n"), "{answer}");
    let form = "name=alice&password=guess&remember=on";
    assert_eq!(cookies(&site.ask("POST", "/login", "", form)), [""; 0]);

    let answer = site.ask("POST", "/login?next=/", "", "name=alice&password=wonderland&remember=on");
    let both = cookies(&answer);
    assert!(answer.contains("location: /\r\n") && both.len() == 2, "{answer}");
    assert!(site.ask("GET", "/", &both.join("; "), "").contains("alice, by Session"));

    let remember = both.iter().find(|cookie| cookie.starts_with("remember=")).unwrap();
    let answer = site.ask("GET", "/", remember, "");
    assert!(answer.contains("alice, by Remembered"), "{answer}");
    let both = cookies(&answer).join("; ");

    let answer = site.ask("POST", "/logout", &both, "");
    assert_eq!(cookies(&answer).len(), 2, "both are taken away: {answer}");
    assert!(site.ask("GET", "/", &both, "").starts_with("HTTP/1.1 303"));
}

#[test]
fn without_the_box_ticked_there_is_a_session_only() {
    let site = Site::start();
    let answer = site.ask("POST", "/login?next=//evil.example", "", "name=alice&password=wonderland");
    assert!(answer.contains("location: /\r\n"), "{answer}");
    assert!(matches!(cookies(&answer)[..], [one] if one.starts_with("session=")), "{answer}");
}

#[test]
fn it_is_small() {
    assert!(include_str!("../src/main.rs").lines().count() <= 80);
}
