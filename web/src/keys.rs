//! Tokens for people and programs rather than browsers: API keys, and single-use tokens.

use std::sync::Arc;

use hallpass_core::{ActiveLogin, Issued, Kind, ListQuery, LoginId, Purpose, Reason, Rejected, Subject};

use crate::auth::Auth;
use crate::error::{Denied, Failure, Refusal};

impl Auth {
    /// Makes an API key for the user who is logged in, to be shown once. An API key cannot make another.
    ///
    /// It is bound to no stamp, so it outlives a change of password; [`revoke_key`](Self::revoke_key) ends it. The
    /// name is cut to 512 bytes.
    ///
    /// Ask for a [`FreshUser`](crate::FreshUser) first: otherwise a thief with a copied session could make a key that
    /// outlives the session. A key acts as its user, on every page that only asks for the user. The application
    /// decides what else it may do, by [`Identity::login`](crate::Identity::login).
    ///
    /// # Errors
    /// [`Refusal::Anonymous`]; [`Refusal::CrossSite`]; [`Refusal::TooManyKeys`]; [`Failure`] if it could not be
    /// stored.
    pub async fn issue_key(&self, name: &str) -> Result<Issued, Denied> {
        self.refuse_unproven()?;
        let config = &self.0.config;
        let kind = config.keys.ok_or(hallpass_core::Failure::UnknownKind(Kind::API_KEY))?;
        // A key outlives its login: none for a login that has ended.
        self.exact_identity().await?;
        let Some((subject, login)) = self.caller().await? else { return Err(Refusal::Anonymous.into()) };
        if self.keys_of(&subject, login).await?.len() >= config.max_keys.get() as usize {
            return Err(Refusal::TooManyKeys.into());
        }
        let login = self.tokens().begin_login(&subject).await?;
        let issued = self.tokens().issue(&login, kind).device(name).await;
        issued.map_err(|denied| Denied::as_refusal(denied, Refusal::Fenced))
    }

    /// Returns the API keys of the user who is logged in, newest first, with name and last use, without secrets.
    /// Empty if the request itself came with a key.
    ///
    /// # Errors
    /// [`Failure`] if the store fails.
    pub async fn keys(&self) -> Result<Vec<ActiveLogin>, Failure> {
        match self.caller().await? {
            Some((subject, login)) => self.keys_of(&subject, login).await,
            None => Ok(Vec::new()),
        }
    }

    /// Ends one of the API keys of the user who is logged in. A request that came with a key can end only that key.
    /// Returns whether there was anything to end: a device is not a key.
    ///
    /// # Errors
    /// [`Refusal::CrossSite`] as for [`logout`](Self::logout). [`Failure`] if it could not be written: repeat the
    /// call.
    pub async fn revoke_key(&self, key: LoginId) -> Result<bool, Denied> {
        self.refuse_unproven()?;
        let Some(identity) = self.identity().await? else { return Ok(false) };
        if identity.via == crate::Via::Key && identity.login != key {
            return Ok(false);
        }
        let (tokens, reason) = (self.tokens(), Reason::LoggedOut);
        Ok(tokens.revoke_kinds_of_login(&identity.subject, key, Purpose::Key, reason).await? > 0)
    }

    async fn keys_of(&self, subject: &Subject, login: LoginId) -> Result<Vec<ActiveLogin>, Failure> {
        let mut query = ListQuery { purpose: Purpose::Key, current: Some(login), ..ListQuery::default() };
        let mut keys = Vec::new();
        loop {
            let page = self.tokens().list(subject, &query).await?;
            keys.extend(page.logins);
            if page.next.is_none() {
                return Ok(keys);
            }
            query.after = page.next;
        }
    }

    /// Makes a single-use token of `kind` for `user`, for a link in an e-mail: to set a new password, or to confirm
    /// an address. It expires on the server, and is refused once the stamp changes.
    ///
    /// # Errors
    /// [`Failure`] if it could not be stored, or if `kind` has no policy.
    pub async fn issue_once<U: Send + Sync + 'static>(&self, kind: Kind, user: &U) -> Result<Issued, Denied> {
        let described = self.0.config.describe(user)?;
        let login = self.tokens().begin_login(&described.subject).await?;
        let mut issue = self.tokens().issue(&login, kind);
        if let Some(stamp) = described.stamp {
            issue = issue.stamp(stamp);
        }
        issue.await.map_err(|denied| Denied::as_refusal(denied, Refusal::Fenced))
    }

    /// Consumes a token of `kind` and returns its user. Of any number of concurrent calls at most one is accepted.
    ///
    /// Call it when the form is sent, not when its link is opened: programs open links, too.
    ///
    /// # Errors
    /// [`Refusal::Token`] if the token is rejected. [`Refusal::Inactive`] if its user is not active: then it is not
    /// consumed. [`Failure`] without a verdict: then it may be consumed.
    pub async fn consume<U: Send + Sync + 'static>(&self, kind: Kind, text: &str) -> Result<Arc<U>, Denied> {
        self.use_up(kind, text, false).await
    }

    /// Does the same as [`consume`](Self::consume), also for a user who is not active: for the link that activates an
    /// account, by confirming an address for instance.
    ///
    /// # Errors
    /// As for [`consume`](Self::consume).
    pub async fn consume_to_activate<U: Send + Sync + 'static>(
        &self,
        kind: Kind,
        text: &str,
    ) -> Result<Arc<U>, Denied> {
        self.use_up(kind, text, true).await
    }

    async fn use_up<U: Send + Sync + 'static>(
        &self,
        kind: Kind,
        text: &str,
        inactive_too: bool,
    ) -> Result<Arc<U>, Denied> {
        let invalid = Refusal::Token(Rejected::Invalid);
        let candidate = self.tokens().look_up(kind, text).await?;
        let subject = candidate.subject().cloned().ok_or(invalid)?;
        let loaded = self.0.config.load(&subject, true).await?.ok_or(invalid)?;
        let user = loaded.user.downcast().map_err(|_| Failure::WrongUserType)?;
        if !loaded.active && !inactive_too {
            self.0.tell_once(crate::SignalKind::Inactive, Some(&subject), Some(candidate.login()));
            return Err(Refusal::Inactive.into());
        }
        match candidate.consume(loaded.stamp.as_ref()).await {
            Ok(_) => Ok(user),
            Err(hallpass_core::Denied::Failed(hallpass_core::Failure::StampRequired)) => {
                Err(Refusal::Token(Rejected::StampMismatch).into())
            }
            Err(denied) => Err(denied.into()),
        }
    }
}
