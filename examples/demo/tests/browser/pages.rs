//! Accessibility of every page: contrast, screen readers, small screens, dark mode.

use serde_json::{Value, json};

use crate::chromium::{Chromium, Profile};
use crate::site::{SESSION_ENDS, Site};
use crate::webdriver::Driver;

/// The minimum contrast of text to its background (WCAG 2.2, 1.4.3).
const CONTRAST: f64 = 4.5;

/// A script that finds faults of a page. The driver runs it in the page.
const INSPECT: &str = include_str!("inspect.js");

/// Inspects the current page: in light and dark mode, on a large and a small screen.
#[track_caller]
fn inspect(browser: &Chromium<'_>, name: &str) {
    for (scheme, width) in [("light", 1000), ("dark", 320)] {
        browser.devtools(
            "Emulation.setEmulatedMedia",
            &json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] }),
        );
        browser.devtools(
            "Emulation.setDeviceMetricsOverride",
            &json!({ "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false }),
        );
        browser.screenshot(&format!("{name}-{scheme}"));
        let wrong = browser.script(&INSPECT.replace("CONTRAST", &CONTRAST.to_string()));
        assert_eq!(wrong, Value::Array(Vec::new()), "{name}, {scheme}, {width} pixels wide");
    }
    browser.devtools("Emulation.clearDeviceMetricsOverride", &json!({}));
}

#[test]
fn every_page_is_accessible() {
    let (site, driver) = (Site::start(), Driver::start());
    let (mine, other) = (Profile::new(), Profile::new());
    let browser = mine.open(&driver, &site.url);
    browser.visit("/password");
    assert!(browser.shows("Log in"), "a stranger is asked to log in first");
    inspect(&browser, "login");
    browser.log_in("alice", "guess", true);
    browser.wait_for("There is no account with this name and password.");
    inspect(&browser, "login-refused");
    browser.log_in("alice", "wonderland", true);
    browser.wait_for("Every other device is logged out"); // Then both are on the next page.
    inspect(&browser, "password");

    let phone = other.open(&driver, &site.url);
    phone.visit("/");
    phone.log_in("alice", "wonderland", true);
    phone.wait_for("Hello, alice.");
    drop(phone);
    browser.visit("/");
    inspect(&browser, "devices");
    browser.press("Log out everywhere");
    browser.wait_for("Please enter your password");
    inspect(&browser, "log-out");
    browser.visit("/activity");
    browser.script("window.stop()"); // Otherwise it would be replaced during the inspection.
    inspect(&browser, "activity");

    site.clock.advance(SESSION_ENDS);
    browser.visit("/password");
    assert!(browser.shows("you did not enter your password recently"));
    inspect(&browser, "confirm");
    browser.visit("/nowhere");
    inspect(&browser, "not-found");
    site.store.all_down();
    browser.visit("/");
    inspect(&browser, "outage");
}

#[test]
fn the_keyboard_is_enough() {
    let (site, driver, profile) = (Site::start(), Driver::start(), Profile::new());
    let browser = profile.open(&driver, &site.url);
    browser.visit("/");
    // The name has the focus; then come password, box and button, in this order.
    browser.keys("alice\u{e004}wonderland\u{e004} \u{e004}\u{e007}");
    browser.wait_for("Hello, alice.");
    assert_eq!(browser.cookies().len(), 2, "the box was ticked");
    browser.keys("\u{e004}\u{e007}");
    assert!(browser.address().ends_with("/#main"), "the first stop leads past the header");
}

#[test]
fn no_page_runs_a_script() {
    let (site, driver, profile) = (Site::start(), Driver::start(), Profile::new());
    let browser = profile.open(&driver, &site.url);
    browser.visit("/");
    assert_eq!(browser.script("return document.scripts.length"), 0);
    browser.navigate("data:text/html,<title>off</title><script>document.title='on'</script>");
    assert_eq!(browser.title(), "off", "these tests run without JavaScript");
}
