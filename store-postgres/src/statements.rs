//! The SQL statements, each from its own file.

use std::sync::Arc;

use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Postgres};

use crate::error::Trouble;
use crate::migrate;
use crate::names::Names;

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

            fn build(prepare: impl Fn(&str, &str) -> Result<Statement, Trouble>) -> Result<Self, Trouble> {
                let mut files = Self::FILES.iter();
                // In the order of the fields, which is that of the files.
                let mut next = || files.next().map_or(Err(Trouble::refused("no such statement")), |(file, sql)| prepare(file, sql));
                Ok(Self { $($name: next()?),+ })
            }

            /// Each file's name and statement.
            pub(crate) fn all(&self) -> Vec<(&'static str, &Statement)> {
                vec![$((stringify!($name), &self.$name)),+]
            }
        }
    };
}

statements! {
    advance, begin, delete, due, epoch, epoch_batch, exists, find, find_batch, insert, insert_batch, linger,
    list_by_subject, mark, mark_page, process, purge, purge_epochs, remove, remove_page, replace, replace_batch, revoke,
    server,
}

/// One statement.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    text: Arc<str>,
    prepared: bool,
}

/// A change to one file, to prove that tests notice.
#[derive(Clone, Debug)]
pub(crate) struct Patch {
    pub(crate) file: String,
    pub(crate) from: String,
    pub(crate) to: String,
}

impl Statements {
    /// # Errors
    /// [`Trouble`] if a patch does not fit.
    pub(crate) fn new(names: &Names, prepared: bool, patches: &[Patch]) -> Result<Self, Trouble> {
        let is_file =
            |name: &str| Self::FILES.iter().any(|(file, _)| *file == name) || migrate::is_file(name);
        if !patches.iter().all(|patch| is_file(&patch.file)) {
            return Err(Trouble::refused("a patch names a file that does not exist"));
        }
        Self::build(|file, sql| {
            let sql = Patch::apply(patches, file, sql)?;
            Ok(Statement { text: names.fill(&sql).into(), prepared })
        })
    }
}

impl Patch {
    /// Returns the text of `file` with the patches for it applied.
    ///
    /// # Errors
    /// [`Trouble`] if one does not fit exactly once.
    pub(crate) fn apply(patches: &[Self], file: &str, text: &str) -> Result<String, Trouble> {
        let mut text = text.to_owned();
        for patch in patches.iter().filter(|patch| patch.file == file) {
            if text.matches(&patch.from).count() != 1 {
                return Err(Trouble::refused("a patch does not fit its file exactly once"));
            }
            text = text.replace(&patch.from, &patch.to);
        }
        Ok(text)
    }
}

impl Statement {
    pub(crate) fn query(&self) -> Query<'static, Postgres, PgArguments> {
        // The names were checked; everything else is a constant of this crate.
        sqlx::query(AssertSqlSafe(Arc::clone(&self.text))).persistent(self.prepared)
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
    fn a_patch_fits_exactly_once() {
        let patch = |file: &str, from: &str| {
            let patch = Patch { file: file.into(), from: from.into(), to: "X".into() };
            Statements::new(&Names::default(), true, &[patch])
        };
        let patched = patch("delete.sql", "where selector = $1").unwrap();
        assert_eq!(patched.delete.text(), "delete from \"public\".\"hallpass_tokens\" X ");
        for (file, from) in [("delete.sql", "nowhere"), ("find_batch.sql", "s"), ("none.sql", "x")] {
            assert!(patch(file, from).is_err(), "{file} {from}");
        }
    }
}
