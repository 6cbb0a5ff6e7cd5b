//! The page that shows events as they happen, where there is JavaScript: a stream that ends with its login.

use std::process::Command;

use hallpass_test_servers::{Error, Server as Store, needed, postgres, redis};

use crate::chromium::{Chromium, Profile};
use crate::program::Program;
use crate::site::Site;
use crate::webdriver::Driver;

const LIVE: &str = "This page is live.";
const ELSEWHERE: &str = "You were logged out from another device.";

/// On a busy machine the store may be too slow once, and the site asks to try again.
fn log_in(browser: &Chromium<'_>) {
    for _ in 0..10 {
        browser.visit("/");
        if browser.wait_for_one(["Hello, alice.", "Remember me", "One moment"]) == 0 {
            return;
        }
        if browser.shows("Remember me") {
            browser.log_in("alice", "wonderland", false);
            browser.wait_for_one(["Hello, alice.", "One moment"]);
        }
    }
    panic!("alice cannot log in");
}

/// Logs every device out, from the start page.
fn log_out_everywhere(browser: &Chromium<'_>) {
    browser.visit("/");
    browser.press("Log out everywhere");
    browser.wait_for("Please enter your password");
    browser.fill("#password", "wonderland");
    browser.press("Log out every device");
    browser.wait_for("Remember me");
}

#[test]
fn with_javascript_the_live_page_follows_a_stream_and_ends_with_its_login() {
    let (site, driver) = (Site::start(), Driver::start());
    let (laptop, phone) = (Profile::new(), Profile::new());
    let laptop = laptop.open_with_scripts(&driver, &site.url);
    let phone = phone.open(&driver, &site.url);
    log_in(&laptop);
    laptop.visit("/activity");
    laptop.wait_for(LIVE);
    laptop.script("window.same = true");
    log_in(&phone);
    phone.press("Log out");
    phone.wait_for("Remember me");
    laptop.wait_for("logged out");
    assert_eq!(laptop.script("return window.same"), true, "the page was not loaded again");
    laptop.screenshot("activity-live");

    log_in(&phone);
    log_out_everywhere(&phone);
    // The laptop does nothing in between.
    laptop.wait_for(ELSEWHERE);
    assert!(laptop.address().ends_with("/login?next=/activity"), "{}", laptop.address());
    laptop.screenshot("activity-ended");
    laptop.log_in("alice", "wonderland", false);
    laptop.wait_for(LIVE);
}

/// A browser opens six connections to a site at most, and streams of hidden tabs would use them up.
#[test]
fn a_live_page_that_is_hidden_keeps_no_stream_and_follows_again_when_it_is_seen() {
    let (site, driver, profile) = (Site::start(), Driver::start(), Profile::new());
    let browser = profile.open_with_scripts(&driver, &site.url);
    log_in(&browser);
    browser.visit("/activity");
    browser.wait_for(LIVE);
    let hide = |hidden: bool| {
        let value = format!("{{ value: {hidden}, configurable: true }}");
        let tell = "document.dispatchEvent(new Event('visibilitychange'))";
        browser.script(&format!("Object.defineProperty(document, 'hidden', {value}); {tell}"));
    };
    hide(true);
    browser.wait_for("This page waits until it is seen.");
    let other = Profile::new();
    let other = other.open(&driver, &site.url);
    log_in(&other);
    other.press("Log out");
    other.wait_for("Remember me");
    assert!(!browser.shows("logged out"));
    hide(false);
    browser.wait_for("logged out");
    browser.wait_for(LIVE);
}

#[test]
fn a_live_page_outlives_a_failure_of_the_store() {
    let (site, driver, profile) = (Site::start(), Driver::start(), Profile::new());
    let browser = profile.open_with_scripts(&driver, &site.url);
    log_in(&browser);
    browser.visit("/activity");
    browser.wait_for(LIVE);
    browser.script("window.same = true");
    site.store.all_down();
    let other = Profile::new();
    let other = other.open(&driver, &site.url);
    other.visit("/");
    site.store.up();
    log_in(&other);
    other.press("Log out");
    browser.wait_for("logged out");
    assert_eq!(browser.script("return window.same"), true, "the page was not loaded again");
}

/// Two servers over one store. A browser watches at one of them while it is logged out at the other.
fn ends_a_stream_at_the_other_server(store: &Store, name: &str) {
    let server = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hallpass-demo"));
        Program::spawn(command.args(["--listen", "127.0.0.1:0", "--store", store.url()]))
    };
    let (one, two) = (server(), server());
    // Browsers take Secure cookies from this name, and send them to every port of it.
    let url = |server: &Program| format!("http://localhost:{}", server.address.port());
    let (one, two) = (url(&one), url(&two));
    let driver = Driver::start();
    let (laptop, phone) = (Profile::new(), Profile::new());
    let laptop = laptop.open(&driver, &one);
    let phone = phone.open_with_scripts(&driver, &two);
    log_in(&laptop);
    phone.navigate(&one);
    phone.log_in("alice", "wonderland", false);
    phone.wait_for("Hello, alice.");
    phone.visit("/activity");
    phone.wait_for(LIVE);
    phone.screenshot(&format!("two-servers-{name}-live"));

    log_out_everywhere(&laptop);
    // The phone does nothing: its stream closes, and the page asks to log in and says why.
    phone.wait_for(ELSEWHERE);
    assert_eq!(phone.address(), format!("{two}/login?next=/activity"));
    phone.screenshot(&format!("two-servers-{name}-ended"));
    for server in [&one, &two] {
        phone.navigate(&format!("{server}/api/me"));
        assert_eq!(phone.address(), format!("{server}/login?next=/api/me"), "the next request is refused");
        assert!(phone.shows(ELSEWHERE));
    }
}

#[test]
fn a_log_out_at_one_server_ends_a_stream_at_the_other_over_postgres() -> Result<(), Error> {
    let Some(store) = needed("two demos and a browser over one PostgreSQL", postgres())? else {
        return Ok(());
    };
    ends_a_stream_at_the_other_server(&store, "postgres");
    Ok(())
}

#[test]
fn a_log_out_at_one_server_ends_a_stream_at_the_other_over_redis() -> Result<(), Error> {
    let Some(store) = needed("two demos and a browser over one Redis", redis())? else { return Ok(()) };
    ends_a_stream_at_the_other_server(&store, "redis");
    Ok(())
}
