//! What a handler does about the user: ask, log in, log out.

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

/// The user's side of one request: who sent it, log in, log out, devices, session data.
///
/// With axum it is an extractor; elsewhere [`Auth::of`] finds it. Cheap to clone. What it does to cookies
/// goes out with the answer, so do it before the handler returns.
#[derive(Clone)]
pub struct Auth(pub(crate) Arc<Request>);

/// How the layer hands it on: only [`Auth::of`] gets at it, after the request has been looked at.
#[derive(Clone)]
pub(crate) struct Handle(pub(crate) Arc<Request>);

impl Auth {
    /// The one of a request that passed an [`AuthLayer`](crate::AuthLayer).
    ///
    /// # Errors
    /// [`Rejection::NoLayer`]; [`Rejection::CrossSite`] for a request that changes something, or opens a
    /// WebSocket, and that another site made the browser send; [`Rejection::TooLarge`].
    pub fn of(headers: &HeaderMap, extensions: &Extensions) -> Result<Self, Rejection> {
        let Handle(request) = extensions.get().ok_or(Rejection::NoLayer)?;
        match request.read(headers, extensions) {
            Ok(_) => Ok(Self(request.clone())),
            Err(Unfit::CrossSite) => Err(Rejection::CrossSite),
            Err(Unfit::PlainHttp) => Err(Rejection::PlainHttp),
            Err(Unfit::TooLarge) => Err(Rejection::TooLarge),
        }
    }

    /// The user who sent the request; `None` if it is anonymous.
    ///
    /// It is found out once and stays the answer for this request. A stream or a WebSocket that lives on asks
    /// [again](Self::recheck).
    ///
    /// # Errors
    /// [`Failure`] if it cannot be told.
    pub async fn user<U: Send + Sync + 'static>(&self) -> Result<Option<CurrentUser<U>>, Failure> {
        let mut state = self.0.state.lock().await;
        let who = self.0.who(&mut state).await?;
        let Some((user, identity)) = &who.known else { return Ok(None) };
        let user = user.clone().downcast::<U>().map_err(|_| Failure::WrongUserType)?;
        Ok(Some(CurrentUser::new(user, identity.clone())))
    }

    /// The user who sent the request, if the login still holds: asks store and loader again. `None` once the
    /// login was ended, has expired, or its user is gone or not active; then close the stream.
    ///
    /// It counts as use of the session, as a request does, and cannot set a cookie: it never rotates a token and
    /// logs no one in. Ask it when something is about to be sent, and every minute or so of silence.
    ///
    /// # Errors
    /// [`Failure`] if it cannot be told: keep the stream, and ask again soon.
    pub async fn recheck<U: Send + Sync + 'static>(&self) -> Result<Option<CurrentUser<U>>, Failure> {
        {
            let mut state = self.0.state.lock().await;
            self.0.recheck(&mut state).await?;
        }
        self.user().await
    }

    /// Who is logged in, and how.
    ///
    /// # Errors
    /// [`Failure`] if nobody can tell.
    pub async fn identity(&self) -> Result<Option<Identity>, Failure> {
        let mut state = self.0.state.lock().await;
        let who = self.0.who(&mut state).await?;
        Ok(who.known.as_ref().map(|(_, identity)| identity.clone()))
    }

    /// The user who sent the request.
    ///
    /// # Errors
    /// [`Rejection::Unauthorized`] if nobody is logged in, [`Rejection::Failure`] if nobody can tell.
    pub async fn require<U: Send + Sync + 'static>(&self) -> Result<CurrentUser<U>, Rejection> {
        match self.user().await? {
            Some(user) => Ok(user),
            None => Err(self.unauthorized()),
        }
    }

    /// The user who sent the request, freshly logged in.
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

    /// Why somebody who sent tokens is not logged in: the most telling verdict on them, to be put into
    /// words on the login page. [`Rejected::Revoked`] with [`Reason::Reused`](hallpass_core::Reason::Reused)
    /// tells the rightful user of a theft.
    ///
    /// It is told until the next login, because a rejected token clears no cookie. `None` if somebody is
    /// logged in, or nothing was sent.
    ///
    /// # Errors
    /// [`Failure`] if nobody can tell.
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

    /// Begins a login for `user`, before the password is checked: whatever logs the user out everywhere
    /// between this and the end of the login turns the login away. Hand what it answers to [`LogIn::begun`], failure
    /// or not, without `?`: then a failure is told only to a client that knows the password. An answer of its own,
    /// before the password is checked, would tell which names exist, where a store reads but takes no writes for
    /// instance.
    ///
    /// Call it with `None` where no account has the name that was typed: that is one call of the store as for an
    /// account, so that the time does not tell which names exist. A login that was begun so is refused.
    ///
    /// # Errors
    /// [`Failure`] if the store does not answer.
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

    /// Logs `user` in, who has shown who they are: say more about it, then `.await` it. `U` is the type of the
    /// layer's loader, an `Arc` of it, or a [`CurrentUser`].
    ///
    /// It makes a new session, and whatever this browser was logged in as until now is ended, so a session
    /// that somebody planted is worth nothing. The session's data stay if they were nobody's or this user's.
    pub fn login<'a, U: Send + Sync + 'static>(&'a self, user: &'a U) -> LogIn<'a> {
        LogIn::new(self, user as &(dyn Any + Send + Sync), false)
    }

    /// Makes the login of `user` fresh, who is logged in and has entered the password once more. The tokens
    /// are replaced by new ones; a remember-me token lives no longer than it would have.
    ///
    /// [`Refused::Anonymous`](crate::Refused::Anonymous) if `user` is not the one who is logged in.
    pub fn confirm<'a, U: Send + Sync + 'static>(&'a self, user: &'a U) -> LogIn<'a> {
        LogIn::new(self, user as &(dyn Any + Send + Sync), true)
    }

    /// The tokens that the layer works with, on behalf of this request: their events carry the client's address,
    /// its `User-Agent` and the header `X-Request-Id`.
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

    /// The way to `page` and back, for somebody who wants to see a page.
    fn detour(&self, page: Option<&str>) -> Option<String> {
        let page = page.filter(|_| self.0.sent().is_some_and(|sent| sent.page))?;
        // What was to be changed cannot be repeated by a redirect.
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
