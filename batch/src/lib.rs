#![doc = include_str!("../README.md")]

mod batcher;
mod call;
mod limits;
mod queue;
mod runner;
mod slot;
mod sync;
mod waiting;
mod watch;

pub use batcher::{Admitted, Batcher};
pub use call::{Call, NoAnswer, PendingAnswer};
pub use limits::{Limits, Sharing};
pub use runner::Runner;
pub use slot::{IDLE_YIELDS, Slot};
pub use waiting::Waiting;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::queue::Shared;
    use crate::slot::Slots;
    use crate::sync::Arc;

    struct Nothing;

    impl Runner for Nothing {
        type Call = ();
        type Answer = ();

        async fn run_batch(&self, _: Waiting<'_, (), ()>) {}
    }

    // Here because `tests/interleavings` compiles the other modules, their tests included, with shuttle.
    #[test]
    fn the_number_of_a_closed_slot_is_the_next_ones_alone() {
        let sharing = Sharing::WhenBusy { stuck: Duration::MAX, limit: 1 };
        let shared = Shared::new(Limits { slots: 1, batch: 1, queue: 1, sharing });
        let slots = Arc::new(Slots { runner: Nothing, shared });
        let open = || Slot::open(&slots, &mut slots.shared.lock());
        let mut first = open().unwrap();
        assert!(open().is_none() && first.look(true, 0).is_break());
        let second = open().unwrap();
        drop(first);
        assert!(open().is_none(), "two slots are open, where only one may be");
        drop(second);
        assert!(open().is_some());
    }
}
