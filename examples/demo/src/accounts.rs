//! The two accounts of the demo, and the check of their passwords.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordVerifier};
use hallpass_core::{LimitError, Stamp, Subject};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Everybody who can log in.
pub const ACCOUNTS: [Account; 2] = [
    Account {
        name: "alice",
        password: "wonderland",
        hash: "$argon2id$v=19$m=19456,t=2,p=1$Kaat/wVe/WDGm6ApSsR+ow$91dyomJGb0xuZNP+tAMGmBs2+15SpRcdY8kQcdB6K8M",
    },
    Account {
        name: "bob",
        password: "builder",
        hash: "$argon2id$v=19$m=19456,t=2,p=1$jHHDGhfyqNoLj01YAbTaTQ$qBAduXZeL5X1XjrhasAYpEGOmDnDk52tySnAacLCCPU",
    },
];

/// How many passwords are hashed at a time: each takes 19 MiB.
static HASHING: Semaphore = Semaphore::const_new(4);

/// Somebody who can log in. A real site keeps the name and the hash, in its database.
#[derive(Debug)]
pub struct Account {
    /// Name and hallpass subject in one.
    pub name: &'static str,
    /// What to type: only to be shown beside the form.
    pub password: &'static str,
    /// Argon2id. Fixed, because tokens are bound to it: a salt drawn at each start would log everybody
    /// out by restarting.
    hash: &'static str,
}

impl Account {
    /// The account called `name`.
    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        ACCOUNTS.iter().find(|account| account.name == name)
    }

    pub(crate) fn subject(&self) -> Result<Subject, LimitError> {
        Subject::new(self.name)
    }

    /// What its tokens are bound to: another password, and they are dead.
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp::of(self.hash)
    }
}

/// Whether `password` is that of `account`. Without an account the answer takes as long, so that it
/// does not tell which names exist.
pub(crate) async fn check(account: Option<&'static Account>, password: String) -> bool {
    let hash = account.map_or(ACCOUNTS[0].hash, |account| account.hash);
    let _permit = HASHING.acquire().await;
    let right = spawn_blocking(move || {
        PasswordHash::new(hash)
            .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    });
    right.await.unwrap_or(false) && account.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_passwords_shown_are_the_right_ones() {
        for account in &ACCOUNTS {
            assert!(check(Account::find(account.name), account.password.into()).await);
            assert!(!check(Account::find(account.name), "guess".into()).await);
        }
        assert!(!check(None, ACCOUNTS[0].password.into()).await, "the stand-in for an unknown name");
    }
}
