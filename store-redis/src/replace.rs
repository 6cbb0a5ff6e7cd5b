//! Replaces and deletes single records.

use hallpass_core::store::{Record, Replace, Revision};
use hallpass_core::{Selector, StoreError};

use crate::backend::Backend;
use crate::error::{odd_answer, refused};
use crate::keys;
use crate::router::Effect;
use crate::statements::{count, number, text};

impl Backend {
    pub(crate) async fn replace(&self, next: &Record, expected: Revision) -> Result<Replace, StoreError> {
        if expected == Revision::MAX {
            return Err(refused("there is no revision after the largest"));
        }
        let shard = next.selector.shard();
        let mut named = vec![self.keys().record(next.selector)];
        if let Some(subject) = next.subject.as_ref().filter(|_| keys::outlives_its_index(next)) {
            named.push(self.keys().index(subject));
        }
        let (value, ttl) = (next.encode(), number(keys::time_to_live(next)));
        let (expected, least) = (expected.get().to_be_bytes(), keys::index_time_to_live(next));
        let (given, least) = (number(keys::generous(least)), number(least));
        let arguments: [&[u8]; 5] = [&value, ttl.as_bytes(), &expected, least.as_bytes(), given.as_bytes()];
        let named: Vec<&[u8]> = named.iter().map(Vec::as_slice).collect();
        let script = &self.scripts.replace;
        match text(&self.script(script, shard, Effect::Ending, false, &named, &arguments).await?) {
            b"REPLACED" => Ok(Replace::Replaced),
            b"CONFLICT" => Ok(Replace::Conflict),
            b"MISSING" => Ok(Replace::Missing),
            _ => Err(odd_answer(true)),
        }
    }

    pub(crate) async fn delete(&self, selector: Selector) -> Result<bool, StoreError> {
        let (shard, key) = (selector.shard(), self.keys().record(selector));
        let (script, indexes) = (&self.scripts.delete, self.keys().indexes(shard));
        Ok(count(&self.script(script, shard, Effect::Ending, true, &[&key], &[&indexes]).await?)? > 0)
    }
}
