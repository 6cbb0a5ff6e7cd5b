//! Data that the application keeps with a session.

#[cfg(feature = "axum")]
use std::fmt;
#[cfg(feature = "axum")]
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::auth::Auth;
use crate::envelope::{Envelope, seal};
use crate::error::{Denied, Failure, NoEntry, Refused};
use crate::request::State;

/// A part of a session's data, under a name of its own, so that several parts of an application keep
/// theirs apart. All together take at most 16 KiB, as JSON.
///
/// What does not read as this type any more, because the program was changed, reads as the default:
/// `#[serde(default)]` keeps what it can.
pub trait SessionData: Serialize + DeserializeOwned + Default + Send + 'static {
    /// The name it is kept under.
    const KEY: &'static str;
}

/// The data of one session: as an extractor, for everybody, logged in or not.
///
/// A visitor who is not logged in gets a session when something is first kept.
#[cfg(feature = "axum")]
pub struct Session<T> {
    pub(crate) auth: Auth,
    pub(crate) data: PhantomData<fn() -> T>,
}

#[cfg(feature = "axum")]
impl<T: SessionData> Session<T> {
    /// What is kept; the default if nothing is.
    ///
    /// # Errors
    /// [`Failure`] if nobody can tell.
    pub async fn read(&self) -> Result<T, Failure> {
        self.auth.session_data().await
    }

    /// Changes what is kept. As for [`Auth::update_session_data`].
    ///
    /// # Errors
    /// As there.
    pub async fn update(&self, change: impl FnMut(&mut T) + Send) -> Result<T, Denied> {
        self.auth.update_session_data(change).await
    }
}

#[cfg(feature = "axum")]
impl<T> fmt::Debug for Session<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl Auth {
    /// What is kept with the session; the default if nothing is.
    ///
    /// # Errors
    /// [`Failure`] if nobody can tell.
    pub async fn session_data<T: SessionData>(&self) -> Result<T, Failure> {
        let mut state = self.0.state.lock().await;
        let Some(valid) = &self.0.who(&mut state).await?.session else { return Ok(T::default()) };
        match self.0.kept_data(valid).await {
            Ok(data) => Ok(read(&data)),
            Err(NoEntry::Rejected(_)) => Ok(T::default()),
            Err(NoEntry::Unreadable(failure)) => Err(failure.into()),
            Err(NoEntry::Failed(failure)) => Err(failure),
        }
    }

    /// Changes what is kept with the session, and answers what it is now. `change` runs again whenever
    /// another request was faster, so that neither change is lost.
    ///
    /// # Errors
    /// [`Refused::Anonymous`] if the session was ended meanwhile. [`Failure::Data`] if it grows beyond 16 KiB
    /// with all else that is kept; any other [`Failure`] if it could not be written.
    pub async fn update_session_data<T: SessionData>(
        &self,
        mut change: impl FnMut(&mut T) + Send,
    ) -> Result<T, Denied> {
        self.refuse_unproven()?;
        let mut state = self.0.state.lock().await;
        let Some(valid) = &mut self.0.who(&mut state).await?.session else {
            let (value, bytes) = rewrite(&[], &mut change);
            self.begin_anonymous(&mut state, bytes?).await?;
            return Ok(value);
        };
        let mut result = None;
        let update = self.tokens().update_data(valid, |bytes| {
            let (value, written) = rewrite(bytes, &mut change);
            result = Some(written.map(|written| {
                *bytes = written;
                value
            }));
        });
        match (update.await, result) {
            (Ok(()), Some(result)) => Ok(result?),
            (Err(hallpass_core::Denied::Failed(failure)), _) => Err(too_large(failure).into()),
            (Err(hallpass_core::Denied::Rejected(_)), _) | (_, None) => {
                state.forget();
                Err(Refused::Anonymous.into())
            }
        }
    }

    /// A session that is nobody's, with these data.
    async fn begin_anonymous(&self, state: &mut State, data: Vec<u8>) -> Result<(), Denied> {
        if self.0.is_answered() {
            return Err(Failure::AnswerSent.into());
        }
        let (tokens, kind) = (self.tokens(), self.0.config.kinds.session);
        let login = tokens.begin_anonymous()?;
        let mut issue = tokens.issue(&login, kind).data(data);
        if let Some(fingerprint) = self.0.sent().and_then(|sent| sent.client.fingerprint) {
            issue = issue.fingerprint(fingerprint);
        }
        let (issued, valid) = match issue.accepted().await {
            Ok(accepted) => accepted,
            Err(hallpass_core::Denied::Failed(failure)) => return Err(too_large(failure).into()),
            Err(rejected) => return Err(rejected.into()),
        };
        self.0.hand_out(state.held(&self.0), &issued)?;
        self.0.mark_personal();
        if let Some(who) = &mut state.who {
            who.session = Some(valid);
        }
        Ok(())
    }
}

/// A JSON object whose other members stay as they are.
type Parts = std::collections::BTreeMap<String, Box<RawValue>>;

fn read<T: SessionData>(data: &[u8]) -> T {
    let parts: Parts = serde_json::from_slice(data).unwrap_or_default();
    let part = parts.get(T::KEY).map(|part| serde_json::from_str(part.get()));
    part.and_then(|part| {
        part.inspect_err(|_| tracing::warn!(target: "hallpass", key = T::KEY, "session data do not read"))
            .ok()
    })
    .unwrap_or_default()
}

fn rewrite<T: SessionData>(bytes: &[u8], change: &mut impl FnMut(&mut T)) -> (T, Result<Vec<u8>, Failure>) {
    let envelope = Envelope::of(bytes);
    let mut value = read::<T>(envelope.data);
    change(&mut value);
    let mut parts: Parts = serde_json::from_slice(envelope.data).unwrap_or_default();
    let written = serde_json::value::to_raw_value(&value)
        .and_then(|part| {
            parts.insert(T::KEY.to_owned(), part);
            serde_json::to_vec(&parts)
        })
        .map(|data| seal(envelope.flags, &data))
        .map_err(|error| Failure::Data(error.into()));
    (value, written)
}

/// What the application keeps is what grew beyond its limit.
fn too_large(failure: hallpass_core::Failure) -> Failure {
    match failure {
        hallpass_core::Failure::Limit(error) => Failure::Data(error.into()),
        other => other.into(),
    }
}
