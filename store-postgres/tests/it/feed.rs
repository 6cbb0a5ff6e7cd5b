//! Tests the feed: whatever ended before a turn began was heard when the turn has returned.

mod announced;
mod deposed;
pub(crate) mod ear;
mod opening;
mod outages;
mod poolers;
mod races;
mod snapshots;
mod trims;
