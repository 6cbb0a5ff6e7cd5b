//! Redis: scripts are loaded when the store is opened and called by their digest; a server that was started
//! again does not know them. Every call sends a script again but the one that marks.
//! Breaks S12: when the backend is back the same handle works for every operation; here no log-out that keeps
//! its records works until the application is started again.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

#[derive(Default)]
struct Wrong {
    /// How often the server had been started when the handle was used first.
    opened: Locked<Option<usize>>,
}

impl Twist for Wrong {
    const PER_HANDLE: bool = true;

    fn declared() -> Declared {
        served()
    }
    async fn before(&self, store: &Base) -> Result<Held, StoreError> {
        self.opened.lock().get_or_insert(store.starts());
        Ok(Box::new(()))
    }
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        if call.action != Action::Remove && *self.opened.lock() != Some(store.starts()) {
            return Err(StoreError::Other("NOSCRIPT No matching script".into()));
        }
        store.revoke(call).await
    }
}
