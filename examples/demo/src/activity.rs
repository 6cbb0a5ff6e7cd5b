//! The latest events of the tokens, for the page that shows them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use hallpass_core::{Event, EventKind, Kind, LoginId, Observer, Subject, Timestamp};
use tokio::sync::watch;

/// The number of entries that are kept, of all users together.
const KEPT: usize = 400;
/// The number of entries that a page shows.
const SHOWN: usize = 20;

/// The latest events of every user. Give one clone to the tokens as their observer, another to the site.
#[derive(Clone, Debug, Default)]
pub struct Activity(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    entries: Mutex<VecDeque<Entry>>,
    /// Wakes the pages that show them.
    changes: watch::Sender<Change>,
}

/// What happened last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Change {
    #[default]
    Event,
    /// The server stops.
    Stop,
}

/// One event, or several consecutive events of one kind. It holds no secret, because events have none.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) what: EventKind,
    /// When the latest of them happened.
    pub(crate) at: Timestamp,
    pub(crate) subject: Subject,
    pub(crate) kind: Option<Kind>,
    pub(crate) login: Option<LoginId>,
    /// The number of times that the token had been rotated.
    pub(crate) generation: Option<u32>,
    /// The client that it was issued to.
    pub(crate) device: Option<String>,
    pub(crate) times: u64,
}

impl Entry {
    fn new(event: &Event<'_>) -> Option<Self> {
        // Every page view verifies a token, and these events would hide all others.
        let subject = event.subject.filter(|_| event.kind != EventKind::Verified)?;
        Some(Self {
            what: event.kind,
            at: event.at,
            subject: subject.clone(),
            kind: event.token_kind,
            login: event.login,
            generation: event.record.map(|record| record.generation),
            device: event.record.map(|record| record.device.as_str().to_owned()),
            times: 1,
        })
    }

    fn is_like(&self, other: &Self) -> bool {
        (self.what, &self.subject, self.kind, self.login, self.generation)
            == (other.what, &other.subject, other.kind, other.login, other.generation)
    }
}

impl Activity {
    /// The latest events of the tokens of `subject`, newest first.
    pub(crate) fn of(&self, subject: &Subject) -> Vec<Entry> {
        let entries = self.0.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.iter().filter(|entry| entry.subject == *subject).take(SHOWN).cloned().collect()
    }

    /// Tells whenever something happened.
    pub(crate) fn changes(&self) -> watch::Receiver<Change> {
        self.0.changes.subscribe()
    }

    /// Ends the pages that wait for events, so that the server can stop.
    pub fn stop(&self) {
        self.0.changes.send_replace(Change::Stop);
    }
}

impl Observer for Activity {
    fn on_event(&self, event: &Event<'_>) {
        let Some(entry) = Entry::new(event) else { return };
        let mut entries = self.0.entries.lock().unwrap_or_else(PoisonError::into_inner);
        match entries.front_mut().filter(|newest| newest.is_like(&entry)) {
            Some(newest) => (newest.at, newest.times) = (entry.at, newest.times + 1),
            None => entries.push_front(entry),
        }
        entries.truncate(KEPT);
        drop(entries);
        self.0.changes.send_modify(|_| {});
    }
}

#[cfg(test)]
mod tests {
    use hallpass_core::{MemoryStore, Tokens};

    use super::*;

    #[tokio::test]
    async fn each_sees_their_own_newest_first_and_not_without_end() {
        let activity = Activity::default();
        let tokens = Tokens::builder(MemoryStore::new()).observer(activity.clone());
        let tokens = tokens.max_logins(u32::MAX.try_into().unwrap()).build().unwrap();
        let (alice, bob) = (Subject::new("alice").unwrap(), Subject::new("bob").unwrap());
        for _ in 0..2 * KEPT {
            let login = tokens.begin_login(&alice).await.unwrap();
            let _ = tokens.issue(&login, Kind::SESSION).device("a phone").await.unwrap();
        }
        let login = tokens.begin_login(&bob).await.unwrap();
        let issued = tokens.issue(&login, Kind::SESSION).await.unwrap();
        for _ in 0..3 {
            assert!(tokens.verify(Kind::SESSION, issued.token.expose()).await.is_ok());
        }
        assert!(tokens.verify(Kind::SESSION, "junk").await.is_err());
        tokens.revoke(Kind::SESSION, issued.token.expose()).await.unwrap();

        let whats = |subject| activity.of(subject).into_iter().map(|entry| entry.what).collect::<Vec<_>>();
        assert_eq!(whats(&bob), [EventKind::Revoked(hallpass_core::Reason::LoggedOut), EventKind::Issued]);
        assert_eq!(activity.of(&alice).len(), SHOWN);
        assert!(activity.of(&alice).iter().all(|entry| entry.device.as_deref() == Some("a phone")));
        assert_eq!(activity.0.entries.lock().unwrap().len(), KEPT);
        assert!(!format!("{activity:?}").contains(issued.token.expose()));
    }
}
