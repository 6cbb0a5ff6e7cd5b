//! `login_user`, `logout_user`, `confirm_login`, `current_user`.

use std::time::Duration;

use hallpass_web::SignalKind;

use crate::world::{DAY, HOUR, MINUTE, SECOND, World};

#[tokio::test]
async fn a_login_begins_a_session_and_no_more() {
    let world = World::new();
    let mut browser = world.browser();
    assert_eq!(browser.get("/").await.body, "nobody");
    let answer = browser.post("/login?user=alice").await;
    assert_eq!(answer.set_cookies().len(), 1, "remember is off by default: {answer:?}");
    assert_eq!(browser.get("/").await.body, "alice Session fresh");
    assert_eq!(browser.reopened().get("/").await.body, "nobody");
}

#[tokio::test]
async fn the_request_that_logs_in_knows_its_user() {
    let world = World::new();
    let mut browser = world.logged_in().await;
    let answer = browser.post("/confirm?user=alice").await;
    assert_eq!(answer.body, "alice Password fresh");
}

#[tokio::test]
async fn a_handler_may_name_the_user_by_what_the_extractor_gave() {
    let world = World::new();
    let mut browser = world.logged_in().await;
    let answer = browser.post("/confirm-current").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, "alice Session fresh");
}

#[tokio::test]
async fn a_login_makes_a_new_session_and_ends_what_the_browser_held() {
    let world = World::new();
    let mut browser = world.remembered().await;
    let old = browser.clone();
    browser.post("/login?user=alice&remember=true").await;
    assert_ne!((old.session(), old.remember()), (browser.session(), browser.remember()));
    assert_eq!(browser.get("/").await.body, "alice Session fresh");
    for mut copy in [old.clone(), old.reopened()] {
        assert_eq!(copy.get("/").await.body, "nobody", "a planted session is worth nothing");
    }
    assert_eq!(browser.get("/devices").await.body.lines().count(), 1);
}

#[tokio::test]
async fn a_login_without_remember_takes_the_old_remember_cookie_away() {
    let world = World::new();
    let mut browser = world.remembered().await;
    browser.post("/login?user=bob").await;
    assert_eq!(browser.cookie("__Host-remember"), None);
    assert_eq!(browser.get("/").await.body, "bob Session fresh");
}

#[tokio::test]
async fn one_request_may_log_out_and_somebody_else_in() {
    let world = World::new();
    for mut browser in [world.remembered().await, world.remembered().await.reopened()] {
        let old = browser.clone();
        assert_eq!(browser.post("/switch/bob").await.body, "bob Password fresh");
        assert_eq!(browser.get("/").await.body, "bob Session fresh");
        assert_eq!(browser.jar.len(), 1, "the remember cookie was alice's: {:?}", browser.jar);
        assert_eq!(old.clone().get("/").await.body, "nobody");
    }
}

#[tokio::test]
async fn a_login_ends_every_older_login_that_the_browser_sends() {
    let world = World::new();
    let (first, second) = (world.remembered().await, world.remembered().await);
    for sent in [["__Host-session"; 2], ["__Host-remember"; 2], ["__Host-session", "__Host-remember"]] {
        let (first, second) = (world.remembered().await, world.remembered().await);
        let mut browser = world.browser();
        for (name, other) in sent.iter().zip([&first, &second]) {
            browser.jar.push(((*name).into(), other.cookie(name).unwrap().into()));
        }
        // One page has restored something in this very request, and one has not.
        let path = if sent[0] == sent[1] { "/confirm?user=alice" } else { "/login?user=alice" };
        assert_eq!(browser.post(path).await.status, 200);
        for mut old in [first.clone(), second.clone(), first.reopened(), second.reopened()] {
            assert_eq!(old.get("/").await.body, "nobody", "{sent:?}");
        }
        assert!(browser.get("/").await.body.starts_with("alice"));
    }
    assert_eq!(first.clone().get("/").await.body, "alice Session fresh", "no other login was ended");
    assert_eq!(second.clone().get("/").await.body, "alice Session fresh");
}

#[tokio::test]
async fn a_logout_ends_everything_of_the_login_and_stays() {
    let world = World::new();
    let mut browser = world.remembered().await;
    let copy = browser.clone();
    let answer = browser.post("/logout").await;
    assert_eq!(answer.body, "true false", "the request itself has no user any more");
    assert!(browser.jar.is_empty(), "{:?}", browser.jar);
    assert_eq!(browser.get("/").await.body, "nobody");
    for mut copy in [copy.clone(), copy.reopened()] {
        assert_eq!(
            copy.get("/").await.body,
            "nobody",
            "logged out stays logged out, remember cookie and all"
        );
    }
    assert_eq!(browser.post("/logout").await.body, "false false");
}

