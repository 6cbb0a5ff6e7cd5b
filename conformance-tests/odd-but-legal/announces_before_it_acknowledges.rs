//! A record has ended and that is announced a while before the call returns.

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Posted<Strange>>().only(&["feed"]);

#[derive(Debug, Default)]
struct Strange {
    log: Log,
}

impl Board for Strange {
    const PAUSES: bool = true;

    fn log(&self) -> &Log {
        &self.log
    }
}
