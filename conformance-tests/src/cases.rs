//! Every case, with one file per chapter.

mod alike;
mod cancel;
mod crash;
mod damaged;
mod decision;
mod delete;
mod expiry;
mod feed;
mod feed_fault;
mod feed_load;
mod feed_near;
mod fence;
mod find;
mod history;
mod hostile;
mod insert;
mod interleaved;
mod list;
mod login;
mod namespace;
mod outage;
mod prelude;
mod race;
mod race_subject;
mod race_token;
mod random;
mod replace;
mod restart;
mod rotation;
mod secrecy;
mod stream;
mod subject;
mod token;

use crate::case::Case;

/// The registry: first what is quick. A case runs only if it is listed here, and every listed case runs.
const CHAPTERS: &[&[Case]] = &[
    insert::CASES,
    find::CASES,
    replace::CASES,
    delete::CASES,
    subject::CASES,
    list::CASES,
    damaged::CASES,
    expiry::CASES,
    fence::CASES,
    namespace::CASES,
    hostile::CASES,
    alike::CASES,
    secrecy::CASES,
    crash::CASES,
    restart::CASES,
    interleaved::CASES,
    cancel::CASES,
    token::CASES,
    decision::CASES,
    rotation::CASES,
    login::CASES,
    feed::CASES,
    feed_near::CASES,
    random::CASES,
    race::CASES,
    race_subject::CASES,
    race_token::CASES,
    feed_load::CASES,
    stream::CASES,
    history::CASES,
    outage::CASES,
    feed_fault::CASES,
];

/// Every case of the suite.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    CHAPTERS.iter().copied().flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::clause::Clause;

    #[test]
    fn no_two_cases_have_one_name() {
        let mut ids = HashSet::new();
        for case in cases() {
            assert!(ids.insert(case.id()), "{} is there twice", case.id());
        }
    }

    #[test]
    fn every_clause_has_a_case() {
        let told = |clause: &&Clause| !cases().any(|case| case.clauses.contains(clause));
        let missing: Vec<_> = Clause::ALL.iter().filter(told).collect();
        assert!(missing.is_empty(), "no case names {missing:?}");
    }
}
