//! What handlers use: ask for the user, log in, log out.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use hallpass_core::{Reason, Rejected, Tokens};
use http::{Extensions, HeaderMap, Method};

use crate::current::{CurrentUser, Identity};
use crate::error::Failure;
use crate::next::with_next;
use crate::rejection::Rejection;
use crate::request::{Handle, Request, Unusable};
use crate::signal::SignalKind;

/// The user's side of one request: the user, login, log-out, devices, session data.
///
/// With axum it is an extractor; elsewhere call [`Auth::of`]. Cheap to clone. Changes to cookies go out with the
/// response, so make them before the handler returns.
#[derive(Clone)]
pub struct Auth(pub(crate) Arc<Request>);

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
            Err(Unusable::CrossSite) => Err(Rejection::CrossSite),
            Err(Unusable::PlainHttp) => Err(Rejection::PlainHttp),
            Err(Unusable::TooLarge) => Err(Rejection::TooLarge),
        }
    }

    /// Returns the user who sent the request; `None` if it is anonymous.
    ///
    /// The first call finds the user, and later calls return the same result. A stream or a WebSocket that stays open
    /// is closed by [`ended`](Self::ended), or asks again with [`recheck`](Self::recheck).
    ///
    /// If sessions are kept in the [near cache](hallpass_core::NearCache), the answer may be as old as that allows.
    ///
    /// # Errors
    /// [`Failure`] if the user cannot be determined.
    pub async fn user<U: Send + Sync + 'static>(&self) -> Result<Option<CurrentUser<U>>, Failure> {
        let mut state = self.0.state.lock().await;
        let resolved = self.0.resolved(&mut state).await?;
        let Some((user, identity)) = &resolved.known else { return Ok(None) };
        let user = user.clone().downcast::<U>().map_err(|_| Failure::WrongUserType)?;
        Ok(Some(CurrentUser::new(user, identity.clone())))
    }

    /// Checks that the login still holds, and returns its user: asks the store and the loader again.
    ///
    /// `None` once the login was ended or has expired, or if its user no longer exists or is not active; then close
    /// the stream. It counts as a use of the session, as a request does. It cannot set a cookie, so it never rotates
    /// a token and logs no user in. Call it before something is sent, and about every minute if nothing is sent. It
    /// asks past the near cache, so it costs a read each time; [`ended`](Self::ended) costs none while it waits.
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
        let resolved = self.0.resolved(&mut state).await?;
        Ok(resolved.known.as_ref().map(|(_, identity)| identity.clone()))
    }

    /// Returns who is logged in at this moment, past the near cache and past a cache of users.
    pub(crate) async fn exact_identity(&self) -> Result<Option<Identity>, Failure> {
        let mut state = self.0.state.lock().await;
        let resolved = self.0.resolved_exactly(&mut state).await?;
        Ok(resolved.known.as_ref().map(|(_, identity)| identity.clone()))
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

    /// Returns the user who sent the request, if the login is fresh. It asks the store and the loader for the answer of
    /// this moment.
    ///
    /// # Errors
    /// As for [`require`](Self::require), and [`Rejection::NotFresh`].
    pub async fn require_fresh<U: Send + Sync + 'static>(&self) -> Result<CurrentUser<U>, Rejection> {
        self.exact_identity().await?;
        let user: CurrentUser<U> = self.require().await?;
        if user.identity().is_fresh() { Ok(user) } else { Err(self.not_fresh(user.identity())) }
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
        let resolved = self.0.resolved(&mut state).await?;
        let telling = |rejected: &&Rejected| match rejected {
            Rejected::Reused | Rejected::Revoked(Reason::Reused) => 0,
            Rejected::Revoked(_) => 1,
            Rejected::StampMismatch => 2,
            Rejected::Lapsed => 3,
            Rejected::Expired => 4,
            Rejected::Fenced => 5,
            Rejected::Spent | Rejected::Invalid => 6,
            Rejected::Malformed => 7,
        };
        Ok(resolved.rejections.iter().min_by_key(telling).copied().filter(|_| resolved.known.is_none()))
    }

    /// Returns the layer's tokens on behalf of this request: their events carry the client's address, its
    /// `User-Agent` and the header `X-Request-Id`.
    #[must_use]
    pub fn tokens(&self) -> &Tokens {
        self.0.tokens()
    }

    /// Returns a CSRF token for the forms of this page: 128 hexadecimal digits, different each time.
    ///
    /// Put it into a hidden field, whose text the handler passes to [`check_csrf`](Self::check_csrf), or let a script
    /// send it in the header `X-CSRF-Token`.
    ///
    /// Its secret ends with the login: a log-out removes it and a login replaces it. So if the response to a login is
    /// a page, get the token after the login.
    ///
    /// The token is checked only if the client does not say whose page sent the request. It is needed then if the
    /// layer [requires](crate::AuthLayerBuilder::require_csrf_token) it, and always if the page hides its origin
    /// (`Origin: null`).
    ///
    /// # Errors
    /// [`Failure::Tokens`] without randomness; [`Failure::AnswerSent`] if the cookie with its secret cannot be sent
    /// any more.
    pub fn csrf_token(&self) -> Result<String, Failure> {
        let Some(sent) = self.0.sent() else { return Err(Failure::AnswerSent) };
        self.0.mark_personal();
        sent.csrf.token(!self.0.is_answered())
    }

    /// Checks the CSRF token that came with a form. Call it before anything asks for the user: until then the cookies
    /// of a request that needs the token are ignored, and an extractor like [`CurrentUser`](crate::CurrentUser)
    /// refuses it.
    ///
    /// # Errors
    /// [`Rejection::CrossSite`] if the request needs a token and this is not one of this browser's.
    pub async fn check_csrf(&self, token: &str) -> Result<(), Rejection> {
        let Some(sent) = self.0.sent().filter(|_| self.0.is_unproven()) else { return Ok(()) };
        if !sent.csrf.is_proved_by(token) {
            self.0.tell_once(SignalKind::CrossSite, None, None);
            return Err(Rejection::CrossSite);
        }
        let mut state = self.0.state.lock().await;
        sent.unproven.store(false, Ordering::Relaxed);
        state.held = None;
        state.forget();
        Ok(())
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
