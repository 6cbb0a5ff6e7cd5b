//! Replaces and deletes single records.

use hallpass_core::store::{Change, Record, Replace, Revision};
use hallpass_core::{Purpose, Selector, StoreError};

use crate::backend::Backend;
use crate::error::{odd_answer, refused};
use crate::keys;
use crate::router::Effect;
use crate::statements::{count, number, text};

impl Backend {
    pub(crate) async fn replace(
        &self,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
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
        let mut arguments: Vec<&[u8]> =
            vec![&value, ttl.as_bytes(), &expected, least.as_bytes(), given.as_bytes()];
        // What is used once is in no cache.
        let announced = matches!(change, Change::End(_)) && next.purpose != Purpose::SingleUse;
        let note = announced.then(|| self.keys().note(next.selector));
        arguments.extend(note.as_deref());
        let named: Vec<&[u8]> = named.iter().map(Vec::as_slice).collect();
        let script = &self.scripts.replace;
        // An announced write does not follow a moving slot: no feed may listen there yet.
        match text(&self.script(script, shard, Effect::Ending, announced, &named, &arguments).await?) {
            b"REPLACED" => Ok(Replace::Replaced),
            b"CONFLICT" => Ok(Replace::Conflict),
            b"MISSING" => Ok(Replace::Missing),
            _ => Err(odd_answer(true)),
        }
    }

    pub(crate) async fn delete(&self, selector: Selector) -> Result<bool, StoreError> {
        let (shard, key) = (selector.shard(), self.keys().record(selector));
        let (script, indexes) = (&self.scripts.delete, self.keys().indexes(shard));
        let arguments: [&[u8]; 2] = [&indexes, &self.keys().note(selector)];
        Ok(count(&self.script(script, shard, Effect::Ending, true, &[&key], &arguments).await?)? > 0)
    }
}
