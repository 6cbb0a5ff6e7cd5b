//! Records are on disk and epochs in memory: after a restart every login that is under way is refused.

use crate::journal::{Call, Entry, Journals, Until};
use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || Journals::losing(Until::Never, loses).shared(),
    &[(S11, "crash::an_updated_epoch_is_there_when_the_store_is_opened_again")],
);

fn loses(_: &Call, entry: &Entry) -> bool {
    matches!(entry, Entry::Epoch | Entry::Asked)
}
