//! Tokens that are handed to people and programs rather than to browsers: API keys, and tokens that work
//! once.

use std::sync::Arc;

use hallpass_core::{Issued, Kind, ListQuery, LoginId, Purpose, Reason, Rejected};

use crate::auth::Auth;
use crate::error::{Failure, Outcome, Refused};

impl Auth {
    /// Makes an API key for whoever is logged in, to be shown once. It is bound to no stamp, so it outlives
    /// a change of password; [`revoke_key`](Self::revoke_key) ends it. Nobody makes a key with a key.
    ///
    /// Ask for a [`FreshUser`](crate::FreshUser) first: whoever has copied a session could make a key that
    /// outlives it.
    ///
    /// # Errors
    /// [`Failure`] if it could not be stored; `name` has at most 512 bytes.
    pub async fn issue_key(&self, name: &str) -> Outcome<Issued> {
        let Some(kind) = self.0.config.keys else {
            return Err(hallpass_core::Failure::UnknownKind(Kind::API_KEY).into());
        };
        let identity = self.identity().await?.filter(|identity| identity.via != crate::Via::Key);
        let Some(identity) = identity else { return Ok(Err(Refused::Anonymous)) };
        let login = self.tokens().begin_login(&identity.subject).await?;
        let issued = self.tokens().issue(&login, kind).device(name).await?;
        Ok(issued.map_err(|_| Refused::Fenced))
    }

    /// The API keys of whoever is logged in, newest first: at most 100, with name and last use, no secrets.
    ///
    /// # Errors
    /// [`Failure`] if the store does not answer.
    pub async fn keys(&self) -> Result<Vec<hallpass_core::ActiveLogin>, Failure> {
        let Some(identity) = self.identity().await? else { return Ok(Vec::new()) };
        let query =
            ListQuery { purpose: Purpose::Key, current: Some(identity.login), ..ListQuery::default() };
        Ok(self.tokens().list(&identity.subject, &query).await?.logins)
    }

    /// Ends one of the API keys of whoever is logged in. Says whether there was anything to end: a device is
    /// no key.
    ///
    /// # Errors
    /// [`Failure`] if it could not be written: repeat it.
    pub async fn revoke_key(&self, key: LoginId) -> Result<bool, Failure> {
        let Some(identity) = self.identity().await? else { return Ok(false) };
        let (subject, kinds) = (identity.subject, self.tokens().kinds_for(&[Purpose::Key]));
        Ok(self.tokens().revoke_kinds_of_login(&subject, key, kinds, Reason::LoggedOut).await? > 0)
    }

    /// Makes a token of `kind` for `user` that works once, for a link in an e-mail: a new password, an
    /// address to confirm. It expires on the server, and a changed stamp kills it.
    ///
    /// # Errors
    /// [`Failure`] if it could not be stored, or if `kind` has no policy.
    pub async fn issue_once<U: Send + Sync + 'static>(&self, kind: Kind, user: &U) -> Outcome<Issued> {
        let described = self.0.config.loader.describe(user)?;
        let login = self.tokens().begin_login(&described.subject).await?;
        let mut issue = self.tokens().issue(&login, kind);
        if let Some(stamp) = described.stamp {
            issue = issue.stamp(stamp);
        }
        Ok(issue.await?.map_err(|_| Refused::Fenced))
    }

    /// Uses a token of `kind` up and answers whose it was. Of any number of callers at most one is accepted.
    /// Do it when the form is sent, not when its link is opened: programs open links too.
    ///
    /// # Errors
    /// [`Failure`] if nobody can tell; the token may be used up then.
    pub async fn consume<U: Send + Sync + 'static>(
        &self,
        kind: Kind,
        text: &str,
    ) -> Result<Result<Arc<U>, Rejected>, Failure> {
        let candidate = match self.tokens().look_up(kind, text).await? {
            Ok(candidate) => candidate,
            Err(rejected) => return Ok(Err(rejected)),
        };
        let Some(id) = candidate.subject().cloned() else { return Ok(Err(Rejected::Invalid)) };
        let Some(loaded) = self.0.config.loader.load(&id).await? else { return Ok(Err(Rejected::Invalid)) };
        let user = loaded.user.downcast().map_err(|_| Failure::WrongUserType)?;
        Ok(candidate.consume(loaded.stamp.as_ref()).await?.map(|_| user))
    }
}
