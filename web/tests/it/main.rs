//! Tests the web layer as a browser and an application see it: a test for each row of the README's Flask-Login table.

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
