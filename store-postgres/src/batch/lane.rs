//! A lane, which sends one statement at a time.

use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::{Lanes, PATIENCE};
use crate::operation::Together;

/// The right to have a statement under way. When a lane is dropped while calls wait, a task continues it.
pub(super) struct Lane<J: Together> {
    lanes: Arc<Lanes<J>>,
    number: usize,
    pub(super) state: State,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum State {
    /// It runs the call of one caller.
    Alone,
    /// It works through the queue in a task of its own.
    Leads,
    /// It has ended, and another lane may have its number by now.
    Over,
}

impl<J: Together> Lane<J> {
    pub(super) fn new(lanes: Arc<Lanes<J>>, number: usize) -> Self {
        Self { lanes, number, state: State::Alone }
    }

    /// Sends batches until no call waits.
    async fn lead(mut self) {
        let mut idle = 0;
        while let Continue(oldest) = self.look(idle == PATIENCE) {
            match oldest {
                None => idle += 1,
                Some(deadline) => {
                    idle = 0;
                    self.work(deadline).await;
                }
            }
            tokio::task::yield_now().await;
        }
    }

    /// Returns the deadline of the oldest waiting call. Ends the lane if no call waits and `or_end` is set.
    pub(super) fn look(&mut self, or_end: bool) -> ControlFlow<(), Option<Instant>> {
        let mut queue = self.lanes.queue();
        while queue.waiting.front().is_some_and(|call| call.tell.is_closed()) {
            queue.waiting.pop_front();
        }
        let oldest = queue.waiting.front().map(|call| call.deadline);
        if oldest.is_none() && or_end {
            queue.lanes[self.number] = None;
            self.state = State::Over;
            return Break(());
        }
        queue.lanes[self.number] = Some(Instant::now());
        Continue(oldest)
    }

    /// Sends the waiting calls. They leave the queue only once there is a connection for them.
    async fn work(&self, deadline: Instant) {
        let connections = &self.lanes.connections;
        match connections.acquire(J::WRITES, deadline).await {
            Err(trouble) => self.lanes.refuse(&trouble, connections.acquire_deadline(deadline)),
            Ok(lease) => {
                let batch = {
                    let mut queue = self.lanes.queue();
                    queue.lanes[self.number] = Some(Instant::now());
                    queue.next()
                };
                if !batch.is_empty() {
                    self.lanes.do_all(lease, batch).await;
                }
            }
        }
    }
}

impl<J: Together> Drop for Lane<J> {
    fn drop(&mut self) {
        if self.state == State::Over {
            return;
        }
        let mut queue = self.lanes.queue();
        // A leading lane is dropped at work only if its runtime is shutting down.
        let runtime = if self.state == State::Leads { None } else { Handle::try_current().ok() };
        match runtime {
            Some(runtime) if !queue.waiting.is_empty() => {
                drop(queue);
                let lane = Self { lanes: Arc::clone(&self.lanes), number: self.number, state: State::Leads };
                runtime.spawn(lane.lead());
            }
            _ => queue.lanes[self.number] = None,
        }
    }
}
