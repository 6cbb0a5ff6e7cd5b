//! Stores with a feed of their own: what ended is posted on a board, and feeds read it there.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use hallpass_conformance_tests::Declared;
use hallpass_core::store::{Action, Change, ChangeFeed, Heard, Lost, Proven, Purged, Replace};
use hallpass_core::{Selector, StoreError, Timestamp};

use crate::base::{Base, Locked, pause};
use crate::call::{ReplaceCall, RevokeCall};
use crate::twist::{Straight, Twist};

/// How records ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    Delete,
    Replace,
    Mark,
    Remove,
}

/// What one call ends.
#[derive(Clone, Copy)]
pub(crate) struct Posting<'a> {
    pub(crate) sort: Sort,
    pub(crate) selectors: &'a [Selector],
}

/// What is posted, in order.
#[derive(Debug, Default)]
pub(crate) struct Log(Locked<Vec<Selector>>);

impl Log {
    pub(crate) fn post(&self, selectors: &[Selector]) {
        self.0.lock().extend_from_slice(selectors);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// What was posted from place `at` on. Moves it to the end.
    pub(crate) fn since(&self, at: &mut usize) -> Vec<Selector> {
        let log = self.0.lock();
        let new = log.get(*at..).unwrap_or_default().to_vec();
        *at = log.len();
        new
    }
}

/// What one feed remembers.
#[derive(Debug, Default)]
pub(crate) struct Seat {
    /// How far it has read.
    pub(crate) at: usize,
    /// How many turns it has taken.
    pub(crate) turns: usize,
    /// What it has read and not reported.
    pub(crate) kept: Vec<Selector>,
    /// The number of the last purge that it knows.
    pub(crate) purges: usize,
    /// How often the server was started, and what its last fault was.
    pub(crate) server: (usize, usize),
}

/// How endings are announced. What is not implemented is right.
pub(crate) trait Board: fmt::Debug + Default + Send + Sync + 'static {
    /// Whether some time passes before a record ends and after.
    const PAUSES: bool = false;
    /// Whether each handle has a board of its own.
    const PER_HANDLE: bool = false;
    /// Whether a turn asks the server.
    const ASKS: bool = true;

    fn declared() -> Declared {
        Straight::declared()
    }

    fn log(&self) -> &Log;

    /// Runs before the records end. Returns the number of the transaction.
    fn begun(&self, posting: Posting<'_>) -> u64 {
        let _ = posting;
        0
    }

    /// Runs after the records have ended, and before that is acknowledged.
    fn committed(&self, transaction: u64, posting: Posting<'_>) {
        let _ = transaction;
        self.log().post(posting.selectors);
    }

    fn purged(&self) {}

    fn open(&self, store: &Base) -> Seat {
        Seat { at: self.log().len(), server: store.faults(), ..Seat::default() }
    }

    fn turn(&self, seat: &mut Seat, store: &Base, heard: &Heard) -> Result<Proven, StoreError> {
        let _ = store;
        heard.ended(&self.log().since(&mut seat.at));
        Ok(Proven::ThisTurn)
    }
}

/// A store with this board.
#[derive(Debug, Default)]
pub(crate) struct Posted<B>(Arc<B>);

impl<B: Board> Posted<B> {
    async fn begin(&self, posting: Posting<'_>) -> u64 {
        let transaction = self.0.begun(posting);
        if B::PAUSES {
            pause().await;
            if transaction.is_multiple_of(2) {
                pause().await;
            }
        }
        transaction
    }

    async fn commit(&self, transaction: u64, posting: Posting<'_>) {
        self.0.committed(transaction, posting);
        if B::PAUSES {
            pause().await;
        }
    }
}

impl<B: Board> Twist for Posted<B> {
    const PER_HANDLE: bool = B::PER_HANDLE;

    fn declared() -> Declared {
        B::declared()
    }

    async fn replace(&self, store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
        if !matches!(call.change, Change::End(_)) {
            return store.replace(call).await;
        }
        let posting = Posting { sort: Sort::Replace, selectors: &[call.next.selector] };
        let transaction = self.begin(posting).await;
        let answer = store.replace(call).await?;
        if answer == Replace::Replaced {
            self.commit(transaction, posting).await;
        }
        Ok(answer)
    }

    async fn delete(&self, store: &Base, selector: Selector) -> Result<bool, StoreError> {
        let posting = Posting { sort: Sort::Delete, selectors: &[selector] };
        let transaction = self.begin(posting).await;
        let removed = store.delete(selector).await?;
        if removed {
            self.commit(transaction, posting).await;
        }
        Ok(removed)
    }

    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        let sort = if call.action == Action::Remove { Sort::Remove } else { Sort::Mark };
        let meant = store.meant(call).await?;
        let selectors: Vec<_> = meant.iter().map(|record| record.selector).collect();
        let posting = Posting { sort, selectors: &selectors };
        let transaction = self.begin(posting).await;
        let ended = store.revoke(call).await?;
        self.commit(transaction, posting).await;
        Ok(ended)
    }

    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.0.purged();
        store.purge(now, limit).await
    }

    async fn feed(&self, store: &Base) -> Result<Box<dyn ChangeFeed>, StoreError> {
        store.answers().await?;
        let seat = self.0.open(store);
        Ok(Box::new(Reader { board: Arc::clone(&self.0), store: store.clone(), seat }))
    }
}

#[derive(Debug)]
struct Reader<B> {
    board: Arc<B>,
    store: Base,
    seat: Seat,
}

#[async_trait]
impl<B: Board> ChangeFeed for Reader<B> {
    async fn turn(&mut self, heard: &Heard) -> Result<Proven, StoreError> {
        if B::ASKS {
            self.store.answers().await?;
        }
        self.seat.turns += 1;
        self.board.turn(&mut self.seat, &self.store, heard)
    }
}

/// The feed of the reference store, behind the simulated server.
#[derive(Debug)]
pub(crate) struct BaseFeed {
    pub(crate) feed: Box<dyn ChangeFeed>,
    pub(crate) store: Base,
    pub(crate) server: (usize, usize),
}

#[async_trait]
impl ChangeFeed for BaseFeed {
    async fn turn(&mut self, heard: &Heard) -> Result<Proven, StoreError> {
        self.store.answers().await?;
        if self.store.faults() != self.server {
            return Ok(Proven::Lost(Lost::Closed));
        }
        self.feed.turn(heard).await
    }
}
