//! A small database: tables, indexes, and transactions at "read committed" with row locks.
//!
//! Other transactions see the writes of a transaction after its commit. A lock is held to the end of its transaction.
//! A statement that waited for a lock runs again, so that it sees what was committed meanwhile.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hallpass_conformance_tests::Fault;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::statement::{Cap, Col, Dir, Expr, Given, Index, Lock, Statement, Table, Verb};
use crate::value::{Row, Value};

/// How long a statement waits for locks before it counts as part of a deadlock.
const PATIENCE: Duration = Duration::from_secs(15);

type Key = Vec<Value>;

#[derive(Debug, Default)]
pub(crate) struct Database {
    tables: Mutex<Tables>,
    released: Notify,
    fault: Mutex<Option<Fault>>,
}

#[derive(Debug, Default)]
struct Tables {
    rows: HashMap<Table, BTreeMap<Key, Row>>,
    entries: HashMap<(Table, Index), BTreeSet<Vec<Value>>>,
    locks: HashMap<(Table, Key), Held>,
    transactions: u64,
}

/// The transactions that hold a lock on a row.
#[derive(Debug, Default)]
struct Held {
    alone: Option<u64>,
    together: HashSet<u64>,
}

/// Why a statement failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    Deadlock,
    /// More rows than the backend can take at a time.
    TooMany,
}

/// When a statement ends its transaction, in the same step as its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    Never,
    IfNothingWasFound,
    Always,
}

/// A transaction; dropping it undoes what was not committed.
#[derive(Debug)]
pub(crate) struct Transaction {
    database: Arc<Database>,
    number: u64,
    rows: HashMap<Table, BTreeMap<Key, Option<Row>>>,
    /// Whether the entry exists.
    entries: HashMap<(Table, Index), BTreeMap<Vec<Value>, bool>>,
    held: Vec<(Table, Key)>,
}

impl Database {
    pub(crate) fn begin(self: &Arc<Self>) -> Transaction {
        let mut tables = self.lock();
        tables.transactions += 1;
        Transaction {
            database: Arc::clone(self),
            number: tables.transactions,
            rows: HashMap::new(),
            entries: HashMap::new(),
            held: Vec::new(),
        }
    }

    /// Removes the rows of `tables` in one namespace, or in all of them.
    pub(crate) fn forget(&self, tables: &[Table], namespace: Option<&Value>) {
        let kept = |value: Option<&Value>| namespace.is_some_and(|namespace| value != Some(namespace));
        let mut all = self.lock();
        for (table, rows) in &mut all.rows {
            rows.retain(|key, _| !tables.contains(table) || kept(key.first()));
        }
        for ((table, _), entries) in &mut all.entries {
            entries.retain(|entry| !tables.contains(table) || kept(entry.first()));
        }
    }

    /// Changes a row without updating any index, as a bad disk does.
    pub(crate) fn damage(&self, key: &[Value], damage: impl FnOnce(&mut Row)) -> bool {
        let mut tables = self.lock();
        let row = tables.rows.get_mut(&Table::Records).and_then(|rows| rows.get_mut(key));
        row.map(damage).is_some()
    }

