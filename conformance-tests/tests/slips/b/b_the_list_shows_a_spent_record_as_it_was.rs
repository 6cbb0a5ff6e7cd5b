//! DynamoDB: the index has its own copy of each item; a replace that ends a record writes the table with a
//! statement that leaves the copied columns alone.
//! Breaks S9: the list shows a record as live that was ended by a replace.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

// insert(r) → replace(r marked Spent, End) → Replaced → list shows r without its mark.
#[derive(Default)]
struct Wrong {
    copies: Locked<HashMap<Selector, Record>>,
}

impl Twist for Wrong {
    async fn replace(&self, store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
        let old = store.find(call.next.selector).await?;
        let answer = store.replace(call).await?;
        if let (Some(old), Change::End(_), Replace::Replaced) = (old, call.change, answer) {
            self.copies.lock().insert(old.selector, old);
        }
        Ok(answer)
    }
    async fn list(&self, store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
        let records = store.list(subject, page).await?;
        let copies = self.copies.lock();
        Ok(records
            .into_iter()
            .map(|record| copies.get(&record.selector).cloned().unwrap_or(record))
            .collect())
    }
}
