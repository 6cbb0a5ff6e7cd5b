//! "Remember me", as a user with a browser sees it.

use hallpass_core::Kind;
use hallpass_test_store::Call;

use crate::chromium::{Chromium, Profile};
use crate::site::{AT_ONCE, SESSION_ENDS, Site, WINDOWS_CLOSE};
use crate::webdriver::Driver;

const REMEMBER: &str = "__Host-remember";
const SESSION: &str = "__Host-session";
const STOLEN: &str = "used an old copy of your login cookie";

/// Alice logs in and is remembered.
fn log_in(browser: &Chromium<'_>) {
    browser.visit("/");
    browser.log_in("alice", "wonderland", true);
    browser.wait_for("Hello, alice.");
}

#[test]
fn a_browser_that_was_closed_is_logged_in_and_not_fresh() {
    let (site, driver, profile) = (Site::start(), Driver::start(), Profile::new());
    let browser = profile.open(&driver, &site.url);
    log_in(&browser);
    assert!(browser.shows("You logged in with your password."));
    let before = browser.cookies();
    assert_eq!(before.keys().collect::<Vec<_>>(), [REMEMBER, SESSION]);
    browser.screenshot("fresh");
    drop(browser);

    let browser = profile.open(&driver, &site.url);
    browser.visit("/healthz");
    assert_eq!(browser.cookies().keys().collect::<Vec<_>>(), [REMEMBER], "a session ends with the browser");
    browser.visit("/");
    assert!(browser.shows("Hello, alice."));
    assert!(browser.shows("not fresh"));
    browser.screenshot("not-fresh");
    assert_ne!(browser.cookies()[REMEMBER], before[REMEMBER], "it rotated");
    assert_ne!(browser.cookies()[SESSION], before[SESSION]);
}

#[test]
fn without_the_box_ticked_closing_the_browser_logs_out() {
    let (site, driver, profile) = (Site::start(), Driver::start(), Profile::new());
    let browser = profile.open(&driver, &site.url);
    browser.visit("/");
    browser.log_in("alice", "wonderland", false);
    browser.wait_for("Hello, alice.");
    assert_eq!(browser.cookies().keys().collect::<Vec<_>>(), [SESSION]);
    drop(browser);

    let browser = profile.open(&driver, &site.url);
    browser.visit("/");
    assert!(browser.shows("Remember me") && !browser.shows("Hello"));
    assert!(browser.cookies().is_empty());
}

#[test]
fn eight_tabs_reloaded_at_once_are_one_step() {
    let (site, driver, profile) = (Site::start(), Driver::start(), Profile::new());
    let browser = profile.open_hasty(&driver, &site.url);
    browser.visit("/");
    browser.wait_for("Remember me");
    browser.log_in("alice", "wonderland", true);
    browser.wait_for("Hello, alice.");
    // Each tab has its own address: requests for the same one wait for each other in the browser's cache.
    let tabs: Vec<_> = (0..8)
        .map(|number| {
            let tab = browser.new_tab();
            browser.visit(&format!("/?tab={number}"));
            browser.wait_for("Hello, alice.");
            tab
        })
        .collect();
    let before = browser.cookies();

    site.clock.advance(SESSION_ENDS);
    // None of them is answered before all have read.
    site.store.meet(Call::Find, AT_ONCE);
    for tab in &tabs {
        browser.switch_to(tab);
        browser.reload();
    }
    for tab in &tabs {
        browser.switch_to(tab);
        browser.wait_for("not fresh");
        assert!(browser.shows("Hello, alice."));
    }
    assert_ne!(browser.cookies()[REMEMBER], before[REMEMBER], "it rotated");
    let records = site.records("alice");
    let generations: Vec<_> = records
        .iter()
        .filter(|record| record.kind == Kind::REMEMBER)
        .map(|record| record.generation)
        .collect();
    assert_eq!(generations, [1], "one step");
    assert!(records.iter().all(|record| record.revoked.is_none()), "no login was ended");

    for tab in &tabs {
        browser.switch_to(tab);
        browser.reload();
        browser.wait_for("not fresh");
    }
    let after = browser.cookies();
    drop(browser);
    let browser = profile.open(&driver, &site.url);
    browser.visit("/");
    assert!(browser.shows("Hello, alice."), "the cookie that won is a good one");
    assert_eq!(browser.cookies()[REMEMBER], after[REMEMBER], "and too new to rotate again");
}

#[test]
fn an_old_copy_is_refused_after_the_windows_and_the_owner_is_told() {
    let (site, driver) = (Site::start(), Driver::start());
    let (mine, theirs) = (Profile::new(), Profile::new());
    let (owner, thief) = (mine.open(&driver, &site.url), theirs.open(&driver, &site.url));
    log_in(&owner);
    let copied = owner.cookies()[REMEMBER].clone();
    site.clock.advance(SESSION_ENDS);
    owner.visit("/");
    owner.reload(); // This one confirms the successor.
    assert!(owner.shows("Hello, alice.") && owner.shows("not fresh"));

    site.clock.advance(WINDOWS_CLOSE);
    thief.visit("/healthz");
    thief.plant(REMEMBER, &copied);
    assert_eq!(thief.cookies()[REMEMBER], copied);
    thief.visit("/");
    assert!(!thief.shows("Hello") && thief.shows("Remember me"));

    owner.visit("/");
    assert!(owner.shows(STOLEN), "{}", owner.text());
    assert!(owner.shows("Remember me") && !owner.shows("Hello"));
    owner.screenshot("stolen");
    owner.log_in("alice", "wonderland", true);
    owner.wait_for("Hello, alice.");
    assert!(!owner.shows(STOLEN), "said until the next login");
    assert!(owner.shows("A remember-me token was presented that had been replaced: a copy."));
    owner.screenshot("caught");
}

#[test]
fn an_outage_keeps_the_cookies_and_passes() {
    let (site, driver, profile) = (Site::start(), Driver::start(), Profile::new());
    let browser = profile.open(&driver, &site.url);
    log_in(&browser);
    let cookies = browser.cookies();
    site.store.all_down();
    browser.reload();
    assert!(browser.shows("One moment"), "{}", browser.text());
    assert_eq!(browser.status(), 503);
    browser.screenshot("outage");
    assert_eq!(browser.cookies(), cookies);
    browser.visit("/healthz");
    assert!(browser.shows("ok"), "the server itself is well");

    site.store.up();
    browser.visit("/");
    assert!(browser.shows("Hello, alice.") && !browser.shows("not fresh"));
    assert_eq!((browser.status(), browser.cookies()), (200, cookies));
}
