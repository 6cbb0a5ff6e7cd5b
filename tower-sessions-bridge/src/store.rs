//! Sessions as records, for the traits of every version of tower-sessions.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hallpass_core::store::{Body, Change, Era, Fence, Insert, Record, Replace, Revision, TokenStore};
use hallpass_core::{
    Clock, Device, Failure, Keyring, Kind, LoginId, Note, Purpose, StoreError, SystemClock, Timestamp,
};
use time::OffsetDateTime;
use tokio::runtime::Handle;

use crate::backoff::Backoff;
use crate::body::{Content, Data, Proof};
use crate::error::Error;
use crate::name::Name;
use crate::random::random;

/// The kind of every session of tower-sessions.
const KIND: Kind = Kind::from_static("tower-session");
/// How long a record is kept past its time, because a node's clock may be ahead: 1 hour, as in core.
const MARGIN: Duration = Duration::from_secs(60 * 60);
/// The minimum time between the expiry date of a session and its collection, without that margin.
const LEAST_SLACK: Duration = Duration::from_secs(30 * 60);
/// The maximum number of records that one step of a purge removes.
const BATCH: u32 = 1_000;
const NANOS_PER_MILLI: i128 = 1_000_000;

/// A `SessionStore` of tower-sessions over any [`TokenStore`]. Cheap to clone.
///
/// Pass it to `SessionManagerLayer::new`. If you are free to choose, [`Tokens`](hallpass_core::Tokens) does more:
/// its tokens belong to a user, rotate, and can be logged out everywhere.
///
/// 1. The backend never sees an id: one digest of it finds the record, and another proves it.
/// 2. A save only updates. A save after the delete or the expiry changes nothing and returns success, because there
///    is no session left to save.
/// 3. A create never touches another session: if its id is taken, it takes a new one.
/// 4. A session is over at the instant of its expiry date, whether or not its record was removed.
/// 5. A delete that has begun completes, even if the caller's future is dropped.
/// 6. Of concurrent saves of one session, the last one written is kept as a whole, as in every store of
///    tower-sessions.
/// 7. An outage is `Error::Backend`. Data beyond 16 KiB of JSON or 127 levels are `Error::Encode`. The error texts
///    contain no id and no data.
/// 8. A session whose row is damaged, or sealed with a key that this node lacks, is over, and the log says so. Its
///    browser can log in again.
#[derive(Clone)]
pub struct TowerSessionStore {
    store: Arc<dyn TokenStore>,
    clock: Arc<dyn Clock>,
    absolute: Option<Duration>,
    keyring: Option<Keyring>,
}

/// The context of a session's seal.
const CONTEXT: &str = "tower-session";

impl TowerSessionStore {
    /// Keeps sessions in `store`, which may hold tokens as well.
    #[must_use]
    pub fn new(store: impl TokenStore) -> Self {
        Self { store: Arc::new(store), clock: Arc::new(SystemClock), absolute: None, keyring: None }
    }

    /// Ends every session this long after its creation, however often its expiry date is moved. By default only the
    /// expiry date counts. A session whose id was cycled counts as a new one.
    #[must_use]
    pub fn absolute(mut self, absolute: Duration) -> Self {
        self.absolute = Some(absolute);
        self
    }

    /// Seals every session with `keyring`. An attacker who can write to the database can then neither create a
    /// session nor change one, its data and its expiry included. Restoring an older copy of a row is not detected.
    ///
    /// A session that was written without a keyring is over, unless the keyring [accepts
    /// it](hallpass_core::danger::accept_unkeyed_until). So is a session whose key this node lacks: before one node
    /// signs with a new key, add the key to every node as [verify-only](Keyring::verify_only).
    #[must_use]
    pub fn keyring(mut self, keyring: Keyring) -> Self {
        self.keyring = Some(keyring);
        self
    }

