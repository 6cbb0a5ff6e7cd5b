//! The store announces nothing, and its harness says so: there is no near cache over it.

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Mute>().only(&["feed", "delete::", "login::"]);

#[derive(Default)]
struct Mute;

impl Twist for Mute {
    const ANNOUNCES: bool = false;

    fn declared() -> Declared {
        Straight::declared().without(Capability::Feed, "nothing is announced")
    }
}
