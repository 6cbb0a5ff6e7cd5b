//! Holds back answers of the store, so that a case decides what overtakes them.

use std::sync::Arc;

use tokio::sync::watch;

/// Where the answers of `find` and the turns of a feed can be held back. Clones are the same gate.
#[derive(Clone, Debug)]
pub(crate) struct Gate(Arc<Bars>);

#[derive(Debug)]
struct Bars {
    finds: Bar,
    turns: Bar,
}

#[derive(Debug)]
struct Bar {
    is_down: watch::Sender<bool>,
    /// How many have arrived while it was down.
    arrived: watch::Sender<usize>,
}

impl Gate {
    /// An open gate.
    pub(crate) fn new() -> Self {
        let bar = || Bar { is_down: watch::Sender::new(false), arrived: watch::Sender::new(0) };
        Self(Arc::new(Bars { finds: bar(), turns: bar() }))
    }

    /// From now on every `find` is done, and its answer waits.
    pub(crate) fn hold_finds(&self) {
        self.0.finds.arrived.send_replace(0);
        self.0.finds.is_down.send_replace(true);
    }

    /// Waits until a `find` is held back.
    pub(crate) async fn find_arrived(&self) {
        // The sender lives as long as the gate.
        let _ = self.0.finds.arrived.subscribe().wait_for(|arrived| *arrived > 0).await;
    }

    pub(crate) fn release_finds(&self) {
        self.0.finds.is_down.send_replace(false);
    }

    /// From now on every turn waits before it asks.
    pub(crate) fn hold_turns(&self) {
        self.0.turns.is_down.send_replace(true);
    }

    pub(crate) fn release_turns(&self) {
        self.0.turns.is_down.send_replace(false);
    }

    pub(crate) async fn pass_find(&self) {
        self.0.finds.pass().await;
    }

    pub(crate) async fn pass_turn(&self) {
        self.0.turns.pass().await;
    }
}

impl Bar {
    async fn pass(&self) {
        if *self.is_down.borrow() {
            self.arrived.send_modify(|arrived| *arrived += 1);
            let _ = self.is_down.subscribe().wait_for(|is_down| !is_down).await;
        }
    }
}
