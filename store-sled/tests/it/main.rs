//! The adapter against a real folder. Processes that have to die are this binary again: see
//! [`support::child`].

mod clauses;
mod crash;
mod damage;
mod folder;
mod full_disk;
mod races;
mod subjects;
mod support;
