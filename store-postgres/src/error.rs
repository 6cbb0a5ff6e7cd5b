//! Errors of the server and the connection, and how callers see them.
//!
//! PostgreSQL quotes rows and keys in its messages. So the server's message is passed on only while a
//! connection is opened, when there is no data yet (S18). Errors of a statement show only the SQLSTATE code.

use std::fmt;
use std::sync::Arc;

use hallpass_core::{BoxError, Selector, StoreError};
use sqlx::postgres::{PgDatabaseError, PgSeverity};

/// Why an operation failed.
#[derive(Clone, Debug)]
pub(crate) struct Error {
    class: ErrorClass,
    text: String,
    /// The cause, if it quotes no data. Calls that share a statement share it.
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// The class of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorClass {
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

impl Error {
    pub(crate) fn new(class: ErrorClass, text: impl Into<String>) -> Self {
        Self { class, text: text.into(), source: None }
    }

    fn because(mut self, source: Arc<dyn std::error::Error + Send + Sync>) -> Self {
        self.source = Some(source);
        self
    }

    pub(crate) fn refused(text: impl Into<String>) -> Self {
        Self::new(ErrorClass::Refused, text)
    }

    pub(crate) fn corrupt(selector: Option<Selector>, text: &'static str) -> Self {
        Self::new(ErrorClass::Corrupt(selector), text)
    }

    pub(crate) fn no_connection() -> Self {
        Self::new(
            ErrorClass::Unavailable,
            "no connection in time: the server does not answer, or all connections are busy",
        )
    }

    pub(crate) fn unanswered() -> Self {
        Self::new(ErrorClass::Unavailable, "the server does not answer in time")
    }

    /// The error of a read, or of opening a store, on a standby.
    pub(crate) fn standby(class: ErrorClass) -> Self {
        Self::new(
            class,
            "this server is a standby: it is not promoted yet, or was demoted; connect to the primary",
        )
    }

    /// Logs the error that the caller receives.
    pub(crate) fn trace(&self) {
        let cause = self.cause();
        match self.class {
            ErrorClass::Lost | ErrorClass::Unknown | ErrorClass::Unavailable => {
                tracing::warn!(error = %self, cause, "PostgreSQL: a call failed");
            }
            ErrorClass::Refused | ErrorClass::Corrupt(_) | ErrorClass::Other => {
                tracing::error!(error = %self, cause, "PostgreSQL: a call failed");
            }
            ErrorClass::Undone | ErrorClass::TooLate | ErrorClass::TooMany => {
                tracing::debug!(error = %self, cause, "PostgreSQL: a call failed");
            }
        }
    }

    /// The cause, for `tracing`.
    pub(crate) fn cause(&self) -> Option<impl tracing::Value + use<'_>> {
        self.source.as_ref().map(tracing::field::display)
    }

    pub(crate) fn class(&self) -> ErrorClass {
        self.class
    }

