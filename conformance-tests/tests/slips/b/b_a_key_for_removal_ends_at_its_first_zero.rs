//! An embedded store in C: the key of a removal is measured with `strlen`, and a look-up of what it is
//! called finds the first key that begins so.
//! Breaks S7 and S3: a selector that is merely similar is deleted, one with the same bytes up to a zero.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

// insert(a = …00 01, b = …00 02, equal up to the zero byte) → delete(b) → true → find(a) is None and find(b)
// is Some. With one of them only: delete(the other) → true.
#[derive(Default)]
struct Wrong {
    known: Locked<BTreeSet<Selector>>,
}

fn cut(selector: Selector) -> Vec<u8> {
    selector.0.into_iter().take_while(|byte| *byte != 0).collect()
}

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let answer = store.insert(record, fence).await?;
        if answer.is_inserted() {
            self.known.lock().insert(record.selector);
        }
        Ok(answer)
    }
    async fn delete(&self, store: &Base, selector: Selector) -> Result<bool, StoreError> {
        let twins: Vec<_> = {
            let known = self.known.lock();
            known.iter().copied().filter(|twin| cut(*twin) == cut(selector)).collect()
        };
        for twin in twins {
            if store.delete(twin).await? {
                return Ok(true);
            }
        }
        store.delete(selector).await
    }
}
