//! The edges of the contract that a run has visited: operation × edge, counted over every call of every case.
//!
//! An edge is determined by the arguments of a call and by what the suite knows about the records involved, from
//! earlier acknowledged calls. A count shows that the suite has visited an edge, not that it would notice a mistake
//! there.

mod known;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use hallpass_core::store::{Change, Epoch, Fence, Page, Record, Revision, Revocation};
use hallpass_core::{Note, Selector, Subject, Timestamp};

use crate::declared::{Capability, Declared};
pub(crate) use known::Known;

/// A call, as the coverage sees it.
#[derive(Clone, Copy)]
pub(crate) enum Asked<'a> {
    Insert(&'a Record, Fence),
    Find(Selector),
    Replace(&'a Record, Revision, Change<'a>),
    Delete(Selector, &'a Note),
    Revoke(&'a Subject, &'a Revocation),
    List(&'a Subject, &'a Page),
    Epoch(&'a Subject, Epoch, Duration, Timestamp),
    Purge(Timestamp, u32),
}

/// The columns.
const OPERATIONS: [&str; 8] = ["insert", "find", "replace", "delete", "revoke", "list", "epoch", "purge"];
const INSERT: u8 = 1;
const FIND: u8 = 1 << 1;
const REPLACE: u8 = 1 << 2;
const DELETE: u8 = 1 << 3;
const REVOKE: u8 = 1 << 4;
const LIST: u8 = 1 << 5;
const EPOCH: u8 = 1 << 6;
const PURGE: u8 = 1 << 7;
const EVERY: u8 = u8::MAX;
const OF_RECORDS: u8 = INSERT | FIND | REPLACE | DELETE;
const OF_STATES: u8 = EVERY - EPOCH;
const OF_NAMES: u8 = EVERY - PURGE;
const TIMED: u8 = INSERT | REPLACE | REVOKE | LIST | EPOCH | PURGE;

macro_rules! edges {
    ($($dimension:literal: $($edge:ident $operations:expr, $name:literal;)+)+) => {
        /// The rows.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        enum Edge { $($($edge,)+)+ }

        /// Dimension, edge, operations that can visit it.
        const EDGES: &[(&str, &str, u8)] = &[$($(($dimension, $name, $operations),)+)+];
    };
}

edges! {
    "owner":
        Anonymous OF_RECORDS, "a record without a subject";
        Neighbour OF_NAMES, "a subject whose shard another one shares";
        AnonymousParent INSERT, "under a parent without a subject";
        OthersParent INSERT, "under another subject's parent";
    "names":
        Long OF_NAMES, "a subject of 190 bytes and more";
        Odd OF_NAMES, "a subject that is no plain word";
    "when":
        Early TIMED, "an instant before 2001";
        Last TIMED, "an instant in the year 9999";
    "state":
        Live OF_STATES, "a record as it was inserted";
        Replaced OF_STATES, "a record that was replaced";
        Marked OF_STATES, "a marked record";
        Spent OF_STATES, "a spent record";
        Expired OF_STATES, "a record that a real clock calls expired";
        Gone OF_STATES, "a record that has gone";
    "numbers":
        Beyond16 OF_STATES - PURGE, "a revision of 16 bits and more";
        Beyond32 OF_STATES - PURGE, "a revision of 32 bits and more";
        Largest OF_STATES - PURGE, "a revision of 53 bits";
        LimitZero PURGE, "a limit of 0";
        LimitOne LIST | PURGE, "a limit of 1";
        LimitLargest LIST | PURGE, "the largest limit";
    "size":
        SmallBody INSERT | REPLACE, "a body of 10 bytes or less";
        LargeBody INSERT | REPLACE, "the largest body";
        LargeNote REPLACE | DELETE | REVOKE, "the largest note";
        Crowd INSERT | LIST | REVOKE, "a subject with a thousand records";
    "sets":
        NoKind LIST | REVOKE, "no kind";
        KindTwice LIST | REVOKE, "a kind named twice";
        ManyKinds LIST | REVOKE, "a dozen kinds";
        FewPurposes LIST | REVOKE, "some purposes";
        OneLogin REVOKE, "one login";
        OtherLogins REVOKE, "every login but one";
    "epochs":
        UnderEpoch INSERT, "under an epoch";
        UnderSetEpoch INSERT, "under an epoch after one was set";
        LongKeep EPOCH | REVOKE, "kept for more than an hour";
        ShorterKeep EPOCH | REVOKE, "kept for less than before";
        EarlierNow EPOCH | REVOKE, "by an earlier clock than before";
        AfterSet EPOCH | REVOKE, "after an epoch was set";
    "handles":
        OtherHandle OF_NAMES, "what another handle wrote last";
    "together":
        Overlapped EVERY, "while another call is under way";
        Dropped EVERY, "the caller goes away";
    "fault":
        Fault EVERY, "a fault of the server";
}

/// A cell of the matrix: an operation at an edge.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    operation: usize,
    edge: usize,
}

impl Cell {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let of = |(edge, row): (usize, &(&str, &str, u8))| {
            let operations = row.2;
            let can = move |operation: &usize| operations & (1 << operation) != 0;
            (0..OPERATIONS.len()).filter(can).map(move |operation| Self { operation, edge })
        };
        EDGES.iter().enumerate().flat_map(of)
    }

    /// The operation of this cell.
    #[must_use]
    pub const fn operation(self) -> &'static str {
        OPERATIONS[self.operation]
    }

    /// The edge of this cell, in words.
    #[must_use]
    pub const fn edge(self) -> &'static str {
        EDGES[self.edge].1
    }

    pub(crate) const fn is_of(self, operation: usize) -> bool {
        self.operation == operation
    }

    pub(crate) const fn is(self, operation: usize, edges: Edges) -> bool {
        self.is_of(operation) && edges.0 & (1 << self.edge) != 0
    }
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {}", self.operation(), self.edge())
    }
}

