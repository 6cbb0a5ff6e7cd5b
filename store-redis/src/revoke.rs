//! Ends the records of a subject: in one event, or page by page if there are too many.

use hallpass_core::store::{Action, EpochUpdate, Logins, RecordFilter, Revocation};
use hallpass_core::{Kinds, StoreError, Subject, Timestamp};
use redis::Value;
use tokio::time::{Instant, timeout_at};

use crate::backend::Backend;
use crate::epoch;
use crate::error::{late, odd_answer};
use crate::keys::{Keys, SLACK};
use crate::router::Effect;
use crate::statements::{Script, count, number, purposes, push_kinds};

/// The largest revocation that is one event: how many entries of the index it reads, and how many records it
/// ends. It keeps the server from answering other calls for about 10 ms.
const EVENT_ENTRIES: u32 = 5_000;
const EVENT_RECORDS: u32 = 2_000;
/// How many entries of the index one page of a sweep reads.
const SWEPT: u32 = 500;

/// A revocation as arguments of the scripts.
struct Ending {
    shard: [u8; 2],
    index: Vec<u8>,
    /// The key of the epoch, if the revocation sets it.
    epoch_key: Option<Vec<u8>>,
    /// The prefix of the note keys of this shard.
    notes: Vec<u8>,
    /// The arguments that `ending.lua` calls ARGV 1 to 11.
    arguments: [Vec<u8>; 11],
    kinds: Kinds,
}

impl Ending {
    fn new(keys: &Keys, subject: &Subject, revocation: &Revocation) -> Self {
        let Revocation { filter: RecordFilter { kinds, purposes: some, logins }, action, epoch, note: _ } =
            revocation;
        let shard = subject.shard();
        let (action, reason, at) = match action {
            Action::Remove => ("remove", 0, Timestamp::from_millis(0)),
            Action::Mark { reason, at } => ("mark", reason.code(), *at),
        };
        let (chosen, login) = match logins {
            Logins::Any => ("any", [0; 8]),
            Logins::Only(login) => ("only", login.0),
            Logins::Except(login) => ("except", login.0),
        };
        let (epoch_key, epoch, (over, ttl)) = match epoch {
            EpochUpdate::Keep => (None, [0; 16], ([0; 8], String::new())),
            EpochUpdate::Set { epoch, now, keep } => {
                (Some(keys.epoch(subject)), epoch.0, epoch::kept_for(*now, *keep))
            }
        };
        let arguments = [
            keys.records(shard),
            action.into(),
            vec![reason],
            at.as_millis().to_be_bytes().to_vec(),
            number(SLACK).into_bytes(),
            chosen.into(),
            login.to_vec(),
            purposes(*some),
            epoch.to_vec(),
            over.to_vec(),
            ttl.into_bytes(),
        ];
        Self {
            shard,
            index: keys.index(subject),
            epoch_key,
            notes: keys.notes(shard),
            arguments,
            kinds: kinds.clone(),
        }
    }
}

impl Backend {
    /// # Errors
    /// [`StoreError`]; then any part may be done.
    pub(crate) async fn revoke(&self, subject: &Subject, revocation: &Revocation) -> Result<u64, StoreError> {
        let time = self.router.time_of_many();
        match timeout_at(time.last, self.end_all(subject, revocation, time.give_up)).await {
            Ok(ended) => ended,
            Err(_) => Err(late(true, None)),
        }
    }

    async fn end_all(
        &self,
        subject: &Subject,
        revocation: &Revocation,
        give_up: Instant,
    ) -> Result<u64, StoreError> {
        let ending = Ending::new(self.keys(), subject, revocation);
        let limits = [number(EVENT_ENTRIES.into()), number(EVENT_RECORDS.into()), String::new()];
        let own = limits.each_ref().map(String::as_bytes);
        match self.end(&self.scripts.revoke, &ending, true, own).await? {
            Value::Int(-1) => self.sweep(&ending, give_up).await,
            answer => count(&answer),
        }
    }

    /// Runs one step of a revocation. `own` holds the arguments that `ending.lua` leaves to the script.
    async fn end(
        &self,
        script: &Script,
        ending: &Ending,
        with_epoch: bool,
        own: [&[u8]; 3],
    ) -> Result<Value, StoreError> {
        let epoch = ending.epoch_key.as_ref().filter(|_| with_epoch);
        let named: Vec<&[u8]> = [&ending.index].into_iter().chain(epoch).map(Vec::as_slice).collect();
        let mut arguments: Vec<&[u8]> = ending.arguments.iter().map(Vec::as_slice).chain(own).collect();
        arguments.push(&ending.notes);
        push_kinds(&mut arguments, &ending.kinds);
        self.script(script, ending.shard, Effect::Ending, true, &named, &arguments).await
    }

    /// Ends more records than one event may, page by page, so that the server answers other calls in between.
    /// The first page sets the epoch, which turns away the logins under way. A record may be inserted behind
    /// the place that a pass has reached, under a parent that the pass has not ended yet. The next pass finds
    /// it, and the last pass finds nothing to end.
    async fn sweep(&self, ending: &Ending, give_up: Instant) -> Result<u64, StoreError> {
        let page = number(SWEPT.into());
        let (mut total, mut first) = (0, true);
        loop {
            let (mut of_this_pass, mut member, mut score) = (0, Vec::new(), Vec::new());
            loop {
                let own: [&[u8]; 3] = [page.as_bytes(), &member, &score];
                let answer = self.end(&self.scripts.sweep, ending, first, own).await;
                let answer = answer.map_err(|error| if first { error } else { done_in_part(error) })?;
                first = false;
                let Value::Array(parts) = answer else { return Err(odd_answer(true)) };
                let [Value::Int(ended), Value::Int(more), Value::BulkString(last), Value::BulkString(at)] =
                    parts.as_slice()
                else {
                    return Err(odd_answer(true));
                };
                of_this_pass += u64::try_from(*ended).map_err(|_| odd_answer(true))?;
                (member, score) = (last.clone(), at.clone());
                let is_last = *more == 0;
                // Each pass may find something, however short it is.
                if Instant::now() > give_up && !(is_last && of_this_pass == 0) {
                    tracing::warn!(
                        ended = total + of_this_pass,
                        "a sweep takes too long; repeating it finishes it"
                    );
                    return Err(late(true, None));
                }
                if is_last {
                    break;
                }
            }
            total += of_this_pass;
            if of_this_pass == 0 {
                tracing::info!(ended = total, "a sweep has ended all that matched");
                return Ok(total);
            }
        }
    }
}

/// Converts the error that stopped a sweep: the failed step did nothing, but the pages before it did.
fn done_in_part(error: StoreError) -> StoreError {
    match error {
        StoreError::Unavailable(source) | StoreError::Other(source) | StoreError::Timeout { source, .. } => {
            StoreError::Timeout { source, outcome_unknown: true }
        }
        clear => clear,
    }
}
