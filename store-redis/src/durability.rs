//! Waiting until replicas have a write.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hallpass_core::StoreError;
use redis::{RedisError, Value};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::error::{Trouble, late, odd_answer, unanswered};
use crate::node::{Lane, Live, Node};

/// How many replicas have to have a write before it is acknowledged, and how long that may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Confirm {
    pub(crate) replicas: u32,
    pub(crate) within: Duration,
}

/// Waits in rounds, over a connection of its own, because `WAIT` holds up whatever else is on it.
///
/// A round is `PING` and `WAIT`. `WAIT` covers what the server wrote before the last command of the
/// *same* connection, whoever wrote it; so a round that begins after a write was answered covers that
/// write, and one round serves everybody who waits for it.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    lane: Lane,
    begun: AtomicU64,
    /// The last round that came to an end, and how many replicas had confirmed it.
    ended: Mutex<(u64, u32)>,
}

impl Rounds {
    /// To be called before the write: a server that restarted since, and forgot it, has closed this
    /// connection.
    ///
    /// # Errors
    /// Why there is no connection; nothing was sent then.
    pub(crate) async fn prepare(&self, node: &Node) -> Result<Live, RedisError> {
        self.lane.get(node).await
    }

    pub(crate) fn close(&self) {
        if let Some(live) = self.lane.current() {
            live.close();
        }
    }

    /// Waits until replicas have everything that was answered before this call: for as long as `confirm`
    /// allows them, and `patience` for the answer to get here.
    ///
    /// # Errors
    /// With unknown outcome: the write is done, and may be lost with its server.
    pub(crate) async fn wait(
        &self,
        live: &mut Live,
        confirm: Confirm,
        patience: Duration,
    ) -> Result<(), StoreError> {
        let before = self.begun.load(Ordering::Acquire);
        let mut ended = self.ended.lock().await;
        if !live.is_open() {
            // Lost since the write, perhaps with the server, and with what it had written.
            return Err(late(true));
        }
        let confirmed = if ended.0 > before {
            ended.1
        } else {
            let round = self.begun.fetch_add(1, Ordering::AcqRel) + 1;
            let confirmed = match timeout(confirm.within + patience, ask(live, confirm)).await {
                Ok(confirmed) => confirmed,
                Err(_) => Err(late(true)),
            };
            // One that does not answer is not waited for again, by nobody.
            let confirmed = confirmed.inspect_err(|_| live.close())?;
            *ended = (round, confirmed);
            confirmed
        };
        if confirmed >= confirm.replicas {
            return Ok(());
        }
        let source = Trouble::TooFewReplicas { wanted: confirm.replicas, confirmed }.into();
        Err(StoreError::Timeout { source, outcome_unknown: true })
    }
}

async fn ask(live: &mut Live, confirm: Confirm) -> Result<u32, StoreError> {
    let within = u64::try_from(confirm.within.as_millis()).unwrap_or(u64::MAX).max(1);
    let lost = |error: RedisError| unanswered(&error, true);
    let wait = redis::cmd("WAIT").arg(confirm.replicas).arg(within).take();
    match live.send_after(&redis::cmd("PING"), &wait).await.map_err(lost)? {
        Value::Int(confirmed) => Ok(u32::try_from(confirmed).unwrap_or(0)),
        _ => Err(odd_answer(true)),
    }
}
