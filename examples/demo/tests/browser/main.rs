//! The demo in a real browser: headless Chromium through WebDriver.
//!
//! The site runs in this process, over a clock that moves only when told to and a store that can be
//! unplugged; the browsers are real, with profiles on disk, and JavaScript is switched off in them.
//! Screenshots of every page land in `screenshots` under cargo's folder for the files of tests.
//!
//! Where Chromium or its driver is missing these tests fail: `scripts/install-servers` installs both.

#![expect(clippy::expect_used, clippy::panic, reason = "the helpers of tests fail like tests")]

#[path = "../support/plugged.rs"]
mod plugged;

mod chromium;
mod devices;
mod pages;
mod remember;
mod site;
mod webdriver;
