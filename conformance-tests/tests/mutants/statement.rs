//! Statements as data: what an adapter writes in SQL or Lua, in a form that a mutation can change.

use std::borrow::Cow;

use crate::value::{Lens, Row, Value};

/// A column of either table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Col {
    Namespace,
    Selector,
    Subject,
    Kind,
    Purpose,
    Login,
    Era,
    CreatedAt,
    UpdatedAt,
    SeenAt,
    ExpiresAt,
    IdleAt,
    PurgeAt,
    Revoked,
    Revision,
    Generation,
    Device,
    Body,
    Epoch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Table {
    Records,
    Epochs,
}

/// How a statement finds its rows. The last column of each index is the key within a namespace, so that an entry
/// identifies its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Index {
    Key,
    BySubject,
    ByDue,
}

/// A parameter of a call. `Of` is a column of the record passed to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Param {
    Of(Col),
    Namespace,
    Subject,
    Selector,
    Parent,
    FenceEpoch,
    Expected,
    NewEpoch,
    Now,
    Keep,
    HalfKeep,
    Reason,
    At,
    Kinds,
    Purposes,
    Only,
    Except,
    After,
    Limit,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expr {
    Col(Col),
    /// In an insert that found an existing row: the column that it would have written.
    New(Col),
    Given(Param),
    Is(Value),
    Sum(Box<[Expr; 2]>),
    Larger(Box<[Expr; 2]>),
    Smaller(Box<[Expr; 2]>),
    Pair(Box<[Expr; 2]>),
    /// One of a pair.
    Part(usize, Box<Expr>),
    Bent(Lens, Box<Expr>),
    /// The clock of the server; no statement of the unmutated store reads it.
    Clock,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Is,
    IsNot,
    Less,
    AtMost,
    More,
    AtLeast,
    In,
    /// Like `Is`, but null equals null.
    Same,
    /// The right side may contain `%` and `_`.
    Like,
}

/// One condition. As in SQL, it does not hold if a side is null.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pred {
    pub(crate) left: Expr,
    pub(crate) op: Op,
    pub(crate) right: Expr,
    /// A change applied to both sides before the comparison.
    pub(crate) lens: Option<Lens>,
    /// Whether it also holds if the right side is null: `$1 is null or …`.
    pub(crate) optional: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dir {
    Up,
    Down,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lock {
    No,
    Share,
    Exclusive,
    /// Exclusive; rows that another transaction holds are skipped.
    Skip,
}

/// How much a backend or its driver can take at a time. No statement of the unmutated store has a cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cap {
    Rows(usize),
    /// A larger number of rows is an error.
    Refuses(usize),
    /// The total size of the rows in bytes.
    Bytes(usize),
}

pub(crate) type Assignments = Vec<(Col, Expr)>;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verb {
    Select(Assignments),
    Update(Assignments),
    Delete,
    /// If the key is taken, nothing is written, or the row is updated with the second list.
    Insert(Assignments, Option<Assignments>),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Statement {
    pub(crate) table: Table,
    pub(crate) via: Index,
    pub(crate) filter: Vec<Pred>,
    pub(crate) order: Vec<(Col, Dir)>,
    pub(crate) limit: Option<Expr>,
    pub(crate) cap: Option<Cap>,
    pub(crate) lock: Lock,
    pub(crate) verb: Verb,
    /// The indexes to which it adds entries for the rows it writes.
    pub(crate) enters: Vec<Index>,
    /// The indexes from which it removes entries of the rows it changes or deletes.
    pub(crate) leaves: Vec<Index>,
    /// Whether a handle caches the result of this read until it writes.
    pub(crate) cached: bool,
}

/// The parameters of a statement.
pub(crate) type Given = std::collections::BTreeMap<Param, Value>;

impl Table {
    pub(crate) const ALL: [Self; 2] = [Self::Records, Self::Epochs];

    pub(crate) const fn indexes(self) -> &'static [Index] {
        match self {
            Self::Records => &[Index::BySubject, Index::ByDue],
            Self::Epochs => &[Index::ByDue],
        }
    }

    const fn key(self) -> Col {
        match self {
            Self::Records => Col::Selector,
            Self::Epochs => Col::Subject,
        }
    }

    /// The columns of an index, in its order.
    pub(crate) fn columns(self, index: Index) -> Vec<Col> {
        match index {
            Index::Key => vec![Col::Namespace, self.key()],
            Index::BySubject => vec![Col::Namespace, Col::Subject, Col::CreatedAt, self.key()],
            Index::ByDue => vec![Col::Namespace, Col::PurgeAt, self.key()],
        }
    }

    pub(crate) fn entry(self, index: Index, row: &Row) -> Vec<Value> {
        self.columns(index).into_iter().map(|col| row.get(col).clone()).collect()
    }
}

