//! A restart of the server breaks the connection after the COMMIT; the pool's wrapper sends the revocation again, which
//! finds nothing left to end.
//! Breaks S8: a re-send that cannot know what its earlier send ended is an error with unknown outcome; 0 tells core that
//! another call had ended them, and no alarm is raised.

use crate::prelude::*;

// A sequence that shows it:
// insert A, B; revoke(u, login of A, Mark): 1; the server restarts; revoke(u, all, Mark) on the same handle: 0, and B is
// marked. No other call ran. A handle that was not used (a revocation or a find) before the restart is right.
pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

#[derive(Default)]
struct Wrong {
    /// Since before the server restarted.
    connected: Locked<bool>,
}

impl Twist for Wrong {
    const PER_HANDLE: bool = true;

    fn declared() -> Declared {
        served()
    }
    async fn find(&self, store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
        if store.fault().is_none() {
            *self.connected.lock() = true;
        }
        store.find(selector).await
    }
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        let count = store.revoke(call).await?;
        let mut connected = self.connected.lock();
        let broken = *connected && store.fault() == Some(Fault::Restart);
        *connected = store.fault().is_none();
        Ok(if broken { 0 } else { count })
    }
}
