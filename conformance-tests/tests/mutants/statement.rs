//! Statements as data: what an adapter says in SQL or Lua, in a form that a mutation can take apart.

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

/// What a statement finds its rows by. The last column of each is the key within a namespace, so that an entry
/// tells which row it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Index {
    Key,
    BySubject,
    ByDue,
}

/// What a call is given. `Of` is a column of the record that comes with it.
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
    /// Of an insert that met a row: the column that it would have written.
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
    /// The clock of the server, which no statement of the unmutated store asks.
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
    /// As `Is`, where null is null.
    Same,
    /// With `%` and `_` on the right.
    Like,
}

/// One condition. As in SQL it does not hold where a side is null.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pred {
    pub(crate) left: Expr,
    pub(crate) op: Op,
    pub(crate) right: Expr,
    /// What both sides are seen through.
    pub(crate) lens: Option<Lens>,
    /// Whether it holds where the right side is null: `$1 is null or …`.
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
    /// Exclusive, and rows that another transaction holds are passed over.
    Skip,
}

/// What a backend or its driver can take at a time. No statement of the unmutated store has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cap {
    Rows(usize),
    /// More rows than that are an error.
    Refuses(usize),
    /// So many bytes of rows.
    Bytes(usize),
}

pub(crate) type Assignments = Vec<(Col, Expr)>;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verb {
    Select(Assignments),
    Update(Assignments),
    Delete,
    /// Where the key is taken nothing is written, or the row is updated so.
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
    /// The indexes into which it puts what it writes.
    pub(crate) enters: Vec<Index>,
    /// The indexes from which it takes what it changes or deletes.
    pub(crate) leaves: Vec<Index>,
    /// Whether a handle remembers what this read answered until it writes itself.
    pub(crate) cached: bool,
}

/// The values that a statement is run with.
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

    /// The column and value that every row must have for it to hold, if it says one.
    fn bound(&self, given: &Given) -> Option<(Col, Value)> {
        match (&self.left, self.op, self.lens) {
            (Expr::Col(col), Op::Is, None) if !self.optional => {
                Some((*col, self.right.value(None, None, given).into_owned()))
            }
            _ => None,
        }
    }
}

/// How a statement goes about its rows.
#[derive(Debug)]
pub(crate) struct Way<'a> {
    /// What its conditions settle of its index.
    pub(crate) prefix: Vec<Value>,
    /// The columns of the index after that.
    pub(crate) rest: Vec<Col>,
    /// The conditions that are still to be looked at.
    pub(crate) filter: Vec<&'a Pred>,
    /// Whether the entries of the index are all that it asks for.
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

    /// The same, to be changed.
    pub(crate) fn assignments_mut(&mut self) -> Vec<&mut Assignments> {
        match &mut self.verb {
            Verb::Select(columns) | Verb::Update(columns) | Verb::Insert(columns, None) => vec![columns],
            Verb::Insert(values, Some(update)) => vec![values, update],
            Verb::Delete => Vec::new(),
        }
    }
}
