//! The epoch of a subject.

use std::time::Duration;

use hallpass_core::store::{Admission, Epoch, Era};
use hallpass_core::{StoreError, Subject, Timestamp};
use redis::Value;
use tokio::time::Instant;

use crate::backend::Backend;
use crate::error::odd_answer;
use crate::keys::SLACK;
use crate::router::{Call, Effect, Request};
use crate::statements::{number, text};

impl Backend {
    /// Reads the epoch, and writes it only if it is missing or expires too soon.
    pub(crate) async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        let began = Instant::now();
        let (shard, key) = (subject.shard(), self.keys().epoch(subject));
        let least = now.saturating_add(keep);
        if let Value::BulkString(value) = self.get(shard, key.clone()).await?
            && let Some((epoch, over)) = decode(&value)
            && over >= least.as_millis()
        {
            return Ok(Admission { epoch, era: Era::FIRST });
        }
        let (over, ttl) = kept_for(now, keep);
        let least = least.as_millis().to_be_bytes();
        let arguments: [&[u8]; 4] = [&fresh.0, &over, ttl.as_bytes(), &least];
        let request = Request::Script { script: &self.scripts.epoch, keys: &[&key], arguments: &arguments };
        let call = Call { shard, request, effect: Effect::Write, whole_slot: false };
        // Both requests together take the time of one call (S12).
        let left = self.router.limit.saturating_sub(began.elapsed());
        match decode(text(&self.router.run_within(&call, left).await?)) {
            Some((epoch, _)) => Ok(Admission { epoch, era: Era::FIRST }),
            None => Err(odd_answer(true)),
        }
    }
}

/// Returns when an epoch that is kept from `now` on expires, and its time to live. Both are one and a half
/// times as long as requested, so that the epoch is prolonged only once in half of the requested time. The
/// server's clock may run an hour fast.
pub(crate) fn kept_for(now: Timestamp, keep: Duration) -> ([u8; 8], String) {
    let keep = keep.saturating_add(keep / 2);
    // At most the largest time to live that a record can have.
    let millis = u64::try_from(keep.as_millis()).unwrap_or(u64::MAX).min(Timestamp::MAX.as_millis());
    (now.saturating_add(keep).as_millis().to_be_bytes(), number(millis + SLACK))
}

/// The epoch in a value, and when it expires.
fn decode(value: &[u8]) -> Option<(Epoch, u64)> {
    let (epoch, over) = value.split_first_chunk::<16>()?;
    Some((Epoch(*epoch), u64::from_be_bytes(over.try_into().ok()?)))
}
