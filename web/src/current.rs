//! The current user: who is logged in, how, and since when.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use hallpass_core::{LoginId, Subject, Timestamp};

/// The user who sent the request; dereferences to the user.
///
/// As an extractor it refuses anonymous requests: with a redirect to the login page if the layer has one and a person
/// asks for a page, otherwise with 401. `Option<CurrentUser<U>>` admits anonymous requests, too. With both, an outage
/// becomes a 503.
pub struct CurrentUser<U> {
    user: Arc<U>,
    identity: Identity,
}

impl<U> CurrentUser<U> {
    pub(crate) fn new(user: Arc<U>, identity: Identity) -> Self {
        Self { user, identity }
    }

    /// Returns the user.
    #[must_use]
    pub fn user(&self) -> &Arc<U> {
        &self.user
    }

    /// Returns how and when the user was logged in.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }
}

impl<U> Deref for CurrentUser<U> {
    type Target = U;

    fn deref(&self) -> &U {
        &self.user
    }
}

impl<U> Clone for CurrentUser<U> {
    fn clone(&self) -> Self {
        Self { user: self.user.clone(), identity: self.identity.clone() }
    }
}

impl<U> fmt::Debug for CurrentUser<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CurrentUser").field("identity", &self.identity).finish_non_exhaustive()
    }
}

/// A [`CurrentUser`] whose login is [fresh](Identity::is_fresh): ask for it before a password or an address is
/// changed.
///
/// As an extractor it sends other users to authenticate again, or responds with 401. It asks past the near cache and
/// past a cache of users.
pub struct FreshUser<U>(pub CurrentUser<U>);

impl<U> Deref for FreshUser<U> {
    type Target = CurrentUser<U>;

    fn deref(&self) -> &CurrentUser<U> {
        &self.0
    }
}

impl<U> Clone for FreshUser<U> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<U> fmt::Debug for FreshUser<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FreshUser").field(&self.0.identity).finish()
    }
}

/// How a user was logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Via {
    /// With an API key in the `Authorization` header.
    Key,
    /// With a password or its equivalent, in this very request.
    Password,
    /// By a remember-me cookie: this session was restored from it.
    Remembered,
    /// With a session that began with a password or its equivalent.
    Session,
}

/// Who is logged in, and how.
#[derive(Clone, Debug)]
pub struct Identity {
    pub(crate) subject: Subject,
    pub(crate) login: LoginId,
    pub(crate) via: Via,
    pub(crate) fresh: bool,
    pub(crate) authenticated_at: Timestamp,
}

impl Identity {
    /// Returns the user's id.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Returns the login, which identifies the device in the device list and for logging it out.
    #[must_use]
    pub const fn login(&self) -> LoginId {
        self.login
    }

    /// Returns how the user was logged in.
    #[must_use]
    pub const fn via(&self) -> Via {
        self.via
    }

    /// Returns whether the login is fresh enough for a sensitive action: it began with a password, not longer ago
    /// than the layer allows, and session protection has not found another client.
    ///
    /// If sessions are kept in the [near cache](hallpass_core::NearCache), what protection found for another request of
    /// the session may be unseen for `cached_for`. A [`FreshUser`] is exact.
    #[must_use]
    pub const fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Returns when the user last entered the password or its equivalent.
    #[must_use]
    pub const fn authenticated_at(&self) -> Timestamp {
        self.authenticated_at
    }
}
