//! The devices of the current user, and their log-out.

use hallpass_core::{ActiveLogin, ListQuery, LoginId, Purposes, Reason, Renewed, Subject, Valid};

use crate::auth::Auth;
use crate::cookie::PresentedTokens;
use crate::current::Via;
use crate::error::{Denied, Failure, Refusal};
use crate::request::State;
use crate::signal::SignalKind;

impl Auth {
    /// Returns the devices on which the user is logged in, newest first, with the current one marked. Empty for an
    /// anonymous request, and for an API key, which manages no devices.
    ///
    /// # Errors
    /// [`Failure`] if the store fails.
    pub async fn devices(&self) -> Result<Vec<ActiveLogin>, Failure> {
        let mut devices = Vec::new();
        let Some((subject, login)) = self.caller().await? else { return Ok(devices) };
        let mut query = ListQuery { current: Some(login), ..ListQuery::default() };
        loop {
            let page = self.tokens().list(&subject, &query).await?;
            devices.extend(page.logins);
            if page.next.is_none() {
                return Ok(devices);
            }
            query.after = page.next;
        }
    }

    /// Logs one of the user's devices out, which may be this one. Returns whether there was anything to end: another
    /// user's login and an API key are not devices of this user.
    ///
    /// # Errors
    /// [`Refusal::CrossSite`] as for [`logout`](Self::logout). [`Failure`] if it could not be written: repeat the
    /// call.
    pub async fn logout_device(&self, device: LoginId) -> Result<bool, Denied> {
        self.refuse_unproven()?;
        let Some((subject, login)) = self.caller().await? else { return Ok(false) };
        if device == login {
            return self.logout().await;
        }
        // By purpose, because the list also shows kinds for which these tokens have no policy.
        let (what, reason) = (Purposes::NOT_KEYS, Reason::LoggedOutElsewhere);
        let ended = self.tokens().revoke_kinds_of_login(&subject, device, what, reason).await? > 0;
        if ended {
            self.0.tell(SignalKind::LoggedOut, Some(&subject), Some(device));
        }
        Ok(ended)
    }

    /// Logs every other device of the user out, and gives this one new tokens, so a copy of its old ones is logged
    /// out, too. API keys stay.
    ///
    /// Ask for a [`FreshUser`](crate::FreshUser) first: otherwise a thief with a copied session could log the owner
    /// out and stay.
    ///
    /// # Errors
    /// [`Refusal::CrossSite`] as for [`logout`](Self::logout). [`Refusal::Anonymous`] without a session, or if it was
    /// ended meanwhile, for instance by the same call in another tab. [`Failure`] if it could not be written: repeat
    /// the call. If only the other devices could not be ended, this one has its new tokens nevertheless.
    pub async fn logout_others(&self) -> Result<(), Denied> {
        self.refuse_unproven()?;
        let mut state = self.0.state.lock().await;
        let Some(valid) = self.own_session(&mut state).await? else { return Err(Refusal::Anonymous.into()) };
        let subject = valid.subject().cloned();
        let renewed = self.tokens().revoke_others(valid).await;
        self.renewed(&mut state, subject.as_ref(), renewed)
    }

    /// Logs every other device of `user` out after the password or its equivalent was changed and committed. Gives
    /// this device new tokens bound to the new stamp.
    ///
    /// `user` is the user after the change. Ask who is logged in before the change is committed (an extractor does):
    /// afterwards the old stamp is refused, on this device as on the others.
    ///
    /// # Errors
    /// As for [`logout_others`](Self::logout_others). Even then the tokens bound to the old stamp are refused, as
    /// long as the stamp is the new one.
    pub async fn credential_changed<U: Send + Sync + 'static>(&self, user: &U) -> Result<(), Denied> {
        self.refuse_unproven()?;
        let described = self.0.config.describe(user)?;
        let mut state = self.0.state.lock().await;
        let valid = self.own_session(&mut state).await?;
        let Some(valid) = valid.filter(|valid| valid.subject() == Some(&described.subject)) else {
            return Err(Refusal::Anonymous.into());
        };
        let renewed = self.tokens().credential_changed(valid, described.stamp).await;
        self.renewed(&mut state, Some(&described.subject), renewed)
    }

    /// Logs every device of the user out, this one included, and clears its cookies. API keys stay. Returns whether a
    /// user was logged in.
    ///
    /// # Errors
    /// [`Refusal::CrossSite`] as for [`logout`](Self::logout). [`Failure`] if it could not be written: repeat the
    /// call.
    pub async fn logout_everywhere(&self) -> Result<bool, Denied> {
        self.refuse_unproven()?;
        let Some((subject, _)) = self.caller().await? else { return Ok(false) };
        self.tokens().revoke_subject(&subject, Purposes::NOT_KEYS, Reason::LoggedOutElsewhere).await?;
        let mut state = self.0.state.lock().await;
        self.0.take_away(state.held(&self.0));
        state.forget();
        self.0.tell(SignalKind::LoggedOut, Some(&subject), None);
        Ok(true)
    }

    /// Returns the user who may manage devices and keys: one who is logged in, but not with a key.
    pub(crate) async fn caller(&self) -> Result<Option<(Subject, LoginId)>, Failure> {
        let identity = self.identity().await?.filter(|identity| identity.via != Via::Key);
        Ok(identity.map(|identity| (identity.subject, identity.login)))
    }

    /// Returns the session of the user, if the user is logged in with one. A cached one will do: core reads the records
    /// that it renews. And the stamp may have changed since, so asking again would refuse it.
    async fn own_session<'s>(&self, state: &'s mut State) -> Result<Option<&'s Valid>, Failure> {
        if self.0.is_answered() {
            return Err(Failure::AnswerSent);
        }
        Ok(self.0.resolved(state).await?.session.as_ref().filter(|valid| valid.subject().is_some()))
    }

    /// Hands the new tokens out, in place of all that the browser held.
    fn renewed(
        &self,
        state: &mut State,
        subject: Option<&Subject>,
        renewed: Result<Renewed, hallpass_core::Denied>,
    ) -> Result<(), Denied> {
        let logged_in = state.logged_in;
        state.forget();
        let Renewed { tokens, ended, .. } =
            renewed.map_err(|denied| Denied::as_refusal(denied, Refusal::Anonymous))?;
        state.logged_in = logged_in;
        let held = state.held(&self.0);
        *held = PresentedTokens::default();
        for issued in tokens.iter().filter(|issued| self.0.config.kinds.contain(issued.kind)) {
            self.0.hand_out(held, issued)?;
        }
        ended?;
        self.0.tell(SignalKind::LoggedOut, subject, None);
        Ok(())
    }
}
