//! Ending the records of a subject.

use hallpass_core::{Action, Advance, Kinds, Logins, Subject, Which};
use sqlx::PgConnection;

use crate::columns::Arguments;
use crate::connections::Connections;
use crate::error::Trouble;
use crate::instant::Instant;
use crate::operation::Operation;
use crate::statements::Statements;

/// Ends what matches; how many it were.
pub(crate) struct Revoke<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) which: &'a Which,
    pub(crate) action: Action,
    pub(crate) advance: Advance,
}

/// How often new rows are looked for. Each time can find only children, inserted meanwhile, of rows that were
/// inserted while the time before waited.
const SWEEPS: u32 = 16;

impl Revoke<'_> {
    /// In one transaction, or where the epoch stays, each sweep in one of its own: that is half of the trips.
    pub(crate) async fn perform(&self, connections: &Connections) -> Result<u64, Trouble> {
        let deadline = connections.deadline();
        if self.advance != Advance::Keep || !connections.commits_each() {
            return connections.perform(self, deadline).await;
        }
        let mut ended = 0;
        for _ in 0..SWEEPS {
            match connections.perform(&Sweep(self), deadline).await {
                Ok(0) => break,
                Ok(more) => ended += more,
                // The sweep before was committed.
                Err(trouble) if ended > 0 => return Err(trouble.in_doubt()),
                Err(trouble) => return Err(trouble),
            }
        }
        Ok(ended)
    }

    async fn sweep(&self, sql: &Statements, on: &mut PgConnection) -> Result<u64, Trouble> {
        let query = match self.action {
            Action::Remove => self.choose(sql.remove.query()),
            Action::Mark { reason, at } => {
                let query = self.choose(sql.mark.query());
                query.bind(i16::from(reason.code())).bind(Instant::from(at))
            }
        };
        Ok(query.execute(on).await?.rows_affected())
    }
}

impl Operation for Revoke<'_> {
    type Answer = u64;

    const WRITES: bool = true;
    /// Nobody sees the epoch advanced and a record alive.
    const TRANSACTION: bool = true;

    /// Each statement has a snapshot of its own. The first waits for inserts that hold the fence, the next one
    /// sees what they inserted.
    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<Self::Answer, Trouble> {
        if let Advance::To { epoch, now, keep } = self.advance {
            let query = sql.advance.query().bind(self.subject.as_str().to_owned()).bind(epoch.0.to_vec());
            let query = query.bind(Instant::from(now.saturating_add(keep)));
            query.execute(&mut *on).await?;
        }
        let mut ended = 0;
        for _ in 0..SWEEPS {
            match self.sweep(sql, on).await? {
                0 => break,
                more => ended += more,
            }
        }
        Ok(ended)
    }
}

/// One statement of it.
struct Sweep<'a>(&'a Revoke<'a>);

impl Operation for Sweep<'_> {
    type Answer = u64;

    const WRITES: bool = true;

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<Self::Answer, Trouble> {
        self.0.sweep(sql, on).await
    }
}

impl Revoke<'_> {
    fn choose(&self, query: Arguments) -> Arguments {
        let (only, except) = match self.which.logins {
            Logins::Any => (None, None),
            Logins::Only(login) => (Some(login.0.to_vec()), None),
            Logins::Except(login) => (None, Some(login.0.to_vec())),
        };
        let query = query.bind(self.subject.as_str().to_owned()).bind(kinds(&self.which.kinds));
        let query = query.bind(only).bind(except).bind(self.which.live_at.map(Instant::from));
        query.bind(i64::from(self.which.keep_newest))
    }
}

/// `null` for every kind.
pub(crate) fn kinds(kinds: &Kinds) -> Option<Vec<String>> {
    match kinds {
        Kinds::Any => None,
        Kinds::Only(kinds) => Some(kinds.iter().map(|kind| kind.as_str().to_owned()).collect()),
    }
}
