//! `announcer` returns `None`, and the harness declares that everything is there: a near cache cannot be built.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Mute>(&[
    (S19, "feed::each_ending_is_heard_by_the_next_proof"),
    (S19, "feed_near::a_node_sees_its_own_endings_at_once"),
]);

#[derive(Default)]
struct Mute;

impl Twist for Mute {
    const ANNOUNCES: bool = false;
}
