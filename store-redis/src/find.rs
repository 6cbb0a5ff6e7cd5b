//! Looks up records, and lists those of a subject.

use std::cmp::Ordering;

use hallpass_core::store::{Listed, Page, Record};
use hallpass_core::{Selector, StoreError, Subject, Timestamp};
use redis::Value;
use tokio::time::{Instant, timeout_at};

use crate::backend::Backend;
use crate::error::{corrupt, late, no_record, odd_answer};
use crate::keys;
use crate::router::Effect;
use crate::statements::{number, purposes, push_kinds, text};

/// How many entries of the index one step of a list reads.
const LOOKED_AT: u32 = 1_000;

impl Backend {
    pub(crate) async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        match self.get(selector.shard(), self.keys().record(selector)).await? {
            Value::Nil => Ok(None),
            Value::BulkString(bytes) => {
                let record = Record::decode(&bytes).map_err(|source| corrupt(Some(selector), source))?;
                Ok(Some(record))
            }
            _ => Err(odd_answer(false)),
        }
    }

    pub(crate) async fn list(&self, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError> {
        let time = self.router.time_of_many();
        match timeout_at(time.last, self.list_in_steps(subject, page, time.give_up)).await {
            Ok(listed) => listed,
            Err(_) => Err(late(false, None)),
        }
    }

    /// Reads the index step by step, until there are enough records.
    async fn list_in_steps(
        &self,
        subject: &Subject,
        page: &Page,
        give_up: Instant,
    ) -> Result<Vec<Listed>, StoreError> {
        let shard = subject.shard();
        let (index, records) = (self.keys().index(subject), self.keys().records(shard));
        let (purposes, look) = (purposes(page.purposes), number(LOOKED_AT.into()));
        let mut first = page.after.map_or_else(String::new, |(created, _)| number(created.as_millis()));
        let mut after = match &page.after {
            // A place in another shard comes before or after everything in this one at its instant.
            Some((_, selector)) => match selector.shard().cmp(&shard) {
                Ordering::Less => vec![0; 14],
                Ordering::Equal => keys::rest(selector).to_vec(),
                Ordering::Greater => Vec::new(),
            },
            None => Vec::new(),
        };
        let (mut listed, most) = (Vec::new(), usize::from(page.limit.get()));
        loop {
            let limit = (most - listed.len()).to_string();
            let mut arguments: Vec<&[u8]> =
                vec![&records, limit.as_bytes(), look.as_bytes(), first.as_bytes(), &after, &purposes];
            push_kinds(&mut arguments, &page.kinds);
            let script = &self.scripts.list;
            let answer = self.script(script, shard, Effect::Read, true, &[&index], &arguments).await?;
            let Value::Array(values) = answer else { return Err(odd_answer(false)) };
            let mut values = values.into_iter();
            let (Some(Value::BulkString(score)), Some(Value::BulkString(member))) =
                (values.next(), values.next())
            else {
                return Err(odd_answer(false));
            };
            while let Some(found) = values.next() {
                let (score, value) =
                    (values.next().unwrap_or(Value::Nil), values.next().unwrap_or(Value::Nil));
                listed.push(entry(shard, &found, &score, value)?);
            }
            if score.is_empty() {
                return Ok(listed);
            }
            if Instant::now() > give_up {
                return Err(late(false, None));
            }
            (first, after) = (String::from_utf8(score).map_err(|_| odd_answer(false))?, member);
        }
    }
}

/// Reads one entry of a list.
fn entry(shard: [u8; 2], member: &Value, score: &Value, value: Value) -> Result<Listed, StoreError> {
    let rest: &[u8; 14] = text(member).try_into().map_err(|_| odd_answer(false))?;
    let mut selector = [0; 16];
    selector[..2].copy_from_slice(&shard);
    selector[2..].copy_from_slice(rest);
    // A score is a float, and every instant is a whole number that a float represents exactly.
    let score: Option<f64> = std::str::from_utf8(text(score)).ok().and_then(|score| score.parse().ok());
    let created_at = Timestamp::from_millis(score.ok_or_else(|| odd_answer(false))? as u64);
    let selector = Selector(selector);
    let corrupt = |source| Listed::Corrupt { selector, created_at, source };
    Ok(match value {
        Value::BulkString(bytes) => match Record::decode(&bytes) {
            Ok(record) if record.selector == selector => record.into(),
            Ok(_) => corrupt(no_record("the record names another selector")),
            Err(source) => corrupt(Box::new(source)),
        },
        Value::Nil => corrupt(no_record("a key of this namespace holds something else")),
        _ => return Err(odd_answer(false)),
    })
}
