//! The reference store, written as adapters are: each operation is a transaction of several statements.

use crate::statement::{Assignments, Col, Dir, Expr, Index, Lock, Op, Param, Pred, Statement, Table, Verb};
use crate::value::{Lens, Value};

/// 2⁵³ − 1, the largest revision.
const LARGEST: u64 = (1 << 53) - 1;

/// An insert counts a subject's records up to this number, and reports no number above it.
pub(crate) const COUNTED: u64 = 128;

/// A complete store.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) operations: Vec<Operation>,
    /// The tables that a restart of the server clears.
    pub(crate) unlogged: Vec<Table>,
    /// How the name of a namespace is changed.
    pub(crate) namespace: Option<Lens>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) steps: Vec<Step>,
    /// The result at the end.
    pub(crate) answer: Answer,
    pub(crate) damaged: Damaged,
    pub(crate) fault: DuringFault,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    /// The parameters that must be given or absent for the step to run.
    pub(crate) when: Vec<(Param, bool)>,
    pub(crate) does: Does,
    pub(crate) into: Into,
    /// The result, returned immediately, if the step found something.
    pub(crate) some: Option<Answer>,
    /// The result, returned immediately, if the step found nothing.
    pub(crate) none: Option<Answer>,
    /// Whether the step is repeated until it finds nothing.
    pub(crate) repeats: bool,
    /// Whether it shares a round trip with the previous step, so that no other transaction runs in between.
    pub(crate) joined: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Does {
    Statement(Statement),
    Commit,
    /// Ends the operation with `none` unless the condition holds.
    Require(Pred),
}

/// Where the rows that a step found go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Into {
    Nothing,
    Rows,
    /// The number of rows is added to the count.
    Count,
    OfSubject,
    More,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Inserted(Tally),
    Duplicate,
    Fenced,
    /// The rows kept by earlier steps.
    Rows,
    /// No row.
    Nothing,
    Replaced,
    Conflict,
    Missing,
    /// Whether anything was counted; with `false`, whether nothing was.
    Counted(bool),
    Yes,
    No,
    Count(Tally),
    Purged(Tally, More),
    Refused,
    Failed,
}

/// How a number is changed on its way into a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tally {
    Exact,
    Unknown,
    Zero,
    One,
    OneMore,
    OneLess,
    Twice,
    /// The lowest 8 bits.
    Byte,
}

/// What a purge reports about the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum More {
    Exact,
    Always,
    Never,
    Inverted,
    /// True if as many records were removed as the limit allows.
    AtTheLimit,
    /// True if any record was removed.
    Removed,
}

/// What happens to a row that does not decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damaged {
    Told,
    Hidden,
    Fails,
}

/// What a call does during a fault of its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DuringFault {
    Fails,
    /// It returns this result.
    Answers(Answer),
    /// It takes effect, but reports a failure.
    DoneAndDenied,
    /// It fails, and so does every later call on the same handle.
    FailsForGood,
}

/// The columns of a record, in the order of an insert.
pub(crate) const RECORD: [Col; 17] = [
    Col::Selector,
    Col::Subject,
    Col::Kind,
    Col::Purpose,
    Col::Login,
    Col::Era,
    Col::CreatedAt,
    Col::UpdatedAt,
    Col::SeenAt,
    Col::ExpiresAt,
    Col::IdleAt,
    Col::PurgeAt,
    Col::Revoked,
    Col::Revision,
    Col::Generation,
    Col::Device,
    Col::Body,
];

/// The columns that a replace may change.
const CHANGING: [Col; 9] = [
    Col::UpdatedAt,
    Col::SeenAt,
    Col::IdleAt,
    Col::PurgeAt,
    Col::Revoked,
    Col::Revision,
    Col::Generation,
    Col::Device,
    Col::Body,
];

impl Plan {
    /// The store that keeps every clause.
    pub(crate) fn right() -> Self {
        let operations = vec![insert(), find(), replace(), delete(), revoke(), list(), epoch(), purge()];
        Self { operations, unlogged: Vec::new(), namespace: None }
    }
}

