//! Tests that every ending emits one event, with the client that asked for it; and what a login's end includes (D12,
//! service).

use hallpass_core::store::TokenStore;
use hallpass_core::{
    EventKind, Failure, Kind, Kinds, Policy, Purposes, Reason, Rejected, RequestContext, Subject,
};
use hallpass_test_store::Call;

use crate::fixture::{DAY, HOUR, Judged as _, MINUTE, World, alice, strict};

fn context() -> RequestContext {
    RequestContext::new().address([192, 0, 2, 7].into()).user_agent("curl/8").request_id("r-1")
}

#[tokio::test]
async fn an_ending_is_told_though_its_caller_is_gone_and_once() {
    for end in 0..4 {
        let (world, session) = World::logged_in(Kind::SESSION).await;
        let (tokens, subject) = (&world.tokens, alice());
        world.told();
        let held = world.gate.hold(Call::Revoke);
        let call = async {
            match end {
                0 => drop(tokens.revoke(Kind::SESSION, session.token.expose()).await),
                1 => drop(tokens.revoke_login(&subject, session.login, Reason::Administrative).await),
                2 => drop(tokens.revoke_subject(&subject, Kinds::Any, Reason::Administrative).await),
                _ => drop(tokens.forget_subject(&subject).await),
            }
        };
        tokio::select! {
            biased;
            () = call => unreachable!("it is held"),
            () = held.arrival() => {}
        }
        held.release();
        let kind = [
            EventKind::Revoked(Reason::LoggedOut),
            EventKind::Revoked(Reason::Administrative),
            EventKind::Revoked(Reason::Administrative),
            EventKind::Forgotten,
        ][end];
        let told = world.heard(kind).await;
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!((told[0].count, told[0].subject.as_ref()), (1, Some(&subject)));
        assert!(world.verify(Kind::SESSION, session.token.expose()).await.is_err());
    }
}

#[tokio::test]
async fn an_ending_that_could_not_be_written_is_told_with_its_cause() {
    for panics in [false, true] {
        let (world, session) = World::logged_in(Kind::SESSION).await;
        let anonymous = world.tokens.begin_anonymous().unwrap();
        let anonymous = world.tokens.issue(&anonymous, Kind::SESSION).await.unwrap();
        for call in [Call::Revoke, Call::Delete] {
            if panics { world.gate.panic(call) } else { world.gate.down(call) }
        }
        world.told();
        let tokens = &world.tokens;
        assert!(tokens.revoke(Kind::SESSION, session.token.expose()).await.is_err());
        assert!(tokens.revoke(Kind::SESSION, anonymous.token.expose()).await.is_err());
        assert!(tokens.revoke_login(&alice(), session.login, Reason::LoggedOutElsewhere).await.is_err());
        assert!(tokens.forget_subject(&alice()).await.is_err());
        let told = world.told();
        let kinds: Vec<_> = told.iter().map(|told| told.kind).collect();
        let out = EventKind::Revoked(Reason::LoggedOut);
        let elsewhere = EventKind::Revoked(Reason::LoggedOutElsewhere);
        assert_eq!(kinds, [out, out, elsewhere, EventKind::Forgotten]);
        assert!(told.iter().all(|told| told.source.is_some() && told.count == 0), "{told:?}");
    }
}

#[tokio::test]
async fn every_event_and_every_note_says_who_made_the_request() {
    let world = World::with(|builder| builder.policy(strict()));
    let tokens = world.tokens.with_context(context());
    let stolen = world.log_in(Kind::REMEMBER).await;
    let next = world.next(stolen.token.expose()).await;
    world.verify(Kind::REMEMBER, &next).await.unwrap();
    let session = world.log_in(Kind::SESSION).await;
    let link = world.log_in(Kind::ONE_TIME).await;
    let anonymous = world.tokens.begin_anonymous().unwrap();
    let anonymous = world.tokens.issue(&anonymous, Kind::SESSION).await.unwrap();
    world.advance(HOUR / 60);
    world.told();
    world.gate.notes();

    assert_eq!(tokens.verify(Kind::REMEMBER, stolen.token.expose()).await.rejected(), Rejected::Reused);
    tokens.consume(Kind::ONE_TIME, link.token.expose()).await.unwrap();
    tokens.revoke(Kind::SESSION, anonymous.token.expose()).await.unwrap();
    let valid = tokens.verify(Kind::SESSION, session.token.expose()).await.unwrap();
    let renewed = tokens.revoke_others(&valid).await.unwrap();
    tokens.revoke(Kind::SESSION, renewed.tokens[0].token.expose()).await.unwrap();
    tokens.forget_subject(&alice()).await.unwrap();

    let told = world.told();
    assert!(told.len() >= 8);
    for told in &told {
        assert_eq!(told.context.as_ref(), Some(&context()), "{:?}", told.kind);
    }
    let notes = world.gate.notes();
    assert_eq!(notes.len(), 7, "a theft, a use, two log-outs, two steps of a renewal, an erasure");
    for note in &notes {
        assert_eq!(RequestContext::from_note(note), context());
    }
}