#[tokio::test]
async fn a_logout_ends_a_login_whose_session_is_gone() {
    let world = World::new();
    let browser = world.remembered().await;
    world.advance(HOUR);
    let mut reopened = browser.reopened();
    assert_eq!(reopened.post("/logout").await.body, "true false");
    assert_eq!(browser.clone().get("/").await.body, "nobody");
}

#[tokio::test]
async fn inactive_users_are_refused_unless_forced() {
    let world = World::new();
    world.users.change("alice", |user| user.active = false);
    let mut browser = world.browser();
    let answer = browser.post("/login?user=alice").await;
    assert_eq!((answer.status.as_u16(), answer.set_cookies().len()), (403, 0));
    assert_eq!(browser.post("/login?user=alice&force=true&remember=true").await.body, "in");
    assert_eq!(browser.get("/").await.body, "alice Session fresh");
    let mut reopened = browser.reopened();
    assert_eq!(reopened.get("/").await.body, "alice Remembered stale", "forced as long as the login lasts");
    let answer = reopened.get("/").await;
    assert_eq!((&*answer.body, answer.set_cookies().len()), ("alice Remembered stale", 0), "by its session");
}

#[tokio::test]
async fn whoever_becomes_inactive_is_nobody_until_active_again() {
    let world = World::new();
    let mut browser = world.remembered().await;
    world.users.change("alice", |user| user.active = false);
    assert_eq!(browser.get("/").await.body, "nobody");
    assert_eq!(browser.reopened().get("/").await.body, "nobody");
    world.users.change("alice", |user| user.active = true);
    assert_eq!(browser.get("/").await.body, "alice Session fresh");
    world.users.change("alice", |user| user.active = false);
    world.advance(2 * HOUR);
    assert_eq!(browser.get("/").await.body, "nobody");
    world.advance(2 * HOUR);
    world.users.change("alice", |user| user.active = true);
    assert_eq!(browser.reopened().get("/").await.body, "alice Remembered stale");
}

#[tokio::test]
async fn an_unknown_id_is_an_anonymous_request() {
    let world = World::new();
    let mut browser = world.remembered().await;
    world.users.remove("alice");
    let answer = browser.get("/").await;
    assert_eq!((answer.status.as_u16(), &*answer.body), (200, "nobody"));
    assert_eq!(browser.get("/me").await.status, 401);
    assert_eq!(browser.reopened().get("/me").await.status, 401);
}

#[tokio::test]
async fn ids_may_be_numbers_and_any_script() {
    let world = World::new();
    for (id, query) in [("7", "7"), ("ünï-名前", "%C3%BCn%C3%AF-%E5%90%8D%E5%89%8D")] {
        let mut browser = world.browser();
        browser.post(&format!("/login?user={query}&remember=true")).await;
        assert_eq!(browser.get("/").await.body, format!("{id} Session fresh"));
        assert_eq!(browser.reopened().get("/").await.body, format!("{id} Remembered stale"));
    }
}

#[tokio::test]
async fn a_login_may_be_not_fresh() {
    let world = World::new();
    let mut browser = world.browser();
    browser.post("/login?user=alice&fresh=false").await;
    assert_eq!(browser.get("/").await.body, "alice Session stale");
    assert_eq!(browser.get("/fresh").await.status, 401);
}

#[tokio::test]
async fn a_confirmed_login_is_fresh_and_has_new_tokens() {
    let world = World::new();
    let mut browser = world.remembered().await.reopened();
    assert_eq!(browser.get("/").await.body, "alice Remembered stale");
    let old = browser.clone();
    assert_eq!(browser.post("/confirm?user=bob").await.status, 401, "another user cannot authenticate here");
    assert_eq!(browser.post("/confirm?user=alice").await.body, "alice Password fresh");
    assert_eq!(browser.get("/fresh").await.body, "alice Session fresh");
    assert_ne!(old.session(), browser.session());
    assert_eq!(old.clone().get("/").await.body, "nobody");
    assert_eq!(browser.reopened().get("/").await.body, "alice Remembered stale", "still remembered");
    let mut stranger = world.browser();
    assert_eq!(stranger.post("/confirm?user=alice").await.status, 401);
    assert!(stranger.jar.is_empty());
}

