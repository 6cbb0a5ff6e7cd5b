//! Faults that the suite cannot cause in a file: it is locked, damaged, or contains nonsense.

use std::num::NonZeroU16;

use hallpass_core::store::{Action, Listed, Page, RecordFilter, Revocation, TokenStore as _};
use hallpass_core::{Denied, Failure, Kind, Note, Reason, Selector, StoreError, Subject, Tokens};
use hallpass_custom_store::SqliteStore;
use rusqlite::Connection;

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[tokio::test]
async fn a_token_survives_the_store() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("tokens.db");
    let alice = Subject::new("alice")?;
    let tokens = Tokens::builder(SqliteStore::open(&path)?).build()?;
    let login = tokens.begin_login(&alice).await?;
    let token = tokens.issue(&login, Kind::SESSION).await?.token;
    drop(tokens);

    let tokens = Tokens::builder(SqliteStore::open(&path)?).build()?;
    assert_eq!(tokens.verify(Kind::SESSION, token.expose()).await?.subject(), Some(&alice));
    Ok(())
}

#[tokio::test]
async fn a_lock_that_stays_is_a_timeout_and_the_store_goes_on_after_it() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("tokens.db");
    let store = SqliteStore::open(&path)?;
    let other = Connection::open(&path)?;
    other.execute_batch("BEGIN IMMEDIATE")?;
    let refused = store.delete(Selector([1; 16]), &Note::none()).await;
    assert!(matches!(refused, Err(StoreError::Timeout { outcome_unknown: false, .. })), "{refused:?}");
    assert!(store.find(Selector([1; 16])).await?.is_none(), "readers do not wait for writers");
    other.execute_batch("COMMIT")?;
    assert!(!store.delete(Selector([1; 16]), &Note::none()).await?);
    Ok(())
}

#[tokio::test]
async fn a_row_of_nonsense_is_told_and_can_still_be_revoked() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("tokens.db");
    let store = SqliteStore::open(&path)?;
    let alice = Subject::new("alice")?;
    let tokens = Tokens::builder(store.clone()).build()?;
    let login = tokens.begin_login(&alice).await?;
    let token = tokens.issue(&login, Kind::SESSION).await?.token;
    Connection::open(&path)?.execute("UPDATE tokens SET revision = -987654", [])?;

    let failure = tokens.verify(Kind::SESSION, token.expose()).await.unwrap_err();
    let Denied::Failed(Failure::Store(StoreError::Corrupt { selector, source })) = failure else {
        panic!("{failure:?}");
    };
    assert_eq!(selector, Some(token.selector()));
    assert_eq!(source.to_string(), "revision is not what it should be");
    let listed = store.list_by_subject(&alice, &Page::first(NonZeroU16::MAX)).await?;
    assert!(matches!(&listed[..], [Listed::Corrupt { selector, .. }] if *selector == token.selector()));
    let action = Action::Mark { reason: Reason::Administrative, at: hallpass_core::Timestamp::MIN };
    assert_eq!(store.revoke_by_subject(&alice, &Revocation::new(RecordFilter::all(), action)).await?, 1);
    Ok(())
}

#[tokio::test]
async fn what_is_no_database_is_corrupt_and_nothing_is_said_of_it() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("tokens.db");
    std::fs::write(&path, "confidential ".repeat(100))?;
    let error = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { selector: None, .. }), "{error:?}");
    assert!(!format!("{error:?}").contains("confidential"));
    Ok(())
}