/// The row on which a fence depends is locked until the insert commits. A call that ends this row waits, and then
/// sees the inserted record.
fn insert() -> Operation {
    let epoch = select(Table::Epochs, &[Col::Epoch]).on(Col::Subject, Param::Of(Col::Subject));
    let epoch = epoch.on(Col::Epoch, Param::FenceEpoch).lock(Lock::Share);
    let parent = select(Table::Records, &[Col::Selector]).on(Col::Selector, Param::Parent);
    let parent = parent.and(living()).lock(Lock::Share);
    let mut values = vec![(Col::Namespace, Expr::Given(Param::Namespace))];
    values.extend(RECORD.map(|col| (col, Expr::Given(Param::Of(col)))));
    let count = select(Table::Records, &[]).via(Index::BySubject);
    let count = count.on(Col::Subject, Param::Of(Col::Subject)).limit(Expr::Is(Value::Number(COUNTED + 1)));
    let steps = vec![
        step("fence_epoch", epoch).when(Param::FenceEpoch).none(Answer::Fenced),
        step("fence_parent", parent).when(Param::Parent).none(Answer::Fenced),
        step("write", write(Table::Records, values, None)).none(Answer::Duplicate),
        step("count", count).when(Param::Of(Col::Subject)).into(Into::OfSubject),
        commit(),
    ];
    operation("insert", steps, Answer::Inserted(Tally::Exact))
}

fn find() -> Operation {
    let read = select(Table::Records, &RECORD).on(Col::Selector, Param::Selector);
    operation("find", vec![step("read", read).into(Into::Rows).some(Answer::Rows)], Answer::Nothing)
}

/// A single statement compares and writes.
fn replace() -> Operation {
    let bound = Pred { op: Op::Less, ..pred(Expr::Given(Param::Expected), Expr::Is(Value::Number(LARGEST))) };
    let update = CHANGING.map(|col| (col, Expr::Given(Param::Of(col)))).to_vec();
    let update = change(Table::Records, Verb::Update(update)).on(Col::Selector, Param::Selector);
    let update = update.on(Col::Revision, Param::Expected).and(living());
    let exists = select(Table::Records, &[Col::Selector]).on(Col::Selector, Param::Selector);
    let steps = vec![
        Step { does: Does::Require(bound), joined: true, ..step("bound", exists.clone()) }
            .none(Answer::Refused),
        step("write", update).some(Answer::Replaced),
        step("exists", exists).some(Answer::Conflict),
    ];
    operation("replace", steps, Answer::Missing)
}

fn delete() -> Operation {
    let delete = change(Table::Records, Verb::Delete).on(Col::Selector, Param::Selector);
    let steps = vec![step("remove", delete).into(Into::Count), commit()];
    operation("delete", steps, Answer::Counted(true))
}

/// The first sweep waits for inserts that hold a fence, and the next one sees what they inserted. The last one finds
/// nothing and commits in the same step.
fn revoke() -> Operation {
    let until = Expr::Sum(Box::new([Expr::Given(Param::Now), Expr::Given(Param::Keep)]));
    let mark = vec![
        (Col::Revoked, Expr::Given(Param::Reason)),
        (Col::IdleAt, Expr::Is(Value::Null)),
        (Col::PurgeAt, Expr::Col(Col::ExpiresAt)),
        (Col::UpdatedAt, Expr::Larger(Box::new([Expr::Col(Col::UpdatedAt), Expr::Given(Param::At)]))),
        (Col::Revision, next_revision()),
    ];
    let steps = vec![
        step("epoch", keep_epoch(Param::NewEpoch, until, true)).when(Param::NewEpoch),
        step("mark", chosen(Verb::Update(mark)).and(living()))
            .when(Param::Reason)
            .into(Into::Count)
            .repeats(),
        step("remove", chosen(Verb::Delete)).unless(Param::Reason).into(Into::Count).repeats(),
        commit(),
    ];
    operation("revoke", steps, Answer::Count(Tally::Exact))
}

