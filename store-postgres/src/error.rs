//! Errors of the server and the connection, and how callers see them.
//!
//! PostgreSQL quotes rows and keys in its messages. So the server's message is passed on only while a
//! connection is opened, when there is no data yet (S18). Errors of a statement show only the SQLSTATE code.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use hallpass_core::{BoxError, Selector, StoreError};
use sqlx::postgres::{PgDatabaseError, PgSeverity};

/// Why an operation failed.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    what: What,
    text: String,
    /// The cause, if it quotes no data. Calls that share a statement share it.
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// The class of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// Stored values are not a valid record.
    Corrupt(Option<Selector>),
    /// The connection broke during the work: a write may have happened.
    Lost,
    /// Any other error; nothing was written.
    Other,
    /// The set-up is wrong; nothing was written.
    Refused,
    /// The server undid the work because of concurrent work; it may be repeated.
    Undone,
    /// The server gave up in time; nothing was written.
    TooLate,
    /// More rows than one step may end; nothing was written.
    TooMany,
    /// No connection; nothing was sent.
    Unavailable,
    /// No answer in time: a write may have happened.
    Unknown,
}

impl Trouble {
    pub(crate) fn new(what: What, text: impl Into<String>) -> Self {
        Self { what, text: text.into(), source: None }
    }

    fn because(mut self, source: Arc<dyn Error + Send + Sync>) -> Self {
        self.source = Some(source);
        self
    }

    pub(crate) fn refused(text: impl Into<String>) -> Self {
        Self::new(What::Refused, text)
    }

    pub(crate) fn corrupt(selector: Option<Selector>, text: &'static str) -> Self {
        Self::new(What::Corrupt(selector), text)
    }

    pub(crate) fn no_connection() -> Self {
        Self::new(
            What::Unavailable,
            "no connection in time: the server does not answer, or all connections are busy",
        )
    }

    /// The error of a read, or of opening a store, on a standby.
    pub(crate) fn standby(what: What) -> Self {
        Self::new(
            what,
            "this server is a standby: it is not promoted yet, or was demoted; connect to the primary",
        )
    }

    /// Logs the error that the caller receives.
    pub(crate) fn trace(&self) {
        let cause = self.cause();
        match self.what {
            What::Lost | What::Unknown | What::Unavailable => {
                tracing::warn!(error = %self, cause, "PostgreSQL: a call failed");
            }
            What::Refused | What::Corrupt(_) | What::Other => {
                tracing::error!(error = %self, cause, "PostgreSQL: a call failed");
            }
            What::Undone | What::TooLate | What::TooMany => {
                tracing::debug!(error = %self, cause, "PostgreSQL: a call failed");
            }
        }
    }

