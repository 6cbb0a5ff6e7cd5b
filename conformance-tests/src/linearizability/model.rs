//! The reference model of one subject: a few records and an epoch.

use std::collections::{BTreeMap, BTreeSet};

use hallpass_core::{Insert, Replace};

use super::{Meaning, Op};

/// What a call asked for. Keys number the selectors, versions the contents, epochs themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Did {
    Insert {
        key: u8,
        version: u32,
        fence: Option<u32>,
    },
    Replace {
        key: u8,
        expected: u64,
        version: u32,
    },
    Delete {
        key: u8,
    },
    Revoke {
        remove: bool,
        advance: Option<u32>,
    },
    /// The first part of a revocation that sweeps: it sets the epoch.
    Sweep {
        epoch: u32,
    },
    /// A further part of it: one record is ended, if it is there.
    SweepKey {
        epoch: u32,
        key: u8,
        remove: bool,
    },
    Find {
        key: u8,
    },
    List,
    Epoch {
        fresh: u32,
    },
}

/// What it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Saw {
    Insert(Insert),
    Replace(Replace),
    Delete(bool),
    Revoke(u64),
    Find(Option<Row>),
    List(BTreeMap<u8, Row>),
    Epoch(u32),
    /// Nothing: the outcome is not known.
    Unknown,
    /// Something that this view does not judge.
    Any,
}

/// One record as the model knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Row {
    pub(crate) revision: u64,
    pub(crate) version: u32,
    pub(crate) marked: bool,
}

/// Everything of one subject.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct State {
    rows: BTreeMap<u8, Row>,
    epoch: Option<u32>,
    /// The sweeps that have set their epoch.
    sweeping: BTreeSet<u32>,
}

/// What the clauses say about calls that follow each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Model;

impl Meaning for Model {
    type State = State;

    fn initial(&self) -> State {
        State::default()
    }

    fn step(&self, before: &State, op: &Op) -> Vec<State> {
        let mut after = before.clone();
        let plausible = match op.did {
            Did::Insert { key, version, fence } => after.insert(key, version, fence, &op.saw),
            Did::Replace { key, expected, version } => after.replace(key, expected, version, &op.saw),
            Did::Delete { key } => {
                let was_there = after.rows.remove(&key).is_some();
                matches!(op.saw, Saw::Unknown) || op.saw == Saw::Delete(was_there)
            }
            Did::Revoke { remove, advance } => {
                let count = after.revoke(remove, advance);
                matches!(op.saw, Saw::Unknown | Saw::Any) || op.saw == Saw::Revoke(count)
            }
            Did::Sweep { epoch } => {
                after.epoch = Some(epoch);
                after.sweeping.insert(epoch)
            }
            Did::SweepKey { epoch, key, remove } => {
                after.end(key, remove);
                after.sweeping.contains(&epoch)
            }
            Did::Find { key } => op.saw == Saw::Find(after.rows.get(&key).copied()),
            Did::List => op.saw == Saw::List(after.rows.clone()),
            Did::Epoch { fresh } => {
                let epoch = *after.epoch.get_or_insert(fresh);
                matches!(op.saw, Saw::Unknown) || op.saw == Saw::Epoch(epoch)
            }
        };
        if plausible { vec![after] } else { Vec::new() }
    }

    fn is_idle(&self, op: &Op) -> bool {
        match (&op.did, &op.saw) {
            (_, Saw::Unknown) => false,
            (Did::Find { .. } | Did::List, _) => true,
            (Did::Insert { .. }, saw) => !matches!(saw, Saw::Insert(Insert::Inserted { .. })),
            (_, saw) => {
                matches!(saw, Saw::Replace(Replace::Conflict | Replace::Missing) | Saw::Delete(false))
            }
        }
    }
}

