//! What handlers use: ask for the user, log in, log out.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use hallpass_core::{Login, Rejected, Tokens};
use http::{Extensions, HeaderMap, Method};

use crate::current::{CurrentUser, Identity};
use crate::error::Failure;
use crate::login::LogIn;
use crate::next::with_next;
use crate::rejection::Rejection;
use crate::request::{Request, Unfit};
use crate::signal::SignalKind;

/// The user's side of one request: the user, login, log-out, devices, session data.
///
/// With axum it is an extractor; elsewhere call [`Auth::of`]. Cheap to clone. Changes to cookies go out with the
/// response, so make them before the handler returns.
#[derive(Clone)]
pub struct Auth(pub(crate) Arc<Request>);

/// The form in which the layer passes it on: only [`Auth::of`] reads it, after it has checked the request.
#[derive(Clone)]
pub(crate) struct Handle(pub(crate) Arc<Request>);

impl Auth {
    /// Returns the `Auth` of a request that passed an [`AuthLayer`](crate::AuthLayer).
    ///
    /// # Errors
    /// [`Rejection::NoLayer`]; [`Rejection::CrossSite`] if another site made the browser send the request, and it
    /// changes something or opens a WebSocket; [`Rejection::PlainHttp`]; [`Rejection::TooLarge`].
    pub fn of(headers: &HeaderMap, extensions: &Extensions) -> Result<Self, Rejection> {
        let Handle(request) = extensions.get().ok_or(Rejection::NoLayer)?;
        match request.read(headers, extensions) {
            Ok(_) => Ok(Self(request.clone())),
            Err(Unfit::CrossSite) => Err(Rejection::CrossSite),
            Err(Unfit::PlainHttp) => Err(Rejection::PlainHttp),
            Err(Unfit::TooLarge) => Err(Rejection::TooLarge),
        }
    }

