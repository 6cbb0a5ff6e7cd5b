//! Feeds: how a store announces what ended, so that a near cache can forget it.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::error::StoreError;
use crate::selector::Selector;

/// A store that can announce endings (contract S19).
///
/// A near cache keeps records in the memory of a node and forgets those that end. Only endings are announced: a
/// [`delete`](super::TokenStore::delete), a [`replace`](super::TokenStore::replace) with
/// [`Change::End`](super::Change::End), and a [`revoke_by_subject`](super::TokenStore::revoke_by_subject) with either
/// action, through any handle and in any process. Inserts, other replaces, purges and epochs are not. A store may
/// leave out records whose [purpose](super::Purpose) is single use, because core never keeps them.
#[async_trait]
pub trait Announcer: Send + Sync {
    /// Opens a feed. It hears every ending that takes effect after this call has returned; one that took effect before
    /// may be acknowledged later, and may be unheard, because nothing was kept when it did.
    ///
    /// The call ends within the time limit of every other call (S12); core gives up after it and tries again.
    ///
    /// # Errors
    /// [`StoreError`]. [`StoreError::Refused`] says that no later call will do better; core tries again all the same,
    /// because the backend may be configured differently by then.
    async fn feed(&self) -> Result<Box<dyn ChangeFeed>, StoreError>;
}

/// What a store announces, one turn after another.
///
/// Core runs one turn at a time. It notes the present instant, t0, then calls [`turn`](Self::turn). What the turn
/// [proves](Proven) is about t0, or about that of the turn before.
///
/// - **S19** What a turn proves covers *every* ending that was acknowledged before its t0 and after the feed was
///   opened, and all of them were reported to [`Heard`] before the turn returned. What a feed cannot cover, it reports
///   as [`Lost`]. Silence is never proof: a turn asks the backend, and the answer comes on the channel that carries
///   the announcements, behind them.
/// - An ending may be reported before it is acknowledged, but never before every [`find`](super::TokenStore::find)
///   sees it: a cache would read the record once more and keep it. It may be reported more than once, and in any order.
///   A record that did not end may be reported, too: that costs a read.
/// - A turn waits for nothing but its answer. If no answer comes, core cuts the turn off, drops the feed and opens
///   another. A feed that is dropped at any await leaves nothing behind in the backend that lasts.
#[async_trait]
pub trait ChangeFeed: fmt::Debug + Send + 'static {
    /// Reports to `heard` what ended, then returns what the turn proves.
    ///
    /// # Errors
    /// [`StoreError`]: this turn proves nothing, and the feed stays usable. A feed that cannot go on returns
    /// [`Proven::Lost`] instead.
    async fn turn(&mut self, heard: &Heard) -> Result<Proven, StoreError>;
}

/// What a turn of a feed proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Proven {
    /// Every ending acknowledged before this turn began was heard.
    ThisTurn,
    /// Every ending acknowledged before the turn before this one began was heard. After a turn that proved nothing,
    /// or that returned an error, this proves nothing either.
    TurnBefore,
    /// Endings may have been missed. Core forgets everything, drops the feed and opens another.
    Lost(Lost),
}

/// Why a feed may have missed endings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Lost {
    /// The connection was closed, or the feed did not answer in time.
    Closed,
    /// Announcements were removed before this feed had read them.
    Trimmed,
    /// The backend has restarted, and announcements are gone with it.
    Restarted,
    /// Another server, or another set of servers, keeps the records now.
    Moved,
    /// Records or announcements were removed all at once.
    Flushed,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "closed",
            Self::Trimmed => "trimmed",
            Self::Restarted => "restarted",
            Self::Moved => "moved",
            Self::Flushed => "flushed",
        })
    }
}

/// What a feed reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Announced<'a> {
    /// The records with these selectors ended.
    Ended(&'a [Selector]),
    /// All records of this [shard](Selector::shard) may have ended.
    Shard([u8; 2]),
    /// Endings may have been missed.
    Lost(Lost),
}

/// Where a feed reports what it heard. Clones report to the same place.
#[derive(Clone)]
pub struct Heard(Arc<dyn Fn(Announced<'_>) + Send + Sync>);

impl Heard {
    /// Passes every report to `to`, at once. Core makes its own; this is for tests of a feed, and for a relay.
    #[must_use]
    pub fn new(to: impl Fn(Announced<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(to))
    }

    /// Reports records that ended.
    pub fn ended(&self, selectors: &[Selector]) {
        if !selectors.is_empty() {
            (self.0)(Announced::Ended(selectors));
        }
    }

    /// Reports that all records of a shard may have ended: for a revocation too large to name each of them.
    pub fn ended_shard(&self, shard: [u8; 2]) {
        (self.0)(Announced::Shard(shard));
    }

    /// Reports that endings may have been missed, before the turn ends. Core forgets everything at once, and
    /// whatever the turn returns counts as [`Proven::Lost`].
    pub fn lost(&self, why: Lost) {
        (self.0)(Announced::Lost(why));
    }
}

impl fmt::Debug for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heard").finish_non_exhaustive()
    }
}