#[tokio::test]
async fn a_caller_who_says_nothing_sends_no_note() {
    let (world, session) = World::logged_in(Kind::SESSION).await;
    world.tokens.revoke(Kind::SESSION, session.token.expose()).await.unwrap();
    assert_eq!(world.gate.notes(), [hallpass_core::Note::none()]);
    assert!(world.told().iter().all(|told| told.context.is_none()));
}

#[tokio::test]
async fn an_application_gives_its_own_reasons_only() {
    let (world, session) = World::logged_in(Kind::SESSION).await;
    let tokens = &world.tokens;
    for reason in Reason::ALL {
        let own = matches!(
            reason,
            Reason::LoggedOut
                | Reason::LoggedOutElsewhere
                | Reason::CredentialChanged
                | Reason::Administrative
        );
        let bob = Subject::new("bob").unwrap();
        for answer in [
            tokens.revoke_subject(&bob, Kinds::Any, reason).await,
            tokens.revoke_login(&bob, session.login, reason).await,
            tokens.revoke_kinds_of_login(&bob, session.login, Kind::SESSION, reason).await,
        ] {
            match answer {
                Ok(0) => assert!(own, "{reason:?} was taken"),
                Err(Failure::Limit(_)) => assert!(!own, "{reason:?} was refused"),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_log_out_with_a_session_that_was_ended_by_itself_ends_its_login() {
    let (world, login) = World::begun().await;
    let session = world.tokens.issue(&login, Kind::SESSION).await.unwrap();
    let remember = world.tokens.issue(&login, Kind::REMEMBER).await.unwrap();
    world.tokens.revoke_subject(&alice(), Kind::SESSION, Reason::Administrative).await.unwrap();
    world.verify(Kind::REMEMBER, remember.token.expose()).await.unwrap();
    world.tokens.revoke(Kind::SESSION, session.token.expose()).await.unwrap();
    let out = Rejected::Revoked(Reason::LoggedOut);
    assert_eq!(world.verify(Kind::REMEMBER, remember.token.expose()).await.unwrap_err(), out);
    // What was ended keeps its reason, and a second log-out finds nothing to end.
    let ended = Rejected::Revoked(Reason::Administrative);
    assert_eq!(world.verify(Kind::SESSION, session.token.expose()).await.unwrap_err(), ended);
    assert_eq!(world.tokens.revoke(Kind::SESSION, session.token.expose()).await.rejected(), ended);
}

#[tokio::test]
async fn a_log_out_does_not_hide_a_theft_from_its_owner() {
    let world = World::with(|builder| builder.policy(strict()));
    let stolen = world.log_in(Kind::REMEMBER).await;
    let owners = world.next(stolen.token.expose()).await;
    world.verify(Kind::REMEMBER, &owners).await.unwrap();
    world.advance(MINUTE);
    assert_eq!(world.rotate(stolen.token.expose()).await, Err(Rejected::Reused));
    let reused = Rejected::Revoked(Reason::Reused);
    assert_eq!(world.tokens.revoke(Kind::REMEMBER, stolen.token.expose()).await.rejected(), reused);
    assert_eq!(world.rotate(&owners).await, Err(reused), "the owner learns of the theft");
}

#[tokio::test]
async fn a_key_ends_by_itself_its_kind_or_its_subject_and_by_nothing_else() {
    for end in 0..6 {
        let world = World::with(|builder| builder.policy(strict()));
        let login = world.tokens.begin_login(&alice()).await.unwrap();
        let remember = world.tokens.issue(&login, Kind::REMEMBER).await.unwrap();
        let key = world.tokens.issue(&login, Kind::API_KEY).await.unwrap();
        let tokens = &world.tokens;
        let valid = world.verify(Kind::REMEMBER, remember.token.expose()).await.unwrap();
        match end {
            0 => tokens.revoke(Kind::REMEMBER, remember.token.expose()).await.unwrap(),
            1 => {
                let next = world.next(remember.token.expose()).await;
                world.verify(Kind::REMEMBER, &next).await.unwrap();
                world.advance(MINUTE);
                let replay = world.rotate(remember.token.expose()).await;
                assert_eq!(replay, Err(Rejected::Reused));
            }
            2 => drop(tokens.credential_changed(&valid, None).await.unwrap()),
            3 => drop(tokens.revoke_login(&alice(), login.id(), Reason::LoggedOutElsewhere).await.unwrap()),
            4 => drop(tokens.revoke_subject(&alice(), Purposes::NOT_KEYS, Reason::LoggedOut).await.unwrap()),
            _ => {
                let new = tokens.begin_login(&alice()).await.unwrap();
                let issue = tokens.issue(&new, Kind::SESSION);
                issue.replaces(Kind::REMEMBER, remember.token.expose()).await.unwrap();
            }
        }
        assert!(world.verify(Kind::REMEMBER, remember.token.expose()).await.is_err());
        world
            .verify(Kind::API_KEY, key.token.expose())
            .await
            .unwrap_or_else(|_| panic!("ended in way {end}"));
    }
    for end in 0..4 {
        let (world, login) = World::begun().await;
        let session = world.tokens.issue(&login, Kind::SESSION).await.unwrap();
        let key = world.tokens.issue(&login, Kind::API_KEY).await.unwrap();
        let other = world.tokens.issue(&login, Kind::API_KEY).await.unwrap();
        let (text, tokens, reason) = (key.token.expose(), &world.tokens, Reason::Administrative);
        let lives = match end {
            0 => {
                tokens.revoke(Kind::API_KEY, text).await.unwrap();
                world.verify(Kind::API_KEY, other.token.expose()).await.expect("a key ends itself alone");
                true
            }
            1 => {
                let kinds = tokens.kinds_for(&[hallpass_core::Purpose::Key]);
                assert_eq!(
                    tokens.revoke_kinds_of_login(&alice(), login.id(), kinds, reason).await.unwrap(),
                    2
                );
                true
            }
            2 => tokens.revoke_subject(&alice(), Kind::API_KEY, reason).await.unwrap() == 2,
            _ => tokens.revoke_subject(&alice(), Kinds::Any, reason).await.unwrap() != 3,
        };
        assert!(world.verify(Kind::API_KEY, text).await.is_err());
        assert_eq!(world.verify(Kind::SESSION, session.token.expose()).await.is_ok(), lives, "way {end}");
    }
}

#[tokio::test]
async fn logging_everything_out_but_the_keys_reaches_kinds_that_this_process_does_not_know() {
    const MOBILE: Kind = Kind::from_static("refresh:mobile");
    let world = World::new();
    let mobile = world.node(|builder| builder.policy(Policy::refresh().for_kind(MOBILE)));
    let login = mobile.begin_login(&alice()).await.unwrap();
    let app = mobile.issue(&login, MOBILE).await.unwrap();
    let key = world.log_in(Kind::API_KEY).await;
    let reason = Reason::LoggedOutElsewhere;
    assert_eq!(world.tokens.revoke_subject(&alice(), Purposes::NOT_KEYS, reason).await.unwrap(), 1);
    assert_eq!(mobile.verify(MOBILE, app.token.expose()).await.rejected(), Rejected::Revoked(reason));
    world.verify(Kind::API_KEY, key.token.expose()).await.unwrap();
}

#[tokio::test]
async fn forgetting_a_subject_leaves_no_row_of_it() {
    let world = World::new();
    let subject = alice();
    for kind in [Kind::SESSION, Kind::REMEMBER, Kind::API_KEY, Kind::ONE_TIME] {
        world.log_in(kind).await;
    }
    let ended = world.log_in(Kind::REMEMBER).await;
    world.tokens.revoke_login(&subject, ended.login, Reason::Administrative).await.unwrap();
    let under_way = world.tokens.begin_login(&subject).await.unwrap();
    let bob = Subject::new("bob").unwrap();
    let bobs = world.tokens.begin_login(&bob).await.unwrap();
    let bobs = world.tokens.issue(&bobs, Kind::SESSION).await.unwrap();
    world.told();

    assert_eq!(world.tokens.forget_subject(&subject).await.unwrap(), 5, "the marked one, too");
    let page = hallpass_core::store::Page::first(std::num::NonZeroU16::new(10).unwrap());
    assert!(world.gate.store.list_by_subject(&subject, &page).await.unwrap().is_empty());
    assert_eq!(world.events(), [EventKind::Forgotten]);
    let late = world.tokens.issue(&under_way, Kind::SESSION).await;
    assert_eq!(late.rejected(), Rejected::Fenced, "nor does a login under way bring one back");
    world.verify(Kind::SESSION, bobs.token.expose()).await.expect("others are not forgotten");
    assert_eq!(world.tokens.forget_subject(&subject).await.unwrap(), 0, "it may be repeated");
    world.advance(DAY);
}

#[tokio::test]
async fn a_purge_stops_where_a_store_promises_more_and_removes_nothing() {
    let world = World::new();
    world.log_in(Kind::ONE_TIME).await;
    world.advance(DAY);
    world.gate.lose(Call::Purge);
    let purge = world.tokens.purge();
    assert_eq!(tokio::time::timeout(MINUTE, purge).await.expect("it does not hang").unwrap(), 0);
    world.gate.up();
    assert_eq!(world.tokens.purge().await.unwrap(), 1);
}
