//! Tests logins as devices: list, cap, data (service, section 3).

use std::num::NonZeroU32;

use hallpass_core::{
    Denied, EventKind, Failure, Kind, Kinds, ListQuery, Login, Origin, Purpose, Reason, Rejected, Subject,
};
use tokio::task::JoinSet;

use crate::fixture::{DAY, HOUR, Judged as _, MINUTE, SECOND, World, alice};

#[tokio::test]
async fn a_login_is_listed_once_however_many_tokens_it_has() {
    let (world, login) = World::begun().await;
    let remember = world.tokens.issue(&login, Kind::REMEMBER).device("Firefox").await.unwrap();
    world.log_in(Kind::API_KEY).await;
    world.advance(MINUTE);
    let other = world.log_in(Kind::SESSION).await;
    world.advance(HOUR);
    let parent = world.verify(Kind::REMEMBER, remember.token.expose()).await.unwrap();
    world.tokens.issue_from(&parent, Kind::SESSION).await.unwrap();
    let query = ListQuery { current: Some(login.id()), ..ListQuery::default() };
    let list = world.tokens.list(&alice(), &query).await.unwrap();
    assert_eq!(list.logins.len(), 1, "the other has expired: {list:?}");
    let mine = &list.logins[0];
    assert_eq!((mine.login, mine.device.as_str(), mine.current), (login.id(), "Firefox", true));
    assert_eq!((mine.kinds.len(), mine.origin), (2, Origin::Restored));
    assert_eq!(mine.seen_at, world.tokens.now());
    assert_eq!(mine.created_at, parent.created_at());
    assert_ne!(other.login, mine.login);
    let keys = ListQuery { purpose: Purpose::Key, ..ListQuery::default() };
    assert_eq!(world.tokens.list(&alice(), &keys).await.unwrap().logins.len(), 1);
}

