//! The program, over HTTP.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test may panic")]

#[path = "../../support/browser.rs"]
mod browser;

use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::Duration;

use browser::{Answer, Browser, exchange};
use tempfile::NamedTempFile;
use tokio::net::TcpSocket;

const ALICE: &str = "name=alice&password=wonderland";
const FORM: &[u8] = b"Content-Type: application/x-www-form-urlencoded\r\n";

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

    fn browser(&self) -> Browser {
        Browser::new(self.address)
    }

    /// Logs in from another address of this machine.
    fn log_in_from(&self, from: [u8; 4]) -> Answer {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let stream = runtime.block_on(async {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind((from, 0).into()).unwrap();
            socket.connect(self.address).await.unwrap().into_std().unwrap()
        });
        stream.set_nonblocking(false).unwrap();
        exchange(stream, "POST /login", FORM, ALICE)
    }

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

#[test]
fn a_user_is_remembered_and_logs_out() {
    let site = Site::start();
    let mut browser = site.browser();
    let answer = browser.send("GET /", "Accept: text/html\r\n", "");
    assert_eq!((answer.status, answer.header("location")), (303, Some("/login?next=/")));
    for wrong in ["name=alice&password=guess&remember=on", "name=mallory&password=wonderland"] {
        let answer = browser.post("/login", wrong);
        assert_eq!((answer.status, browser.jar.len()), (401, 0), "{answer:?}");
    }

    let answer = browser.post("/login?next=/", &format!("{ALICE}&remember=on"));
    assert_eq!((answer.header("location"), browser.jar.len()), (Some("/"), 2), "{answer:?}");
    assert!(browser.get("/").body.contains("alice, by Session"));

    browser.jar.retain(|name, _| name == "__Host-remember-me-remember");
    let answer = browser.get("/");
    assert!(answer.body.contains("alice, by Remembered"), "{answer:?}");
    let mut copy = browser.clone();
    assert_eq!((copy.jar.len(), browser.post("/logout", "").status), (2, 303));
    assert!(browser.jar.is_empty(), "both are taken away");
    assert_eq!(copy.send("GET /", "Accept: text/html\r\n", "").status, 303);
}

#[test]
fn without_the_box_ticked_there_is_a_session_only() {
    let site = Site::start();
    let mut browser = site.browser();
    assert_eq!(browser.post("/login?next=//evil.example", ALICE).header("location"), Some("/"));
    assert_eq!(browser.jar.keys().collect::<Vec<_>>(), ["__Host-remember-me-session"]);
}

#[test]
fn ten_wrong_passwords_are_enough() {
    let site = Site::start();
    let mut browser = site.browser();
    for _ in 0..10 {
        assert_eq!(browser.post("/login", "name=alice&password=guess").status, 401);
    }
    assert_eq!((browser.post("/login", ALICE).status, browser.jar.len()), (429, 0));
    // Linux routes the whole block 127.0.0.0/8 by default.
    assert_eq!(site.log_in_from([127, 0, 0, 2]).status, 303, "the owner is at another address");
}

#[test]
fn the_log_says_so_where_a_browser_drops_the_cookies() {
    let site = Site::start();
    let mut browser = site.browser();
    let answer = browser.post("/login", ALICE);
    let cookie = answer.set_cookies()[0];
    assert!(cookie.contains("__Host-") && cookie.contains("; Secure"), "{answer:?}");
    assert!(!site.log().contains("WARN"), "curl says nothing: {}", site.log());
    // A phone in the same network, and Safari on this machine.
    let origin = format!("Origin: http://{}\r\n", site.address);
    let answer = browser.post_with("/login", &origin, ALICE);
    assert!(answer.status == 403 && answer.body.contains("HTTPS"), "{answer:?}");
    assert!(site.log().contains("browsers drop Secure cookies"), "{}", site.log());
    let safari = format!("{origin}Sec-Fetch-Site: same-origin\r\nUser-Agent: Version/18.0 Safari/605.1\r\n");
    assert_eq!(site.browser().post_with("/login", &safari, ALICE).status, 303);
    let log = site.log();
    assert!(log.contains("Safari drops Secure cookies") && log.contains("insecure_cookies()"), "{log}");
    for secret in browser.jar.values().map(|token| &**token).chain(["wonderland"]) {
        assert!(!log.contains(secret), "{log}");
    }
}

#[test]
fn it_is_small() {
    assert!(include_str!("../src/main.rs").lines().count() <= 120);
}
