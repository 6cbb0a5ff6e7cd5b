//! The promises of "remember me".

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::thread::{self, sleep};
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
fn a_thief_who_comes_first_loses_it_when_the_owner_comes_back() {
    let server =
        Server::memory(&["--remember-overlap=0", "--remember-min-interval=0", "--remember-retry=60"]);
    let browser = Browser::remembered(server.address);
    let mut thief = browser.reopened();
    assert_eq!(thief.me(), remembered());
    assert_eq!(thief.me(), remembered());
    // Without an overlap this takes until the clock's next millisecond.
    until("the owner is told", || browser.reopened().get("/").body.contains(STOLEN));
    assert_eq!(thief.me().0, 401);
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

#[test]
fn ten_requests_at_once_are_one_step() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::sled(folder.path(), &[]);
    let browser = Browser::remembered(server.address).reopened();
    let start = Barrier::new(10);
    let browsers: Vec<Browser> = thread::scope(|scope| {
        let threads: Vec<_> = (0..10)
            .map(|_| {
                scope.spawn(|| {
                    let mut tab = browser.clone();
                    start.wait();
                    assert_eq!(tab.me(), remembered());
                    tab
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let successors: BTreeSet<_> = browsers.iter().map(|tab| &tab.jar["remember"]).collect();
    assert_eq!(successors.len(), 1, "one generation step");
    assert!(!successors.contains(&browser.jar["remember"]));
    for mut tab in browsers {
        assert_eq!(tab.me(), remembered());
        assert_eq!(tab.reopened().me(), remembered(), "whichever answer the browser keeps");
    }
}

#[test]
fn without_the_box_ticked_nothing_is_remembered() {
    let server = Server::memory(&[]);
    let mut browser = Browser::remembered(server.address);
    browser.post("/login", "user=alice&password=wonderland");
    assert_eq!(browser.jar.keys().collect::<Vec<_>>(), ["session"], "the old cookie is taken away");
    assert_eq!(browser.me().0, 200);
    assert_eq!(browser.reopened().me().0, 401);
}

#[test]
fn a_new_login_takes_the_place_of_the_old_one() {
    let server = Server::memory(&[]);
    let mut browser = Browser::remembered(server.address);
    let mut before = browser.clone();
    browser.post("/login", "user=bob&password=builder&remember=on");
    assert_eq!(browser.me().1, r#"{"user":"bob","how":"password","fresh":true}"#);
    assert_eq!(before.me().0, 401);
    assert_eq!(before.reopened().me().0, 401);
    assert_eq!(browser.me().0, 200, "a copy of the old cookies does not harm the new login");
}
