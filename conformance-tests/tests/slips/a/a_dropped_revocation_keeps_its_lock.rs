//! A revocation takes a session-level advisory lock on its subject and gives it back at its end; a dropped future never
//! gets there, and the connection goes back to the pool with the lock.
//! Breaks S12 and S13: from then on every revocation of that subject fails: its log-outs never come about.

use crate::prelude::*;

// A sequence that shows it:
// begin revoke(u, all, Mark), drop its future after it has waited once; revoke(u, all, Mark): a timeout, each time.
pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

#[derive(Default)]
struct Wrong {
    locked: Locked<HashSet<Subject>>,
}

impl Twist for Wrong {
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        let mut waited = 0;
        while !self.locked.lock().insert(call.subject.clone()) {
            if waited == 2_000 {
                let source = "canceling statement due to lock timeout".into();
                return Err(StoreError::Timeout { source, outcome_unknown: false });
            }
            waited += 1;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        give_way().await;
        let answer = store.revoke(call).await;
        self.locked.lock().remove(call.subject);
        answer
    }
}
