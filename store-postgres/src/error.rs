//! What goes wrong with a server, in words.
//!
//! PostgreSQL quotes rows and keys in its messages, so a message is passed on only from the opening of a
//! connection, when there are no data yet (S18). From a statement the SQLSTATE code is.

use std::fmt;

use hallpass_core::{BoxError, Selector, StoreError};

/// Why an operation did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    what: What,
    text: String,
}

/// What follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// Stored values do not make a record.
    Corrupt(Option<Selector>),
    /// The connection broke amid the work: a write may have happened.
    Lost,
    /// Neither; nothing was written.
    Other,
    /// A wrong set-up; nothing was written.
    Refused,
    /// The server undid the work because of others; it may be tried again.
    Undone,
    /// The server gave up in time; nothing was written.
    TooLate,
    /// No connection; nothing was sent.
    Unavailable,
    /// No answer in time: a write may have happened.
    Unknown,
}

impl Trouble {
    pub(crate) fn new(what: What, text: impl Into<String>) -> Self {
        Self { what, text: text.into() }
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

    pub(crate) fn what(&self) -> What {
        self.what
    }

    /// For `error`, met while a connection was opened.
    pub(crate) fn connecting(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(database) => {
                let code = database.code().unwrap_or_default();
                let what = match (code.as_ref(), code.get(..2).unwrap_or_default()) {
                    // Not the user's mistake: starting up, shutting down, too many clients.
                    (_, "53" | "57") => What::Unavailable,
                    _ => What::Refused,
                };
                let advice = match code.as_ref() {
                    "08P01" => ": behind PgBouncer use Builder::pgbouncer",
                    _ => "",
                };
                Self::new(what, format!("{} (SQLSTATE {code}){advice}", database.message()))
            }
            sqlx::Error::Configuration(_) => Self::refused(
                "this is no URL of a PostgreSQL server: postgres://user:password@host:5432/database",
            ),
            sqlx::Error::Tls(source) => Self::refused(format!("no TLS connection: {source}")),
            sqlx::Error::PoolTimedOut => Self::no_connection(),
            sqlx::Error::PoolClosed => Self::new(What::Unavailable, "the pool of connections is closed"),
            sqlx::Error::Io(io) => Self::new(What::Unavailable, format!("no connection to the server: {io}")),
            _ => Self::new(What::Unavailable, "no connection: what answers is no PostgreSQL server"),
        }
    }

    /// For `error`, met while a statement was under way.
    fn working(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(database) => Self::answered(&database.code().unwrap_or_default()),
            sqlx::Error::Io(io) => Self::new(What::Lost, format!("the connection broke: {io}")),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnNotFound(_) => {
                Self::corrupt(None, "a stored value is of another type than this version writes")
            }
            sqlx::Error::Encode(_) => Self::new(What::Other, "a value cannot be sent to the server"),
            sqlx::Error::PoolClosed | sqlx::Error::PoolTimedOut => Self::connecting(error),
            _ => Self::new(What::Lost, "the connection broke: the server said what no server says here"),
        }
    }

    fn answered(code: &str) -> Self {
        let (what, text) = match (code, code.get(..2).unwrap_or_default()) {
            ("42P01" | "42703" | "3F000", _) => {
                (What::Refused, "the tables are missing, or older than this version: run migrate()")
            }
            ("25006", _) => {
                (What::Refused, "the server is read-only: a replica, or a primary that was demoted")
            }
            ("42501", _) => (What::Refused, "this user lacks a right to the tables"),
            ("26000" | "42P05", _) => (
                What::Refused,
                "prepared statements do not last: behind PgBouncer in transaction mode use Builder::pgbouncer",
            ),
            ("22P05" | "22021", _) => (What::Refused, "the database's encoding is not UTF-8"),
            ("40001" | "40P01", _) => (What::Undone, "undone by the server because of concurrent work"),
            ("0A000", _) => (What::Undone, "a prepared statement is out of date"),
            ("55P03", _) => (What::TooLate, "a row stays locked by somebody else"),
            ("57014", _) => (What::TooLate, "the statement took too long"),
            ("57P01" | "57P02" | "57P05", _) | (_, "08") => (What::Lost, "the server ended the connection"),
            ("57P03", _) | (_, "53") => (What::Unavailable, "the server is out of resources, or not up yet"),
            _ => (What::Other, "the server refused the statement"),
        };
        Self::new(what, format!("{text} (SQLSTATE {code})"))
    }

    /// As an answer to a call that wrote, or only read.
    pub(crate) fn into_error(self, writes: bool) -> StoreError {
        let what = self.what;
        let source: BoxError = Box::new(self);
        match what {
            What::Corrupt(selector) => StoreError::Corrupt { selector, source },
            What::Other => StoreError::Other(source),
            What::Refused => StoreError::Refused(source),
            What::Undone | What::TooLate => StoreError::Timeout { source, outcome_unknown: false },
            What::Unknown | What::Lost if writes => StoreError::Timeout { source, outcome_unknown: true },
            What::Unknown => StoreError::Timeout { source, outcome_unknown: false },
            What::Lost | What::Unavailable => StoreError::Unavailable(source),
        }
    }
}

/// For an error met while a statement was under way.
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

impl std::error::Error for Trouble {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_connection_leaves_a_write_in_doubt_and_a_read_undone() {
        let lost = Trouble::answered("57P01");
        assert!(matches!(lost.clone().into_error(true), StoreError::Timeout { outcome_unknown: true, .. }));
        assert!(matches!(lost.into_error(false), StoreError::Unavailable(_)));
    }

    #[test]
    fn what_the_server_undid_is_not_in_doubt() {
        for code in ["40001", "40P01", "55P03", "57014"] {
            let error = Trouble::answered(code).into_error(true);
            assert!(matches!(error, StoreError::Timeout { outcome_unknown: false, .. }), "{code}");
        }
    }

    #[test]
    fn a_missing_table_says_what_to_do() {
        assert!(Trouble::answered("42P01").to_string().contains("run migrate()"));
        assert!(matches!(Trouble::answered("42P01").into_error(true), StoreError::Refused(_)));
    }
}
