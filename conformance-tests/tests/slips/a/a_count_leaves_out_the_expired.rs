//! The count that an insert returns is `count(*) … WHERE expires_at > $created_at`: what the author's own device page
//! calls a login.
//! Breaks S2: the number counts marked and expired records, too; it is exact or absent.

use crate::prelude::*;

// A sequence that shows it:
// insert A of u, expiring at 1000; insert B of u with created_at = 2000: of_subject is Some(1), and a list shows two.
// Core then reads no list though the cap counts differently.
pub(crate) const BUG: Bug = Bug::new(|| on_insert(insert), &[]);

async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    let answer = store.insert(record, fence).await?;
    if let (Insert::Inserted { of_subject: Some(count) }, Some(subject)) = (answer, &record.subject) {
        let gone = store.all(subject).await?.iter().filter(|old| old.expires_at <= record.created_at).count();
        let of_subject = Some(count.saturating_sub(u32::try_from(gone).unwrap_or(u32::MAX)));
        return Ok(Insert::Inserted { of_subject });
    }
    Ok(answer)
}
