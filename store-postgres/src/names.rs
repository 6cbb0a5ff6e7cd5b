//! The names of schema, tables, indexes and functions.

use std::fmt;

use crate::error::Error;

const STEM: &str = "hallpass_";
/// PostgreSQL allows 63 bytes; this leaves room for the longest ending.
const MAX_LEN: usize = 40;

/// A schema, and the first part of the names of tables and indexes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) schema: String,
    pub(crate) prefix: String,
}

impl Default for Names {
    fn default() -> Self {
        Self { schema: "public".to_owned(), prefix: "hallpass".to_owned() }
    }
}

impl Names {
    /// # Errors
    /// [`Error`] unless both are short, consist of ASCII letters, digits and `_`, and do not begin with a
    /// digit. Only such names appear between the quotes.
    pub(crate) fn check(&self) -> Result<(), Error> {
        for name in [&self.schema, &self.prefix] {
            let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            let begins_well = name.bytes().next().is_some_and(|byte| legal(byte) && !byte.is_ascii_digit());
            if !begins_well || name.len() > MAX_LEN || !name.bytes().all(legal) {
                return Err(Error::refused(
                    "the names of schema and tables must be 1 to 40 ASCII letters, digits and '_', no digit first",
                ));
            }
        }
        if self.prefix.ends_with("_epochs") {
            return Err(Error::refused(
                "the tables' names must not begin with a word and \"_epochs\": an index of tables that begin with the \
                 word alone has the same name",
            ));
        }
        Ok(())
    }

    /// Returns a statement from a file, with these names in place of `hallpass_…` and without comments.
    pub(crate) fn fill(&self, sql: &str) -> String {
        let mut filled = String::with_capacity(sql.len());
        let lines = sql.lines().filter(|line| !line.trim_start().starts_with("--"));
        for line in lines {
            let mut rest = line.trim();
            while let Some(at) = rest.find(STEM) {
                let word = &rest[at..];
                let end = word.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(word.len());
                filled.push_str(&rest[..at]);
                filled.push_str(&self.name(&word[STEM.len()..end]).to_string());
                rest = &word[end..];
            }
            filled.push_str(rest);
            filled.push(' ');
        }
        filled
    }

    /// The name of a table or function with its schema, or of an index without one: it has its table's
    /// schema.
    pub(crate) fn name<'a>(&'a self, ending: &'a str) -> Name<'a> {
        Name { names: self, ending }
    }
}

pub(crate) struct Name<'a> {
    names: &'a Names,
    ending: &'a str,
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if matches!(self.ending, "tokens" | "epochs" | "schema" | "changes" | "feed" | "revoke" | "end") {
            write!(f, "\"{}\".", self.names.schema)?;
        }
        write!(f, "\"{}_{}\"", self.names.prefix, self.ending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(schema: &str, prefix: &str) -> Names {
        Names { schema: schema.to_owned(), prefix: prefix.to_owned() }
    }

    #[test]
    fn tables_have_a_schema_and_indexes_none() {
        let filled = names("auth", "shop").fill(
            "-- hallpass_tokens\ncreate index hallpass_by_subject\n  on hallpass_tokens (x); select hallpass_epochs.a",
        );
        let expected = "create index \"shop_by_subject\" on \"auth\".\"shop_tokens\" (x); \
                        select \"auth\".\"shop_epochs\".a ";
        assert_eq!(filled, expected);
    }

    #[test]
    fn a_name_is_plain_or_refused() {
        assert!(Names::default().check().is_ok());
        assert!(names("Auth_2", "_x").check().is_ok());
        let long = "a".repeat(41);
        for bad in ["", "1a", "a-b", "a b", "a\"b", "a;b", "ä", "a.b", "a\0", "a$", &long] {
            assert!(names(bad, "x").check().is_err(), "{bad:?}");
            assert!(names("x", bad).check().is_err(), "{bad:?}");
        }
    }
}