    /// Returns the user who sent the request; `None` if it is anonymous.
    ///
    /// The first call finds the user, and later calls return the same result. In a stream or a WebSocket that stays
    /// open, call [`recheck`](Self::recheck).
    ///
    /// # Errors
    /// [`Failure`] if the user cannot be determined.
    pub async fn user<U: Send + Sync + 'static>(&self) -> Result<Option<CurrentUser<U>>, Failure> {
        let mut state = self.0.state.lock().await;
        let who = self.0.who(&mut state).await?;
        let Some((user, identity)) = &who.known else { return Ok(None) };
        let user = user.clone().downcast::<U>().map_err(|_| Failure::WrongUserType)?;
        Ok(Some(CurrentUser::new(user, identity.clone())))
    }

    /// Checks that the login still holds, and returns its user: asks the store and the loader again.
    ///
    /// `None` once the login was ended or has expired, or if its user no longer exists or is not active; then close
    /// the stream. It counts as a use of the session, as a request does. It cannot set a cookie, so it never rotates
    /// a token and logs no user in. Call it before something is sent, and about every minute if nothing is sent.
    ///
    /// # Errors
    /// [`Failure`] if the user cannot be determined: keep the stream open, and ask again soon.
    pub async fn recheck<U: Send + Sync + 'static>(&self) -> Result<Option<CurrentUser<U>>, Failure> {
        {
            let mut state = self.0.state.lock().await;
            self.0.recheck(&mut state).await?;
        }
        self.user().await
    }

    /// Returns who is logged in, and how; `None` if the request is anonymous.
    ///
    /// # Errors
    /// [`Failure`] if the user cannot be determined.
    pub async fn identity(&self) -> Result<Option<Identity>, Failure> {
        let mut state = self.0.state.lock().await;
        let who = self.0.who(&mut state).await?;
        Ok(who.known.as_ref().map(|(_, identity)| identity.clone()))
    }

    /// Returns the user who sent the request, or rejects the request.
    ///
    /// # Errors
    /// [`Rejection::Unauthorized`] if the request is anonymous, [`Rejection::Failure`] if the user cannot be
    /// determined.
    pub async fn require<U: Send + Sync + 'static>(&self) -> Result<CurrentUser<U>, Rejection> {
        match self.user().await? {
            Some(user) => Ok(user),
            None => Err(self.unauthorized()),
        }
    }

    /// Returns the user who sent the request, if the login is fresh.
    ///
    /// # Errors
    /// As for [`require`](Self::require), and [`Rejection::NotFresh`].
    pub async fn require_fresh<U: Send + Sync + 'static>(&self) -> Result<CurrentUser<U>, Rejection> {
        let user: CurrentUser<U> = self.require().await?;
        match user.identity().is_fresh() {
            true => Ok(user),
            false => Err(self.not_fresh(user.identity())),
        }
    }

    /// Returns why a client that sent tokens is not logged in: the most informative verdict on them, for the login
    /// page. [`Rejected::Revoked`] with [`Reason::Reused`](hallpass_core::Reason::Reused) tells the rightful user of
    /// a theft.
    ///
    /// It returns the verdict until the next login, because a rejected token clears no cookie. `None` if a user is
    /// logged in or no token was sent.
    ///
    /// # Errors
    /// [`Failure`] if the user cannot be determined.
    pub async fn why_anonymous(&self) -> Result<Option<Rejected>, Failure> {
        let mut state = self.0.state.lock().await;
        let who = self.0.who(&mut state).await?;
        let telling = |rejected: &&Rejected| match rejected {
            Rejected::Reused | Rejected::Revoked(hallpass_core::Reason::Reused) => 0,
            Rejected::Revoked(_) => 1,
            Rejected::StampMismatch => 2,
            Rejected::Lapsed => 3,
            Rejected::Expired => 4,
            Rejected::Fenced => 5,
            Rejected::Spent | Rejected::Invalid => 6,
            Rejected::Malformed => 7,
        };
        Ok(who.rejections.iter().min_by_key(telling).copied().filter(|_| who.known.is_none()))
    }

    /// Begins a login for `user`, before the password is checked. If the user is logged out everywhere before the
    /// login is complete, the login is refused.
    ///
    /// Pass the result, success or failure, to [`LogIn::begun`] without `?`: then only a client that knows the
    /// password sees a failure. A response before the password check would reveal which names exist, for instance
    /// while a store serves reads but no writes.
    ///
    /// Call it with `None` if no account has the name. That is one call of the store, as for an account, so the time
    /// does not reveal which names exist. A login that began this way is refused.
    ///
    /// # Errors
    /// [`Failure`] if the store fails.
    pub async fn begin_login<'u, U: Send + Sync + 'static>(
        &self,
        user: impl Into<Option<&'u U>>,
    ) -> Result<Login, Failure> {
        match user.into() {
            Some(user) => {
                let described = self.0.config.describe(user)?;
                Ok(self.tokens().begin_login(&described.subject).await?)
            }
            None => Ok(self.tokens().begin_unknown_login().await?),
        }
    }

    /// Logs `user` in, whose credentials you have checked: set the options, then `.await` it. `U` is the type of the
    /// layer's loader, an `Arc` of it, or a [`CurrentUser`].
    ///
    /// It makes a new session and ends the login that this browser had, so a session planted by an attacker is
    /// worthless. The session's data stay if the session was anonymous or this user's.
    pub fn login<'a, U: Send + Sync + 'static>(&'a self, user: &'a U) -> LogIn<'a> {
        LogIn::new(self, user as &(dyn Any + Send + Sync), false)
    }

    /// Makes the login of `user` fresh, after the logged-in user entered the password again (a step-up). New tokens
    /// replace the old ones; a remember-me token lives no longer than before.
    ///
    /// [`Refused::Anonymous`](crate::Refused::Anonymous) if `user` is not the user who is logged in.
    pub fn confirm<'a, U: Send + Sync + 'static>(&'a self, user: &'a U) -> LogIn<'a> {
        LogIn::new(self, user as &(dyn Any + Send + Sync), true)
    }

    /// Returns the layer's tokens on behalf of this request: their events carry the client's address, its
    /// `User-Agent` and the header `X-Request-Id`.
    #[must_use]
    pub fn tokens(&self) -> &Tokens {
        self.0.tokens()
    }

    pub(crate) fn unauthorized(&self) -> Rejection {
        if self.0.is_unproven() {
            self.0.tell_once(SignalKind::CrossSite, None, None);
            return Rejection::CrossSite;
        }
        self.0.tell_once(SignalKind::Unauthorized, None, None);
        Rejection::Unauthorized(self.detour(self.0.config.login_page.as_deref()))
    }

    pub(crate) fn not_fresh(&self, identity: &Identity) -> Rejection {
        self.0.tell_once(SignalKind::FreshNeeded, Some(&identity.subject), Some(identity.login));
        Rejection::NotFresh(self.detour(self.0.config.fresh_page.as_deref()))
    }

    /// Returns the redirect to `page` and back, for a person who wants to see a page.
    fn detour(&self, page: Option<&str>) -> Option<String> {
        let page = page.filter(|_| self.0.sent().is_some_and(|sent| sent.page))?;
        // A redirect cannot repeat a request that changes something.
        match self.0.uri.path_and_query().filter(|_| matches!(self.0.method, Method::GET | Method::HEAD)) {
            Some(next) => Some(with_next(page, &format!("{}{next}", self.0.config.mounted_at))),
            None => Some(page.to_owned()),
        }
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").field("method", &self.0.method).finish_non_exhaustive()
    }
}
