//! Property tests: the service against a naive model of the contract, token texts and bytes against their rules.

#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of tests, which may")]

mod bytes;
mod reference;
mod renewal;
mod service;
mod text;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}
