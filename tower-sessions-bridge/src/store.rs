//! Sessions as records: what the traits of every version of tower-sessions rest on.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hallpass_core::{
    Body, Change, Clock, Device, Entropy, Era, Failure, Fence, Insert, Keyring, Kind, LoginId, Note,
    OsEntropy, Purpose, Record, Replace, Revision, StoreError, SystemClock, Timestamp, TokenStore,
};
use time::OffsetDateTime;
use tokio::runtime::Handle;

use crate::backoff::Backoff;
use crate::body::{Content, Data, Proof};
use crate::error::Trouble;
use crate::name::Name;

/// The kind of every session of tower-sessions.
const KIND: Kind = Kind::from_static("tower-session");
/// How long past its time a record is kept, against nodes whose clock is ahead: 1 hour, as core does.
const MARGIN: Duration = Duration::from_secs(60 * 60);
/// How much later than its expiry date a session may be collected, at least, before that margin.
const LEAST_SLACK: Duration = Duration::from_secs(30 * 60);
/// How many records one step of a purge removes at most.
const BATCH: u32 = 1_000;
const NANOS_PER_MILLI: i128 = 1_000_000;

/// A `SessionStore` of tower-sessions over any [`TokenStore`]. Cheap to clone.
///
/// Give it to `SessionManagerLayer::new`. Where you are free to choose, the tokens of
/// [`Tokens`](hallpass_core::Tokens) do more: they belong to a user, rotate, and can be logged out everywhere.
///
/// 1. The backend never sees an id: a record is found by one digest of it and proved by another.
/// 2. A save only updates. One that comes after the delete, or after the expiry, changes nothing and
///    is answered with success: the session is over, and so is what the save was about.
/// 3. A create never touches another session: a taken id is replaced by a new one.
/// 4. A session is over at the instant of its expiry date, whether or not it was collected.
/// 5. A delete, once begun, completes though the caller's future is dropped.
/// 6. Of concurrent saves of one session the last one written stays, whole, as everywhere in tower-sessions.
/// 7. An outage is `Error::Backend`, data beyond 16 KiB of JSON or 127 levels `Error::Encode`. None of their texts
///    holds an id or data.
/// 8. A session whose row is damaged, or sealed with a key that this node lacks, is over, and the log says so: its
///    browser can log in again.
#[derive(Clone)]
pub struct TowerSessionStore {
    store: Arc<dyn TokenStore>,
    clock: Arc<dyn Clock>,
    absolute: Option<Duration>,
    keyring: Option<Keyring>,
}

/// The use that a session's seal is for.
const CONTEXT: &str = "tower-session";

impl TowerSessionStore {
    /// Keeps sessions in `store`, which may hold tokens as well.
    #[must_use]
    pub fn new(store: impl TokenStore) -> Self {
        Self { store: Arc::new(store), clock: Arc::new(SystemClock), absolute: None, keyring: None }
    }

    /// Ends every session so long after its creation, however often its expiry date is moved. Without it
    /// only the expiry date counts. To it, a session whose id was cycled is a new one.
    #[must_use]
    pub fn absolute(mut self, absolute: Duration) -> Self {
        self.absolute = Some(absolute);
        self
    }

    /// Seals every session with `keyring`: a writer of the database can neither make a session up nor change one,
    /// its data and its expiry included. Putting an older copy of a row back goes unnoticed.
    ///
    /// A session that was written without a keyring is over, unless the ring is told to
    /// [accept it](hallpass_core::danger::accept_unkeyed_until); so is one whose key this node lacks, so give a new
    /// key to every node as [verify-only](Keyring::verify_only) before one signs with it.
    #[must_use]
    pub fn keyring(mut self, keyring: Keyring) -> Self {
        self.keyring = Some(keyring);
        self
    }

