//! SQLite: the column was declared `subject STRING`, and a type that SQLite does not know has numeric affinity: "007" is
//! stored as the number 7.
//! Breaks S16 and S8: "007" and "7" are one subject: a log-out of one ends the other, and a record comes back with
//! another subject, so its token fails.

use crate::prelude::*;

// A sequence that shows it:
// insert A of "007"; find(A).subject is "7". Or: insert A of "007", B of "7"; revoke("7", all, Remove): 2.
// Any subject with a letter is right.
pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

#[derive(Default)]
struct Wrong;

fn number(subject: &Subject) -> Subject {
    let name = subject.as_str();
    if name.len() < 19 && name.bytes().all(|byte| byte.is_ascii_digit()) {
        let digits = name.trim_start_matches('0');
        let digits = if digits.is_empty() { "0" } else { digits };
        return Subject::new(digits).unwrap_or_else(|_| subject.clone());
    }
    subject.clone()
}
fn row(record: &Record) -> Record {
    Record { subject: record.subject.as_ref().map(number), ..record.clone() }
}

impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        store.insert(&row(record), fence).await
    }
    async fn replace(&self, store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
        store.replace(ReplaceCall { next: &row(call.next), ..call }).await
    }
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        store.revoke(RevokeCall { subject: &number(call.subject), ..call }).await
    }
    async fn list(&self, store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
        store.list(&number(subject), page).await
    }
    async fn epoch(&self, store: &Base, call: EpochCall<'_>) -> Result<Epoch, StoreError> {
        store.epoch(EpochCall { subject: &number(call.subject), ..call }).await
    }
}