    /// The cause, for `tracing`.
    pub(crate) fn cause(&self) -> Option<impl tracing::Value + use<'_>> {
        self.source.as_ref().map(tracing::field::display)
    }

    pub(crate) fn what(&self) -> What {
        self.what
    }

    /// Classifies an error of opening a connection.
    pub(crate) fn connecting(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(database) => {
                Self::greeted(&database.code().unwrap_or_default(), database.message())
            }
            sqlx::Error::Configuration(_) => Self::refused(
                "this is no URL of a PostgreSQL server: postgres://user:password@host:5432/database",
            ),
            sqlx::Error::Tls(source) => Self::refused(format!("no TLS connection: {source}")),
            sqlx::Error::PoolTimedOut => Self::no_connection(),
            sqlx::Error::PoolClosed => Self::new(What::Unavailable, "the pool of connections is closed"),
            sqlx::Error::Io(io) => {
                Self::new(What::Unavailable, "no connection to the server").because(copy(io))
            }
            sqlx::Error::Protocol(text) => {
                let odd =
                    Self::new(What::Unavailable, "no connection: the server that answers is not PostgreSQL");
                odd.because(Arc::new(Said(text.clone())))
            }
            _ => Self::new(What::Unavailable, "no connection: the server that answers is not PostgreSQL"),
        }
    }

    fn greeted(code: &str, message: &str) -> Self {
        let (what, advice) = match code.get(..2).unwrap_or_default() {
            "08" if message.contains("startup parameter") => {
                (What::Refused, ": behind PgBouncer use Builder::pgbouncer")
            }
            // Not the user's mistake: a pooler without a server, too many clients, starting up, shutting down, a
            // system error.
            "08" | "53" | "57" | "58" => (What::Unavailable, ""),
            _ => (What::Refused, ""),
        };
        Self::new(what, format!("{message} (SQLSTATE {code}){advice}"))
    }

    /// Classifies an error of a statement.
    fn working(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(database) => {
                let severity = database.try_downcast_ref().map(PgDatabaseError::severity);
                let ends = matches!(severity, Some(PgSeverity::Fatal | PgSeverity::Panic));
                Self::answered(&database.code().unwrap_or_default(), ends)
            }
            sqlx::Error::Io(io) => Self::new(What::Lost, "the connection broke").because(copy(io)),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnNotFound(_) => {
                Self::corrupt(None, "a stored value is of another type than this version writes")
            }
            sqlx::Error::Encode(_) => Self::new(What::Other, "a value cannot be sent to the server"),
            sqlx::Error::PoolClosed | sqlx::Error::PoolTimedOut => Self::connecting(error),
            _ => Self::new(What::Lost, "the connection broke: unexpected response from the server"),
        }
    }

    /// Classifies an error response; `ends` if the server ends the connection with it.
    fn answered(code: &str, ends: bool) -> Self {
        let (what, text) = match (code, code.get(..2).unwrap_or_default()) {
            ("42P01" | "42703" | "42883" | "3F000", _) => {
                (What::Refused, "the tables are missing, or older than this version: run migrate()")
            }
            ("54000", _) => (What::TooMany, "more records than one step may end"),
            ("25001", _) => (
                What::Refused,
                "the transaction's isolation is not read committed: set default_transaction_isolation for this user",
            ),
            ("25006", _) => (
                What::Unavailable,
                "the server is read-only: a standby that is not promoted yet, or a primary that was demoted",
            ),
            ("42501", _) => (What::Refused, "this user lacks a right to the tables"),
            ("26000" | "42P05", _) => (
                What::Refused,
                "prepared statements do not last: behind PgBouncer in transaction mode use Builder::pgbouncer, or set \
                 max_prepared_statements in PgBouncer",
            ),
            ("22P05" | "22021", _) => (What::Refused, "the database's encoding is not UTF-8"),
            ("40001" | "40P01", _) => (What::Undone, "undone by the server because of concurrent work"),
            ("0A000", _) => (What::Undone, "a prepared statement is out of date"),
            ("55P03", _) => (What::TooLate, "a row stays locked by another transaction"),
            ("57014", _) => (What::TooLate, "the statement took too long"),
            // The session was idle: the server did not begin what was sent to it.
            ("57P05", _) => (What::Undone, "the server ended an idle connection (idle_session_timeout)"),
            ("57P01" | "57P02", _) | (_, "08") => (What::Lost, "the server ended the connection"),
            ("57P03", _) | (_, "53") => (What::Unavailable, "the server is out of resources, or not up yet"),
            _ if ends => (What::Lost, "the server ended the connection"),
            _ => (What::Other, "the server refused the statement"),
        };
        Self::new(what, format!("{text} (SQLSTATE {code})"))
    }

    /// Reclassifies the error of a connection on which nothing of the call was sent yet.
    pub(crate) fn unsent(self) -> Self {
        match self.what {
            What::Lost | What::Unknown => Self { what: What::Unavailable, ..self },
            _ => self,
        }
    }

    /// Reclassifies the error of a sweep that was not completed: part of it is done.
    pub(crate) fn in_part(self) -> Self {
        match self.what {
            What::Undone | What::TooLate | What::TooMany | What::Unavailable => {
                Self { what: What::Unknown, ..self }
            }
            _ => self,
        }
    }

    /// Converts the error for a call that wrote, or that only read.
    pub(crate) fn into_error(self, writes: bool) -> StoreError {
        let what = self.what;
        let source: BoxError = Box::new(self);
        match what {
            What::Corrupt(selector) => StoreError::Corrupt { selector, source },
            What::Other => StoreError::Other(source),
            What::Refused => StoreError::Refused(source),
            What::Undone | What::TooLate | What::TooMany => {
                StoreError::Timeout { source, outcome_unknown: false }
            }
            What::Unknown | What::Lost if writes => StoreError::Timeout { source, outcome_unknown: true },
            What::Unknown => StoreError::Timeout { source, outcome_unknown: false },
            What::Lost | What::Unavailable => StoreError::Unavailable(source),
        }
    }
}

/// Classifies an error of a statement.
impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        Self::working(&error)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Trouble {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}

/// Copies a network error, which cannot be cloned.
fn copy(io: &std::io::Error) -> Arc<dyn Error + Send + Sync> {
    match io.raw_os_error() {
        Some(code) => Arc::new(std::io::Error::from_raw_os_error(code)),
        None => Arc::new(std::io::Error::new(io.kind(), io.to_string())),
    }
}

/// A protocol error that sqlx reports.
#[derive(Debug)]
struct Said(String);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Said {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_connection_leaves_a_write_in_doubt_and_a_read_undone() {
        let lost = Trouble::answered("57P01", false);
        assert!(matches!(lost.clone().into_error(true), StoreError::Timeout { outcome_unknown: true, .. }));
        assert!(matches!(lost.into_error(false), StoreError::Unavailable(_)));
    }

    #[test]
    fn what_the_server_undid_is_not_in_doubt() {
        for code in ["40001", "40P01", "55P03", "57014"] {
            let error = Trouble::answered(code, false).into_error(true);
            assert!(matches!(error, StoreError::Timeout { outcome_unknown: false, .. }), "{code}");
        }
    }

    #[test]
    fn a_missing_table_says_what_to_do() {
        assert!(Trouble::answered("42P01", false).to_string().contains("run migrate()"));
        assert!(matches!(Trouble::answered("42P01", false).into_error(true), StoreError::Refused(_)));
    }

    #[test]
    fn what_ends_the_connection_is_a_broken_one_whatever_its_code() {
        for code in ["25P03", "25P04", "XX000"] {
            assert_eq!(Trouble::answered(code, true).what(), What::Lost, "{code}");
            assert_eq!(Trouble::answered(code, false).what(), What::Other, "{code}");
        }
    }

    #[test]
    fn a_pooler_in_trouble_is_no_wrong_set_up() {
        let parameter = Trouble::greeted("08P01", "unsupported startup parameter: options");
        assert!(parameter.what() == What::Refused && parameter.to_string().contains("Builder::pgbouncer"));
        for code in ["08P01", "08006", "53300", "57P03", "58000"] {
            let trouble = Trouble::greeted(code, "server login failed");
            assert!(trouble.what() == What::Unavailable && !trouble.to_string().contains("PgBouncer"));
        }
        assert_eq!(Trouble::greeted("28P01", "password authentication failed").what(), What::Refused);
    }
}
