//! Concurrent requests: each race really overlaps, inside the store.

use std::collections::BTreeSet;

use hallpass_core::EventKind;
use hallpass_test_store::Call;
use hallpass_web::SignalKind;
use tokio::task::JoinSet;

use crate::browser::{Browser, REMEMBER, SESSION};
use crate::site::{DAY, HOUR, MINUTE, SECOND, Site};
use crate::wire::Answer;

/// Sends `count` requests for one page with the current cookies. None continues before each has read the store
/// once.
pub(crate) async fn at_once(site: &Site, browser: &Browser, count: usize, path: &str) -> Vec<Answer> {
    let request = browser.prepare("GET", path, &[]);
    site.gate.meet(Call::Find, count);
    let mut tasks = JoinSet::new();
    for _ in 0..count {
        let request = request.clone();
        tasks.spawn(async move { request.send().await });
    }
    let answers = tasks.join_all().await;
    site.gate.up();
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_tabs_are_restored_at_once_in_one_step() {
    let (site, browser) = Site::reopened_by_alice().await;
    let answers = at_once(&site, &browser, 8, "/me").await;
    for answer in &answers {
        assert_eq!((answer.status, &*answer.body), (200, "alice remembered stale"));
    }
    assert_eq!((site.steps("alice").await, site.heard.count(EventKind::Rotated)), (1, 1));
    let remembers: BTreeSet<_> = answers.iter().map(|a| a.cookie(REMEMBER).unwrap().value).collect();
    assert_eq!(remembers.len(), 1, "one successor for all, to the byte");
    assert_eq!(browser.get("/devices").await.body.lines().count(), 1, "one device");
    assert_eq!(
        site.heard.kinds().iter().filter(|kind| **kind == SignalKind::Restored).count(),
        9,
        "told of each"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn answers_may_arrive_in_any_order() {
    for order in 0..3 {
        let (site, browser) = Site::reopened_by_alice().await;
        let mut answers = at_once(&site, &browser, 6, "/me").await;
        match order {
            0 => answers.reverse(),
            1 => answers.rotate_left(3),
            _ => answers.swap(0, 5),
        }
        for answer in &answers {
            browser.receive(answer);
            assert_eq!(browser.me().await, "alice remembered stale");
        }
        site.advance(MINUTE * 20);
        assert_eq!(browser.me().await, "alice remembered stale");
        browser.reopen();
        assert_eq!(browser.me().await, "alice remembered stale", "the remember-me token is good too");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_answer_of_many_is_enough() {
    let (site, browser) = Site::reopened_by_alice().await;
    let answers = at_once(&site, &browser, 8, "/me").await;
    browser.receive(&answers[5]);
    site.advance(HOUR * 2);
    assert_eq!(browser.me().await, "alice remembered stale");
    assert_eq!(site.heard.count(EventKind::Reused) + site.heard.count(EventKind::Lapsed), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_answer_at_all_is_made_good_within_the_hour() {
    let (site, browser) = Site::reopened_by_alice().await;
    drop(at_once(&site, &browser, 8, "/me").await);
    site.advance(HOUR - SECOND);
    assert_eq!(browser.me().await, "alice remembered stale");
    assert_eq!(browser.me().await, "alice remembered stale");
    assert_eq!(site.steps("alice").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tabs_that_follow_each_other_are_one_step_too() {
    let (site, browser) = Site::reopened_by_alice().await;
    let late: Vec<_> = (0..8).map(|_| browser.prepare("GET", "/me", &[])).collect();
    assert_eq!(browser.me().await, "alice remembered stale");
    assert_eq!(browser.me().await, "alice remembered stale");
    for request in &late {
        site.advance(SECOND * 3);
        let answer = request.send().await;
        assert_eq!(answer.body, "alice remembered stale");
        browser.receive(&answer);
    }
    assert_eq!(browser.me().await, "alice remembered stale");
    assert_eq!(site.steps("alice").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn months_of_tabs_and_closed_browsers_never_log_anybody_out() {
    let (site, browser) = Site::reopened_by_alice().await;
    for day in 1..=28 {
        let mut answers = at_once(&site, &browser, 3, "/me").await;
        if day % 2 == 0 {
            answers.reverse();
        }
        for answer in &answers[day % 3..] {
            assert_eq!(answer.body, "alice remembered stale", "day {day}");
            browser.receive(answer);
        }
        assert_eq!(browser.me().await, "alice remembered stale", "day {day}");
        browser.reopen();
        site.advance(DAY);
    }
    assert_eq!(site.steps("alice").await, 28);
}

#[tokio::test]
async fn one_page_a_day_is_enough() {
    let (site, browser) = Site::reopened_by_alice().await;
    for day in 1..30 {
        site.advance(DAY);
        assert_eq!(browser.me().await, "alice remembered stale", "day {day}");
        browser.reopen();
    }
    assert_eq!(site.heard.count(EventKind::Reused) + site.heard.count(EventKind::Lapsed), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_session_is_shared_by_tabs_without_a_write() {
    let (site, browser) = Site::of_alice().await;
    site.gate.calls();
    let answers = at_once(&site, &browser, 8, "/me").await;
    assert!(answers.iter().all(|answer| answer.body == "alice session fresh"));
    assert!(answers.iter().all(|answer| answer.set_cookies().is_empty()));
    assert_eq!(site.gate.calls(), [Call::Find; 8], "one read each");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_double_click_on_the_login_button_leaves_the_user_logged_in() {
    for last in 0..2 {
        let (site, browser) = Site::visited();
        let form = [("id", "alice"), ("password", "secret"), ("remember", "on")];
        let request = browser.prepare("POST", "/login", &form);
        site.gate.meet(Call::Insert, 2);
        let (one, two) = tokio::join!(request.send(), request.send());
        site.gate.up();
        let answers = [one, two];
        for answer in [&answers[1 - last], &answers[last]] {
            assert_eq!(answer.status, 200);
            browser.receive(answer);
        }
        assert_eq!(browser.me().await, "alice session fresh");
        assert_eq!(browser.session(), Some(answers[last].cookie(SESSION).unwrap().value));
        browser.reopen();
        assert_eq!(browser.me().await, "alice remembered stale");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_changes_at_once_lose_nothing() {
    let (site, browser) = Site::of_alice().await;
    site.gate.meet(Call::Find, 20);
    let mut tasks = JoinSet::new();
    for item in 0..20 {
        let request = browser.prepare("POST", "/cart", &[("item", &item.to_string())]);
        tasks.spawn(async move {
            // A request that loses for two seconds, as on a slow disk, is answered with "try again".
            for _ in 0..10 {
                let answer = request.send().await;
                if answer.status != 503 {
                    return answer.status;
                }
            }
            503
        });
    }
    assert_eq!(tasks.join_all().await, [200; 20]);
    site.gate.up();
    let cart = browser.get("/cart").await.body;
    let items: BTreeSet<u32> = cart.split(',').map(|item| item.parse().unwrap()).collect();
    assert_eq!((items.len(), cart.split(',').count()), (20, 20), "{cart}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_devices_that_log_each_other_out_do_not_both_stay() {
    let site = Site::new();
    let (one, two) = (site.browser(), site.browser());
    one.log_in("alice").await;
    two.log_in("alice").await;
    site.gate.meet(Call::Find, 2);
    let (first, second) =
        (one.prepare("POST", "/devices/others", &[]), two.prepare("POST", "/devices/others", &[]));
    let (first, second) = tokio::join!(first.send(), second.send());
    site.gate.up();
    one.receive(&first);
    two.receive(&second);
    assert!([&first, &second].iter().all(|answer| [200, 401].contains(&answer.status)));
    let inside = [one.me().await, two.me().await].iter().filter(|me| *me != "anonymous").count();
    assert!(inside <= 1, "each of them logged out the other");
}
