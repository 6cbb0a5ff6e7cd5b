//! Inserts records if their fences hold.

use hallpass_core::StoreError;
use hallpass_core::store::{Fence, Insert, Record};
use redis::Value;

use crate::backend::Backend;
use crate::error::{odd_answer, refused};
use crate::keys;
use crate::router::Effect;
use crate::statements::number;

impl Backend {
    pub(crate) async fn insert(&self, record: &Record, fence: &Fence) -> Result<Insert, StoreError> {
        let shard = record.selector.shard();
        let mut named = vec![self.keys().record(record.selector)];
        let subject = match &record.subject {
            Some(subject) if subject.shard() != shard => {
                return Err(refused("the selector does not begin with the shard of its subject (T7)"));
            }
            Some(subject) => {
                named.push(self.keys().index(subject));
                true
            }
            None => false,
        };
        let mut epoch: &[u8] = &[];
        let fence = match (fence, &record.subject) {
            (Fence::None, _) => "none",
            (Fence::Epoch(_), None) => return Ok(Insert::Fenced),
            (Fence::Epoch(expected), Some(subject)) => {
                named.push(self.keys().epoch(subject));
                epoch = &expected.0;
                "epoch"
            }
            (Fence::Parent(parent), _) if self.router.topology.is_cluster() && parent.shard() != shard => {
                return Err(refused("the parent is in another shard: it has another subject (T7)"));
            }
            (Fence::Parent(parent), _) => {
                named.push(self.keys().record(*parent));
                "parent"
            }
        };
        let (value, ttl) = (record.encode(), number(keys::time_to_live(record)));
        let (created, member) = (number(record.created_at.as_millis()), keys::member(record));
        let least = keys::index_time_to_live(record);
        let (given, least, records) =
            (number(keys::generous(least)), number(least), self.keys().records(shard));
        let mut arguments: Vec<&[u8]> = vec![&value, ttl.as_bytes(), fence.as_bytes(), epoch];
        if subject {
            arguments.extend([created.as_bytes(), &member, least.as_bytes(), given.as_bytes(), &records]);
        }
        let named: Vec<&[u8]> = named.iter().map(Vec::as_slice).collect();
        match self.script(&self.scripts.insert, shard, Effect::Write, subject, &named, &arguments).await? {
            Value::Int(-2) => Ok(Insert::Fenced),
            Value::Int(-1) => Ok(Insert::Duplicate),
            Value::Int(0) if !subject => Ok(Insert::Inserted { of_subject: None }),
            Value::Int(entries) if subject && entries > 0 => {
                Ok(Insert::Inserted { of_subject: u32::try_from(entries).ok() })
            }
            _ => Err(odd_answer(true)),
        }
    }
}