#[tokio::test]
async fn a_thousand_devices_are_paged_newest_first_each_exactly_once() {
    let world = World::with(|builder| builder.max_logins(NonZeroU32::new(1_000).unwrap()));
    let mut all = Vec::new();
    for at in 0..1_000 {
        all.push(world.log_in(Kind::REMEMBER).await.login);
        if at % 3 == 0 {
            world.advance(SECOND);
        }
    }
    let mut query = ListQuery { limit: 77, ..ListQuery::default() };
    let mut seen = Vec::new();
    loop {
        let page = world.tokens.list(&alice(), &query).await.unwrap();
        seen.extend(page.logins);
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    assert!(seen.windows(2).all(|pair| pair[0].created_at >= pair[1].created_at));
    let mut ids: Vec<_> = seen.into_iter().map(|login| login.login).collect();
    ids.sort_unstable();
    all.sort_unstable();
    assert_eq!(ids, all);
}

#[tokio::test]
async fn one_login_too_many_ends_the_oldest_with_all_it_holds_and_never_the_new_one() {
    let world = World::with(|builder| builder.max_logins(NonZeroU32::new(2).unwrap()));
    let oldest = world.tokens.begin_login(&alice()).await.unwrap();
    let remember = world.tokens.issue(&oldest, Kind::REMEMBER).await.unwrap().token;
    let session = world.tokens.issue(&oldest, Kind::SESSION).await.unwrap().token;
    let key = world.log_in(Kind::API_KEY).await.token;
    world.advance(SECOND);
    let second = world.log_in(Kind::SESSION).await.token;
    world.verify(Kind::SESSION, session.expose()).await.unwrap();
    // The clock of this node is behind: the new login looks older than the others.
    world.clock.set(world.tokens.now().saturating_sub(MINUTE));
    let third = world.log_in(Kind::SESSION).await.token;
    world.clock.advance(MINUTE);
    let evicted = Rejected::Revoked(Reason::Evicted);
    assert_eq!(world.verify(Kind::REMEMBER, remember.expose()).await.unwrap_err(), evicted);
    assert_eq!(world.verify(Kind::SESSION, session.expose()).await.unwrap_err(), evicted);
    for alive in [&second, &third] {
        world.verify(Kind::SESSION, alive.expose()).await.unwrap();
    }
    world.verify(Kind::API_KEY, key.expose()).await.unwrap();
    assert_eq!(world.events().iter().filter(|what| **what == EventKind::Evicted).count(), 1);
}

#[tokio::test]
async fn ended_logins_do_not_count_towards_the_cap() {
    let world = World::with(|builder| builder.max_logins(NonZeroU32::new(2).unwrap()));
    let first = world.log_in(Kind::SESSION).await.token;
    world.advance(SECOND);
    let second = world.log_in(Kind::SESSION).await;
    world.advance(SECOND);
    world.tokens.revoke_login(&alice(), second.login, Reason::LoggedOutElsewhere).await.unwrap();
    world.log_in(Kind::SESSION).await;
    world.verify(Kind::SESSION, first.expose()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_requests_never_lose_each_others_data() {
    let (world, session) = World::with_token(Kind::SESSION).await;
    let mut requests = JoinSet::new();
    for at in 0..20_u8 {
        let (tokens, text) = (world.tokens.clone(), session.expose().to_owned());
        requests.spawn(async move {
            let mut valid = tokens.verify(Kind::SESSION, &text).await.unwrap();
            tokens.update_data(&mut valid, |data| data.push(at)).await.unwrap();
            assert!(tokens.data(&valid).await.unwrap().contains(&at));
        });
    }
    requests.join_all().await;
    let valid = world.verify(Kind::SESSION, session.expose()).await.unwrap();
    let mut data = world.tokens.data(&valid).await.unwrap().into_owned();
    data.sort_unstable();
    assert_eq!(data, (0..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn data_have_a_limit_and_survive_it() {
    let (world, session) = World::with_token(Kind::SESSION).await;
    let mut valid = world.verify(Kind::SESSION, session.expose()).await.unwrap();
    world.tokens.update_data(&mut valid, |data| data.resize(16 * 1024, 7)).await.unwrap();
    let more = world.tokens.update_data(&mut valid, |data| data.push(8)).await;
    assert!(matches!(more, Err(Denied::Failed(Failure::Limit(_)))));
    let login = world.tokens.begin_login(&alice()).await.unwrap();
    let too_much = world.tokens.issue(&login, Kind::SESSION).data(vec![0; 16 * 1024 + 1]).await;
    assert!(matches!(too_much, Err(Denied::Failed(Failure::Limit(_)))));
    let long = "x".repeat(513);
    world.tokens.issue(&login, Kind::SESSION).device(&*long).await.unwrap();
    let valid = world.verify(Kind::SESSION, session.expose()).await.unwrap();
    assert_eq!(world.tokens.data(&valid).await.unwrap().len(), 16 * 1024);
}

#[tokio::test]
async fn data_of_an_ended_session_cannot_be_changed() {
    let (world, session) = World::logged_in(Kind::SESSION).await;
    let mut valid = world.verify(Kind::SESSION, session.token.expose()).await.unwrap();
    world.tokens.revoke_login(&alice(), session.login, Reason::Administrative).await.unwrap();
    let verdict = world.tokens.update_data(&mut valid, |data| data.push(1)).await.judged();
    assert_eq!(verdict, Err(Rejected::Revoked(Reason::Administrative)));
    let session = world.log_in(Kind::SESSION).await.token;
    let mut stale = world.verify(Kind::SESSION, session.expose()).await.unwrap();
    let mut valid = world.verify(Kind::SESSION, session.expose()).await.unwrap();
    world.tokens.update_data(&mut valid, |data| data.push(1)).await.unwrap();
    world.advance(HOUR);
    let verdict = world.tokens.update_data(&mut stale, |data| data.push(2)).await.judged();
    assert_eq!(verdict, Err(Rejected::Expired));
    let session = world.log_in(Kind::SESSION).await;
    let mut valid = world.verify(Kind::SESSION, session.token.expose()).await.unwrap();
    world.tokens.revoke(Kind::SESSION, session.token.expose()).await.unwrap();
    let verdict = world.tokens.update_data(&mut valid, |data| data.push(1)).await.judged();
    assert_eq!(verdict, Err(Rejected::Invalid), "and it does not come back");
    assert_eq!(world.verify(Kind::SESSION, session.token.expose()).await.unwrap_err(), Rejected::Invalid);
}

#[tokio::test]
async fn an_anonymous_session_works_and_can_carry_a_login_to_its_second_factor() {
    let world = World::new();
    let anonymous = world.tokens.begin_anonymous().unwrap();
    let login = world.tokens.begin_login(&alice()).await.unwrap();
    let waiting = world.tokens.issue(&anonymous, Kind::SESSION).data(login.encode()).await.unwrap();
    let valid = world.verify(Kind::SESSION, waiting.token.expose()).await.unwrap();
    assert_eq!(valid.subject(), None);
    assert!(matches!(
        world.tokens.issue_from(&valid, Kind::SESSION).await,
        Err(Denied::Failed(Failure::WrongCall(_)))
    ));
    assert!(matches!(world.tokens.revoke_others(&valid).await, Err(Denied::Failed(Failure::WrongCall(_)))));
    let login = Login::decode(&world.tokens.data(&valid).await.unwrap()).unwrap();
    let issue = world.tokens.issue(&login, Kind::SESSION).replaces(Kind::SESSION, waiting.token.expose());
    issue.await.unwrap();
    let verdict = world.verify(Kind::SESSION, waiting.token.expose()).await;
    assert_eq!(verdict.unwrap_err(), Rejected::Invalid);
    // After a log-out everywhere between the two factors, the login is refused.
    world.tokens.revoke_subject(&alice(), Kinds::Any, Reason::CredentialChanged).await.unwrap();
    assert_eq!(world.tokens.issue(&login, Kind::SESSION).await.rejected(), Rejected::Fenced);
}

#[tokio::test]
async fn all_tokens_of_a_subject_share_a_shard() {
    let world = World::new();
    let mut shards = std::collections::BTreeSet::new();
    for _ in 0..20 {
        shards.insert(world.log_in(Kind::SESSION).await.token.selector().shard());
    }
    assert_eq!(shards, [alice().shard()].into());
    let login = world.tokens.begin_login(&Subject::new("bob").unwrap()).await.unwrap();
    let bobs = world.tokens.issue(&login, Kind::SESSION).await.unwrap();
    assert!(!shards.contains(&bobs.token.selector().shard()));
}

#[tokio::test]
async fn an_expired_session_takes_no_data_though_no_other_write_came_between() {
    let (world, session) = World::with_token(Kind::SESSION).await;
    let mut valid = world.verify(Kind::SESSION, session.expose()).await.unwrap();
    world.advance(30 * MINUTE);
    let verdict = world.tokens.update_data(&mut valid, |data| data.push(1)).await;
    assert_eq!(verdict.rejected(), Rejected::Expired);
    assert!(world.tokens.data(&valid).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_the_present_policy_calls_expired_is_not_listed() {
    let world = World::new();
    world.log_in(Kind::REMEMBER).await;
    world.advance(2 * DAY);
    let shorter =
        world.node(|builder| builder.policy(hallpass_core::Policy::remember().absolute(DAY).idle(Some(DAY))));
    assert!(shorter.list(&alice(), &ListQuery::default()).await.unwrap().logins.is_empty());
    assert_eq!(world.tokens.list(&alice(), &ListQuery::default()).await.unwrap().logins.len(), 1);
}
