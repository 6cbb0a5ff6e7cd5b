//! Checks the server when a store is opened.

use sqlx::{PgConnection, Row};

use crate::error::{Error, ErrorClass};
use crate::migrate;
use crate::names::Names;
use crate::operation::Operation;
use crate::statements::Statements;

/// Checks that the server is a primary in UTF-8, and that this program knows its tables.
pub(crate) struct Check<'a>(pub(crate) &'a Names);

impl Operation for Check<'_> {
    type Answer = ();

    const WRITES: bool = false;

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<(), Error> {
        let row = sql.server.query().fetch_one(&mut *on).await?;
        let encoding: &str = row.try_get(0)?;
        if encoding != "UTF8" {
            return Err(Error::refused(format!(
                "the database's encoding is {encoding}: hallpass needs one with encoding UTF8"
            )));
        }
        if row.try_get(1)? {
            return Err(Error::standby(ErrorClass::Refused));
        }
        migrate::check(self.0, on).await
    }
}
