//! Runs a plan: implements the store's trait with its statements, and the harness that opens it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use hallpass_conformance_tests::{Capability, Declared, Fault, Harness, Server, Vandal};
use hallpass_core::store::{
    Action, Admission, Body, Change, Epoch, EpochUpdate, Era, Fence, Insert, Listed, Page, Purged, Record,
    Replace, Revision, Revocation, TokenStore,
};
use hallpass_core::{BoxError, Note, Selector, StoreError, Subject, Timestamp};
use tokio::task::yield_now;

use crate::columns;
use crate::database::{Broken, Database, Ends};
use crate::plan::{Answer, COUNTED, Damaged, Does, DuringFault, Into, More, Operation, Plan, Step, Tally};
use crate::statement::{Col, Given, Param, Table, Verb};
use crate::value::{Row, Value};

/// How long a frozen server delays a call.
const FREEZE: Duration = Duration::from_millis(100);
/// The maximum number of repetitions of a step: a mutant may find the same rows again and again.
const SWEEPS: usize = 16;

/// Opens stores that follow one plan, all in one database.
#[derive(Clone)]
pub(crate) struct Backend(Arc<Shared>);

struct Shared {
    plan: Plan,
    database: Arc<Database>,
    open: Mutex<HashMap<String, Vec<Weak<Store>>>>,
}

impl Backend {
    pub(crate) fn of(plan: &Plan) -> Self {
        let (plan, database) = (plan.clone(), Arc::default());
        Self(Arc::new(Shared { plan, database, open: Mutex::default() }))
    }

    /// The value in the namespace column.
    fn namespace(&self, name: &str) -> Value {
        let value = Value::text(name);
        self.0.plan.namespace.map_or(value.clone(), |lens| lens.bend(value))
    }
}

#[async_trait]
impl Harness for Backend {
    fn backend(&self) -> String {
        "statements as data".into()
    }

    async fn open(&self, namespace: &str) -> Result<Arc<dyn TokenStore>, BoxError> {
        let mut open = lock(&self.0.open);
        let handles = open.entry(namespace.to_owned()).or_default();
        handles.retain(|handle| handle.strong_count() > 0);
        if handles.is_empty() {
            self.0.database.forget(&self.0.plan.unlogged, Some(&self.namespace(namespace)));
        }
        let store = Arc::new(Store {
            shared: Arc::clone(&self.0),
            namespace: self.namespace(namespace),
            remembered: Mutex::default(),
            failed: Mutex::default(),
        });
        handles.push(Arc::downgrade(&store));
        Ok(store)
    }

    fn declared(&self) -> Declared {
        Declared::everything()
            .without(Capability::PowerLoss, "the database is in memory")
            .without(Capability::Feed, "the database announces nothing")
    }

    fn vandal(&self) -> Option<&dyn Vandal> {
        Some(self)
    }

    fn server(&self) -> Option<&dyn Server> {
        Some(self)
    }

    async fn discard(&self, namespace: &str) {
        self.0.database.forget(&Table::ALL, Some(&self.namespace(namespace)));
    }
}

#[async_trait]
impl Vandal for Backend {
    async fn damage(&self, namespace: &str, selector: Selector) -> Result<(), BoxError> {
        let key = [self.namespace(namespace), Value::bytes(selector.0)];
        let damage = |row: &mut Row| row.set(Col::Body, Value::bytes(vec![0; Body::MAX_LEN + 1]));
        if self.0.database.damage(&key, damage) { Ok(()) } else { Err("no such row".into()) }
    }
}

#[async_trait]
impl Server for Backend {
    fn faults(&self) -> &[Fault] {
        &[Fault::Cut, Fault::Freeze, Fault::Restart, Fault::Stop]
    }

    async fn inflict(&self, fault: Fault) -> Result<(), BoxError> {
        if fault == Fault::Restart {
            self.0.database.forget(&self.0.plan.unlogged, None);
        } else {
            self.0.database.set_fault(Some(fault));
        }
        Ok(())
    }

