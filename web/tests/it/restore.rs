//! Tests the remember-me cookie without a session.

use hallpass_core::EventKind;
use hallpass_web::SignalKind;
use http::Method;

use crate::browser::Browser;
use crate::world::{DAY, HOUR, MINUTE, SECOND, World};

#[tokio::test]
async fn a_remember_cookie_restores_a_session_that_is_not_fresh() {
    let world = World::new();
    let first = world.remembered().await;
    world.advance(DAY);
    let mut browser = first.reopened();
    let answer = browser.get("/").await;
    assert_eq!(answer.body, "alice Remembered stale");
    assert_eq!(answer.set_cookies().len(), 2, "the session and the successor");
    assert_ne!(browser.remember(), first.remember());
    let answer = browser.get("/").await;
    assert_eq!((&*answer.body, answer.set_cookies().len()), ("alice Remembered stale", 0));
    assert_eq!(browser.get("/devices").await.body.lines().count(), 1, "one login, one device");
}

#[tokio::test]
async fn an_expired_session_is_restored_like_one_that_is_gone() {
    let world = World::new();
    let mut browser = world.remembered().await;
    world.advance(HOUR);
    assert_eq!(browser.get("/").await.body, "alice Remembered stale");
    assert_eq!(browser.get("/").await.body, "alice Remembered stale");
}

#[tokio::test]
async fn the_next_request_with_both_cookies_confirms_the_successor_once() {
    let world = World::new();
    let mut browser = world.remembered().await.reopened();
    browser.get("/").await;
    world.events();
    browser.get("/").await;
    assert_eq!(world.events().iter().filter(|&&what| what == EventKind::Confirmed).count(), 1);
    world.store.calls();
    for _ in 0..3 {
        browser.get("/").await;
    }
    assert_eq!(world.store.calls(), (3, 0), "afterwards the remember token is left alone");
}

#[tokio::test]
async fn a_restore_without_a_successor_has_nothing_to_confirm() {
    let world = World::new();
    let mut browser = world.remembered().await.reopened();
    browser.get("/").await;
    browser.get("/").await;
    let mut browser = browser.reopened();
    assert_eq!(browser.get("/").await.set_cookies().len(), 1, "too soon after the last rotation");
    world.store.calls();
    assert_eq!(browser.get("/").await.body, "alice Remembered stale");
    assert_eq!(world.store.calls(), (1, 0));
}

#[tokio::test]
async fn a_browser_that_lost_only_the_successor_gets_it_again() {
    let world = World::new();
    let old = world.remembered().await.reopened();
    let mut browser = old.clone();
    browser.get("/").await;
    let successor = browser.remember().to_owned();
    browser.jar.retain(|(name, _)| name == "__Host-session");
    browser.jar.extend(old.jar);
    world.events();
    let answer = browser.get("/").await;
    assert_eq!((&*answer.body, answer.set_cookies().len()), ("alice Remembered stale", 1));
    assert_eq!(browser.remember(), successor);
    let events = world.events();
    assert!(events.contains(&EventKind::Confirmed), "the session came in the same answer: {events:?}");
    assert!(events.contains(&EventKind::Retried) && !events.contains(&EventKind::Reused), "{events:?}");
}

#[tokio::test]
async fn another_logins_remember_cookie_has_nothing_to_confirm() {
    let world = World::new();
    let mut browser = world.remembered().await.reopened();
    browser.get("/").await;
    browser.jar.retain(|(name, _)| name == "__Host-session");
    browser.jar.extend(world.remembered().await.reopened().jar);
    world.events();
    browser.get("/").await;
    world.store.calls();
    for _ in 0..3 {
        assert_eq!(browser.get("/").await.body, "alice Remembered stale");
    }
    assert_eq!(world.store.calls(), (3, 0), "it was looked at once");
    assert!(!world.events().contains(&EventKind::Rotated), "and left alone");
}

#[tokio::test]
async fn an_old_remember_cookie_ends_the_login_once_the_new_one_was_seen() {
    let world = World::new();
    let stolen = world.remembered().await.reopened();
    let mut owner = stolen.clone();
    owner.get("/").await;
    owner.get("/").await;
    world.advance(5 * MINUTE);
    let mut thief = stolen;
    assert_eq!(thief.get("/").await.body, "nobody");
    let answer = owner.get("/").await;
    assert_eq!(answer.body, "nobody", "the session goes with the login");
    assert_eq!(answer.set_cookies().len(), 0, "what was rejected clears nothing");
    assert_eq!(owner.get("/why").await.body, "Revoked(Reused)", "the rightful user learns of the theft");
    assert_eq!(owner.get("/why").await.body, "Revoked(Reused)", "until the next login");
    owner.post("/login?user=alice").await;
    assert_eq!(owner.get("/why").await.body, "no reason");
}

