//! The SQL statements, each from its own file.

use std::sync::Arc;

use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Postgres};

use crate::error::Error;
use crate::names::Names;
use crate::patches::Patches;

macro_rules! statements {
    ($($name:ident),+ $(,)?) => {
        /// The files of `queries/`, with the tables' names filled in.
        #[derive(Clone, Debug)]
        pub(crate) struct Statements {
            $(pub(crate) $name: Statement,)+
        }

        impl Statements {
            /// Each file's name and text.
            const FILES: &[(&str, &str)] =
                &[$((concat!(stringify!($name), ".sql"), include_str!(concat!("../queries/", stringify!($name), ".sql")))),+];

            fn build(prepare: impl Fn(&str, &str) -> Result<Statement, Error>) -> Result<Self, Error> {
                let mut files = Self::FILES.iter();
                // In the order of the fields, which is that of the files.
                let mut next = || files.next().map_or(Err(Error::refused("no such statement")), |(file, sql)| prepare(file, sql));
                Ok(Self { $($name: next()?),+ })
            }

            /// Each file's name and statement.
            #[cfg(feature = "test-hooks")]
            pub(crate) fn all(&self) -> Vec<(&'static str, &Statement)> {
                vec![$((stringify!($name), &self.$name)),+]
            }
        }
    };
}

statements! {
    advance, begin, changes, delete, due, end, end_batch, epoch, epoch_batch, exists, find, find_batch, insert,
    insert_batch, linger, list_by_subject, mark, mark_page, marked, marker, poll, probe, process, purge, purge_epochs,
    ready, remove, remove_page, replace, replace_batch, requires, revoke, server, set_epoch, standing, trim, writers,
}

/// One statement.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    text: Arc<str>,
    prepared: bool,
}

impl Statements {
    /// # Errors
    /// [`Error`] if a patch does not fit.
    pub(crate) fn new(names: &Names, prepared: bool, patches: &Patches) -> Result<Self, Error> {
        Self::build(|file, sql| {
            let sql = patches.apply(file, sql)?;
            Ok(Statement { text: names.fill(&sql).into(), prepared })
        })
    }

    /// Whether a statement has this file name.
    pub(crate) fn is_file(name: &str) -> bool {
        Self::FILES.iter().any(|(file, _)| *file == name)
    }
}

impl Statement {
    pub(crate) fn query(&self) -> Query<'static, Postgres, PgArguments> {
        // The names were checked; everything else is a constant of this crate.
        sqlx::query(AssertSqlSafe(Arc::clone(&self.text))).persistent(self.prepared)
    }

    /// The statement with `values` in place of its parameters, for a message that prepares nothing.
    ///
    /// # Errors
    /// [`Error`] for a value with other characters than those of numbers, ids and arrays of numbers.
    pub(crate) fn plain(&self, values: &[&str]) -> Result<String, Error> {
        let mut text = self.text().to_owned();
        for (value, number) in values.iter().zip(1..) {
            if !value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-{},".contains(&byte)) {
                return Err(Error::corrupt(None, "a number or an id of another form"));
            }
            text = text.replace(&format!("${number}"), &format!("'{value}'"));
        }
        Ok(text)
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_used() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/queries");
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        assert_eq!(files, Statements::FILES.iter().map(|(file, _)| *file).collect::<Vec<_>>());
    }

    #[test]
    fn a_patch_changes_its_statement() {
        let mut patches = Patches::default();
        patches.add("exists.sql", "where selector = any ($1)", "X");
        let patched = Statements::new(&Names::default(), true, &patches).unwrap();
        assert_eq!(patched.exists.text(), "select selector from \"public\".\"hallpass_tokens\" X ");
    }
}
