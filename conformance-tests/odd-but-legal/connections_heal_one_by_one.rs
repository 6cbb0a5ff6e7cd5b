//! A pool has eight connections, and each of them fails once after the server was gone (S12).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange {
    before: Locked<Option<Fault>>,
    stale: Locked<u32>,
}

impl Twist for Strange {
    fn declared() -> Declared {
        served()
    }
    async fn before(&self, store: &Base) -> Result<Held, StoreError> {
        let now = store.fault();
        let before = std::mem::replace(&mut *self.before.lock(), now);
        let mut stale = self.stale.lock();
        if before != now && now.is_some() {
            *stale = 8;
        }
        if now.is_some_and(|fault| fault != Fault::Restart) || *stale == 0 {
            return Ok(Box::new(()));
        }
        *stale -= 1;
        Err(StoreError::Unavailable("the connection was closed".into()))
    }
}
