//! A restart of the server breaks the connection after the COMMIT; the pool's wrapper sends the revocation again, which
//! finds nothing left to end.
//! Breaks S8: a re-send that cannot know what its earlier send ended is an error with unknown outcome; 0 tells core that
//! another call had ended them, and no alarm is raised.

use crate::prelude::*;

// A sequence that shows it:
// insert A; the server restarts; revoke(u, all, Mark): 0, and A is marked. No other call ran.
pub(crate) const FAULT: Fault = Fault::of::<Wrong>(&[]);

#[derive(Default)]
struct Wrong {
    resent: Locked<bool>,
}

#[async_trait]
impl Twist for Wrong {
    const PER_HANDLE: bool = true;

    fn declared() -> Declared {
        served()
    }
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        let count = store.revoke(subject, filter, action, update).await?;
        let restarted = store.trouble() == Some(Trouble::Restart);
        let mut resent = self.resent.lock();
        if restarted && !*resent && count > 0 {
            *resent = true;
            return Ok(0);
        }
        if !restarted {
            *resent = false;
        }
        Ok(count)
    }
}
