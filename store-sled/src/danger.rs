//! Options that weaken a promise. Each says which promise.

use crate::builder::Builder;

/// Makes the store acknowledge a touch before it would survive a `kill -9`: once every handle sees it.
///
/// A touch is the throttled write that only notes that a token was seen: a replace that changes only times, each of
/// them forward, and the write id. sled writes it out within half a second, or with the next write that waits for the
/// disk. A crash may take back the last touches: a token then seems idle for longer than it was, so it expires too
/// early, never too late. No ended or replaced token becomes valid again.
///
/// Rotations, confirmations, changes of data, revocations, spendings, inserts and deletions are no touches, and always
/// wait for the disk.
pub fn acknowledge_touches_unflushed(mut builder: Builder) -> Builder {
    builder.flushes_touches = false;
    builder
}
