//! Who is logged in, how, and since when.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use hallpass_core::{LoginId, Subject, Timestamp};

/// The user who sent the request.
///
/// As an extractor it refuses anonymous requests: with a redirect to the login page where there is one and
/// a person asks for a page, otherwise with 401. `Option<CurrentUser<U>>` lets everybody in. In both an
/// outage is answered with 503.
///
/// It dereferences to the user.
pub struct CurrentUser<U> {
    user: Arc<U>,
    identity: Identity,
}

impl<U> CurrentUser<U> {
    pub(crate) fn new(user: Arc<U>, identity: Identity) -> Self {
        Self { user, identity }
    }

    /// The user.
    #[must_use]
    pub fn user(&self) -> &Arc<U> {
        &self.user
    }

    /// How and when they came to be logged in.
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

/// A [`CurrentUser`] whose login is [fresh](Identity::is_fresh): what to ask for before a password or an
/// address is changed. As an extractor it sends others to confirm who they are, or answers 401.
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

/// How somebody came to be logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Via {
    /// With an API key, in the `Authorization` header.
    Key,
    /// With a password or what stands for one, in this very request.
    Password,
    /// By a remember-me cookie: this session was restored from it.
    Remembered,
    /// With a session that began with a password.
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
    /// The user's id.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The login: what the device list and "log this one out" go by.
    #[must_use]
    pub const fn login(&self) -> LoginId {
        self.login
    }

    /// How they came to be logged in.
    #[must_use]
    pub const fn via(&self) -> Via {
        self.via
    }

    /// Whether the login may be trusted with what is delicate: it began with a password, recently enough if
    /// the layer says how long that lasts, and session protection has not found another client.
    #[must_use]
    pub const fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// When they last entered the password or what stands for one.
    #[must_use]
    pub const fn authenticated_at(&self) -> Timestamp {
        self.authenticated_at
    }
}