    async fn heal(&self) -> Result<(), BoxError> {
        self.0.database.set_fault(None);
        Ok(())
    }
}

/// A handle.
struct Store {
    shared: Arc<Shared>,
    namespace: Value,
    /// The results of this handle's reads that its plan caches.
    remembered: Mutex<HashMap<(&'static str, Given), Vec<Row>>>,
    /// The operations that a fault broke permanently.
    failed: Mutex<Vec<&'static str>>,
}

/// What the steps of an operation found.
#[derive(Default)]
struct Found {
    rows: Vec<Row>,
    count: u64,
    of_subject: Option<u64>,
    more: bool,
}

impl Store {
    async fn call(&self, name: &str, mut given: Given) -> Result<(Answer, Found), StoreError> {
        let plan = &self.shared.plan;
        let Some(operation) = plan.operations.iter().find(|operation| operation.name == name) else {
            return Err(StoreError::Other("the plan lacks the operation".into()));
        };
        given.insert(Param::Namespace, self.namespace.clone());
        if let Some(answer) = self.endure(operation, &given).await? {
            return Ok((answer, Found::default()));
        }
        if lock(&self.failed).contains(&operation.name) {
            return Err(StoreError::Unavailable("the connection was closed".into()));
        }
        let (answer, found) = self.play(operation, &given).await?;
        match answer {
            Answer::Refused => Err(StoreError::Refused("the revision cannot be counted any further".into())),
            Answer::Failed => Err(StoreError::Other("syntax error".into())),
            answer => Ok((answer, found)),
        }
    }

    /// The result of the call during a fault of the server; `None` if there is no fault.
    async fn endure(&self, operation: &Operation, given: &Given) -> Result<Option<Answer>, StoreError> {
        let Some(fault) = self.shared.database.fault() else { return Ok(None) };
        match operation.fault {
            DuringFault::Answers(answer) => return Ok(Some(answer)),
            DuringFault::DoneAndDenied => drop(self.play(operation, given).await),
            DuringFault::FailsForGood => lock(&self.failed).push(operation.name),
            DuringFault::Fails => {}
        }
        if fault != Fault::Freeze {
            return Err(StoreError::Unavailable("connection refused".into()));
        }
        tokio::time::sleep(FREEZE).await;
        Err(StoreError::Timeout { source: "no answer".into(), outcome_unknown: false })
    }

    async fn play(&self, operation: &Operation, given: &Given) -> Result<(Answer, Found), StoreError> {
        let database = &self.shared.database;
        let mut transaction = database.begin();
        let mut found = Found::default();
        let applies = |step: &Step| {
            let is = |(param, wanted): &(Param, bool)| {
                (given.get(param).unwrap_or(&Value::Null) != &Value::Null) == *wanted
            };
            step.when.iter().all(is)
        };
        let steps: Vec<&Step> = operation.steps.iter().filter(|step| applies(step)).collect();
        for (at, step) in steps.iter().enumerate() {
            let sealed = steps.get(at + 1).is_some_and(|next| next.joined && next.does == Does::Commit);
            for sweep in 0.. {
                if sweep > SWEEPS {
                    return Err(StoreError::Other("rows were found to the end".into()));
                }
                if !step.joined {
                    // Other tasks run here, as between two round trips over a network.
                    yield_now().await;
                }
                let rows = match &step.does {
                    Does::Commit => {
                        transaction.commit();
                        transaction = database.begin();
                        break;
                    }
                    Does::Require(pred) if pred.holds(None, given) => break,
                    Does::Require(_) => Vec::new(),
                    Does::Statement(statement) => {
                        let remembered = (step.name, given.clone());
                        let cached = lock(&self.remembered).get(&remembered).cloned();
                        let ends = match (sealed, step.repeats) {
                            (false, _) => Ends::Never,
                            (true, true) => Ends::IfNothingWasFound,
                            (true, false) => Ends::Always,
                        };
                        match cached.filter(|_| statement.cached) {
                            Some(rows) => rows,
                            None => {
                                let rows = transaction.run(statement, given, ends).await.map_err(failed)?;
                                let mut cache = lock(&self.remembered);
                                if statement.cached {
                                    cache.insert(remembered, rows.clone());
                                } else if !matches!(statement.verb, Verb::Select(_)) {
                                    cache.clear();
                                }
                                rows
                            }
                        }
                    }
                };
                let some = !rows.is_empty();
                let count = rows.len() as u64;
                match step.into {
                    Into::Nothing => {}
                    Into::Count => found.count += count,
                    Into::OfSubject => found.of_subject = Some(count).filter(|count| *count <= COUNTED),
                    Into::More => found.more = some,
                    Into::Rows => found.rows = rows,
                }
                if let Some(answer) = if some { step.some } else { step.none } {
                    transaction.commit();
                    return Ok((answer, found));
                }
                if !(step.repeats && some) {
                    break;
                }
            }
        }
        Ok((operation.answer, found))
    }

