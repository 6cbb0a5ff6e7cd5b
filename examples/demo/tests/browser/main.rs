//! The demo in a real browser: headless Chromium through WebDriver.
//!
//! The site runs in this process, over a clock that the test moves and a store that can fail. The browsers
//! are real, with profiles on disk, and JavaScript is off in them, unless a test says otherwise. Screenshots of every
//! page are written to `screenshots` in cargo's folder for files of tests.
//!
//! Without Chromium or its driver these tests fail. `scripts/install-servers` installs both.

#![expect(clippy::expect_used, clippy::panic, reason = "the helpers of tests fail like tests")]

mod chromium;
mod devices;
mod live;
mod pages;
#[path = "../../../support/program.rs"]
#[expect(dead_code, reason = "these tests neither kill a program nor read its output")]
mod program;
mod remember;
mod site;
mod webdriver;
