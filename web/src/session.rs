//! Application data of a session.

#[cfg(feature = "axum")]
use std::fmt;
#[cfg(feature = "axum")]
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::auth::Auth;
use crate::envelope::{Envelope, seal};
use crate::error::{Denied, Failure, NotAdmitted, Refusal};
use crate::request::State;

/// A part of a session's data, under a name of its own, so that parts of an application keep their data separate.
///
/// All parts together take at most 16 KiB, as JSON. If stored data no longer deserialize as this type because the
/// program was changed, the value is the default; `#[serde(default)]` on the type keeps the fields that still match.
pub trait SessionData: Serialize + DeserializeOwned + Default + Send + 'static {
    /// The name of the part.
    const KEY: &'static str;
}

/// The data of one session, as an extractor for every request, logged in or not.
///
/// A visitor who is not logged in gets a session when data are first stored.
#[cfg(feature = "axum")]
pub struct Session<T> {
    pub(crate) auth: Auth,
    pub(crate) data: PhantomData<fn() -> T>,
}

#[cfg(feature = "axum")]
impl<T: SessionData> Session<T> {
    /// Returns the stored data; the default if there are none.
    ///
    /// # Errors
    /// [`Failure`] if the session cannot be determined.
    pub async fn read(&self) -> Result<T, Failure> {
        self.auth.session_data().await
    }

    /// Changes the stored data, as [`Auth::update_session_data`] does.
    ///
    /// # Errors
    /// As for [`Auth::update_session_data`].
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
    /// Returns the data stored with the session; the default if there are none.
    ///
    /// # Errors
    /// [`Failure`] if the session cannot be determined.
    pub async fn session_data<T: SessionData>(&self) -> Result<T, Failure> {
        let mut state = self.0.state.lock().await;
        let Some(valid) = &mut self.0.resolved(&mut state).await?.session else { return Ok(T::default()) };
        // One read, however often the handler asks.
        let data = match self.0.make_exact(valid).await {
            Ok(()) => self.0.kept_data(valid).await,
            Err(not_admitted) => Err(not_admitted),
        };
        match data {
            Ok(data) => Ok(read(&data)),
            Err(NotAdmitted::Rejected(_)) => Ok(T::default()),
            Err(NotAdmitted::Unreadable(failure)) => Err(failure.into()),
            Err(NotAdmitted::Failed(failure)) => Err(failure),
        }
    }

    /// Changes the data stored with the session, and returns the new value. `change` runs again whenever another
    /// request wrote first, so that neither change is lost.
    ///
    /// # Errors
    /// [`Refusal::Anonymous`] if the session was ended meanwhile. [`Failure::Data`] if all parts together grow beyond
    /// 16 KiB; any other [`Failure`] if the change could not be written.
    pub async fn update_session_data<T: SessionData>(
        &self,
        mut change: impl FnMut(&mut T) + Send,
    ) -> Result<T, Denied> {
        self.refuse_unproven()?;
        let mut state = self.0.state.lock().await;
        let Some(valid) = &mut self.0.resolved(&mut state).await?.session else {
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
                Err(Refusal::Anonymous.into())
            }
        }
    }

    /// Begins an anonymous session with these data.
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
        if let Some(resolved) = &mut state.resolved {
            resolved.session = Some(valid);
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
        part.inspect_err(|_| tracing::warn!(target: "hallpass", key = T::KEY, "session data cannot be read"))
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

/// Maps the error: a value beyond its limit is the application's data.
fn too_large(failure: hallpass_core::Failure) -> Failure {
    match failure {
        hallpass_core::Failure::Limit(error) => Failure::Data(error.into()),
        other => other.into(),
    }
}