    /// Takes the time from `clock`. tower-sessions itself still uses the system's clock to compute an expiry date.
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
    ) -> Result<bool, Error> {
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
            body: Body::new(Vec::new()).map_err(|error| Error::backend(&error))?,
        };
        let body = self.content(name, &record, nanos, data)?.encode(random()?)?;
        let record = Record { purge_at: purge_at(&record, now), body, ..record };
        match self.store.insert(&record, Fence::None).await {
            Ok(Insert::Inserted { .. }) => Ok(true),
            Ok(Insert::Duplicate) => Ok(false),
            Ok(Insert::Fenced) => Err(Error::Backend("the store fenced an insert without a fence".into())),
            Err(error) if is_unknown(&error) && self.is_stored(&record).await? => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// Updates the data and the expiry date of a session; does nothing if it is over.
    pub(crate) async fn update(&self, name: &Name, data: &Data, expiry: OffsetDateTime) -> Result<(), Error> {
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
                // Read again: the session was changed, or it is over.
                Ok(Replace::Conflict | Replace::Missing) => {}
                Err(error) if is_unknown(&error) => match self.store.find(name.selector).await? {
                    Some(found) if found == next => return Ok(()),
                    // The write may still arrive: the record is unchanged so far.
                    Some(found) if found.revision == record.revision => return Err(error.into()),
                    _ => {}
                },
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Returns the data and the expiry date of a session, unless it is over.
    pub(crate) async fn read(&self, name: &Name) -> Result<Option<(Data, OffsetDateTime)>, Error> {
        let Some((record, content)) = self.find(name, self.clock.now()).await? else { return Ok(None) };
        let data = match content.data() {
            Ok(data) => data,
            Err(error) => return Ok(unreadable(name, &error)),
        };
        let (at, nanos) = match record.idle_at {
            Some(idle_at) if idle_at <= record.expires_at => (idle_at, content.nanos),
            _ => (record.expires_at, 0),
        };
        let nanos = i128::from(at.as_millis()) * NANOS_PER_MILLI + i128::from(nanos);
        let expiry = OffsetDateTime::from_unix_timestamp_nanos(nanos)
            .map_err(|_| Error::Decode("a stored session is corrupt".into()))?;
        Ok(Some((data, expiry)))
    }

    /// Ends a session, if it exists, in a task of its own (contract D12).
    pub(crate) async fn remove(&self, name: &Name) -> Result<(), Error> {
        let (store, selector) = (self.store.clone(), name.selector);
        let delete = async move { store.delete(selector, &Note::none()).await };
        match Handle::try_current() {
            Ok(runtime) => match runtime.spawn(delete).await {
                Ok(deleted) => deleted?,
                Err(_) => return Err(Error::Backend("the store panicked".into())),
            },
            Err(_) => delete.await?,
        };
        Ok(())
    }

    /// Removes records that have been due for an hour, of sessions and of tokens.
    pub(crate) async fn purge(&self) -> Result<(), Error> {
        let due = self.clock.now().saturating_sub(MARGIN);
        loop {
            let step = self.store.purge_expired(due, BATCH).await?;
            // Without this check, a store that removes nothing and reports more would cause an endless loop.
            if !step.more || step.removed == 0 {
                return Ok(());
            }
        }
    }

    /// Finds the record of a live session and proves it. A record that cannot be read counts as over: an error
    /// would leave the browser that holds its id unable to do anything, even to log in.
    async fn find(&self, name: &Name, now: Timestamp) -> Result<Option<(Record, Content)>, Error> {
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
            Err(error) => Ok(unreadable(name, &error)),
        }
    }

    /// Builds the body of `record`, sealed if there is a keyring.
    fn content(&self, name: &Name, record: &Record, nanos: u32, data: &Data) -> Result<Content, Error> {
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

    /// Whether the store holds exactly this write.
    async fn is_stored(&self, record: &Record) -> Result<bool, Error> {
        Ok(self.store.find(record.selector).await?.as_ref() == Some(record))
    }
}

impl fmt::Debug for TowerSessionStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TowerSessionStore").field("store", &self.store).finish_non_exhaustive()
    }
}

/// The bytes that a seal covers: the id and every field of the record.
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

/// Logs that a session is over because it cannot be read.
fn unreadable<T>(name: &Name, error: &(dyn std::error::Error + 'static)) -> Option<T> {
    tracing::error!(selector = %name.selector, error, "a session is over because it cannot be read");
    None
}

/// Whether the failed write may have happened.
const fn is_unknown(error: &StoreError) -> bool {
    matches!(error, StoreError::Timeout { outcome_unknown: true, .. })
}

/// Splits an expiry date into milliseconds and the nanoseconds beyond them. A date before 1970 becomes 1970: it is
/// over in any case.
fn split(expiry: OffsetDateTime) -> (Timestamp, u32) {
    let nanos = expiry.unix_timestamp_nanos();
    match u64::try_from(nanos.div_euclid(NANOS_PER_MILLI)) {
        Ok(millis) => {
            (Timestamp::from_millis(millis), u32::try_from(nanos.rem_euclid(NANOS_PER_MILLI)).unwrap_or(0))
        }
        Err(_) => (Timestamp::MIN, 0),
    }
}

/// When the record may be collected: at first an eighth of its remaining life after its expiry date, and at least
/// half an hour. So nearly all saves, which move that date, leave this instant unchanged, and with it the index on
/// it (contract S10).
fn purge_at(record: &Record, now: Timestamp) -> Timestamp {
    let idle_at = record.idle_at.map_or(record.expires_at, |idle_at| idle_at.min(record.expires_at));
    let slack = (idle_at.since(now) / 8).max(LEAST_SLACK);
    match (idle_at..=idle_at.saturating_add(slack * 2)).contains(&record.purge_at) {
        true => record.purge_at,
        false => idle_at.saturating_add(slack),
    }
}
