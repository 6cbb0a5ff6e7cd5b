//! The site from outside, over HTTP: the program with its sessions in a folder, and the routes over a store that
//! fails.

#![expect(clippy::expect_used, reason = "a test may panic")]

#[path = "../../../support/browser.rs"]
mod browser;
#[path = "../../../support/program.rs"]
#[expect(dead_code, reason = "the demo reads more of the output")]
mod program;

mod outage;

use std::path::Path;
use std::process::Command;

use browser::Browser;
use program::Program;

/// The name of the cookie.
const NAME: &str = "__Host-id";

/// Starts the program on a free port, with its sessions in `folder`.
fn start(folder: &Path) -> Program {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hallpass-axum-login"));
    Program::spawn(command.arg("127.0.0.1:0").arg(folder.join("sessions")))
}

#[test]
fn the_page_asks_for_a_login_and_a_wrong_password_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let site = start(folder.path());
    let mut browser = Browser::new(site.address);
    let answer = browser.get("/");
    assert_eq!((answer.status, answer.header("location")), (307, Some("/login?next=%2F")));
    assert_eq!(browser.post("/login", "user=alice&password=guess").status, 401);
    assert_eq!(browser.post("/login", "user=nobody&password=wonderland").status, 401);
    assert!(browser.jar.is_empty(), "there is no session yet");
}

#[test]
fn ten_wrong_passwords_are_enough() {
    let folder = tempfile::tempdir().unwrap();
    let site = start(folder.path());
    let mut browser = Browser::new(site.address);
    assert_eq!(browser.post("/login", "user=alice&password=wonderland").status, 303, "which does not count");
    browser.jar.clear();
    for _ in 0..10 {
        assert_eq!(browser.post("/login", "user=alice&password=guess").status, 401);
    }
    let answer = browser.post("/login", "user=alice&password=wonderland");
    assert_eq!((answer.status, browser.jar.len()), (429, 0));
    let wait = answer.header("retry-after").unwrap().parse::<u32>().unwrap();
    assert!((800..=901).contains(&wait), "{wait}");
    assert_eq!(browser.post("/login", "user=bob&password=builder").status, 303, "another account");
}

#[test]
fn a_login_survives_a_kill_and_a_logout_does_too() {
    let folder = tempfile::tempdir().unwrap();
    let site = start(folder.path());
    let (mut alice, mut bob) = (Browser::new(site.address), Browser::new(site.address));
    let answer = alice.post("/login", "user=alice&password=wonderland");
    assert_eq!(answer.status, 303);
    for attribute in [NAME, "HttpOnly", "SameSite=Strict", "Secure", "Path=/"] {
        assert!(answer.set_cookies()[0].contains(attribute), "{answer:?}");
    }
    assert_eq!(bob.post("/login", "user=bob&password=builder").status, 303);
    assert!(alice.get("/").body.contains("Logged in as alice."));

    site.kill();
    let site = start(folder.path());
    (alice.address, bob.address) = (site.address, site.address);
    assert!(alice.get("/").body.contains("Logged in as alice."), "after the restart");

    let mut thief = alice.clone();
    assert_eq!(alice.post("/logout", "").status, 303);
    assert!(alice.jar.is_empty(), "the browser was told to forget its cookie");
    site.kill();
    let site = start(folder.path());
    (thief.address, bob.address) = (site.address, site.address);
    assert_eq!(thief.get("/").status, 307, "the copied cookie is refused");
    assert!(bob.get("/").body.contains("Logged in as bob."), "another user's cookie still works");
}

#[test]
fn a_login_makes_a_new_session_and_the_old_one_is_dead() {
    let folder = tempfile::tempdir().unwrap();
    let site = start(folder.path());
    let mut browser = Browser::new(site.address);
    browser.post("/login", "user=alice&password=wonderland");
    let first = browser.clone();
    browser.post("/logout", "");
    browser.jar.clone_from(&first.jar); // planted, as in a fixation
    browser.post("/login", "user=bob&password=builder");
    assert_ne!(browser.jar, first.jar);
    let mut planted = first;
    assert_eq!(planted.get("/").status, 307, "the planted id has no session");
    assert!(browser.get("/").body.contains("Logged in as bob."));
}

#[test]
fn no_cookie_costs_a_500() {
    let folder = tempfile::tempdir().unwrap();
    let site = start(folder.path());
    for value in ["", "x", "AAAAAAAAAAAAAAAAAAAAAA", "=;=", "%00", "AAAAAAAAAAAAAAAAAAAAA\u{e9}"] {
        let mut browser = Browser::new(site.address);
        browser.jar.insert(NAME.into(), value.into());
        assert_eq!(browser.get("/").status, 307, "{value:?}");
        browser.jar.insert(NAME.into(), value.into());
        assert_eq!(browser.post("/logout", "").status, 303, "{value:?}");
        browser.jar.insert(NAME.into(), value.into());
        assert_eq!(browser.post("/login", "user=alice&password=wonderland").status, 303, "{value:?}");
        assert!(browser.get("/").body.contains("Logged in as alice."), "{value:?}");
    }
}

#[test]
fn a_form_on_another_site_logs_no_user_in() {
    let folder = tempfile::tempdir().unwrap();
    let site = start(folder.path());
    let own = format!("Origin: https://{}\r\n", site.address);
    let plain = format!("Origin: http://{}\r\n", site.address);
    for (headers, status) in [
        ("Sec-Fetch-Site: cross-site\r\n", 403),
        ("Sec-Fetch-Site: same-site\r\n", 403),
        ("Origin: https://evil.example\r\n", 403),
        ("Origin: null\r\n", 403),
        (&plain, 403),
        ("Sec-Fetch-Site: same-origin\r\n", 303),
        (&own, 303),
        ("", 303),
    ] {
        let mut browser = Browser::new(site.address);
        let answer = browser.post_with("/login", headers, "user=alice&password=wonderland");
        assert_eq!((answer.status, !browser.jar.is_empty()), (status, status == 303), "{headers}");
        assert_eq!(browser.post_with("/logout", headers, "").status, status, "{headers}");
    }
}
