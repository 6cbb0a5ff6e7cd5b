//! Tests renewals under a flood of writes, in which no compare-and-swap wins.

use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::store::{
    Action, Admission, Change, Epoch, Fence, Insert, Listed, Page, Purged, Record, Replace, Revision,
    Revocation, TokenStore,
};
use hallpass_core::{
    Authentication, Denied, Failure, Issued, Kind, MemoryStore, Note, Rejected, Renewed, Selector,
    StoreError, Subject, Timestamp, Tokens, Valid,
};

use crate::fixture::{SECOND, alice};

fn text(issued: &Issued) -> &str {
    issued.token.expose()
}

/// A store in which every replace loses, as under a flood of writes, and an ending takes five seconds (S12).
#[derive(Clone, Debug)]
struct Flooded(MemoryStore);

#[async_trait]
impl TokenStore for Flooded {
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.0.insert(record, fence).await
    }
    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        self.0.find(selector).await
    }
    async fn replace(&self, _: &Record, _: Revision, _: Change<'_>) -> Result<Replace, StoreError> {
        Ok(Replace::Conflict)
    }
    async fn delete(&self, selector: Selector, note: &Note) -> Result<bool, StoreError> {
        self.0.delete(selector, note).await
    }
    async fn revoke_by_subject(&self, subject: &Subject, revocation: &Revocation) -> Result<u64, StoreError> {
        if let Action::Mark { .. } = revocation.action {
            tokio::time::sleep(5 * SECOND).await;
        }
        self.0.revoke_by_subject(subject, revocation).await
    }
    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError> {
        self.0.list_by_subject(subject, page).await
    }
    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        self.0.epoch(subject, fresh, keep, now).await
    }
    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.0.purge_expired(now, limit).await
    }
}

async fn flooded() -> (Tokens, Valid, Valid) {
    let tokens = Tokens::builder(Flooded(MemoryStore::new())).build().unwrap();
    let login = tokens.begin_login(&alice()).await.unwrap();
    let mine = tokens.issue(&login, Kind::SESSION).await.unwrap();
    let owner = tokens.verify(Kind::SESSION, text(&mine)).await.unwrap();
    let copy = tokens.verify(Kind::SESSION, text(&mine)).await.unwrap();
    (tokens, owner, copy)
}

/// Checks that no call has won: no token is handed out, and the login that was copied is ended (D12).
async fn assert_contended(tokens: &Tokens, answers: &[Result<Renewed, Denied>]) {
    for answer in answers {
        let lost = match answer {
            Err(Denied::Failed(failure)) => matches!(failure, Failure::Contended),
            // The other call has ended the login meanwhile.
            Err(Denied::Rejected(rejected)) => matches!(rejected, Rejected::Revoked(_)),
            Ok(_) => false,
        };
        assert!(lost, "{answers:?}");
    }
    assert!(answers.iter().any(|answer| matches!(answer, Err(Denied::Failed(_)))), "{answers:?}");
    let list = tokens.list(&alice(), &Default::default()).await.unwrap();
    assert!(list.logins.is_empty(), "{list:?}");
}

/// "Of concurrent calls at most one wins", and a call that does not win gets no token.
#[tokio::test(start_paused = true)]
async fn of_two_step_ups_under_a_flood_of_writes_none_makes_a_second_login() {
    let (tokens, owner, copy) = flooded().await;
    let how = || Authentication::new().level("aal2");
    let (one, two) =
        tokio::join!(tokens.authenticated_again(&owner, how()), tokens.authenticated_again(&copy, how()));
    assert_contended(&tokens, &[one, two]).await;
}

/// The same for renewals that also end the rest of the subject.
#[tokio::test(start_paused = true)]
async fn of_two_renewals_under_a_flood_of_writes_none_makes_a_second_login() {
    let (tokens, owner, copy) = flooded().await;
    let (one, two) = tokio::join!(tokens.revoke_others(&owner), tokens.revoke_others(&copy));
    assert_contended(&tokens, &[one, two]).await;
}