/// How often each operation visited each edge.
#[derive(Debug)]
pub struct Coverage([[AtomicU64; OPERATIONS.len()]; EDGES.len()]);

impl Default for Coverage {
    fn default() -> Self {
        Self(std::array::from_fn(|_| std::array::from_fn(|_| AtomicU64::new(0))))
    }
}

impl Coverage {
    pub(crate) fn count(&self, operation: usize, edges: Edges) {
        for (at, row) in self.0.iter().enumerate() {
            if edges.0 & (1 << at) != 0 {
                row[operation].fetch_add(1, Relaxed);
            }
        }
    }

    /// The cells that could have been visited but were not: operation, edge and, if known, the reason.
    #[must_use]
    pub fn unvisited(&self, declared: &Declared) -> Vec<(&'static str, &'static str, Option<&'static str>)> {
        let mut cells = Vec::new();
        for (at, (dimension, edge, operations)) in EDGES.iter().enumerate() {
            for (operation, name) in OPERATIONS.iter().enumerate() {
                if operations & (1 << operation) != 0 && self.0[at][operation].load(Relaxed) == 0 {
                    let lacks = match *dimension {
                        "fault" => declared.lacks(Capability::Outage),
                        "handles" => declared.lacks(Capability::SecondHandle),
                        _ => None,
                    };
                    let lacks = lacks
                        .or_else(|| (*name == "purge").then(|| declared.lacks(Capability::Purge)).flatten());
                    let never = at == Edge::Dropped as usize && self.is_empty(at);
                    let lacks =
                        lacks.or(never.then_some("a call that ends at its first poll cannot be dropped"));
                    cells.push((*name, *edge, lacks));
                }
            }
        }
        cells
    }

    fn is_empty(&self, row: usize) -> bool {
        self.0[row].iter().all(|count| count.load(Relaxed) == 0)
    }
}

/// The matrix: one row per edge, one column per operation. A dash is a cell not visited; an empty cell cannot be.
impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<52}", "coverage, in calls")?;
        OPERATIONS.iter().try_for_each(|name| write!(f, "{name:>8}"))?;
        let mut before = "";
        for ((dimension, edge, operations), row) in EDGES.iter().zip(&self.0) {
            let shown = if *dimension == before { "" } else { dimension };
            before = dimension;
            write!(f, "\n{shown:<10}{edge:<42}")?;
            for (operation, count) in row.iter().enumerate() {
                match count.load(Relaxed) {
                    _ if operations & (1 << operation) == 0 => write!(f, "{:>8}", "")?,
                    0 => write!(f, "{:>8}", "–")?,
                    count @ 0..100_000 => write!(f, "{count:>8}")?,
                    count => write!(f, "{:>7}k", count / 1_000)?,
                }
            }
        }
        Ok(())
    }
}

/// A set of edges.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Edges(u64);

impl Edges {
    const fn add(&mut self, edge: Edge, holds: bool) {
        if holds {
            self.0 |= 1 << edge as u64;
        }
    }

    pub(crate) const fn fault() -> Self {
        Self(1 << Edge::Fault as u64)
    }

    pub(crate) const fn dropped() -> Self {
        Self(1 << Edge::Dropped as u64)
    }
}

impl Asked<'_> {
    /// The column.
    pub(crate) const fn operation(&self) -> usize {
        match self {
            Self::Insert(..) => 0,
            Self::Find(..) => 1,
            Self::Replace(..) => 2,
            Self::Delete(..) => 3,
            Self::Revoke(..) => 4,
            Self::List(..) => 5,
            Self::Epoch(..) => 6,
            Self::Purge(..) => 7,
        }
    }
}
