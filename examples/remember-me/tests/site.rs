//! The program, over HTTP.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::Duration;

use tempfile::NamedTempFile;
use tokio::net::TcpSocket;

struct Site {
    address: SocketAddr,
    program: Child,
    /// The program's log.
    log: NamedTempFile,
}

impl Site {
    fn start() -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let log = NamedTempFile::new().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_hallpass-remember-me"));
        let program = command.arg(address.to_string()).stderr(File::create(log.path()).unwrap()).spawn();
        let site = Self { address, program: program.unwrap(), log };
        for _ in 0..600 {
            if TcpStream::connect(address).is_ok() {
                break;
            }
            sleep(Duration::from_millis(50));
        }
        site
    }

    fn ask(&self, method: &str, path: &str, cookies: &str, form: &str) -> String {
        self.ask_with("", method, path, cookies, form)
    }

    fn ask_with(&self, headers: &str, method: &str, path: &str, cookies: &str, form: &str) -> String {
        self.exchange(TcpStream::connect(self.address).unwrap(), headers, method, path, cookies, form)
    }

    /// Sends a form from another address of this machine.
    fn post_from(&self, from: [u8; 4], path: &str, form: &str) -> String {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let stream = runtime.block_on(async {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind((from, 0).into()).unwrap();
            socket.connect(self.address).await.unwrap().into_std().unwrap()
        });
        stream.set_nonblocking(false).unwrap();
        self.exchange(stream, "", "POST", path, "", form)
    }

    fn exchange(
        &self,
        mut stream: TcpStream,
        headers: &str,
        method: &str,
        path: &str,
        cookies: &str,
        form: &str,
    ) -> String {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncookie: {cookies}\r\n\
             accept: text/html\r\ncontent-type: application/x-www-form-urlencoded\r\n\
             content-length: {}\r\n{headers}\r\n{form}",
            self.address,
            form.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Site {
    /// What the program has logged so far. It logs before it answers.
    fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.program.kill().unwrap();
        self.program.wait().unwrap();
    }
}

/// The cookies that an answer sets, as a browser sends them back. A removed one is empty.
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
    let answer = site.ask("POST", "/login", "", form);
    assert!(answer.starts_with("HTTP/1.1 401") && cookies(&answer).is_empty(), "{answer}");
    let answer = site.ask("POST", "/login", "", "name=mallory&password=wonderland");
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");

    let answer = site.ask("POST", "/login?next=/", "", "name=alice&password=wonderland&remember=on");
    let both = cookies(&answer);
    assert!(answer.contains("location: /\r\n") && both.len() == 2, "{answer}");
    assert!(site.ask("GET", "/", &both.join("; "), "").contains("alice, by Session"));

    let remember = both.iter().find(|cookie| cookie.starts_with("__Host-remember-me-remember=")).unwrap();
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
    assert!(
        matches!(cookies(&answer)[..], [one] if one.starts_with("__Host-remember-me-session=")),
        "{answer}"
    );
}

#[test]
fn ten_wrong_passwords_are_enough() {
    let site = Site::start();
    for _ in 0..10 {
        assert!(site.ask("POST", "/login", "", "name=alice&password=guess").starts_with("HTTP/1.1 401"));
    }
    let answer = site.ask("POST", "/login", "", "name=alice&password=wonderland");
    assert!(answer.starts_with("HTTP/1.1 429") && cookies(&answer).is_empty(), "{answer}");
    // Linux routes the whole block 127.0.0.0/8 by default.
    let answer = site.post_from([127, 0, 0, 2], "/login", "name=alice&password=wonderland");
    assert!(answer.starts_with("HTTP/1.1 303"), "the owner is at another address: {answer}");
}

#[test]
fn the_log_says_so_where_a_browser_drops_the_cookies() {
    let site = Site::start();
    let form = "name=alice&password=wonderland";
    let answer = site.ask("POST", "/login", "", form);
    assert!(cookies(&answer)[0].contains("__Host-") && answer.contains("; Secure"), "{answer}");
    assert!(!site.log().contains("WARN"), "curl says nothing: {}", site.log());
    // A phone in the same network, and Safari on this machine.
    let origin = format!("origin: http://{}\r\n", site.address);
    let answer = site.ask_with(&origin, "POST", "/login", "", form);
    assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("HTTPS"), "{answer}");
    assert!(site.log().contains("browsers drop Secure cookies"), "{}", site.log());
    let safari = format!("{origin}sec-fetch-site: same-origin\r\nuser-agent: Version/18.0 Safari/605.1\r\n");
    assert!(site.ask_with(&safari, "POST", "/login", "", form).starts_with("HTTP/1.1 303"));
    let log = site.log();
    assert!(log.contains("Safari drops Secure cookies") && log.contains("insecure_cookies()"), "{log}");
    for secret in cookies(&answer).into_iter().chain(["wonderland"]) {
        assert!(!log.contains(secret), "{log}");
    }
}

#[test]
fn it_is_small() {
    assert!(include_str!("../src/main.rs").lines().count() <= 120);
}
