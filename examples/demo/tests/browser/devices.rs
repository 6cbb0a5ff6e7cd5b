//! Two browsers of one user, and how each affects the other.

use crate::chromium::{Chromium, Profile};
use crate::site::{SESSION_ENDS, Site};
use crate::webdriver::Driver;

/// Alice logs in on her laptop and on her phone, and is remembered on both.
fn with_two(test: impl FnOnce(&Site, &Chromium<'_>, &Chromium<'_>)) {
    let (site, driver) = (Site::start(), Driver::start());
    let (laptop, phone) = (Profile::new(), Profile::new());
    let (laptop, phone) = (laptop.open(&driver, &site.url), phone.open(&driver, &site.url));
    for browser in [&laptop, &phone] {
        browser.visit("/");
        browser.log_in("alice", "wonderland", true);
        browser.wait_for("Hello, alice.");
    }
    test(&site, &laptop, &phone);
}

#[test]
fn log_out_everywhere_reaches_the_other_browser() {
    with_two(|_, laptop, phone| {
        laptop.visit("/");
        laptop.press("Log out everywhere");
        laptop.wait_for("Please enter your password");
        laptop.screenshot("log-out-everywhere");
        laptop.fill("#password", "guess");
        laptop.press("Log out every device");
        laptop.wait_for("That is not your password.");
        assert_eq!(laptop.cookies().len(), 2, "nothing was done");
        laptop.fill("#password", "wonderland");
        laptop.press("Log out every device");
        laptop.wait_for("Remember me");
        assert!(laptop.cookies().is_empty());

        phone.visit("/");
        assert!(phone.shows("You were logged out from another device."));
        assert!(phone.shows("Remember me"));
        phone.screenshot("logged-out-elsewhere");
    });
}

#[test]
fn one_browser_logs_the_other_out_and_stays() {
    with_two(|_, laptop, phone| {
        laptop.visit("/");
        laptop.click("button[aria-label='Log out Chrome on Linux']");
        laptop.wait_for("Please enter your password");
        laptop.fill("#password", "wonderland");
        laptop.press("Log out that device");
        laptop.wait_for("That device is logged out.");
        assert!(!laptop.shows("Log out the others"), "there are none");
        laptop.screenshot("device-logged-out");
        phone.visit("/");
        assert!(phone.shows("You were logged out from another device."));
        laptop.visit("/");
        assert!(laptop.shows("Hello, alice."));
    });
}

#[test]
fn the_live_page_shows_what_another_browser_does() {
    with_two(|_, laptop, phone| {
        laptop.visit("/");
        assert!(!laptop.shows("logged out"));
        laptop.visit("/activity");
        phone.press("Log out");
        // The laptop does nothing in between.
        laptop.wait_for("logged out");
        laptop.visit("/");
        laptop.press("Log out everywhere");
        laptop.wait_for("Please enter your password");
        laptop.fill("#password", "wonderland");
        laptop.press("Log out every device");
        laptop.wait_for("Remember me");
        laptop.visit("/activity");
        assert!(laptop.address().ends_with("/login?next=/activity"), "{}", laptop.address());
    });
}

#[test]
fn a_changed_password_needs_the_old_one_and_logs_the_other_browser_out() {
    with_two(|site, laptop, phone| {
        site.clock.advance(SESSION_ENDS);
        laptop.visit("/");
        assert!(laptop.shows("not fresh"));
        let before = laptop.cookies();

        laptop.visit("/password");
        laptop.fill("#password", "wonderland");
        laptop.press("Confirm");
        laptop.wait_for("Once more");
        for current in ["guess", "wonderland"] {
            laptop.fill("#current", current);
            laptop.fill("#password", "looking-glass");
            laptop.fill("#again", "looking-glass");
            laptop.press("Change password");
            if current == "guess" {
                laptop.wait_for("That is not your password.");
            }
        }
        laptop.wait_for("The password is changed.");
        laptop.screenshot("password-changed");
        let after = laptop.cookies();
        assert_eq!(after.len(), 2);
        assert!(after.iter().all(|(name, value)| before[name] != *value), "both cookies are new");

        phone.visit("/");
        assert!(phone.shows("Your password was changed.") && phone.shows("Remember me"));
        phone.log_in("alice", "wonderland", true);
        phone.wait_for("There is no account with this name and password.");
        phone.log_in("alice", "looking-glass", true);
        phone.wait_for("Hello, alice.");
        laptop.visit("/");
        assert!(laptop.shows("Hello, alice."));
    });
}