impl State {
    fn insert(&mut self, key: u8, version: u32, fence: Option<u32>, saw: &Saw) -> bool {
        let taken = self.rows.contains_key(&key);
        let fenced = fence.is_some_and(|fence| self.epoch != Some(fence));
        match saw {
            Saw::Insert(Insert::Duplicate) => taken,
            Saw::Insert(Insert::Fenced) => fenced,
            Saw::Insert(Insert::Inserted { .. }) | Saw::Unknown => {
                let free = !taken && !fenced;
                if free {
                    self.rows.insert(key, Row { revision: 1, version, marked: false });
                }
                free || *saw == Saw::Unknown
            }
            // Seen without the epoch: it may have been fenced.
            _ => true,
        }
    }

    fn replace(&mut self, key: u8, expected: u64, version: u32, saw: &Saw) -> bool {
        let row = self.rows.get_mut(&key);
        let fits = row.as_ref().is_some_and(|row| row.revision == expected && !row.marked);
        match (saw, row) {
            (Saw::Replace(Replace::Missing), row) => row.is_none(),
            // It may be spurious.
            (Saw::Replace(Replace::Conflict), row) => row.is_some(),
            (_, Some(row)) if fits => {
                *row = Row { revision: expected + 1, version, marked: false };
                true
            }
            _ => *saw == Saw::Unknown,
        }
    }

    fn revoke(&mut self, remove: bool, advance: Option<u32>) -> u64 {
        self.epoch = advance.or(self.epoch);
        let keys: Vec<_> = self.rows.keys().copied().collect();
        keys.into_iter().map(|key| u64::from(self.end(key, remove))).sum()
    }

    /// Whether there was something to end.
    fn end(&mut self, key: u8, remove: bool) -> bool {
        if remove {
            return self.rows.remove(&key).is_some();
        }
        let Some(row) = self.rows.get_mut(&key).filter(|row| !row.marked) else { return false };
        *row = Row { revision: row.revision + 1, marked: true, ..*row };
        true
    }
}

/// What `history` says about one selector: every promise about it holds for it alone.
pub(crate) fn of_key(history: &[Op], key: u8) -> Vec<Op> {
    let of_key = |op: &Op| {
        let mut op = op.clone();
        match (&mut op.did, &mut op.saw) {
            (Did::Insert { key: of, fence, .. }, saw) if *of == key => {
                if *saw == Saw::Insert(Insert::Fenced) {
                    *saw = Saw::Any;
                }
                *fence = None;
            }
            (Did::Replace { key: of, .. } | Did::Delete { key: of } | Did::Find { key: of }, _)
                if *of == key => {}
            (Did::Revoke { advance, .. }, saw) => {
                *advance = None;
                if *saw != Saw::Unknown {
                    *saw = Saw::Any;
                }
            }
            (did @ Did::List, Saw::List(rows)) => {
                let row = rows.get(&key).copied();
                (*did, op.saw) = (Did::Find { key }, Saw::Find(row));
            }
            _ => return None,
        }
        Some(op)
    };
    history.iter().filter_map(of_key).collect()
}

/// What `history` says about the subject: all but what was found by selector.
pub(crate) fn of_subject(history: &[Op]) -> Vec<Op> {
    history.iter().filter(|op| !matches!(op.did, Did::Find { .. })).cloned().collect()
}

/// The same history where each revocation that sets an epoch is swept: the epoch first, then each of `keys`
/// at an instant of its own before the answer (S8). One event is the special case that all of them are one.
pub(crate) fn swept(history: &[Op], keys: u8) -> Vec<Op> {
    let parts = |op: &Op| {
        let Did::Revoke { remove, advance: Some(epoch) } = op.did else { return vec![op.clone()] };
        let saw = if op.saw == Saw::Unknown { Saw::Unknown } else { Saw::Any };
        let part = |did| Op { did, saw: saw.clone(), ..op.clone() };
        let keys = (0..keys).map(|key| part(Did::SweepKey { epoch, key, remove }));
        [part(Did::Sweep { epoch })].into_iter().chain(keys).collect()
    };
    history.iter().flat_map(parts).collect()
}