impl Expr {
    pub(crate) fn value<'a>(
        &'a self,
        row: Option<&'a Row>,
        new: Option<&'a Row>,
        given: &'a Given,
    ) -> Cow<'a, Value> {
        let of = |expr: &'a Self| expr.value(row, new, given);
        let known = |value: Option<&'a Value>| value.map_or(Cow::Owned(Value::Null), Cow::Borrowed);
        match self {
            Self::Col(col) => known(row.map(|row| row.get(*col))),
            Self::New(col) => known(new.map(|new| new.get(*col))),
            Self::Given(param) => known(given.get(param)),
            Self::Is(value) => Cow::Borrowed(value),
            Self::Sum(both) => Cow::Owned(of(&both[0]).plus(&of(&both[1]))),
            Self::Larger(both) => of(&both[0]).max(of(&both[1])),
            Self::Smaller(both) => of(&both[0]).min(of(&both[1])),
            Self::Pair(both) => match (of(&both[0]).into_owned(), of(&both[1]).into_owned()) {
                (Value::Null, _) | (_, Value::Null) => Cow::Owned(Value::Null),
                (first, second) => Cow::Owned(Value::List(vec![first, second])),
            },
            Self::Part(at, pair) => match &*of(pair) {
                Value::List(parts) => Cow::Owned(parts.get(*at).cloned().unwrap_or(Value::Null)),
                _ => Cow::Owned(Value::Null),
            },
            Self::Bent(lens, expr) => Cow::Owned(lens.bend(of(expr).into_owned())),
            Self::Clock => Cow::Owned(Value::clock()),
        }
    }
}

impl Pred {
    pub(crate) fn holds(&self, row: Option<&Row>, given: &Given) -> bool {
        let (mut left, mut right) = (self.left.value(row, None, given), self.right.value(row, None, given));
        if *right == Value::Null && self.optional {
            return true;
        }
        if let Some(lens) = self.lens {
            left = Cow::Owned(lens.bend(left.into_owned()));
            right = Cow::Owned(lens.bend(right.into_owned()));
        }
        if self.op == Op::Same {
            return left == right;
        }
        if *left == Value::Null || *right == Value::Null {
            return false;
        }
        match self.op {
            Op::Is | Op::Same => left == right,
            Op::IsNot => left != right,
            Op::Less => left < right,
            Op::AtMost => left <= right,
            Op::More => left > right,
            Op::AtLeast => left >= right,
            Op::In => matches!(&*right, Value::List(list) if list.contains(&left)),
            Op::Like => left.is_like(&right),
        }
    }

    /// The column and value that the condition requires of every row, if it requires one.
    fn bound(&self, given: &Given) -> Option<(Col, Value)> {
        match (&self.left, self.op, self.lens) {
            (Expr::Col(col), Op::Is, None) if !self.optional => {
                Some((*col, self.right.value(None, None, given).into_owned()))
            }
            _ => None,
        }
    }
}

/// How a statement finds its rows.
#[derive(Debug)]
pub(crate) struct Way<'a> {
    /// The first columns of the index, which its conditions determine.
    pub(crate) prefix: Vec<Value>,
    /// The remaining columns of the index.
    pub(crate) rest: Vec<Col>,
    /// The conditions that remain to be checked.
    pub(crate) filter: Vec<&'a Pred>,
    /// Whether the index entries contain everything that it reads.
    pub(crate) is_covered: bool,
}

impl Statement {
    pub(crate) fn way(&self, given: &Given) -> Way<'_> {
        let bound = |pred: &Pred| pred.bound(given);
        let mut filter: Vec<&Pred> = self.filter.iter().collect();
        let (mut prefix, mut rest) = (Vec::new(), Vec::new());
        for col in self.table.columns(self.via) {
            let settled = |pred: &&Pred| bound(pred).is_some_and(|(settled, _)| settled == col);
            match filter.iter().position(settled) {
                Some(at) if rest.is_empty() => {
                    prefix.extend(bound(filter[at]).map(|(_, value)| value));
                    if prefix.last() != Some(&Value::Null) {
                        filter.remove(at);
                    }
                }
                _ => rest.push(col),
            }
        }
        let is_counted = matches!(&self.verb, Verb::Select(columns) if columns.is_empty());
        let is_covered = is_counted && filter.is_empty() && self.via != Index::Key && self.lock == Lock::No;
        Way { prefix, rest, filter, is_covered }
    }

    /// Every list of assignments in it.
    pub(crate) fn assignments(&self) -> Vec<&Assignments> {
        match &self.verb {
            Verb::Select(columns) | Verb::Update(columns) | Verb::Insert(columns, None) => vec![columns],
            Verb::Insert(values, Some(update)) => vec![values, update],
            Verb::Delete => Vec::new(),
        }
    }

    /// Every list of assignments in it, mutable.
    pub(crate) fn assignments_mut(&mut self) -> Vec<&mut Assignments> {
        match &mut self.verb {
            Verb::Select(columns) | Verb::Update(columns) | Verb::Insert(columns, None) => vec![columns],
            Verb::Insert(values, Some(update)) => vec![values, update],
            Verb::Delete => Vec::new(),
        }
    }
}
