//! Logging in, and authenticating again within a login.

use std::any::Any;
use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::time::Duration;

use hallpass_core::{Issued, Kind, Login, Rejected, Stamp, Subject, Timestamp};

use crate::auth::Auth;
use crate::client::Client;
use crate::cookie::{Change, PresentedTokens};
use crate::envelope::{INACTIVE_ALLOWED, NOT_FRESH, seal};
use crate::error::{Denied, Failure, NotAdmitted, Refusal, causes};
use crate::request::{Resolved, State};
use crate::signal::SignalKind;
use crate::user::UserFacts;

/// A login about to happen: set its options, then `.await` it.
#[must_use = "no one is logged in until it is awaited"]
pub struct LogIn<'a> {
    auth: &'a Auth,
    user: &'a (dyn Any + Send + Sync),
    /// Whether the user is logged in already, and entered the password again.
    again: bool,
    begun: Option<Result<Login, Failure>>,
    remember: bool,
    lifetime: Duration,
    fresh: bool,
    /// Set by [`danger::force`](crate::danger::force).
    pub(crate) force: bool,
}

/// The terms that all tokens of the login share.
struct LoginTerms<'a> {
    login: &'a Login,
    stamp: Option<Stamp>,
    flags: u8,
}

impl Auth {
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
    /// layer's loader, an `Arc` of it, or a [`CurrentUser`](crate::CurrentUser).
    ///
    /// It makes a new session and ends the login that this browser had, so a session planted by an attacker is
    /// worthless. The session's data stay if the session was anonymous or this user's.
    pub fn login<'a, U: Send + Sync + 'static>(&'a self, user: &'a U) -> LogIn<'a> {
        LogIn::new(self, user as &(dyn Any + Send + Sync), false)
    }

    /// Makes the login of `user` fresh, after the logged-in user entered the password again (a step-up). New tokens
    /// replace the old ones; a remember-me token lives no longer than before.
    ///
    /// [`Refusal::Anonymous`](crate::Refusal::Anonymous) if `user` is not the user who is logged in.
    pub fn reauthenticate<'a, U: Send + Sync + 'static>(&'a self, user: &'a U) -> LogIn<'a> {
        LogIn::new(self, user as &(dyn Any + Send + Sync), true)
    }
}

impl<'a> LogIn<'a> {
    pub(crate) fn new(auth: &'a Auth, user: &'a (dyn Any + Send + Sync), again: bool) -> Self {
        Self {
            auth,
            user,
            again,
            begun: None,
            remember: false,
            lifetime: Duration::MAX,
            fresh: true,
            force: false,
        }
    }

    /// Sets whether to remember the user after the browser is closed. Off by default.
    pub fn remember(mut self, remember: bool) -> Self {
        self.remember = remember;
        self
    }

    /// Remembers the user for at most `lifetime`, if the policy allows a longer time.
    pub fn remember_for(mut self, lifetime: Duration) -> Self {
        (self.remember, self.lifetime) = (true, lifetime);
        self
    }

    /// Sets whether the login is fresh. It is by default.
    pub fn fresh(mut self, fresh: bool) -> Self {
        self.fresh = fresh;
        self
    }

    /// Completes the login that [`Auth::begin_login`] began before the password was checked. If it could not begin,
    /// this login fails with the cause.
    pub fn begun(mut self, login: Result<Login, Failure>) -> Self {
        self.begun = Some(login);
        self
    }

    async fn run(mut self) -> Result<(), Denied> {
        let request = &self.auth.0;
        let UserFacts { subject, stamp, active } = request.config.describe(self.user)?;
        self.auth.refuse_unproven()?;
        if request.is_answered() {
            return Err(Failure::AnswerSent.into());
        }
        if !active && !self.force {
            request.tell_once(SignalKind::Inactive, Some(&subject), None);
            return Err(Refusal::Inactive.into());
        }
        let begun = match self.begun.take() {
            Some(login) => login?,
            None => request.tokens().begin_login(&subject).await?,
        };
        if begun.subject() != Some(&subject) {
            return Err(Refusal::Fenced.into());
        }
        let mut state = request.state.lock().await;
        let remember_until = if self.again {
            let resolved = request.resolved(&mut state).await?;
            if resolved.known.as_ref().is_none_or(|(_, identity)| identity.subject != subject) {
                return Err(Refusal::Anonymous.into());
            }
            self.remembered_until(&mut state, &subject, stamp.as_ref()).await?
        } else {
            self.remember.then(|| request.tokens().now().saturating_add(self.lifetime))
        };
        let mut flags = if self.fresh { 0 } else { NOT_FRESH };
        if !active {
            flags |= INACTIVE_ALLOWED;
        }
        let data = self.kept(&mut state, &subject, stamp.as_ref()).await?;
        let terms = LoginTerms { login: &begun, stamp, flags };
        let mut issued = Vec::new();
        let done = self.issue(state.held(request), &terms, remember_until, &data, &mut issued).await;
        if let Err(denied) = done.and_then(|()| Ok(self.hand_out(&mut state, &issued)?)) {
            self.abandon(&issued).await;
            return Err(denied);
        }
        state.forget();
        state.logged_in = true;
        request.mark_personal();
        request.warn_of_dropped_cookies();
        let what = if self.again { SignalKind::Reauthenticated } else { SignalKind::LoggedIn };
        request.tell(what, Some(&subject), Some(begun.id()));
        Ok(())
    }

