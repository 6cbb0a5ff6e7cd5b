//! One lock for the whole store: calls wait in line, reads too, and each holds it for a while (S6).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange {
    line: Arc<tokio::sync::Mutex<()>>,
}

impl Twist for Strange {
    async fn before(&self, store: &Base) -> Result<Held, StoreError> {
        let _ = store;
        let held = Arc::clone(&self.line).lock_owned().await;
        give_way().await;
        Ok(Box::new(held))
    }
}
