//! One piece of work for a connection.

use sqlx::PgConnection;

use crate::error::Trouble;
use crate::statements::Statements;

/// Work that is done on one connection, whole or not at all.
pub(crate) trait Operation: Send + Sync {
    type Answer: Send;

    /// Whether anything is written: then a lost answer is an unknown outcome.
    const WRITES: bool;
    /// Whether it takes several statements that belong together.
    const TRANSACTION: bool = false;
    /// Whether it is tried again when the server undid it because of others.
    const AGAIN: bool = true;

    fn run(
        &self,
        sql: &Statements,
        on: &mut PgConnection,
    ) -> impl Future<Output = Result<Self::Answer, Trouble>> + Send;
}

/// Work that many callers can share a statement for.
pub(crate) trait Together: Operation<Answer: 'static> + Clone + 'static {
    /// At most one of equal keys is in a batch.
    type Key: Eq + std::hash::Hash;

    fn key(&self) -> Option<Self::Key>;

    /// Does all of these; `None` for what has to be tried alone.
    fn run_all(
        all: &[&Self],
        sql: &Statements,
        on: &mut PgConnection,
    ) -> impl Future<Output = Result<Vec<Option<Self::Answer>>, Trouble>> + Send;
}
