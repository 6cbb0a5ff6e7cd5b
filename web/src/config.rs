//! The settings of a layer.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use hallpass_core::{Kind, Subject, Tokens};
use http::HeaderValue;

use crate::attempt_limit::AnyLimit;
use crate::client::Clients;
use crate::cookie::{CookieKinds, CookieSpec};
use crate::error::Failure;
use crate::origin::Origins;
use crate::signal::Listener;
use crate::user::{AnyLoader, Loaded, UserFacts};

/// The settings of a layer.
pub(crate) struct Config {
    pub(crate) tokens: Tokens,
    pub(crate) loader: Arc<dyn AnyLoader>,
    pub(crate) audience: Option<String>,
    pub(crate) kinds: CookieKinds,
    pub(crate) session: CookieSpec,
    pub(crate) remember: CookieSpec,
    pub(crate) csrf: CookieSpec,
    pub(crate) csrf_required: bool,
    pub(crate) clients: Clients,
    pub(crate) origins: Origins,
    pub(crate) keys: Option<Kind>,
    pub(crate) max_keys: NonZeroU32,
    pub(crate) fresh_for: Duration,
    pub(crate) login_page: Option<String>,
    pub(crate) fresh_page: Option<String>,
    pub(crate) mounted_at: String,
    pub(crate) clear_site_data: Option<HeaderValue>,
    pub(crate) attempts: Arc<dyn AnyLimit>,
    pub(crate) listener: Option<Box<dyn Listener>>,
    /// Whether the warning that browsers drop the cookies was logged.
    pub(crate) warned: AtomicBool,
}

impl Config {
    /// Loads the user that a record names, unless the record belongs to another audience; past any cache if `exactly`.
    pub(crate) async fn load(&self, subject: &Subject, exactly: bool) -> Result<Option<Loaded>, Failure> {
        let Some(audience) = &self.audience else {
            let foreign = self.is_of_an_audience(subject);
            return if foreign { Ok(None) } else { self.loader.load(subject, exactly).await };
        };
        let id = subject.as_str().strip_prefix(audience.as_str()).and_then(|rest| rest.strip_prefix(':'));
        match id.map(Subject::new) {
            Some(Ok(id)) => self.loader.load(&id, exactly).await,
            Some(Err(_)) | None => Ok(None),
        }
    }

    /// Returns the facts about `user` that tokens need.
    pub(crate) fn describe(&self, user: &(dyn Any + Send + Sync)) -> Result<UserFacts, Failure> {
        let described = self.loader.describe(user)?;
        let Some(audience) = &self.audience else {
            let foreign = self.is_of_an_audience(&described.subject);
            return if foreign { Err(Failure::ForeignId) } else { Ok(described) };
        };
        let subject = Subject::new(format!("{audience}:{}", described.subject))?;
        Ok(UserFacts { subject, ..described })
    }

    /// Returns whether a layer with an audience over the same tokens would take this id for one of its subjects.
    fn is_of_an_audience(&self, id: &Subject) -> bool {
        let kind = |(audience, _)| Kind::new(&format!("session:{audience}")).ok();
        let kind = id.as_str().split_once(':').and_then(kind);
        kind.is_some_and(|kind| self.tokens.policy(kind).is_ok())
    }
}

/// The error of settings with which the layer would not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigError(pub(crate) &'static str);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the layer breaks a rule: {}", self.0)
    }
}

impl Error for ConfigError {}
