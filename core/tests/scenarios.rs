//! Tests the contract's promises as scenarios over the real service and the reference store.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

#[path = "scenarios/fixture.rs"]
mod fixture;
#[path = "scenarios/gate.rs"]
mod gate;

#[path = "scenarios/alarm.rs"]
mod alarm;
#[path = "scenarios/cap.rs"]
mod cap;
#[path = "scenarios/endings.rs"]
mod endings;
#[path = "scenarios/expiry.rs"]
mod expiry;
#[path = "scenarios/faults.rs"]
mod faults;
#[path = "scenarios/flooded.rs"]
mod flooded;
#[path = "scenarios/honest.rs"]
mod honest;
#[path = "scenarios/hostile_orders.rs"]
mod hostile_orders;
#[path = "scenarios/hostile_writer.rs"]
mod hostile_writer;
#[path = "scenarios/keys.rs"]
mod keys;
#[path = "scenarios/lifetime.rs"]
mod lifetime;
#[path = "scenarios/logins.rs"]
mod logins;
#[path = "scenarios/outage.rs"]
mod outage;
#[path = "scenarios/overtaken.rs"]
mod overtaken;
#[path = "scenarios/pending.rs"]
mod pending;
#[path = "scenarios/renewal.rs"]
mod renewal;
#[path = "scenarios/revocation.rs"]
mod revocation;
#[path = "scenarios/rows.rs"]
mod rows;
#[path = "scenarios/shuffled.rs"]
mod shuffled;
#[path = "scenarios/siblings.rs"]
mod siblings;
#[path = "scenarios/single_use.rs"]
mod single_use;
#[path = "scenarios/stamps.rs"]
mod stamps;
#[path = "scenarios/theft.rs"]
mod theft;
#[path = "scenarios/unreadable.rs"]
mod unreadable;
#[path = "scenarios/until_confirmed.rs"]
mod until_confirmed;