    pub(crate) fn fault(&self) -> Option<Fault> {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_fault(&self, fault: Option<Fault>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transaction {
    /// Runs `statement` and returns the rows that it read or wrote.
    ///
    /// # Cancellation
    /// The statement has run completely or not at all; dropping the transaction undoes it.
    pub(crate) async fn run(
        &mut self,
        statement: &Statement,
        given: &Given,
        ends: Ends,
    ) -> Result<Vec<Row>, Broken> {
        let database = Arc::clone(&self.database);
        let done = async {
            loop {
                let mut released = pin!(database.released.notified());
                released.as_mut().enable();
                if let Some(rows) = self.attempt(statement, given, ends)? {
                    return Ok(rows);
                }
                released.await;
            }
        };
        timeout(PATIENCE, done).await.unwrap_or(Err(Broken::Deadlock))
    }

    pub(crate) fn commit(mut self) {
        let database = Arc::clone(&self.database);
        self.apply(&mut database.lock());
    }

    /// Tries once; `None` if it must wait for a lock.
    fn attempt(
        &mut self,
        statement: &Statement,
        given: &Given,
        ends: Ends,
    ) -> Result<Option<Vec<Row>>, Broken> {
        let database = Arc::clone(&self.database);
        let mut tables = database.lock();
        let Some(rows) = self.execute(&mut tables, statement, given)? else { return Ok(None) };
        if ends == Ends::Always || ends == Ends::IfNothingWasFound && rows.is_empty() {
            self.apply(&mut tables);
        }
        Ok(Some(rows))
    }

    fn execute(
        &mut self,
        tables: &mut Tables,
        statement: &Statement,
        given: &Given,
    ) -> Result<Option<Vec<Row>>, Broken> {
        if let Verb::Insert(values, update) = &statement.verb {
            return Ok(self.insert(tables, statement, values, update.as_deref(), given));
        }
        let matching = self.matching(tables, statement, given)?;
        for (key, _) in &matching {
            if !self.hold(tables, (statement.table, key.clone()), statement.lock) {
                return Ok(None);
            }
        }
        let mut answer = Vec::new();
        for (key, row) in matching {
            answer.push(match &statement.verb {
                Verb::Select(columns) if is_whole(columns) => row,
                Verb::Select(columns) => assigned(&Row::empty(), columns, Some(&row), None, given),
                Verb::Update(set) => {
                    let new = assigned(&row, set, Some(&row), None, given);
                    self.write(statement, key, Some(&row), Some(&new));
                    new
                }
                Verb::Delete | Verb::Insert(..) => {
                    self.write(statement, key, Some(&row), None);
                    row
                }
            });
        }
        Ok(Some(answer))
    }

    fn insert(
        &mut self,
        tables: &mut Tables,
        statement: &Statement,
        values: &[(Col, Expr)],
        update: Option<&[(Col, Expr)]>,
        given: &Given,
    ) -> Option<Vec<Row>> {
        let new = assigned(&Row::empty(), values, None, None, given);
        let key = statement.table.entry(Index::Key, &new);
        // As with `on conflict do nothing`: an existing row that is not being written causes a conflict, even if its
        // lock is shared.
        let place = (statement.table, key.clone());
        let written = |held: &Held| held.alone.is_some_and(|by| by != self.number);
        if update.is_none()
            && !tables.locks.get(&place).is_some_and(written)
            && self.row(tables, statement.table, &key).is_some()
        {
            return Some(Vec::new());
        }
        if !self.hold(tables, (statement.table, key.clone()), statement.lock) {
            return None;
        }
        let old = self.row(tables, statement.table, &key).cloned();
        let written = match (&old, update) {
            (None, _) => new,
            (Some(_), None) => return Some(Vec::new()),
            (Some(old), Some(set)) => assigned(old, set, Some(old), Some(&new), given),
        };
        self.write(statement, key, old.as_ref(), Some(&written));
        Some(vec![written])
    }

    /// The row that this transaction sees under `key`.
    fn row<'a>(&'a self, tables: &'a Tables, table: Table, key: &Key) -> Option<&'a Row> {
        match self.rows.get(&table).and_then(|rows| rows.get(key)) {
            Some(own) => own.as_ref(),
            None => tables.rows.get(&table).and_then(|rows| rows.get(key)),
        }
    }

    /// The rows that `statement` concerns, in its order. An index entry without a row counts towards the limit.
    fn matching(
        &self,
        tables: &Tables,
        statement: &Statement,
        given: &Given,
    ) -> Result<Vec<(Key, Row)>, Broken> {
        let way = statement.way(given);
        let columns: Vec<_> = statement.order.iter().map(|(col, _)| *col).collect();
        let dir = statement.order.first().map_or(Dir::Up, |(_, dir)| *dir);
        let as_indexed =
            way.rest.starts_with(&columns) && statement.order.iter().all(|(_, other)| *other == dir);
        let limit = statement.limit.as_ref().and_then(|limit| limit.value(None, None, given).number());
        let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
        let (mut found, mut stale) = (Vec::new(), 0);
        for entry in self.scan(tables, statement, &way.prefix, as_indexed && dir == Dir::Down) {
            if as_indexed && found.len() + stale >= limit {
                break;
            }
            if way.is_covered {
                found.push((Key::new(), Row::empty()));
                continue;
            }
            let key: Key = entry.first().cloned().into_iter().chain(entry.last().cloned()).collect();
            match self.row(tables, statement.table, &key) {
                None => stale += 1,
                Some(row) if !way.filter.iter().all(|pred| pred.holds(Some(row), given)) => {}
                Some(_) if statement.lock == Lock::Skip && !self.free(tables, statement.table, &key) => {}
                Some(row) => found.push((key, row.clone())),
            }
        }
        if !as_indexed {
            found.sort_by(|(_, left), (_, right)| {
                let by = |(col, dir): &(Col, Dir)| match dir {
                    Dir::Up => left.get(*col).cmp(right.get(*col)),
                    Dir::Down => right.get(*col).cmp(left.get(*col)),
                };
                statement.order.iter().map(by).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
            });
            found.truncate(limit);
        }
        match statement.cap {
            Some(Cap::Refuses(most)) if found.len() > most => return Err(Broken::TooMany),
            Some(Cap::Rows(most)) => found.truncate(most),
            Some(Cap::Bytes(most)) => {
                let mut bytes = 0;
                found.retain(|(_, row)| {
                    bytes += row.len();
                    bytes <= most
                });
            }
            _ => {}
        }
        Ok(found)
    }

    /// The entries of the statement's index that begin with `prefix`: the committed ones and the transaction's own.
    fn scan<'a>(
        &'a self,
        tables: &'a Tables,
        statement: &Statement,
        prefix: &[Value],
        down: bool,
    ) -> Box<dyn Iterator<Item = &'a Vec<Value>> + 'a> {
        let (table, index) = (statement.table, statement.via);
        let from = prefix.to_vec();
        let to: Vec<_> = prefix.iter().cloned().chain([Value::Top]).collect();
        if index == Index::Key {
            let committed = tables.rows.get(&table).map(|rows| rows.range(from.clone()..to.clone()));
            let own = self.rows.get(&table).map(|rows| rows.range(from..to));
            let mut keys: BTreeSet<_> = committed.into_iter().flatten().map(|(key, _)| key).collect();
            keys.extend(own.into_iter().flatten().map(|(key, _)| key));
            keys.retain(|key| self.row(tables, table, key).is_some());
            return Box::new(keys.into_iter());
        }
        let own = self.entries.get(&(table, index));
        let is_own = move |entry: &&Vec<Value>| own.is_some_and(|own| own.contains_key(*entry));
        let added = own.map(|own| own.range(from.clone()..to.clone()));
        let added = added.into_iter().flatten().filter(|(_, there)| **there).map(|(entry, _)| entry);
        let committed = tables.entries.get(&(table, index)).map(|entries| entries.range(from..to));
        let committed = committed.into_iter().flatten().filter(move |entry| !is_own(entry));
        if down {
            Box::new(merged(committed.rev(), added.rev(), Ordering::Greater))
        } else {
            Box::new(merged(committed, added, Ordering::Less))
        }
    }

    fn write(&mut self, statement: &Statement, key: Key, old: Option<&Row>, new: Option<&Row>) {
        let table = statement.table;
        for index in table.indexes() {
            let left = old.map(|old| table.entry(*index, old));
            let entered = new.map(|new| table.entry(*index, new));
            if left == entered {
                continue;
            }
            if let Some(left) = left.filter(|_| statement.leaves.contains(index)) {
                self.entries.entry((table, *index)).or_default().insert(left, false);
            }
            if let Some(entered) = entered.filter(|_| statement.enters.contains(index)) {
                self.entries.entry((table, *index)).or_default().insert(entered, true);
            }
        }
        self.rows.entry(table).or_default().insert(key, new.cloned());
    }

    fn free(&self, tables: &Tables, table: Table, key: &Key) -> bool {
        tables.locks.get(&(table, key.clone())).is_none_or(|held| {
            held.alone.is_none_or(|by| by == self.number) && held.together.iter().all(|by| *by == self.number)
        })
    }

    /// Takes the lock unless another transaction holds a conflicting one.
    fn hold(&mut self, tables: &mut Tables, place: (Table, Key), lock: Lock) -> bool {
        let me = self.number;
        let held = match lock {
            Lock::No => return true,
            Lock::Share | Lock::Exclusive | Lock::Skip => tables.locks.entry(place.clone()).or_default(),
        };
        if held.alone.is_some_and(|by| by != me) {
            return false;
        }
        if lock == Lock::Share {
            held.together.insert(me);
        } else if held.together.iter().any(|by| *by != me) {
            return false;
        } else {
            held.alone = Some(me);
        }
        self.held.push(place);
        true
    }

    /// Commits what the transaction wrote and releases its locks.
    fn apply(&mut self, tables: &mut Tables) {
        for (table, own) in std::mem::take(&mut self.rows) {
            let rows = tables.rows.entry(table).or_default();
            for (key, row) in own {
                match row {
                    Some(row) => rows.insert(key, row),
                    None => rows.remove(&key),
                };
            }
        }
        for (index, own) in std::mem::take(&mut self.entries) {
            let entries = tables.entries.entry(index).or_default();
            for (entry, there) in own {
                if there {
                    entries.insert(entry);
                } else {
                    entries.remove(&entry);
                }
            }
        }
        self.release(tables);
    }

    fn release(&mut self, tables: &mut Tables) {
        for place in std::mem::take(&mut self.held) {
            if let Some(held) = tables.locks.get_mut(&place) {
                held.together.remove(&self.number);
                held.alone = held.alone.filter(|by| *by != self.number);
                if held.alone.is_none() && held.together.is_empty() {
                    tables.locks.remove(&place);
                }
            }
        }
        self.database.released.notify_waiters();
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        let database = Arc::clone(&self.database);
        self.release(&mut database.lock());
    }
}

/// Merges two sorted sequences; `first` is how an earlier entry compares to a later one.
fn merged<'a, T: Ord + 'a>(
    one: impl Iterator<Item = &'a T>,
    other: impl Iterator<Item = &'a T>,
    first: Ordering,
) -> impl Iterator<Item = &'a T> {
    let (mut one, mut other) = (one.peekable(), other.peekable());
    std::iter::from_fn(move || match (one.peek(), other.peek()) {
        (Some(left), Some(right)) if left.cmp(right) != first => other.next(),
        (None, _) => other.next(),
        _ => one.next(),
    })
}

/// Whether each of these columns is read unchanged.
fn is_whole(columns: &[(Col, Expr)]) -> bool {
    columns.iter().all(|(col, expr)| *expr == Expr::Col(*col))
}

/// Returns `old` with these columns assigned.
fn assigned(
    old: &Row,
    assignments: &[(Col, Expr)],
    row: Option<&Row>,
    new: Option<&Row>,
    given: &Given,
) -> Row {
    let mut assigned = old.clone();
    for (col, expr) in assignments {
        assigned.set(*col, expr.value(row, new, given).into_owned());
    }
    assigned
}
