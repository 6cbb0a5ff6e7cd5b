//! What a backend promises, and what it does not.

/// What a backend promises: everything, except the capabilities that it subtracts, each with a reason for the reader.
///
/// # Examples
/// ```
/// use hallpass_conformance_tests::{Capability, Declared};
///
/// let declared = Declared::everything().without(Capability::ProcessCrash, "keeps records in memory only");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    lacks: Vec<(Capability, &'static str)>,
}

/// A promise that a backend may leave out and still be useful.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Capability {
    /// The store announces what ended (S19): `TokenStore::announcer` returns something. Without it, there is no near
    /// cache over this store, and nothing else is missing.
    Feed,
    /// [`Harness::server`](crate::Harness::server) supplies a server to hurt. An embedded store has none.
    Outage,
    /// Acknowledged writes survive a power loss (S14).
    PowerLoss,
    /// Acknowledged writes survive the death of the process, or of the server process (S14). Without it there is no
    /// [`Capability::PowerLoss`] either.
    ProcessCrash,
    /// `purge_expired` collects. A store with a native time to live may leave all of it to the backend (S10).
    Purge,
    /// A namespace can be opened twice: several nodes (S6). Without it, races use one handle.
    SecondHandle,
}

/// What an acknowledged write survives (contract S14).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Durability {
    /// Nothing: a restart loses it.
    None,
    /// The death of the process.
    ProcessCrash,
    /// The loss of power.
    PowerLoss,
}

impl Declared {
    /// Every promise of the contract.
    #[must_use]
    pub fn everything() -> Self {
        Self::default()
    }

    /// Declares that `capability` is missing, and why.
    #[must_use]
    pub fn without(mut self, capability: Capability, reason: &'static str) -> Self {
        self.lacks.push((capability, reason));
        self
    }

    /// Why `capability` is not promised; `None` if it is.
    #[must_use]
    pub fn lacks(&self, capability: Capability) -> Option<&'static str> {
        let implied = |lacked: Capability| {
            lacked == capability
                || (lacked == Capability::ProcessCrash && capability == Capability::PowerLoss)
        };
        self.lacks.iter().find(|(lacked, _)| implied(*lacked)).map(|(_, reason)| *reason)
    }

    /// What acknowledged writes survive.
    #[must_use]
    pub fn durability(&self) -> Durability {
        match (self.lacks(Capability::ProcessCrash), self.lacks(Capability::PowerLoss)) {
            (Some(_), _) => Durability::None,
            (None, Some(_)) => Durability::ProcessCrash,
            (None, None) => Durability::PowerLoss,
        }
    }
}

impl Durability {
    /// Its name in the report.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ProcessCrash => "process crash",
            Self::PowerLoss => "power loss",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_crash_loses_a_power_loss_loses() {
        let declared = Declared::everything().without(Capability::ProcessCrash, "memory");
        assert_eq!(declared.lacks(Capability::PowerLoss), Some("memory"));
        assert_eq!(declared.lacks(Capability::Purge), None);
        assert_eq!(declared.durability(), Durability::None);
        assert_eq!(Declared::everything().durability(), Durability::PowerLoss);
    }
}