fn list() -> Operation {
    let after = |at| Expr::Part(at, Box::new(Expr::Given(Param::After)));
    let place = Expr::Pair(Box::new([Expr::Col(Col::CreatedAt), Expr::Col(Col::Selector)]));
    let after = Expr::Pair(Box::new([after(0), after(1)]));
    let page = select(Table::Records, &RECORD).via(Index::BySubject).on(Col::Subject, Param::Subject);
    let page = page.and(among(Col::Kind, Param::Kinds)).and(among(Col::Purpose, Param::Purposes));
    let page = page.and(Pred { op: Op::Less, optional: true, ..pred(place, after) });
    let page = page.order(&[(Col::CreatedAt, Dir::Down), (Col::Selector, Dir::Down)]);
    operation(
        "list",
        vec![step("page", page.limit(Expr::Given(Param::Limit))).into(Into::Rows)],
        Answer::Rows,
    )
}

/// Most calls write nothing.
fn epoch() -> Operation {
    let half = Expr::Sum(Box::new([Expr::Given(Param::Now), Expr::Given(Param::HalfKeep)]));
    let until = Expr::Sum(Box::new([Expr::Given(Param::Now), Expr::Given(Param::Keep)]));
    let ready = select(Table::Epochs, &[Col::Epoch]).on(Col::Subject, Param::Subject);
    let ready = ready.and(Pred { op: Op::AtLeast, ..pred(Expr::Col(Col::PurgeAt), half) });
    let steps = vec![
        step("ready", ready).into(Into::Rows).some(Answer::Rows),
        step("make", keep_epoch(Param::NewEpoch, until, false)).into(Into::Rows),
        commit(),
    ];
    operation("epoch", steps, Answer::Rows)
}

/// Concurrent purges share the work: none waits for a row that another one holds.
fn purge() -> Operation {
    let due = |statement: Statement| statement.via(Index::ByDue).and(due()).lock(Lock::Skip);
    let rows = due(change(Table::Records, Verb::Delete)).order(&[(Col::PurgeAt, Dir::Up)]);
    let left = due(select(Table::Records, &[Col::Selector])).lock(Lock::No);
    let steps = vec![
        step("rows", rows.limit(Expr::Given(Param::Limit))).into(Into::Count),
        step("epochs", due(change(Table::Epochs, Verb::Delete))),
        step("left", left.limit(Expr::Is(Value::Number(1)))).into(Into::More),
        commit(),
    ];
    operation("purge", steps, Answer::Purged(Tally::Exact, More::Exact))
}

fn operation(name: &'static str, steps: Vec<Step>, answer: Answer) -> Operation {
    Operation { name, steps, answer, damaged: Damaged::Told, fault: DuringFault::Fails }
}

fn step(name: &'static str, statement: Statement) -> Step {
    Step {
        name,
        when: Vec::new(),
        does: Does::Statement(statement),
        into: Into::Nothing,
        some: None,
        none: None,
        repeats: false,
        joined: false,
    }
}

/// Ends the transaction in the same step as the previous statement.
pub(crate) fn commit() -> Step {
    let nothing = select(Table::Records, &[]);
    Step { does: Does::Commit, joined: true, ..step("commit", nothing) }
}

impl Step {
    fn when(mut self, param: Param) -> Self {
        self.when.push((param, true));
        self
    }

    fn unless(mut self, param: Param) -> Self {
        self.when.push((param, false));
        self
    }

    fn into(self, into: Into) -> Self {
        Self { into, ..self }
    }

    fn some(self, answer: Answer) -> Self {
        Self { some: Some(answer), ..self }
    }

    fn none(self, answer: Answer) -> Self {
        Self { none: Some(answer), ..self }
    }

    fn repeats(self) -> Self {
        Self { repeats: true, ..self }
    }

