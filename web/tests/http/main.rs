//! The layer as a browser sees it: a site on a real socket, and a client with a cookie jar.
//!
//! `README.md` beside this file says which case mirrors which case of another project's suite.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod browser;
mod gate;
mod heard;
mod jar;
mod more_routes;
mod routes;
mod site;
mod users;
mod wire;

mod accounts;
mod cookies;
mod data;
mod devices;
mod events;
mod garbage;
mod keys;
mod login;
mod logout;
mod once;
mod origin;
mod outage;
mod protection;
mod races;
mod remember;
mod required;
mod theft;