    /// Classifies an error of opening a connection.
    pub(crate) fn connecting(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(database) => {
                Self::greeted(&database.code().unwrap_or_default(), database.message())
            }
            sqlx::Error::Configuration(_) => Self::refused(
                "not the URL of a PostgreSQL server; expected postgres://user:password@host:5432/database",
            ),
            sqlx::Error::Tls(source) => Self::refused(format!("no TLS connection: {source}")),
            sqlx::Error::PoolTimedOut => Self::no_connection(),
            sqlx::Error::PoolClosed => {
                Self::new(ErrorClass::Unavailable, "the pool of connections is closed")
            }
            sqlx::Error::Io(io) => {
                Self::new(ErrorClass::Unavailable, "no connection to the server").because(copy(io))
            }
            sqlx::Error::Protocol(text) => {
                let odd = Self::new(
                    ErrorClass::Unavailable,
                    "no connection: the server that answers is not PostgreSQL",
                );
                odd.because(Arc::new(Said(text.clone())))
            }
            _ => {
                Self::new(ErrorClass::Unavailable, "no connection: the server that answers is not PostgreSQL")
            }
        }
    }

    fn greeted(code: &str, message: &str) -> Self {
        let (class, advice) = match code.get(..2).unwrap_or_default() {
            "08" if message.contains("startup parameter") => {
                (ErrorClass::Refused, ": behind PgBouncer use Builder::pgbouncer")
            }
            // Not the user's mistake: a pooler without a server, too many clients, starting up, shutting down, a
            // system error.
            "08" | "53" | "57" | "58" => (ErrorClass::Unavailable, ""),
            _ => (ErrorClass::Refused, ""),
        };
        Self::new(class, format!("{message} (SQLSTATE {code}){advice}"))
    }

    /// Classifies an error of a statement.
    fn working(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(database) => {
                let severity = database.try_downcast_ref().map(PgDatabaseError::severity);
                let ends = matches!(severity, Some(PgSeverity::Fatal | PgSeverity::Panic));
                Self::answered(&database.code().unwrap_or_default(), ends)
            }
            sqlx::Error::Io(io) => Self::new(ErrorClass::Lost, "the connection broke").because(copy(io)),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnNotFound(_) => {
                Self::corrupt(None, "a stored value is of another type than this version writes")
            }
            sqlx::Error::Encode(_) => Self::new(ErrorClass::Other, "a value cannot be sent to the server"),
            sqlx::Error::PoolClosed | sqlx::Error::PoolTimedOut => Self::connecting(error),
            _ => Self::new(ErrorClass::Lost, "the connection broke: unexpected response from the server"),
        }
    }

    /// Classifies an error response; `ends` if the server ends the connection with it.
    fn answered(code: &str, ends: bool) -> Self {
        let (class, text) = match (code, code.get(..2).unwrap_or_default()) {
            ("42P01" | "42703" | "42883" | "3F000", _) => {
                (ErrorClass::Refused, "the tables are missing, or older than this version: run migrate()")
            }
            ("54000", _) => (ErrorClass::TooMany, "more records than one step may end"),
            ("25001", _) => (
                ErrorClass::Refused,
                "the transaction's isolation is not read committed: set default_transaction_isolation for this user",
            ),
            ("25006", _) => (
                ErrorClass::Unavailable,
                "the server is read-only: a standby that is not promoted yet, or a primary that was demoted",
            ),
            ("42501", _) => (ErrorClass::Refused, "this user lacks a right to the tables"),
            ("26000" | "42P05", _) => (
                ErrorClass::Refused,
                "prepared statements do not last: behind PgBouncer in transaction mode use Builder::pgbouncer, or set \
                 max_prepared_statements in PgBouncer",
            ),
            ("22P05" | "22021", _) => (ErrorClass::Refused, "the database's encoding is not UTF-8"),
            ("40001" | "40P01", _) => (ErrorClass::Undone, "undone by the server because of concurrent work"),
            ("0A000", _) => (ErrorClass::Undone, "a prepared statement is out of date"),
            ("55P03", _) => (ErrorClass::TooLate, "a row stays locked by another transaction"),
            ("57014", _) => (ErrorClass::TooLate, "the statement took too long"),
            // The session was idle: the server did not begin what was sent to it.
            ("57P05", _) => {
                (ErrorClass::Undone, "the server ended an idle connection (idle_session_timeout)")
            }
            ("57P01" | "57P02", _) | (_, "08") => (ErrorClass::Lost, "the server ended the connection"),
            ("57P03", _) | (_, "53") => {
                (ErrorClass::Unavailable, "the server is out of resources, or not up yet")
            }
            _ if ends => (ErrorClass::Lost, "the server ended the connection"),
            _ => (ErrorClass::Other, "the server refused the statement"),
        };
        Self::new(class, format!("{text} (SQLSTATE {code})"))
    }

    /// Reclassifies the error of a connection on which nothing of the call was sent yet.
    pub(crate) fn unsent(self) -> Self {
        match self.class {
            ErrorClass::Lost | ErrorClass::Unknown => Self { class: ErrorClass::Unavailable, ..self },
            _ => self,
        }
    }

    /// Reclassifies the error of a sweep that was not completed: part of it is done.
    pub(crate) fn in_part(self) -> Self {
        match self.class {
            ErrorClass::Undone | ErrorClass::TooLate | ErrorClass::TooMany | ErrorClass::Unavailable => {
                Self { class: ErrorClass::Unknown, ..self }
            }
            _ => self,
        }
    }

    /// Converts the error for a call that wrote, or that only read.
    pub(crate) fn into_error(self, writes: bool) -> StoreError {
        let class = self.class;
        let source: BoxError = Box::new(self);
        match class {
            ErrorClass::Corrupt(selector) => StoreError::Corrupt { selector, source },
            ErrorClass::Other => StoreError::Other(source),
            ErrorClass::Refused => StoreError::Refused(source),
            ErrorClass::Undone | ErrorClass::TooLate | ErrorClass::TooMany => {
                StoreError::Timeout { source, outcome_unknown: false }
            }
            ErrorClass::Unknown | ErrorClass::Lost if writes => {
                StoreError::Timeout { source, outcome_unknown: true }
            }
            ErrorClass::Unknown => StoreError::Timeout { source, outcome_unknown: false },
            ErrorClass::Lost | ErrorClass::Unavailable => StoreError::Unavailable(source),
        }
    }
}

/// Classifies an error of a statement.
impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::working(&error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn std::error::Error + 'static))
    }
}

/// Copies a network error, which cannot be cloned.
fn copy(io: &std::io::Error) -> Arc<dyn std::error::Error + Send + Sync> {
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

impl std::error::Error for Said {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_connection_leaves_a_write_in_doubt_and_a_read_undone() {
        let lost = Error::answered("57P01", false);
        assert!(matches!(lost.clone().into_error(true), StoreError::Timeout { outcome_unknown: true, .. }));
        assert!(matches!(lost.into_error(false), StoreError::Unavailable(_)));
    }

    #[test]
    fn what_the_server_undid_is_not_in_doubt() {
        for code in ["40001", "40P01", "55P03", "57014"] {
            let error = Error::answered(code, false).into_error(true);
            assert!(matches!(error, StoreError::Timeout { outcome_unknown: false, .. }), "{code}");
        }
    }

    #[test]
    fn a_missing_table_says_what_to_do() {
        assert!(Error::answered("42P01", false).to_string().contains("run migrate()"));
        assert!(matches!(Error::answered("42P01", false).into_error(true), StoreError::Refused(_)));
    }

    #[test]
    fn what_ends_the_connection_is_a_broken_one_whatever_its_code() {
        for code in ["25P03", "25P04", "XX000"] {
            assert_eq!(Error::answered(code, true).class(), ErrorClass::Lost, "{code}");
            assert_eq!(Error::answered(code, false).class(), ErrorClass::Other, "{code}");
        }
    }

    #[test]
    fn a_pooler_without_a_server_is_no_wrong_set_up() {
        let parameter = Error::greeted("08P01", "unsupported startup parameter: options");
        assert!(
            parameter.class() == ErrorClass::Refused && parameter.to_string().contains("Builder::pgbouncer")
        );
        for code in ["08P01", "08006", "53300", "57P03", "58000"] {
            let error = Error::greeted(code, "server login failed");
            assert!(error.class() == ErrorClass::Unavailable && !error.to_string().contains("PgBouncer"));
        }
        assert_eq!(Error::greeted("28P01", "password authentication failed").class(), ErrorClass::Refused);
    }
}