    pub(crate) const fn statement(&self) -> Option<&Statement> {
        match &self.does {
            Does::Statement(statement) => Some(statement),
            _ => None,
        }
    }
}

fn pred(left: Expr, right: Expr) -> Pred {
    Pred { left, op: Op::Is, right, lens: None, optional: false }
}

pub(crate) fn living() -> Pred {
    pred(Expr::Col(Col::Revoked), Expr::Is(Value::Number(0)))
}

fn due() -> Pred {
    Pred { op: Op::AtMost, ..pred(Expr::Col(Col::PurgeAt), Expr::Given(Param::Now)) }
}

fn among(col: Col, param: Param) -> Pred {
    Pred { op: Op::In, optional: true, ..pred(Expr::Col(col), Expr::Given(param)) }
}

fn next_revision() -> Expr {
    let next = Expr::Sum(Box::new([Expr::Col(Col::Revision), Expr::Is(Value::Number(1))]));
    Expr::Smaller(Box::new([next, Expr::Is(Value::Number(LARGEST))]))
}

/// A statement; each one is limited to one namespace.
fn change(table: Table, verb: Verb) -> Statement {
    let statement = Statement {
        table,
        via: Index::Key,
        filter: Vec::new(),
        order: Vec::new(),
        limit: None,
        cap: None,
        lock: Lock::Exclusive,
        verb,
        enters: table.indexes().to_vec(),
        leaves: table.indexes().to_vec(),
        cached: false,
    };
    statement.on(Col::Namespace, Param::Namespace)
}

fn select(table: Table, columns: &[Col]) -> Statement {
    let columns = columns.iter().map(|col| (*col, Expr::Col(*col))).collect();
    change(table, Verb::Select(columns)).lock(Lock::No)
}

fn write(table: Table, values: Assignments, update: Option<Assignments>) -> Statement {
    Statement { filter: Vec::new(), ..change(table, Verb::Insert(values, update)) }
}

/// Creates the epoch of the subject. An existing one stays or is replaced, and its time is never shortened.
fn keep_epoch(epoch: Param, until: Expr, set: bool) -> Statement {
    let values = vec![
        (Col::Namespace, Expr::Given(Param::Namespace)),
        (Col::Subject, Expr::Given(Param::Subject)),
        (Col::Epoch, Expr::Given(epoch)),
        (Col::PurgeAt, until),
    ];
    let mut update = vec![(Col::Epoch, Expr::New(Col::Epoch))];
    update.retain(|_| set);
    let later = Expr::Larger(Box::new([Expr::Col(Col::PurgeAt), Expr::New(Col::PurgeAt)]));
    update.push((Col::PurgeAt, later));
    write(Table::Epochs, values, Some(update))
}

/// The records that a revocation concerns, in an order that all revocations share.
fn chosen(verb: Verb) -> Statement {
    let login = |param| pred(Expr::Col(Col::Login), Expr::Given(param));
    let only = Pred { optional: true, ..login(Param::Only) };
    let except = Pred { op: Op::IsNot, optional: true, ..login(Param::Except) };
    let statement = change(Table::Records, verb).via(Index::BySubject).on(Col::Subject, Param::Subject);
    let statement = statement.and(among(Col::Kind, Param::Kinds)).and(among(Col::Purpose, Param::Purposes));
    statement.and(only).and(except).order(&[(Col::Selector, Dir::Up)])
}

impl Statement {
    fn via(self, via: Index) -> Self {
        Self { via, ..self }
    }

    fn and(mut self, pred: Pred) -> Self {
        self.filter.push(pred);
        self
    }

    fn on(self, col: Col, param: Param) -> Self {
        self.and(pred(Expr::Col(col), Expr::Given(param)))
    }

    fn order(self, order: &[(Col, Dir)]) -> Self {
        Self { order: order.to_vec(), ..self }
    }

    fn limit(self, limit: Expr) -> Self {
        Self { limit: Some(limit), ..self }
    }

    fn lock(self, lock: Lock) -> Self {
        Self { lock, ..self }
    }
}
