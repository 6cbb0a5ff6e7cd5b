//! The work that a call does on a connection.

use hallpass_core::Selector;
use sqlx::PgConnection;

use crate::error::Error;
use crate::statements::Statements;

/// Work that is done on one connection, entirely or not at all.
pub(crate) trait Operation: Send + Sync {
    type Answer: Send;

    /// Whether it writes: then a lost answer means an unknown outcome.
    const WRITES: bool;
    /// Whether it needs a transaction, because it takes several statements.
    const TRANSACTION: bool = false;
    /// Whether it is repeated if the server undid it because of concurrent work.
    const AGAIN: bool = true;

    fn run(
        &self,
        sql: &Statements,
        on: &mut PgConnection,
    ) -> impl Future<Output = Result<Self::Answer, Error>> + Send;
}

/// The answers to all calls of a batch; `None` for a call that must be repeated by itself.
pub(crate) type Answers<J> = Result<Vec<Option<<J as Operation>::Answer>>, Error>;

/// Work for which many calls can share a statement.
pub(crate) trait Batchable: Operation<Answer: 'static> + 'static {
    /// A batch has at most one call with the same key.
    fn key(&self) -> Option<Selector>;

    /// Does all of these.
    fn run_all(
        all: &[&Self],
        sql: &Statements,
        on: &mut PgConnection,
    ) -> impl Future<Output = Answers<Self>> + Send;
}
