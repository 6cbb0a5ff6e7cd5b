//! The clauses of the contract, by number.

use std::fmt;

/// A clause of `docs/contract.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Clause {
    /// A token has one spelling; anything else is malformed before any store access.
    T1,
    /// Any former token is recognised as ours, a guess is not.
    T2,
    /// Only digests are stored, bound to kind, selector, subject and times.
    T3,
    /// Comparisons are constant-time.
    T4,
    /// Every holder of the predecessor gets the same successor.
    T5,
    /// No log, error or debug text contains a secret.
    T6,
    /// All records of a subject share a shard.
    T7,
    /// A token of another kind behaves as absent.
    T8,
    /// What is not ours is invalid, and ends nothing.
    D1,
    /// What has expired is expired, collected or not.
    D2,
    /// What was ended says why; what was used is spent.
    D3,
    /// Another stamp ends the login.
    D4,
    /// The newest token is valid: confirmed, slid and rotated when due.
    D5,
    /// The predecessor is good for the retry window while its successor is unconfirmed.
    D6,
    /// The predecessor is good for the overlap once its successor is confirmed.
    D7,
    /// The predecessor of a successor that nobody presented lapses.
    D8,
    /// Any other replaced token is theft, and ends the login.
    D9,
    /// When a rotation is due.
    D10,
    /// Use extends no window.
    D11,
    /// Ending is unconditional, one step, never undone; a failed slide is no rejection.
    D12,
    /// A marked record stays until its absolute expiry.
    D13,
    /// Policies are checked when built.
    D14,
    /// A lost compare-and-swap is read and decided again.
    D15,
    /// An honest client is never refused; a replay outside the windows is always caught.
    D16,
    /// The verdict says how the fingerprint compares.
    D17,
    /// What was acknowledged is found, byte for byte.
    S1,
    /// Insert only inserts.
    S2,
    /// An unknown selector is nothing; a near miss never matches.
    S3,
    /// Replace only updates; what is gone or marked stays so.
    S4,
    /// Replace is compare-and-swap: of many exactly one wins.
    S5,
    /// What was acknowledged is seen by everybody: linearizable.
    S6,
    /// Delete is idempotent and says whether a record was there.
    S7,
    /// Revoking by subject ends all and only what matches, and counts it.
    S8,
    /// A list shows what is there, each once, in order.
    S9,
    /// A purge removes only what is due, at most so much, and never early.
    S10,
    /// Fences: nothing slips in behind a revocation.
    S11,
    /// Trouble is an error, bounded in time, and passes.
    S12,
    /// A dropped future leaves a record untouched or fully written.
    S13,
    /// What is acknowledged survives what was declared.
    S14,
    /// Namespaces never see each other.
    S15,
    /// Whatever is within the limits is stored faithfully.
    S16,
    // S17 is withdrawn.
    /// No debug output, error or log contains data or digests.
    S18,
}

impl Clause {
    /// Every clause, in the order of the contract.
    #[rustfmt::skip]
    pub const ALL: [Self; 42] = [
        Self::T1, Self::T2, Self::T3, Self::T4, Self::T5, Self::T6, Self::T7, Self::T8,
        Self::D1, Self::D2, Self::D3, Self::D4, Self::D5, Self::D6, Self::D7, Self::D8, Self::D9,
        Self::D10, Self::D11, Self::D12, Self::D13, Self::D14, Self::D15, Self::D16, Self::D17,
        Self::S1, Self::S2, Self::S3, Self::S4, Self::S5, Self::S6, Self::S7, Self::S8, Self::S9,
        Self::S10, Self::S11, Self::S12, Self::S13, Self::S14, Self::S15, Self::S16, Self::S18,
    ];
}

/// Its number, as on the page: `S5`.
impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
