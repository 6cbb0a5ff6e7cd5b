//! Logging in, and confirming a login.

use std::any::Any;
use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::time::Duration;

use hallpass_core::{Issued, Kind, Login, Rejected, Stamp, Subject, Timestamp};

use crate::auth::Auth;
use crate::client::Client;
use crate::cookie::{Change, Held};
use crate::envelope::{Envelope, FORCED, STALE, seal};
use crate::error::{Failure, Outcome, Refused};
use crate::request::State;
use crate::signal::SignalKind;
use crate::user::Described;

/// A login about to happen: say more about it, then `.await` it.
#[must_use = "nobody is logged in until it is awaited"]
pub struct LogIn<'a> {
    auth: &'a Auth,
    user: &'a (dyn Any + Send + Sync),
    confirm: bool,
    begun: Option<&'a Login>,
    remember: bool,
    lifetime: Duration,
    fresh: bool,
    force: bool,
}

/// Everything that its tokens have in common.
struct Terms<'a> {
    login: &'a Login,
    stamp: Option<Stamp>,
    flags: u8,
}

impl<'a> LogIn<'a> {
    pub(crate) fn new(auth: &'a Auth, user: &'a (dyn Any + Send + Sync), confirm: bool) -> Self {
        Self {
            auth,
            user,
            confirm,
            begun: None,
            remember: false,
            lifetime: Duration::MAX,
            fresh: true,
            force: false,
        }
    }

    /// Remembers the user when the browser is closed. Off unless told otherwise.
    pub fn remember(mut self, remember: bool) -> Self {
        self.remember = remember;
        self
    }

    /// Remembers the user for so long at most, where the policy allows longer.
    pub fn remember_for(mut self, lifetime: Duration) -> Self {
        (self.remember, self.lifetime) = (true, lifetime);
        self
    }

    /// Whether the login is fresh; it is unless told otherwise.
    pub fn fresh(mut self, fresh: bool) -> Self {
        self.fresh = fresh;
        self
    }

    /// Logs in a user who is not active, too, for as long as this login lasts.
    pub fn force(mut self) -> Self {
        self.force = true;
        self
    }

    /// Finishes the login that [`Auth::begin_login`] began before the password was checked.
    pub fn begun(mut self, login: &'a Login) -> Self {
        self.begun = Some(login);
        self
    }

    async fn run(self) -> Outcome<()> {
        let request = &self.auth.0;
        let Described { subject, stamp, active } = request.config.loader.describe(self.user)?;
        if !active && !self.force {
            request.tell_once(SignalKind::Inactive, Some(&subject), None);
            return Ok(Err(Refused::Inactive));
        }
        let begun = match self.begun {
            Some(login) => login.clone(),
            None => request.config.tokens.begin_login(&subject).await?,
        };
        if begun.subject() != Some(&subject) {
            return Ok(Err(Refused::Fenced));
        }
        let mut state = request.state.lock().await;
        let remember_until = match self.confirm {
            false => self.remember.then(|| request.config.tokens.now().saturating_add(self.lifetime)),
            true => {
                let who = request.who(&mut state).await?;
                if who.known.as_ref().is_none_or(|(_, identity)| identity.subject != subject) {
                    return Ok(Err(Refused::Anonymous));
                }
                self.remembered_until(&mut state, &subject, stamp.as_ref()).await?
            }
        };
        let mut flags = if self.fresh { 0 } else { STALE };
        if !active {
            flags |= FORCED;
        }
        let data = self.kept(&mut state, &subject, stamp.as_ref()).await?;
        let terms = Terms { login: &begun, stamp, flags };
        let issued = match self.issue(state.held(request), &terms, remember_until, &data).await {
            Ok(Ok(issued)) => issued,
            other => {
                // The browser gets nothing of it, so nothing may stay in its list of devices.
                let reason = hallpass_core::Reason::LoggedOut;
                let _ = request.config.tokens.revoke_login(&subject, begun.id(), reason).await;
                return other.map(|refused| refused.map(drop));
            }
        };
        let held = state.held(request);
        if !held.remembers.is_empty() {
            request.changes().remember = Some(Change::Clear);
        }
        *held = Held::default();
        for issued in &issued {
            request.hand_out(held, issued);
        }
        state.forget();
        state.logged_in = true;
        let what = if self.confirm { SignalKind::Confirmed } else { SignalKind::LoggedIn };
        request.config.tell(what, Some(&subject), Some(begun.id()));
        Ok(Ok(()))
    }

    /// The new tokens. Once they are stored, what the browser held until now is ended.
    async fn issue(
        &self,
        held: &Held,
        terms: &Terms<'_>,
        remember_until: Option<Timestamp>,
        data: &[u8],
    ) -> Outcome<Vec<Issued>> {
        let mut issued = Vec::new();
        if let Some(until) = remember_until {
            match self.issue_one(Kind::REMEMBER, &Held::default(), terms, until, &[]).await? {
                Ok(remember) => issued.push(remember),
                Err(rejected) => return Ok(Err(refused(rejected))),
            }
        }
        match self.issue_one(Kind::SESSION, held, terms, Timestamp::MAX, data).await? {
            Ok(session) => issued.push(session),
            Err(rejected) => return Ok(Err(refused(rejected))),
        }
        Ok(Ok(issued))
    }

    async fn issue_one(
        &self,
        kind: Kind,
        replaced: &Held,
        terms: &Terms<'_>,
        until: Timestamp,
        data: &[u8],
    ) -> Result<Result<Issued, Rejected>, Failure> {
        let request = &self.auth.0;
        let tokens = &request.config.tokens;
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
        for (kind, text) in replaced.tokens() {
            issue = issue.replaces(kind, text);
        }
        Ok(issue.await?)
    }

    /// What the session before kept, if it was nobody's or the same user's.
    async fn kept(
        &self,
        state: &mut State,
        subject: &Subject,
        stamp: Option<&Stamp>,
    ) -> Result<Vec<u8>, Failure> {
        for text in &state.held(&self.auth.0).sessions {
            let Ok(candidate) = self.auth.tokens().look_up(Kind::SESSION, text).await? else { continue };
            let stamp = match candidate.subject() {
                None => None,
                Some(other) if other == subject => stamp,
                Some(_) => continue,
            };
            if let Ok(valid) = candidate.verify(stamp).await? {
                return Ok(Envelope::with(&valid).data.to_vec());
            }
        }
        Ok(Vec::new())
    }

    /// Until when this browser remembers `subject`, if it does.
    async fn remembered_until(
        &self,
        state: &mut State,
        subject: &Subject,
        stamp: Option<&Stamp>,
    ) -> Result<Option<Timestamp>, Failure> {
        let request = &self.auth.0;
        for candidate in request.remembered(state.held(request), &mut Vec::new()).await? {
            if candidate.subject() == Some(subject)
                && let Ok(valid) = candidate.verify(stamp).await?
            {
                return Ok(Some(valid.absolute_expiry()));
            }
        }
        Ok(None)
    }
}

/// The only verdict on a login that core knows is that it was fenced.
fn refused(_: Rejected) -> Refused {
    Refused::Fenced
}

impl<'a> IntoFuture for LogIn<'a> {
    type Output = Outcome<()>;
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