    /// Ends a login that failed: the browser gets no token of it, so it must not stay in the list of devices.
    ///
    /// It ends by token, not by login id, because that would turn away other logins of the user that are under way.
    async fn abandon(&self, issued: &[Issued]) {
        let Some(first) = issued.first() else { return };
        let ended = self.auth.tokens().revoke(first.kind, first.token.expose()).await;
        if let Err(hallpass_core::Denied::Failed(failure)) = ended {
            tracing::warn!(target: "hallpass", error = causes(&failure), "a failed login left rows in the store");
        }
    }

    /// Sends the new tokens to the browser, in place of all that it held.
    fn hand_out(&self, state: &mut State, issued: &[Issued]) -> Result<(), Failure> {
        let request = &self.auth.0;
        if let Some(sent) = request.sent().filter(|_| !self.again) {
            sent.csrf.renew()?;
        }
        let held = state.held(request);
        if !held.remembers.is_empty() {
            request.changes().remember = Some(Change::Clear);
        }
        *held = PresentedTokens::default();
        // After a log-out in the same request the browser would delete the cookies that are set here.
        request.changes().logged_out = false;
        issued.iter().try_for_each(|issued| request.hand_out(held, issued))
    }

    /// Issues the new tokens. Once they are stored, the logins that the browser held until now end. After a failure
    /// `issued` contains what was stored before it.
    async fn issue(
        &self,
        held: &PresentedTokens,
        terms: &LoginTerms<'_>,
        remember_until: Option<Timestamp>,
        data: &[u8],
        issued: &mut Vec<Issued>,
    ) -> Result<(), Denied> {
        let kinds = &self.auth.0.config.kinds;
        if let Some(until) = remember_until {
            issued.push(self.issue_one(kinds.remember, held, terms, until, &[]).await?);
        }
        issued.push(self.issue_one(kinds.session, held, terms, Timestamp::MAX, data).await?);
        Ok(())
    }

    async fn issue_one(
        &self,
        kind: Kind,
        replaced: &PresentedTokens,
        terms: &LoginTerms<'_>,
        until: Timestamp,
        data: &[u8],
    ) -> Result<Issued, Denied> {
        let request = &self.auth.0;
        let tokens = request.tokens();
        let lifetime = until.since(tokens.now());
        let mut issue = tokens.issue(terms.login, kind).data(seal(terms.flags, data)).lifetime(lifetime);
        if let Some(stamp) = terms.stamp {
            issue = issue.stamp(stamp);
        }
        let client = request.sent().map(|sent| &sent.client);
        let device = client.map(Client::device);
        if let Some(device) = &device {
            issue = issue.device(device.as_str());
        }
        if let Some(fingerprint) = client.and_then(|client| client.fingerprint) {
            issue = issue.fingerprint(fingerprint);
        }
        let kinds = &request.config.kinds;
        for (old, text) in replaced.tokens(kinds) {
            // The old logins end with the last of the new tokens. If issuing that one fails, the browser keeps its
            // old tokens.
            let last = kind == kinds.session;
            issue = if last { issue.replaces(old, text) } else { issue.replaces_with_next(old, text) };
        }
        issue.await.map_err(|denied| Denied::as_refusal(denied, Refusal::Fenced))
    }

    /// Returns the data of the previous session, if that was anonymous or the same user's. A session that cannot be
    /// read has none.
    async fn kept(
        &self,
        state: &mut State,
        subject: &Subject,
        stamp: Option<&Stamp>,
    ) -> Result<Vec<u8>, Failure> {
        let request = &self.auth.0;
        let held = state.held(request);
        for text in &held.sessions {
            let kept = async {
                let candidate = request.session(request.view(), held, text).await?;
                let stamp = match candidate.subject() {
                    None => None,
                    Some(other) if other == subject => stamp,
                    Some(_) => return Err(NotAdmitted::Rejected(Rejected::Invalid)),
                };
                request.kept_data(&candidate.verify(stamp).await?).await
            };
            match kept.await {
                Ok(data) => return Ok(data),
                Err(NotAdmitted::Failed(failure)) => return Err(failure),
                Err(NotAdmitted::Rejected(_) | NotAdmitted::Unreadable(_)) => {}
            }
        }
        Ok(Vec::new())
    }

    /// Returns until when this browser remembers `subject`, if it does.
    async fn remembered_until(
        &self,
        state: &mut State,
        subject: &Subject,
        stamp: Option<&Stamp>,
    ) -> Result<Option<Timestamp>, Failure> {
        let request = &self.auth.0;
        let held = state.held(request);
        for candidate in request.remembered(request.view(), held, &mut Resolved::default()).await? {
            if candidate.subject() != Some(subject) {
                continue;
            }
            match candidate.verify(stamp).await.map_err(NotAdmitted::from) {
                Ok(valid) => return Ok(Some(valid.absolute_expiry())),
                Err(NotAdmitted::Failed(failure)) => return Err(failure),
                Err(NotAdmitted::Rejected(_) | NotAdmitted::Unreadable(_)) => {}
            }
        }
        Ok(None)
    }
}

impl<'a> IntoFuture for LogIn<'a> {
    type Output = Result<(), Denied>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl fmt::Debug for LogIn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogIn").field("remember", &self.remember).finish_non_exhaustive()
    }
}
