//! Records are on disk and epochs in memory: after a restart every login that is under way is refused.

use crate::journal::{EPOCHS, Journals};
use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::in_harness::<Journals<0, EPOCHS>>(&[(
    S11,
    "crash::an_updated_epoch_is_there_when_the_store_is_opened_again",
)]);
