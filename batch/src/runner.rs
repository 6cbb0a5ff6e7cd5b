//! What a backend provides: the work of one batch.

use crate::waiting::Waiting;

/// Runs batches of one sort of call.
pub trait Runner: Send + Sync + Sized + 'static {
    /// What a caller asks for.
    type Call: Send + 'static;
    /// What a caller receives, an error included.
    type Answer: Send + 'static;

    /// Runs one batch.
    ///
    /// Get what the batch needs, such as a connection, before you take the calls: until then a call can still be
    /// cancelled, and further calls can join. Answer each call that you take. A call whose [`Call`](crate::Call) is
    /// dropped instead ends with [`NoAnswer::Lost`](crate::NoAnswer::Lost).
    ///
    /// # Cancellation
    /// The future is dropped only if its runtime shuts down.
    fn run_batch(&self, waiting: Waiting<'_, Self::Call, Self::Answer>) -> impl Future<Output = ()> + Send;
}
