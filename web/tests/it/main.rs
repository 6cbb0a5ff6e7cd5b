//! Tests the web layer as a browser and as an application see it: each row of the README's Flask-Login table has a test.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod app;
mod browser;
mod store;
mod users;
mod world;

mod attempts;
mod audiences;
mod bearer;
mod cookies;
mod csrf;
mod data;
mod devices;
mod honest;
mod hostile;
mod login;
mod once;
mod outage;
mod protection;
mod proxies;
mod required;
mod restore;
mod signals;
mod stamps;
mod streams;
mod test_helper;
