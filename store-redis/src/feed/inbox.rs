//! What a server has reported since the last turn.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use hallpass_core::Selector;
use hallpass_core::store::{Heard, Lost};
use redis::{PushInfo, PushKind, Value};

use crate::keys::{Keys, Noted};

/// How many reports may wait for a turn. A feed that is not asked for its turn must not fill the memory.
const MOST: usize = 65_536;

/// The reports on one connection. The driver's task fills it, and a turn empties it.
pub(super) struct Inbox {
    keys: Keys,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    selectors: Vec<Selector>,
    shards: Vec<[u8; 2]>,
    /// Why reports may be missing. Stays.
    lost: Option<Lost>,
}

impl Inbox {
    pub(super) fn new(keys: Keys) -> Self {
        Self { keys, waiting: Mutex::default() }
    }

    /// Adds what the server has pushed: the names of keys, or null if it has removed all keys at once.
    pub(super) fn add(&self, push: &PushInfo) {
        if push.kind != PushKind::Invalidate {
            return;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.lost.is_some() {
            return;
        }
        let Some(Value::Array(names)) = push.data.first() else {
            *waiting = Waiting { lost: Some(Lost::Flushed), ..Waiting::default() };
            return;
        };
        for name in names {
            let Value::BulkString(name) = name else { continue };
            match self.keys.noted(name) {
                Some(Noted::Record(selector)) => waiting.selectors.push(selector),
                Some(Noted::Shard(shard)) => waiting.shards.push(shard),
                None => {}
            }
        }
        if waiting.selectors.len() + waiting.shards.len() > MOST {
            *waiting = Waiting { lost: Some(Lost::Trimmed), ..Waiting::default() };
        }
    }

    /// Passes everything on, and returns why something may be missing.
    pub(super) fn empty(&self, heard: &Heard) -> Option<Lost> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let lost = waiting.lost;
        let Waiting { selectors, shards, .. } =
            std::mem::replace(&mut *waiting, Waiting { lost, ..Waiting::default() });
        drop(waiting);
        heard.ended(&selectors);
        for shard in shards {
            heard.ended_shard(shard);
        }
        lost
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").finish_non_exhaustive()
    }
}

/// Whether this reports that all keys were removed.
#[cfg(feature = "test-hooks")]
pub(super) fn is_flush(push: &PushInfo) -> bool {
    push.kind == PushKind::Invalidate && !matches!(push.data.first(), Some(Value::Array(_)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hallpass_core::store::Announced;

    use super::*;

    fn names(names: Vec<Vec<u8>>) -> PushInfo {
        let names = names.into_iter().map(Value::BulkString).collect();
        PushInfo { kind: PushKind::Invalidate, data: vec![Value::Array(names)] }
    }

    fn emptied(inbox: &Inbox) -> (Vec<String>, Option<Lost>) {
        let said = Arc::new(Mutex::new(Vec::new()));
        let to = Arc::clone(&said);
        let heard =
            Heard::new(move |announced: Announced<'_>| to.lock().unwrap().push(format!("{announced:?}")));
        let lost = inbox.empty(&heard);
        let said = said.lock().unwrap().clone();
        (said, lost)
    }

    #[test]
    fn what_ended_is_passed_on_once() {
        let keys = Keys::new("shop").unwrap();
        let inbox = Inbox::new(keys.clone());
        let (one, other) = (Selector([1; 16]), Selector([2; 16]));
        inbox.add(&names(vec![keys.note(one), keys.notes([3, 4]), keys.record(other)]));
        inbox.add(&names(vec![keys.note(other)]));
        let (said, lost) = emptied(&inbox);
        assert_eq!(said, [format!("Ended({:?})", [one, other]), "Shard([3, 4])".to_owned()]);
        assert_eq!(lost, None);
        assert_eq!(emptied(&inbox), (Vec::new(), None));
    }

    #[test]
    fn a_flush_is_a_loss_for_good() {
        let keys = Keys::new("shop").unwrap();
        let inbox = Inbox::new(keys.clone());
        inbox.add(&PushInfo { kind: PushKind::Invalidate, data: vec![Value::Nil] });
        for _ in 0..2 {
            inbox.add(&names(vec![keys.note(Selector([1; 16]))]));
            assert_eq!(emptied(&inbox), (Vec::new(), Some(Lost::Flushed)));
        }
    }

    #[test]
    fn too_many_reports_are_a_loss_and_take_no_memory() {
        let keys = Keys::new("shop").unwrap();
        let inbox = Inbox::new(keys.clone());
        let note = keys.note(Selector([1; 16]));
        for _ in 0..MOST / 1_024 {
            inbox.add(&names(vec![note.clone(); 1_024]));
        }
        assert_eq!(inbox.waiting.lock().unwrap().lost, None);
        inbox.add(&names(vec![note.clone()]));
        assert_eq!(inbox.waiting.lock().unwrap().selectors.capacity(), 0);
        assert_eq!(emptied(&inbox), (Vec::new(), Some(Lost::Trimmed)));
    }
}
