//! Every case, a file a chapter.

mod delete;

use crate::case::Case;

/// The registry: nothing else is ever run, and nothing of it is left out.
const CHAPTERS: &[&[Case]] = &[delete::CASES];

/// Every case of the suite.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    CHAPTERS.iter().copied().flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_cases_have_one_name() {
        let mut ids = HashSet::new();
        for case in cases() {
            assert!(ids.insert(case.id()), "{} is there twice", case.id());
        }
    }
}