    /// Takes the time from `clock`. tower-sessions itself goes on asking the system when it computes an
    /// expiry date.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Stores a new session; `false` if its id is taken.
    pub(crate) async fn insert(
        &self,
        name: &Name,
        data: &Data,
        expiry: OffsetDateTime,
    ) -> Result<bool, Trouble> {
        let now = self.clock.now();
        let (idle_at, nanos) = split(expiry);
        let record = Record {
            selector: name.selector,
            subject: None,
            kind: KIND,
            purpose: Purpose::Device,
            era: Era::FIRST,
            login: LoginId(random()?),
            created_at: now,
            updated_at: now,
            seen_at: now,
            expires_at: self.absolute.map_or(Timestamp::MAX, |absolute| now.saturating_add(absolute)),
            idle_at: Some(idle_at),
            purge_at: Timestamp::MIN,
            revoked: None,
            revision: Revision::FIRST,
            generation: 0,
            device: Device::default(),
            body: Body::new(Vec::new()).map_err(|error| Trouble::backend(&error))?,
        };
        let body = self.content(name, &record, nanos, data)?.encode(random()?)?;
        let record = Record { purge_at: purge_at(&record, now), body, ..record };
        match self.store.insert(&record, Fence::None).await {
            Ok(Insert::Inserted { .. }) => Ok(true),
            Ok(Insert::Duplicate) => Ok(false),
            Ok(Insert::Fenced) => Err(Trouble::Backend("the store fenced an insert without a fence".into())),
            Err(error) if is_unknown(&error) && self.is_stored(&record).await? => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives a session other data and another expiry date; does nothing if it is over.
    pub(crate) async fn update(
        &self,
        name: &Name,
        data: &Data,
        expiry: OffsetDateTime,
    ) -> Result<(), Trouble> {
        let (idle_at, nanos) = split(expiry);
        let mut backoff = Backoff::default();
        loop {
            backoff.pause().await?;
            let now = self.clock.now();
            let Some((record, _)) = self.find(name, now).await? else {
                tracing::debug!(selector = %name.selector, "a save came after the end of its session");
                return Ok(());
            };
            let next = Record {
                updated_at: now,
                seen_at: now,
                idle_at: Some(idle_at),
                revision: record.revision.next(),
                ..record.clone()
            };
            let body = self.content(name, &next, nanos, data)?.encode(random()?)?;
            let next = Record { purge_at: purge_at(&next, now), body, ..next };
            match self.store.replace(&next, record.revision, Change::Update).await {
                Ok(Replace::Replaced) => return Ok(()),
                // Read again: it was changed, or it is over.
                Ok(Replace::Conflict | Replace::Missing) => {}
                Err(error) if is_unknown(&error) => match self.store.find(name.selector).await? {
                    Some(found) if found == next => return Ok(()),
                    // It may still arrive: nothing else has happened to the record so far.
                    Some(found) if found.revision == record.revision => return Err(error.into()),
                    _ => {}
                },
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The data and the expiry date of a session, unless it is over.
    pub(crate) async fn read(&self, name: &Name) -> Result<Option<(Data, OffsetDateTime)>, Trouble> {
        let Some((record, content)) = self.find(name, self.clock.now()).await? else { return Ok(None) };
        let data = match content.data() {
            Ok(data) => data,
            Err(trouble) => return Ok(unreadable(name, &trouble)),
        };
        let (at, nanos) = match record.idle_at {
            Some(idle_at) if idle_at <= record.expires_at => (idle_at, content.nanos),
            _ => (record.expires_at, 0),
        };
        let nanos = i128::from(at.as_millis()) * NANOS_PER_MILLI + i128::from(nanos);
        let expiry = OffsetDateTime::from_unix_timestamp_nanos(nanos)
            .map_err(|_| Trouble::Decode("a stored session is corrupt".into()))?;
        Ok(Some((data, expiry)))
    }

    /// Ends a session, if it is there, in a task of its own (contract D12).
    pub(crate) async fn remove(&self, name: &Name) -> Result<(), Trouble> {
        let (store, selector) = (self.store.clone(), name.selector);
        let delete = async move { store.delete(selector, &Note::none()).await };
        match Handle::try_current() {
            Ok(runtime) => match runtime.spawn(delete).await {
                Ok(deleted) => deleted?,
                Err(_) => return Err(Trouble::Backend("the store panicked".into())),
            },
            Err(_) => delete.await?,
        };
        Ok(())
    }

    /// Removes what is due for an hour, sessions and tokens alike.
    pub(crate) async fn purge(&self) -> Result<(), Trouble> {
        let due = self.clock.now().saturating_sub(MARGIN);
        loop {
            let step = self.store.purge_expired(due, BATCH).await?;
            // A store that removes nothing and promises more would keep this going without end.
            if !step.more || step.removed == 0 {
                return Ok(());
            }
        }
    }

    /// The record of a session that is not over, proved to be meant. One that cannot be read is over: were it an
    /// error, a browser that holds its id could do nothing any more, not even log in.
    async fn find(&self, name: &Name, now: Timestamp) -> Result<Option<(Record, Content)>, Trouble> {
        let found = match self.store.find(name.selector).await {
            Err(error @ StoreError::Corrupt { .. }) => return Ok(unreadable(name, &error)),
            found => found?,
        };
        let Some(record) = found.filter(|record| record.kind == KIND && record.is_live(now)) else {
            return Ok(None);
        };
        let proved = Content::decode(&record.body)
            .and_then(|content| Ok(self.proves(name, &record, &content, now)?.then_some(content)));
        match proved {
            Ok(content) => Ok(content.map(|content| (record, content))),
            Err(trouble) => Ok(unreadable(name, &trouble)),
        }
    }

    /// The body of `record`, sealed where there is a keyring.
    fn content(&self, name: &Name, record: &Record, nanos: u32, data: &Data) -> Result<Content, Trouble> {
        let mut content = Content::new(Proof::Digest(name.digest), nanos, data)?;
        if let Some(keyring) = &self.keyring {
            content.proof = Proof::Sealed(keyring.seal(CONTEXT, &sealed(name, record, &content)));
        }
        Ok(content)
    }

    fn proves(
        &self,
        name: &Name,
        record: &Record,
        content: &Content,
        now: Timestamp,
    ) -> Result<bool, Failure> {
        match (&content.proof, &self.keyring) {
            (Proof::Digest(digest), None) => Ok(name.is_proved_by(digest)),
            (Proof::Digest(digest), Some(ring)) => Ok(ring.accepts_unkeyed(now) && name.is_proved_by(digest)),
            (Proof::Sealed(seal), Some(ring)) => {
                Ok(ring.is_sealed(CONTEXT, &sealed(name, record, content), seal)?)
            }
            (Proof::Sealed(seal), None) => Err(Failure::UnknownKey(seal.key)),
        }
    }

    /// Whether this very write is what stands in the store.
    async fn is_stored(&self, record: &Record) -> Result<bool, Trouble> {
        Ok(self.store.find(record.selector).await?.as_ref() == Some(record))
    }
}

impl fmt::Debug for TowerSessionStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TowerSessionStore").field("store", &self.store).finish_non_exhaustive()
    }
}

/// What a seal covers: the id, and all that the record says of the session.
fn sealed(name: &Name, record: &Record, content: &Content) -> Vec<u8> {
    let mut message = name.id.to_vec();
    let idle_at = record.idle_at.unwrap_or(record.expires_at);
    for instant in [record.created_at, record.expires_at, idle_at] {
        message.extend_from_slice(&instant.as_millis().to_be_bytes());
    }
    message.extend_from_slice(&content.nanos.to_be_bytes());
    message.extend_from_slice(&content.json);
    message
}

/// Tells the log that a session is over because it cannot be read.
fn unreadable<T>(name: &Name, error: &(dyn Error + 'static)) -> Option<T> {
    tracing::error!(selector = %name.selector, error, "a session cannot be read and is over");
    None
}

/// Fresh random bytes.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Trouble> {
    let mut bytes = [0; N];
    OsEntropy.fill(&mut bytes).map_err(|error| Trouble::backend(&*error))?;
    Ok(bytes)
}

/// Whether the write that ended so may have happened.
const fn is_unknown(error: &StoreError) -> bool {
    matches!(error, StoreError::Timeout { outcome_unknown: true, .. })
}

/// An expiry date as milliseconds and the nanoseconds beyond them. Before 1970 it is 1970: over in any case.
fn split(expiry: OffsetDateTime) -> (Timestamp, u32) {
    let nanos = expiry.unix_timestamp_nanos();
    match u64::try_from(nanos.div_euclid(NANOS_PER_MILLI)) {
        Ok(millis) => {
            (Timestamp::from_millis(millis), u32::try_from(nanos.rem_euclid(NANOS_PER_MILLI)).unwrap_or(0))
        }
        Err(_) => (Timestamp::MIN, 0),
    }
}

/// When the record may be collected: at first an eighth of its remaining life after its expiry date, and half
/// an hour at least, so that nearly all saves, which move that date, leave this instant alone and with it the
/// index that it is in (contract S10).
fn purge_at(record: &Record, now: Timestamp) -> Timestamp {
    let idle_at = record.idle_at.map_or(record.expires_at, |idle_at| idle_at.min(record.expires_at));
    let slack = (idle_at.since(now) / 8).max(LEAST_SLACK);
    match (idle_at..=idle_at.saturating_add(slack * 2)).contains(&record.purge_at) {
        true => record.purge_at,
        false => idle_at.saturating_add(slack),
    }
}
