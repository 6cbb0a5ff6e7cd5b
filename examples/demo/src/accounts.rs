//! The accounts of the demo and their passwords. A real site keeps them in its database.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use argon2::password_hash::Error;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use hallpass_core::{BoxError, Stamp, Subject};
use hallpass_web::UserLoader;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// The users who can log in when the site starts: name, password, hash. The hashes are fixed because tokens are
/// bound to them: a new salt at each start would log out every user.
const FIRST: [(&str, &str, &str); 2] = [
    (
        "alice",
        "wonderland",
        "$argon2id$v=19$m=19456,t=2,p=1$Kaat/wVe/WDGm6ApSsR+ow$91dyomJGb0xuZNP+tAMGmBs2+15SpRcdY8kQcdB6K8M",
    ),
    (
        "bob",
        "builder",
        "$argon2id$v=19$m=19456,t=2,p=1$jHHDGhfyqNoLj01YAbTaTQ$qBAduXZeL5X1XjrhasAYpEGOmDnDk52tySnAacLCCPU",
    ),
];

/// Limits how many passwords are hashed at a time: each hash takes 19 MiB. A hash continues after its request is
/// gone, so it holds the permit itself.
static HASHING: Semaphore = Semaphore::const_new(4);
/// The longest time that a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// The names and passwords that the site starts with, to show beside the form.
pub fn announced() -> impl Iterator<Item = (&'static str, &'static str)> {
    FIRST.iter().map(|&(name, password, _)| (name, password))
}

/// The users who can log in, with their current passwords. Kept in memory.
#[derive(Clone, Debug)]
pub(crate) struct Accounts(Arc<RwLock<BTreeMap<String, Account>>>);

/// A user who can log in.
#[derive(Clone)]
pub(crate) struct Account {
    /// The name, which is also the hallpass subject.
    pub(crate) name: String,
    /// The Argon2id hash of the password.
    hash: String,
}

impl Accounts {
    pub(crate) fn new() -> Self {
        let account = |(name, _, hash): (&str, &str, &str)| Account { name: name.into(), hash: hash.into() };
        Self(Arc::new(RwLock::new(FIRST.map(|first| (first.0.to_owned(), account(first))).into())))
    }

    /// Finds the account called `name`.
    pub(crate) fn find(&self, name: &str) -> Option<Account> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Changes the password of `account`, and returns the changed account.
    ///
    /// # Errors
    /// If the password could not be hashed. The old one then stays.
    pub(crate) async fn change_password(
        &self,
        account: &Account,
        password: String,
    ) -> Result<Account, BoxError> {
        let hash = in_turn(move || -> Result<PasswordHash, _> {
            Argon2::default().hash_password(password.as_bytes())
        });
        let changed = Account { name: account.name.clone(), hash: hash.await??.to_string() };
        let mut accounts = self.0.write().unwrap_or_else(PoisonError::into_inner);
        accounts.insert(changed.name.clone(), changed.clone());
        Ok(changed)
    }
}

/// Whether `password` is that of `account`. An unknown account takes as long, so that the time does not reveal
/// which names exist.
///
/// # Errors
/// If the password could not be checked.
pub(crate) async fn check(account: Option<&Account>, password: String) -> Result<bool, BoxError> {
    let hash = account.map_or(FIRST[0].2.to_owned(), |account| account.hash.clone());
    let verdict = in_turn(move || {
        let hash = PasswordHash::new(&hash)?;
        match Argon2::default().verify_password(password.as_bytes(), &hash) {
            Ok(()) => Ok(true),
            Err(Error::PasswordInvalid) => Ok(false),
            Err(error) => Err(BoxError::from(error)),
        }
    });
    Ok(verdict.await?? && account.is_some())
}

/// Runs `work` on a thread of its own, when it is its turn.
async fn in_turn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, BoxError> {
    let permit = timeout(PATIENCE, HASHING.acquire()).await??;
    let work = move || {
        let _permit = permit;
        work()
    };
    Ok(spawn_blocking(work).await?)
}

impl UserLoader for Accounts {
    type User = Account;
    type Error = Infallible;

    async fn load(&self, id: &Subject) -> Result<Option<Account>, Infallible> {
        Ok(self.find(id.as_str()))
    }

    fn id(&self, account: &Account) -> String {
        account.name.clone()
    }

    /// A new password ends all tokens.
    fn stamp(&self, account: &Account) -> Option<Stamp> {
        Some(Stamp::of(&account.hash))
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_passwords_announced_are_the_right_ones() {
        let accounts = Accounts::new();
        for (name, password) in announced() {
            let account = accounts.find(name);
            assert!(check(account.as_ref(), password.into()).await.unwrap());
            assert!(!check(account.as_ref(), "guess".into()).await.unwrap());
            assert!(!format!("{account:?}").contains("argon2"));
        }
        assert!(!check(None, FIRST[0].1.into()).await.unwrap(), "the stand-in for an unknown name");
    }

    #[tokio::test]
    async fn a_changed_password_is_the_only_right_one() {
        let accounts = Accounts::new();
        let before = accounts.find("alice").unwrap();
        let after = accounts.change_password(&before, "looking-glass".into()).await.unwrap();
        assert!(check(Some(&after), "looking-glass".into()).await.unwrap());
        assert!(!check(Some(&after), "wonderland".into()).await.unwrap());
        assert!(check(accounts.find("alice").as_ref(), "looking-glass".into()).await.unwrap());
    }
}
