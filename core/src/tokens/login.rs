//! A login under way, and the epoch that fences it.

use std::time::Duration;

use super::Tokens;
use crate::error::{DecodeError, Failure};
use crate::ident::{Epoch, Era, LoginId, Subject};
use crate::store::Admission;
use crate::token::Selector;

/// How long a login may be under way: password, second factor, and the answer. 1 hour.
pub(super) const LOGIN_WINDOW: Duration = Duration::from_secs(60 * 60);

/// A login that has begun: whoever finishes it gets tokens that a "log out everywhere" in between
/// would have caught (contract S11).
///
/// It holds no secret, but whoever can make one up gets past that fence: keep it on the server.
#[derive(Clone, Debug)]
pub struct Login {
    pub(super) id: LoginId,
    pub(super) era: Era,
    /// With the subject's epoch; `None` for an anonymous session.
    pub(super) subject: Option<(Subject, Epoch)>,
}

impl Login {
    const VERSION: u8 = 1;

    /// The id that all of its records will carry.
    #[must_use]
    pub const fn id(&self) -> LoginId {
        self.id
    }

    /// Who is logging in; `None` for an anonymous session.
    #[must_use]
    pub fn subject(&self) -> Option<&Subject> {
        self.subject.as_ref().map(|(subject, _)| subject)
    }

    /// The login as at most 280 bytes, to carry it across requests (until a second factor has been
    /// checked, say) in the data of an anonymous session or a one-time token.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![Self::VERSION];
        out.extend_from_slice(&self.id.0);
        out.extend_from_slice(&self.era.get().to_be_bytes());
        if let Some((subject, epoch)) = &self.subject {
            out.extend_from_slice(&epoch.0);
            out.extend_from_slice(subject.as_str().as_bytes());
        }
        out
    }

    /// Reads what [`Login::encode`] wrote.
    ///
    /// # Errors
    /// [`DecodeError`] for anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let Some((&[Self::VERSION], rest)) = bytes.split_first_chunk() else {
            return Err(DecodeError("unknown version of a login"));
        };
        let (id, rest) = rest.split_first_chunk().ok_or(DecodeError("too short for a login"))?;
        let (era, rest) = rest.split_first_chunk().ok_or(DecodeError("too short for a login"))?;
        let era = Era::new(u32::from_be_bytes(*era));
        let subject = match rest.split_first_chunk() {
            Some((epoch, name)) => {
                let name = std::str::from_utf8(name).map_err(|_| DecodeError("a subject is not UTF-8"))?;
                let subject = Subject::new(name).map_err(|_| DecodeError("a subject breaks its limits"))?;
                Some((subject, Epoch(*epoch)))
            }
            None if rest.is_empty() => None,
            None => return Err(DecodeError("too short for a login")),
        };
        Ok(Self { id: LoginId(*id), era, subject })
    }
}

impl Tokens {
    /// Begins a login. Call it before the password is checked, and only for a subject that exists: it
    /// stores a short-lived row for it.
    ///
    /// # Errors
    /// [`Failure::Store`], [`Failure::Randomness`].
    pub async fn begin_login(&self, subject: &Subject) -> Result<Login, Failure> {
        let fresh = Epoch(self.random()?);
        let Admission { epoch, era } = self.store().epoch(subject, fresh, LOGIN_WINDOW, self.now()).await?;
        Ok(Login { id: LoginId(self.random()?), era, subject: Some((subject.clone(), epoch)) })
    }

    /// Begins a login for a name that no subject has: checking its password takes as long as for one that
    /// exists, and this does too. Costs one call of the store and writes nothing; [`issue`](Self::issue) answers
    /// [`Rejected::Fenced`](crate::Rejected::Fenced), whatever the password.
    ///
    /// # Errors
    /// [`Failure::Store`], [`Failure::Randomness`].
    pub async fn begin_unknown_login(&self) -> Result<Login, Failure> {
        self.store().find(Selector(self.random()?)).await?;
        todo!()
    }

    /// Begins a session that belongs to no subject yet.
    ///
    /// # Errors
    /// [`Failure::Randomness`].
    pub fn begin_anonymous(&self) -> Result<Login, Failure> {
        Ok(Login { id: LoginId(self.random()?), era: Era::FIRST, subject: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_survives_its_bytes() {
        let subject = Some((Subject::new("älice").unwrap(), Epoch([9; 16])));
        for subject in [None, subject] {
            let login = Login { id: LoginId([1; 8]), era: Era::new(7), subject };
            let again = Login::decode(&login.encode()).unwrap();
            assert_eq!((again.id, again.era, &again.subject), (login.id, login.era, &login.subject));
        }
    }

    #[test]
    fn other_bytes_are_an_error() {
        let subject = Some((Subject::new("a").unwrap(), Epoch([9; 16])));
        let good = Login { id: LoginId([1; 8]), era: Era::FIRST, subject };
        let good = good.encode();
        for len in (0..good.len()).filter(|&len| len != 13) {
            assert!(Login::decode(&good[..len]).is_err(), "{len} bytes");
        }
        assert!(Login::decode(&[&[2], &good[1..]].concat()).is_err(), "another version");
        assert!(Login::decode(&[&good[..], &[0]].concat()).is_err(), "NUL");
        assert!(Login::decode(&[&good[..], &[0xff]].concat()).is_err(), "not UTF-8");
    }
}
