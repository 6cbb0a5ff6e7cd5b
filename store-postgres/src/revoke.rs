//! Ending the records of a subject.

use hallpass_core::{Action, Advance, Kinds, Logins, Subject, Which};
use sqlx::PgConnection;

use crate::columns::Arguments;
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

impl Operation for Revoke<'_> {
    type Answer = u64;

    const WRITES: bool = true;
    /// Nobody sees the epoch advanced and a record alive, or a parent ended and not its child. Were each sweep
    /// committed by itself, which saves half of the trips, a selector that is taken again between two of them would be
    /// ended twice by one call: the suite finds that in its histories (S6).
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
            let query = match self.action {
                Action::Remove => self.choose(sql.remove.query()),
                Action::Mark { reason, at } => {
                    let query = self.choose(sql.mark.query());
                    query.bind(i16::from(reason.code())).bind(Instant::from(at))
                }
            };
            match query.execute(&mut *on).await?.rows_affected() {
                0 => break,
                more => ended += more,
            }
        }
        Ok(ended)
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