#[tokio::test]
async fn the_owner_who_comes_after_the_thief_ends_the_login() {
    let world = World::new();
    let mut owner = world.remembered().await.reopened();
    let mut thief = owner.clone();
    thief.get("/").await;
    thief.get("/").await;
    world.advance(5 * MINUTE);
    assert_eq!(owner.get("/").await.body, "nobody");
    assert_eq!(thief.get("/").await.body, "nobody", "the session that the thief restored goes too");
    assert_eq!(owner.get("/why").await.body, "Revoked(Reused)");
}

#[tokio::test]
async fn a_lost_response_logs_nobody_out() {
    let world = World::new();
    let mut browser = world.remembered().await.reopened();
    let lost = browser.ask(Method::GET, "/").await;
    assert_eq!(lost.body, "alice Remembered stale");
    world.advance(50 * MINUTE);
    assert_eq!(browser.get("/").await.body, "alice Remembered stale");
    let successor = |lines: Vec<&str>| {
        lines
            .iter()
            .find(|line| line.starts_with("__Host-remember"))
            .unwrap()
            .split(';')
            .next()
            .unwrap()
            .to_owned()
    };
    assert!(successor(lost.set_cookies()).ends_with(browser.remember()), "the same successor");
    world.advance(DAY);
    assert_eq!(browser.reopened().get("/").await.body, "alice Remembered stale");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_restores_are_one_generation_and_log_nobody_out() {
    let world = World::new();
    let browser = world.remembered().await.reopened();
    world.advance(HOUR);
    world.store.meet(8);
    let mut tabs = Vec::new();
    for _ in 0..8 {
        let tab = browser.clone();
        tabs.push(tokio::spawn(async move { tab.ask(Method::GET, "/").await }));
    }
    let mut answers = Vec::new();
    for tab in tabs {
        answers.push(tab.await.unwrap());
    }
    let mut jars: Vec<Browser> = Vec::new();
    for answer in &answers {
        assert_eq!(answer.body, "alice Remembered stale");
        let mut jar = browser.clone();
        jar.take(answer);
        jars.push(jar);
    }
    assert!(jars.iter().all(|jar| jar.remember() == jars[0].remember()), "one generation step");
    for mut jar in jars {
        assert_eq!(jar.get("/").await.body, "alice Remembered stale", "whichever answer came last");
    }
    assert_eq!(world.signals().iter().filter(|&&what| what == SignalKind::Restored).count(), 8);
}

#[tokio::test]
async fn a_restored_session_dies_with_its_parent() {
    let world = World::new();
    let mut browser = world.remembered().await.reopened();
    browser.get("/").await;
    let mut copy = browser.clone();
    browser.post("/logout").await;
    assert_eq!(copy.get("/").await.body, "nobody");
}

#[tokio::test]
async fn with_several_cookies_of_one_name_one_valid_is_enough() {
    let world = World::new();
    let other = world.remembered().await;
    let browser = world.remembered().await;
    let dead = {
        let mut dead = world.remembered().await;
        let copy = dead.clone();
        dead.post("/logout").await;
        copy
    };
    for place in 0..3 {
        for name in ["__Host-session", "__Host-remember"] {
            let mut jar = browser.reopened();
            jar.jar.clear();
            for value in ["junk", dead.cookie(name).unwrap()] {
                jar.jar.push((name.into(), value.into()));
            }
            jar.jar.insert(place, (name.into(), browser.cookie(name).unwrap().into()));
            assert!(jar.ask(Method::GET, "/").await.body.starts_with("alice"), "{name} at {place}");
            assert_eq!(jar.ask(Method::GET, "/why").await.set_cookies().len() % 2, 0);
        }
    }
    assert_eq!(other.clone().get("/").await.body, "alice Session fresh", "no other login was ended");
}

#[tokio::test]
async fn a_stale_remember_cookie_beside_the_newest_kills_nothing() {
    let world = World::new();
    let mut browser = world.remembered().await.reopened();
    let mut stale = Vec::new();
    for _ in 0..3 {
        stale.push(("__Host-remember".to_owned(), browser.remember().to_owned()));
        // Once in the request that restores, and once in the one that confirms.
        for _ in 0..3 {
            let newest = browser.jar.clone();
            browser.jar.splice(0..0, stale[..stale.len() - 1].iter().cloned());
            let answer = browser.ask(Method::GET, "/").await;
            assert_eq!(answer.body, "alice Remembered stale");
            browser.jar = newest;
            browser.take(&answer);
        }
        world.advance(DAY);
        browser = browser.reopened();
    }
    let restored = browser.get("/").await;
    assert_eq!(restored.body, "alice Remembered stale");
    stale.pop();
    browser.jar.splice(0..0, stale);
    let mut locked = browser.reopened();
    world.users.change("alice", |user| user.active = false);
    assert_eq!(locked.get("/").await.body, "nobody");
    world.users.change("alice", |user| user.active = true);
    assert_eq!(browser.get("/").await.body, "alice Remembered stale", "and while the user was locked");
    let answer = browser.post("/confirm?user=alice").await;
    assert_eq!((&*answer.body, answer.set_cookies().len()), ("alice Password fresh", 2), "still remembered");
    assert!(world.events().iter().all(|&what| what != EventKind::Reused));
}

#[tokio::test]
async fn a_rejected_cookie_is_never_cleared() {
    let world = World::new();
    let mut browser = world.remembered().await;
    let copy = browser.clone();
    browser.post("/logout").await;
    let mut copy = copy;
    let answer = copy.get("/me").await;
    assert_eq!((answer.status.as_u16(), answer.set_cookies().len()), (401, 0));
    assert_eq!(copy.get("/why").await.body, "Invalid");
}

#[tokio::test]
async fn a_user_who_comes_back_once_a_day_stays_for_a_month_and_no_longer() {
    let world = World::new();
    let mut browser = world.remembered().await;
    for day in 0..29 {
        world.advance(DAY);
        browser = browser.reopened();
        assert_eq!(browser.get("/").await.body, "alice Remembered stale", "day {day}");
        browser.get("/").await;
    }
    world.advance(DAY - SECOND);
    assert!(browser.clone().reopened().get("/").await.body.starts_with("alice"));
    world.advance(SECOND);
    assert_eq!(browser.reopened().get("/").await.body, "nobody");
}

#[tokio::test]
async fn a_restore_that_is_overtaken_by_a_logout_restores_nothing() {
    let world = World::new();
    let mut browser = world.remembered().await.reopened();
    let late = browser.ask(Method::GET, "/").await;
    browser.post("/logout").await;
    browser.take(&late);
    assert_eq!(browser.jar.len(), 2, "the late answer put its cookies back");
    assert_eq!(browser.get("/").await.body, "nobody", "and they are worth nothing");
}

#[tokio::test]
async fn an_answer_that_was_overtaken_leaves_the_newer_cookies_alone() {
    let world = World::new();
    for (then, cookies) in [("/login?user=bob", 1), ("/login?user=alice&remember=true", 2), ("/logout", 0)] {
        let mut browser = world.remembered().await.reopened();
        let tab = browser.clone();
        let slow = tokio::spawn(async move { tab.ask(Method::GET, "/slow").await });
        world.users.meet().await;
        assert_eq!(browser.post(then).await.status, 200);
        world.users.meet().await;
        let late = slow.await.unwrap();
        assert_eq!((&*late.body, late.set_cookies().len()), ("alice Remembered stale", 0), "{then}");
        browser.take(&late);
        assert_eq!(browser.jar.len(), cookies);
    }
}

#[tokio::test]
async fn an_answer_that_nothing_overtook_restores_though_the_store_is_gone_by_then() {
    let world = World::new();
    let browser = world.remembered().await.reopened();
    for store in [true, false] {
        let tab = browser.clone();
        let slow = tokio::spawn(async move { tab.ask(Method::GET, "/slow").await });
        world.users.meet().await;
        world.store.switch(store);
        world.users.meet().await;
        assert_eq!(slow.await.unwrap().set_cookies().len(), 2);
        world.store.switch(true);
    }
}

#[tokio::test]
async fn what_an_anonymous_session_kept_outlives_the_restoring() {
    let world = World::new();
    let mut browser = world.remembered().await.reopened();
    let remember = browser.jar.clone();
    browser.jar.clear();
    browser.post("/cart/pen").await;
    browser.jar.extend(remember);
    assert_eq!(browser.get("/").await.body, "alice Remembered stale");
    assert_eq!(browser.get("/cart").await.body, "pen");
}
