//! The promises of "remember me".

use std::thread::sleep;
use std::time::Duration;

use crate::client::{Browser, until};
use crate::server::Server;

const REMEMBERED: &str = r#"{"user":"alice","how":"remembered","fresh":false}"#;
const STOLEN: &str = "used an old copy of your login cookie";

fn remembered() -> (u16, String) {
    (200, REMEMBERED.into())
}

#[test]
fn a_remembered_browser_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::sled(folder.path(), &[]);
    let mut browser = Browser::remembered(server.address);
    assert_eq!(browser.me(), (200, r#"{"user":"alice","how":"password","fresh":true}"#.into()));
    server.kill();

    let server = Server::sled(folder.path(), &[]);
    browser.address = server.address;
    let (old, mut browser) = (browser.jar["remember"].clone(), browser.reopened());
    assert_eq!(browser.me(), remembered());
    let new = browser.jar["remember"].clone();
    assert_ne!(new, old, "it rotated");
    assert_eq!(browser.me(), remembered(), "the session it restored");
    server.kill();

    let server = Server::sled(folder.path(), &[]);
    browser.address = server.address;
    assert_eq!(browser.me(), remembered(), "the session survives too");
    assert_eq!(browser.jar["remember"], new, "nothing rotates while there is a session");
}

#[test]
fn an_old_cookie_after_the_overlap_ends_the_login() {
    let server =
        Server::memory(&["--remember-overlap=0.1", "--remember-min-interval=0.2", "--remember-retry=60"]);
    let owner = Browser::remembered(server.address);
    let mut thief = owner.reopened();
    let mut owner = owner.reopened();
    assert_eq!(owner.me(), remembered());
    assert_eq!(owner.me(), remembered(), "this one confirms the successor");

    let mut sessions = Vec::new();
    until("the old cookie is refused", || {
        let mut attempt = thief.clone();
        let (status, _) = attempt.me();
        sessions.push(attempt);
        status == 401
    });
    assert_eq!(owner.me().0, 401, "the session that was restored is dead too");
    for mut session in sessions {
        assert_eq!(session.me().0, 401, "and those of the copy, from within the overlap");
    }
    let page = owner.get("/");
    assert!(page.body.contains(STOLEN), "{}", page.body);
    assert_eq!(page.set_cookies(), [""; 0], "a rejection clears no cookie");
    assert!(thief.get("/").body.contains("Log in"));

    let answer = owner.post("/login", "user=alice&password=wonderland&remember=on");
    assert_eq!(answer.status, 303);
    assert!(!owner.get("/").body.contains(STOLEN), "said until the next login");
}

#[test]
fn a_restored_session_finds_out_that_its_remember_token_was_used_by_another() {
    let server =
        Server::memory(&["--remember-overlap=0", "--remember-min-interval=0", "--remember-retry=60"]);
    let mut owner = Browser::remembered(server.address).reopened();
    assert_eq!(owner.me(), remembered());
    let mut thief = owner.reopened();
    until("the copy is rotated away from under the owner", || {
        assert_eq!(thief.me(), remembered());
        thief = thief.reopened();
        thief.jar["remember"] != owner.jar["remember"]
    });
    assert_eq!(thief.me(), remembered());
    assert_eq!(thief.me(), remembered(), "the thief has confirmed it");
    sleep(Duration::from_millis(5)); // Without an overlap the window ends with the current millisecond.
    let page = owner.get("/");
    assert!(page.body.contains(STOLEN), "the session was fine until this request: {}", page.body);
    assert_eq!((owner.me().0, thief.me().0), (401, 401));
}

#[test]
fn a_lost_answer_can_be_made_good_within_the_retry_window() {
    let server = Server::memory(&["--remember-retry=1", "--remember-overlap=0", "--remember-min-interval=0"]);
    let browser = Browser::remembered(server.address).reopened();
    let mut lost = browser.clone();
    assert_eq!(lost.me(), remembered(), "the answer to this never arrives");
    let mut again = browser.clone();
    assert_eq!(again.me(), remembered());
    assert_eq!(again.jar["remember"], lost.jar["remember"], "the same successor");

    let lapsed = "A response to this browser was lost";
    until("the retry window closes", || browser.clone().get("/").body.contains(lapsed));
    assert_eq!(browser.clone().me().0, 401);
    assert_eq!((lost.me().0, again.me().0), (401, 401), "the sessions restored from it are dead too");
}
