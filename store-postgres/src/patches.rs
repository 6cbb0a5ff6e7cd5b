//! Changes to the files of SQL, with which tests prove that they notice a mistake.

use crate::error::Error;

/// The changes, each a file, what it contains, and what stands there instead. There are none without the feature
/// `test-hooks`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Patches(Vec<[String; 3]>);

impl Patches {
    #[cfg(feature = "test-hooks")]
    pub(crate) fn add(&mut self, file: &str, from: &str, to: &str) {
        self.0.push([file, from, to].map(str::to_owned));
    }

    /// # Errors
    /// [`Error`] if a patch is for a file that does not exist.
    pub(crate) fn check(&self, exists: impl Fn(&str) -> bool) -> Result<(), Error> {
        match self.0.iter().all(|[file, ..]| exists(file)) {
            true => Ok(()),
            false => Err(Error::refused("a patch names a file that does not exist")),
        }
    }

    /// Returns the text of `file` with the patches for it applied.
    ///
    /// # Errors
    /// [`Error`] if one does not fit exactly once.
    pub(crate) fn apply(&self, file: &str, text: &str) -> Result<String, Error> {
        let mut text = text.to_owned();
        for [_, from, to] in self.0.iter().filter(|[patched, ..]| patched == file) {
            if text.matches(from).count() != 1 {
                return Err(Error::refused("a patch does not fit its file exactly once"));
            }
            text = text.replace(from, to);
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_fits_exactly_once() {
        let patch = |from: &str| {
            let mut patches = Patches::default();
            patches.add("a.sql", from, "X");
            patches.apply("a.sql", "select a from b where b")
        };
        assert_eq!(patch("where b").unwrap(), "select a from b X");
        assert!(patch("nowhere").is_err() && patch("b").is_err());
    }

    #[test]
    fn a_patch_for_no_file_is_refused() {
        let mut patches = Patches::default();
        patches.add("a.sql", "a", "X");
        assert!(patches.check(|file| file == "a.sql").is_ok() && patches.check(|_| false).is_err());
        assert_eq!(patches.apply("b.sql", "a").unwrap(), "a");
    }
}
