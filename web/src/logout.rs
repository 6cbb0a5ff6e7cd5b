//! Logging out.

use futures_util::future::join_all;
use hallpass_core::{LoginId, Subject};

use crate::auth::Auth;
use crate::error::{Denied, NotAdmitted, Refusal};
use crate::signal::SignalKind;

/// The owner of a token (`None` for a visitor) and its login.
type Owner = (Option<Subject>, LoginId);

impl Auth {
    /// Logs out: ends every login that the cookies belong to, and clears the cookies. Returns whether there was
    /// anything to end.
    ///
    /// It ends the logins of expired or replaced tokens, too, remember-me tokens included. If the row of a cookie
    /// cannot be read, nothing is ended for it, but it is cleared like the others.
    ///
    /// # Errors
    /// [`Refusal::CrossSite`], which becomes a 403, if the request needs a CSRF token that was not checked: nothing
    /// was ended. [`Failure`](crate::Failure) if one of the logins could not be ended. The others were ended, but the
    /// cookies stay: repeat the call.
    pub async fn logout(&self) -> Result<bool, Denied> {
        self.refuse_unproven()?;
        let mut state = self.0.state.lock().await;
        let held = state.held(&self.0).clone();
        let (tokens, kinds) = (self.tokens(), &self.0.config.kinds);
        // Concurrently, because a store that cannot be reached takes its time to fail for each of them.
        let looks = held.tokens(kinds).map(|(kind, text)| tokens.look_up(kind, text));
        let mut owners: Vec<Option<Owner>> = Vec::new();
        let (mut texts, mut failed) = (Vec::new(), None);
        for (look, text) in join_all(looks).await.into_iter().zip(held.tokens(kinds)) {
            let owner = match look.map_err(NotAdmitted::from) {
                Ok(candidate) => Some((candidate.subject().cloned(), candidate.login())),
                Err(NotAdmitted::Failed(failure)) => {
                    failed.get_or_insert(failure);
                    continue;
                }
                // A dead token may belong to a login that is still alive. Ending that login needs no key that may be
                // missing.
                Err(NotAdmitted::Rejected(_) | NotAdmitted::Unreadable(_)) => None,
            };
            // One token is enough for each login.
            if owner.is_none() || !owners.contains(&owner) {
                owners.push(owner);
                texts.push(text);
            }
        }
        // An expired session does not name its owner; another token in the request does.
        let known = owners.iter().flatten().find(|(subject, _)| subject.is_some());
        let mut ended = Vec::new();
        for ((kind, text), owner) in texts.into_iter().zip(&owners) {
            match tokens.revoke(kind, text).await.map_err(NotAdmitted::from) {
                Ok(()) => ended.push(owner.as_ref().or(known)),
                // There is nothing left to end.
                Err(NotAdmitted::Rejected(_)) => {}
                Err(NotAdmitted::Unreadable(failure)) => self.0.tell_unreadable(&failure),
                Err(NotAdmitted::Failed(failure)) => failed = failed.or(Some(failure)),
            }
        }
        for (at, owner) in ended.iter().enumerate() {
            let (subject, login) = owner.map(|(subject, login)| (subject.as_ref(), *login)).unzip();
            // The end of a visitor's session logs no user out.
            if !ended[..at].contains(owner) && subject != Some(None) {
                self.0.tell(SignalKind::LoggedOut, subject.flatten(), login);
            }
        }
        let ended = !ended.is_empty();
        if ended || failed.is_none() {
            state.forget();
        }
        match failed {
            Some(failure) => Err(failure.into()),
            None => {
                self.0.take_away(state.held(&self.0));
                Ok(ended)
            }
        }
    }

    /// Refuses a request that needs a CSRF token that was not checked: its cookies are ignored, so there would seem
    /// to be nothing to end.
    pub(crate) fn refuse_unproven(&self) -> Result<(), Refusal> {
        if !self.0.is_unproven() {
            return Ok(());
        }
        self.0.tell_once(SignalKind::CrossSite, None, None);
        Err(Refusal::CrossSite)
    }
}