    /// What the operation does with a row that does not decode.
    fn damaged(&self, name: &str) -> Damaged {
        let operation = self.shared.plan.operations.iter().find(|operation| operation.name == name);
        operation.map_or(Damaged::Told, |operation| operation.damaged)
    }
}

#[async_trait]
impl TokenStore for Store {
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let mut given = columns::given(record);
        match fence {
            Fence::None => None,
            Fence::Epoch(epoch) => given.insert(Param::FenceEpoch, Value::bytes(epoch.0)),
            Fence::Parent(parent) => given.insert(Param::Parent, Value::bytes(parent.0)),
        };
        match self.call("insert", given).await? {
            (Answer::Inserted(tally), found) => {
                let of_subject = found.of_subject.and_then(|count| tally.of(count));
                Ok(Insert::Inserted {
                    of_subject: of_subject.map(|count| u32::try_from(count).unwrap_or(u32::MAX)),
                })
            }
            (Answer::Duplicate, _) => Ok(Insert::Duplicate),
            (Answer::Fenced, _) => Ok(Insert::Fenced),
            (answer, _) => Err(misplaced(answer)),
        }
    }

    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        let given = Given::from([(Param::Selector, Value::bytes(selector.0))]);
        match self.call("find", given).await? {
            (Answer::Nothing, _) => Ok(None),
            (Answer::Rows, found) => match found.rows.first().map(columns::record).transpose() {
                Ok(record) => Ok(record),
                Err(_) if self.damaged("find") == Damaged::Hidden => Ok(None),
                Err(source) => Err(StoreError::Corrupt { selector: Some(selector), source }),
            },
            (answer, _) => Err(misplaced(answer)),
        }
    }

    async fn replace(
        &self,
        next: &Record,
        expected: Revision,
        _change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        let mut given = columns::given(next);
        given.insert(Param::Selector, Value::bytes(next.selector.0));
        given.insert(Param::Expected, Value::Number(expected.get()));
        match self.call("replace", given).await? {
            (Answer::Replaced, _) => Ok(Replace::Replaced),
            (Answer::Conflict, _) => Ok(Replace::Conflict),
            (Answer::Missing, _) => Ok(Replace::Missing),
            (answer, _) => Err(misplaced(answer)),
        }
    }

    async fn delete(&self, selector: Selector, _note: &Note) -> Result<bool, StoreError> {
        let given = Given::from([(Param::Selector, Value::bytes(selector.0))]);
        match self.call("delete", given).await? {
            (Answer::Counted(wanted), found) => Ok((found.count > 0) == wanted),
            (Answer::Yes, _) => Ok(true),
            (Answer::No, _) => Ok(false),
            (answer, _) => Err(misplaced(answer)),
        }
    }

    async fn revoke_by_subject(&self, subject: &Subject, revocation: &Revocation) -> Result<u64, StoreError> {
        let filter = &revocation.filter;
        let mut given = columns::chosen(subject, &filter.kinds, filter.purposes);
        columns::give_login(&mut given, filter.logins);
        if let Action::Mark { reason, at } = revocation.action {
            given.insert(Param::Reason, Value::Number(reason.code().into()));
            given.insert(Param::At, columns::instant(at));
        }
        if let EpochUpdate::Set { epoch, now, keep } = revocation.epoch {
            columns::give_epoch(&mut given, epoch, keep, now);
        }
        match self.call("revoke", given).await? {
            (Answer::Count(tally), found) => Ok(tally.of(found.count).unwrap_or_default()),
            (answer, _) => Err(misplaced(answer)),
        }
    }

    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError> {
        let mut given = columns::chosen(subject, &page.kinds, page.purposes);
        given.insert(Param::Limit, Value::Number(page.limit.get().into()));
        if let Some((at, selector)) = page.after {
            let after = vec![columns::instant(at), Value::bytes(selector.0)];
            given.insert(Param::After, Value::List(after));
        }
        let found = match self.call("list", given).await? {
            (Answer::Rows, found) => found,
            (Answer::Nothing, _) => return Ok(Vec::new()),
            (answer, _) => return Err(misplaced(answer)),
        };
        let mut entries = Vec::new();
        for row in &found.rows {
            match (columns::record(row), self.damaged("list")) {
                (Ok(record), _) => entries.push(Listed::from(record)),
                (Err(_), Damaged::Hidden) => {}
                (Err(source), Damaged::Fails) => {
                    return Err(StoreError::Corrupt { selector: columns::selector(row), source });
                }
                (Err(source), Damaged::Told) => {
                    let selector = columns::selector(row).unwrap_or(Selector([0; 16]));
                    let created_at = columns::created_at(row);
                    entries.push(Listed::Corrupt { selector, created_at, source });
                }
            }
        }
        Ok(entries)
    }

    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        let mut given = Given::from([(Param::Subject, Value::text(subject.as_str()))]);
        columns::give_epoch(&mut given, fresh, keep, now);
        let rows = match self.call("epoch", given).await? {
            (Answer::Rows, found) => found.rows,
            (Answer::Nothing, _) => return Ok(Admission { epoch: fresh, era: Era::FIRST }),
            (answer, _) => return Err(misplaced(answer)),
        };
        match rows.first().and_then(columns::epoch) {
            Some(epoch) => Ok(Admission { epoch, era: Era::FIRST }),
            None => Err(StoreError::Corrupt { selector: None, source: "an epoch has 16 bytes".into() }),
        }
    }

    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let limited = Value::Number(limit.into());
        let given = Given::from([(Param::Now, columns::instant(now)), (Param::Limit, limited)]);
        match self.call("purge", given).await? {
            (Answer::Purged(tally, more), found) => Ok(Purged {
                removed: tally.of(found.count).unwrap_or_default(),
                more: match more {
                    More::Exact => found.more,
                    More::Always => true,
                    More::Never => false,
                    More::Inverted => !found.more,
                    More::AtTheLimit => found.count >= limit.into(),
                    More::Removed => found.count > 0,
                },
            }),
            (answer, _) => Err(misplaced(answer)),
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Statements")
    }
}

impl Tally {
    const fn of(self, count: u64) -> Option<u64> {
        match self {
            Self::Exact => Some(count),
            Self::Unknown => None,
            Self::Zero => Some(0),
            Self::One => Some(1),
            Self::OneMore => Some(count + 1),
            Self::OneLess => Some(count.saturating_sub(1)),
            Self::Twice => Some(count * 2),
            Self::Byte => Some(count % 256),
        }
    }
}

/// The result of another operation: the mutation produced one that does not fit here.
fn misplaced(answer: Answer) -> StoreError {
    StoreError::Other(format!("{answer:?} is no answer to this call").into())
}

fn failed(broken: Broken) -> StoreError {
    StoreError::Other(match broken {
        Broken::Deadlock => "deadlock detected".into(),
        Broken::TooMany => "too many rows".into(),
    })
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
