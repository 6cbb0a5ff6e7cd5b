//! What statements announce.

use std::collections::BTreeSet;

use hallpass_core::Selector;
use hallpass_core::store::Heard;

use crate::error::Error;

const SELECTOR: u8 = 1;
const SHARD: u8 = 2;

/// The words of a poll.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Announced {
    selectors: Vec<Selector>,
    /// A revocation in pages names its shard once a page.
    shards: BTreeSet<[u8; 2]>,
}

impl Announced {
    /// Adds words: each has a first byte that says what it is.
    ///
    /// # Errors
    /// [`Error`] for a word of another sort.
    pub(super) fn read(&mut self, mut words: &[u8]) -> Result<(), Error> {
        while let Some((&sort, rest)) = words.split_first() {
            words = match sort {
                SELECTOR => {
                    let (selector, rest) = rest.split_first_chunk().ok_or_else(unknown)?;
                    self.selectors.push(Selector(*selector));
                    rest
                }
                SHARD => {
                    let (shard, rest) = rest.split_first_chunk().ok_or_else(unknown)?;
                    self.shards.insert(*shard);
                    rest
                }
                _ => return Err(unknown()),
            };
        }
        Ok(())
    }

    pub(super) fn report(&self, heard: &Heard) {
        heard.ended(&self.selectors);
        for shard in &self.shards {
            heard.ended_shard(*shard);
        }
    }
}

fn unknown() -> Error {
    Error::corrupt(None, "an announcement that this version does not know")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_both_sorts_are_read() {
        let mut announced = Announced::default();
        let words = [&[1][..], &[7; 16], &[2, 8, 9, 2, 8, 9, 1], &[6; 16]].concat();
        announced.read(&words).unwrap();
        announced.read(&[]).unwrap();
        let expected = Announced {
            selectors: vec![Selector([7; 16]), Selector([6; 16])],
            shards: BTreeSet::from([[8, 9]]),
        };
        assert_eq!(announced, expected);
    }

    #[test]
    fn a_word_that_is_cut_or_of_another_sort_is_an_error() {
        for words in [&[1, 2, 3][..], &[2, 3], &[3], &[2, 8, 9, 1]] {
            assert!(Announced::default().read(words).is_err(), "{words:?}");
        }
    }
}