#[tokio::test]
async fn somebody_elses_remember_cookie_does_not_make_a_confirmed_login_remembered() {
    let world = World::new();
    let mut browser = world.logged_in().await;
    let mut bob = world.browser();
    bob.post("/login?user=bob&remember=true").await;
    browser.jar.extend(bob.reopened().jar);
    assert_eq!(browser.post("/confirm?user=alice").await.body, "alice Password fresh");
    assert_eq!(browser.cookie("__Host-remember"), None);
    assert_eq!(bob.get("/").await.body, "nobody", "this browser sent it, so it is ended");
}

#[tokio::test]
async fn remembered_for_a_week_is_a_week_confirmed_or_not() {
    let world = World::new();
    let mut browser = world.browser();
    let answer = browser.post("/login?user=alice&days=7").await;
    assert!(answer.set_cookies().iter().any(|line| line.contains("Max-Age=604800;")), "{answer:?}");
    world.advance(DAY);
    browser = browser.reopened();
    browser.get("/").await;
    let answer = browser.post("/confirm?user=alice").await;
    assert!(answer.set_cookies().iter().any(|line| line.contains("Max-Age=518400;")), "{answer:?}");
    world.advance(6 * DAY - SECOND);
    assert_eq!(browser.clone().reopened().get("/").await.body, "alice Remembered stale");
    world.advance(SECOND);
    assert_eq!(browser.reopened().get("/").await.body, "nobody");
}

#[tokio::test]
async fn what_is_logged_out_everywhere_during_a_login_turns_it_away() {
    let world = World::new();
    let mut browser = world.browser();
    let answer = browser.post("/login?user=alice&remember=true&begun=true&everywhere=true").await;
    assert_eq!((answer.status.as_u16(), answer.set_cookies().len()), (401, 0));
    assert_eq!(browser.post("/login?user=alice&begun=true").await.body, "in");
}

#[tokio::test]
async fn a_login_begun_for_one_is_not_finished_for_another() {
    let world = World::new();
    let mut browser = world.browser();
    let answer = browser.post("/login?user=alice&begun=true&begun_by=bob").await;
    assert_eq!((answer.status.as_u16(), answer.set_cookies().len()), (401, 0));
}

#[tokio::test]
async fn freshness_ends_when_the_layer_says_so() {
    let world = World::with(|layer| layer.fresh_for(10 * MINUTE));
    let mut browser = world.logged_in().await;
    world.advance(10 * MINUTE);
    assert_eq!(browser.get("/").await.body, "alice Session fresh");
    world.advance(SECOND);
    assert_eq!(browser.get("/").await.body, "alice Session stale");
    world.signals();
    browser.post("/confirm?user=alice").await;
    assert_eq!(browser.get("/").await.body, "alice Session fresh");
    assert_eq!(world.signals(), [SignalKind::Reauthenticated]);
}

#[tokio::test]
async fn a_user_is_told_when_the_password_was_last_entered() {
    let world = World::new();
    let mut browser = world.remembered().await;
    let mut since = 0;
    for by in [Duration::ZERO, 10 * MINUTE, DAY, DAY] {
        world.advance(by);
        since += by.as_secs();
        assert_eq!(browser.get("/since").await.body, since.to_string(), "by the session, or restored");
        browser = browser.reopened();
        assert_eq!(browser.get("/since").await.body, since.to_string());
    }
    browser.post("/devices/others").await;
    assert_eq!(browser.get("/since").await.body, since.to_string(), "a renewal is not an authentication");
    browser.post("/confirm?user=alice").await;
    assert_eq!(browser.get("/since").await.body, "0");
}

#[tokio::test]
async fn a_session_slides_with_use_and_is_written_once_a_minute() {
    let world = World::new();
    let mut browser = world.logged_in().await;
    for _ in 0..3 {
        world.advance(20 * MINUTE);
        assert_eq!(browser.get("/").await.body, "alice Session fresh");
    }
    world.store.calls();
    for _ in 0..5 {
        let answer = browser.get("/").await;
        assert_eq!(answer.set_cookies().len(), 0);
    }
    assert_eq!(world.store.calls(), (5, 0), "a read each and no write");
    world.advance(MINUTE);
    browser.get("/").await;
    assert_eq!(world.store.calls(), (1, 1));
    world.advance(30 * MINUTE);
    assert_eq!(browser.get("/").await.body, "nobody");
}
