//! Tests that a row that does not decode hides no other and locks no user out (service, "Listing").

use hallpass_core::store::{Body, Fence, Record, TokenStore};
use hallpass_core::{
    Denied, EventKind, Failure, Issued, Kind, Note, Reason, Rejected, Selector, StoreError, Subject,
};

use crate::fixture::{SECOND, World, alice};

/// Makes the record of `token` unreadable: the whole row, as the store finds it, or only its body.
async fn damage(world: &World, token: &Issued, row: bool) -> Selector {
    let selector = token.token.selector();
    if row {
        world.gate.make_unreadable(selector);
    } else {
        let store = &world.gate.store;
        let record = store.find(selector).await.unwrap().unwrap();
        store.delete(selector, &Note::none()).await.unwrap();
        let record = Record { body: Body::new(vec![0xff; 40]).unwrap(), ..record };
        assert!(store.insert(&record, Fence::None).await.unwrap().is_inserted());
    }
    selector
}

#[tokio::test]
async fn it_is_listed_by_its_selector_told_and_removed() {
    for row in [false, true] {
        let (world, good) = World::logged_in(Kind::SESSION).await;
        let bad = world.log_in(Kind::SESSION).await;
        let bad = damage(&world, &bad, row).await;
        world.told();
        let list = world.tokens.list(&alice(), &Default::default()).await.unwrap();
        assert_eq!(list.logins.iter().map(|login| login.login).collect::<Vec<_>>(), [good.login]);
        assert_eq!(list.unreadable, [bad]);
        let told = world.told();
        let corrupt: Vec<_> = told.iter().filter(|told| told.kind == EventKind::Corrupt).collect();
        assert_eq!(corrupt.len(), 1, "{told:?}");
        assert_eq!((corrupt[0].selector, corrupt[0].subject.as_ref()), (Some(bad), Some(&alice())));
        assert!(corrupt[0].source.is_some(), "with the cause");

        let bob = Subject::new("bob").unwrap();
        let tokens = &world.tokens;
        assert!(!tokens.remove_unreadable(&bob, bad).await.unwrap(), "it is not bob's");
        assert!(
            !tokens.remove_unreadable(&alice(), good.token.selector()).await.unwrap(),
            "a good one stays"
        );
        world.verify(Kind::SESSION, good.token.expose()).await.unwrap();
        assert!(tokens.remove_unreadable(&alice(), bad).await.unwrap());
        assert!(world.gate.store.find(bad).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn it_blocks_neither_a_login_nor_a_log_out_nor_a_renewal_nor_the_cap() {
    for row in [false, true] {
        let world = World::with(|builder| builder.max_logins(std::num::NonZeroU32::new(2).unwrap()));
        let login = world.tokens.begin_login(&alice()).await.unwrap();
        let session = world.tokens.issue(&login, Kind::SESSION).await.unwrap();
        let remember = world.tokens.issue(&login, Kind::REMEMBER).await.unwrap();
        world.advance(SECOND);
        let bad = world.log_in(Kind::SESSION).await;
        damage(&world, &bad, row).await;
        damage(&world, &remember, row).await;
        world.advance(SECOND);

        let new = world.tokens.begin_login(&alice()).await.unwrap();
        let issue = world.tokens.issue(&new, Kind::SESSION);
        let new = issue.replaces(Kind::SESSION, bad.token.expose()).await.expect("a login");
        let valid = world.verify(Kind::SESSION, new.token.expose()).await.unwrap();
        let renewed = world.tokens.authenticated_again(&valid, Default::default()).await.expect("a renewal");
        let valid = world.verify(Kind::SESSION, renewed.tokens[0].token.expose()).await.unwrap();
        world.verify(Kind::SESSION, session.token.expose()).await.expect("within the cap");
        world.tokens.revoke(Kind::SESSION, session.token.expose()).await.expect("a log-out");
        let rest = world.gate.store.find(remember.token.selector()).await.unwrap();
        assert!(rest.is_none(), "the damaged row of the same login is gone, too");
        let renewed = world.tokens.revoke_others(&valid).await.unwrap();
        assert!(renewed.ended.is_ok());
        let marked = world.gate.store.find(bad.token.selector()).await.unwrap().unwrap();
        assert_eq!(marked.revoked, Some(Reason::LoggedOutElsewhere), "by its columns");
    }
}

#[tokio::test]
async fn its_own_token_is_a_failure_and_never_a_verdict() {
    for row in [false, true] {
        let (world, bad) = World::logged_in(Kind::SESSION).await;
        let valid = world.verify(Kind::SESSION, bad.token.expose()).await.unwrap();
        damage(&world, &bad, row).await;
        world.told();
        let corrupt = |denied: Denied| {
            matches!(
                denied,
                Denied::Failed(Failure::Corrupt { .. } | Failure::Store(StoreError::Corrupt { .. }))
            )
        };
        assert!(corrupt(world.tokens.verify(Kind::SESSION, bad.token.expose()).await.unwrap_err()));
        // Whether the token is ours cannot be determined, so the log-out is not acknowledged.
        assert!(corrupt(world.tokens.revoke(Kind::SESSION, bad.token.expose()).await.unwrap_err()));
        assert!(world.events().contains(&EventKind::Corrupt));
        let renewed = world.tokens.revoke_others(&valid).await;
        assert!(corrupt(renewed.unwrap_err()), "nor is it renewed");
        assert_ne!(world.verify(Kind::SESSION, "x").await.unwrap_err(), Rejected::Invalid);
    }
}
