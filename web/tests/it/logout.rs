//! Logging out.

use hallpass_core::EventKind;
use hallpass_test_store::{Call, Fault};
use hallpass_web::{CookieSpec, SameSite, SignalKind, danger};

use crate::browser::{REMEMBER, SESSION};
use crate::site::{HOUR, MINUTE, Site};

#[tokio::test]
async fn a_logout_lasts() {
    let (_site, browser) = Site::of_alice().await;
    assert_eq!(
        browser.post("/logout", &[]).await.body,
        "ended, anonymous",
        "in the very request that logs out"
    );
    for _ in 0..3 {
        assert_eq!(browser.me().await, "anonymous");
    }
}

#[tokio::test]
async fn a_remembered_user_stays_logged_out() {
    for seconds in [None, Some("25200")] {
        let (_site, browser) = Site::visited();
        let more: Vec<_> = [("remember", "on")].into_iter().chain(seconds.map(|s| ("seconds", s))).collect();
        browser.log_in_with("alice", &more).await;
        browser.post("/logout", &[]).await;
        assert_eq!((browser.session(), browser.remember()), (None, None));
        assert_eq!(browser.me().await, "anonymous");
        browser.reopen();
        assert_eq!(browser.me().await, "anonymous");
    }
}

#[tokio::test]
async fn a_copy_of_the_cookies_is_dead_after_the_logout() {
    let (site, browser) = Site::remembering_alice().await;
    let copy = browser.copied();
    browser.post("/logout", &[]).await;
    assert_eq!(copy.me().await, "anonymous");
    assert_eq!(copy.get("/why").await.body, "Invalid");
    copy.reopen();
    assert_eq!(copy.me().await, "anonymous", "the remember-me token alone is dead too");
    assert_eq!(site.live("alice").await, 0);
}

#[tokio::test]
async fn cookies_are_cleared_with_the_attributes_they_were_set_with() {
    let wide = |name| CookieSpec::named(name).domain("app.test").path("/").same_site(SameSite::Strict);
    for own_names in [false, true] {
        let site = Site::with(|layer| match own_names {
            false => layer,
            true => layer.session_cookie(wide("sid")).remember_cookie(danger::script_readable(wide("rid"))),
        });
        let browser = site.browser();
        let set = browser.log_in_remembered("alice").await.set_cookies();
        let cleared = browser.post("/logout", &[]).await.set_cookies();
        assert_eq!((set.len(), cleared.len()), (2, 2));
        for (set, cleared) in set.iter().zip(&cleared) {
            let rest = |cookie: &crate::jar::SetCookie| {
                let rest = cookie.attributes.iter().filter(|(name, _)| name != "max-age").cloned();
                rest.collect::<Vec<_>>()
            };
            assert_eq!((&set.name, rest(set)), (&cleared.name, rest(cleared)));
            assert_eq!((&*cleared.value, cleared.max_age()), ("", Some(0)));
        }
        for name in [SESSION, REMEMBER, "sid", "rid"] {
            assert_eq!(browser.jar().value(name), None, "gone from the jar");
        }
    }
}

#[tokio::test]
async fn a_log_out_of_an_anonymous_client_does_no_harm() {
    let site = Site::new();
    let (browser, member) = (site.browser(), site.browser());
    member.log_in("alice").await;
    assert_eq!(browser.post("/logout", &[]).await.body, "nothing, anonymous");
    assert_eq!(browser.post("/logout", &[]).await.status, 200, "a second log-out");
    assert_eq!(member.me().await, "alice session fresh");
}

#[tokio::test]
async fn a_logout_takes_malformed_cookies_away() {
    let (_site, browser) = Site::remembering_alice().await;
    browser.jar().swap(SESSION, "malformed");
    browser.jar().swap(REMEMBER, "series1:tokenvalue");
    assert_eq!(browser.post("/logout", &[]).await.body, "nothing, anonymous");
    assert_eq!((browser.session(), browser.remember()), (None, None));
}

#[tokio::test]
async fn a_logout_ends_the_login_of_an_expired_session_by_its_remember_me_token() {
    let (site, browser) = Site::remembering_alice().await;
    let copy = browser.copied();
    site.advance(HOUR);
    assert_eq!(browser.post("/logout", &[]).await.body, "ended, anonymous");
    assert_eq!(copy.me().await, "anonymous");
}

#[tokio::test]
async fn a_logout_with_an_older_remember_me_token_ends_the_login() {
    let (site, browser) = Site::reopened_by_alice().await;
    let old = browser.copied();
    assert_eq!(browser.me().await, "alice remembered stale");
    assert_ne!(old.remember(), browser.remember(), "it has rotated");
    site.advance(MINUTE);
    assert_eq!(old.post("/logout", &[]).await.body, "ended, anonymous");
    assert_eq!(browser.me().await, "anonymous");
    assert_eq!(site.heard.count(EventKind::Reused), 0, "no theft is reported");
}

#[tokio::test]
async fn a_logout_ends_one_browser_and_no_other() {
    let site = Site::new();
    let (here, there, stranger) = (site.browser(), site.browser(), site.browser());
    here.log_in_remembered("alice").await;
    there.log_in_remembered("alice").await;
    stranger.log_in("bob").await;
    here.post("/logout", &[]).await;
    assert_eq!(there.me().await, "alice session fresh");
    there.reopen();
    assert_eq!(there.me().await, "alice remembered stale");
    assert_eq!(stranger.me().await, "bob session fresh");
}

#[tokio::test]
async fn a_logout_ends_every_login_that_the_browser_sends() {
    let site = Site::new();
    let (one, two, three) = (site.browser(), site.browser(), site.browser());
    for browser in [&one, &two, &three] {
        browser.log_in_remembered("alice").await;
    }
    let cookies = format!(
        "{SESSION}={}; {SESSION}={}; {REMEMBER}={}",
        one.session().unwrap(),
        two.session().unwrap(),
        three.remember().unwrap()
    );
    assert_eq!(site.browser().header("Cookie", cookies).post("/logout", &[]).await.body, "ended, anonymous");
    for browser in [&one, &two, &three] {
        assert_eq!(browser.me().await, "anonymous");
    }
}

#[tokio::test]
async fn a_logout_takes_the_sessions_data_with_it() {
    let (_site, browser) = Site::of_alice().await;
    browser.post("/cart", &[("item", "diary")]).await;
    browser.post("/logout", &[]).await;
    assert_eq!(browser.get("/cart").await.body, "");
}

#[tokio::test]
async fn a_user_may_log_in_again_after_the_log_out() {
    let (_site, browser) = Site::remembering_alice().await;
    browser.post("/logout", &[]).await;
    browser.log_in_remembered("alice").await;
    browser.reopen();
    assert_eq!(browser.me().await, "alice remembered stale");
}

#[tokio::test]
async fn a_logout_waits_once_for_a_store_that_is_slow() {
    let (site, browser) = Site::remembering_alice().await;
    site.gate.all_down();
    site.gate.calls();
    assert_eq!(browser.post("/logout", &[]).await.status, 503);
    assert_eq!(site.gate.calls(), [Call::Find; 2], "a failing store is not asked again");
    site.gate.up();
    let held = site.gate.hold(Call::Find);
    let logout = browser.prepare("POST", "/logout", &[]);
    let logout = tokio::spawn(async move { logout.send().await });
    held.arrival().await;
    // The second log-out is sent before the first has been answered.
    held.arrival().await;
    held.release();
    assert_eq!(logout.await.unwrap().body, "ended, anonymous");
    assert_eq!(site.live("alice").await, 0);
}

#[tokio::test]
async fn a_log_out_clears_the_site_s_data_where_that_is_asked_for() {
    use hallpass_web::SiteData::{Cache, Storage};
    let plain = Site::new();
    let site = plain.node(|layer| layer.clear_site_data([Cache, Storage]));
    for (site, header) in [(&plain, None), (&site, Some(r#""cache", "storage""#))] {
        let browser = site.browser();
        let login = browser.log_in("alice").await;
        assert_eq!(login.header("clear-site-data"), None);
        assert_eq!(browser.get("/me").await.header("clear-site-data"), None);
        assert_eq!(browser.post("/logout", &[]).await.header("clear-site-data"), header);
        browser.log_in("alice").await;
        assert_eq!(browser.post("/devices/all", &[]).await.header("clear-site-data"), header);
    }
}

#[tokio::test]
async fn a_logout_that_fails_half_way_ends_what_it_can_and_is_repeated() {
    for failing in 0..2 {
        let site = Site::new();
        let (alice, bob) = (site.browser(), site.browser());
        alice.log_in("alice").await;
        bob.log_in_remembered("bob").await;
        let cookies =
            format!("{SESSION}={}; {REMEMBER}={}", alice.session().unwrap(), bob.remember().unwrap());
        let both = site.browser().header("Cookie", cookies);
        site.heard.signals();
        site.gate.fail_one(&[Call::Revoke], failing, Fault::Down);
        let answer = both.post("/logout", &[]).await;
        assert_eq!((answer.status, answer.set_cookies().len()), (503, 0));
        let [ended, left] = [["bob", "alice"], ["alice", "bob"]][failing];
        assert_eq!(site.heard.signals(), [(SignalKind::LoggedOut, Some(ended.into()))]);
        let mut inside = [&alice, &bob];
        inside.rotate_left(failing);
        assert_eq!(inside[0].me().await, format!("{left} session fresh"), "{failing}");
        assert_eq!(inside[1].me().await, "anonymous", "{failing}");
        let answer = both.post("/logout", &[]).await;
        assert_eq!((&*answer.body, answer.set_cookies().len()), ("ended, anonymous", 2));
        assert_eq!(site.heard.signals(), [(SignalKind::LoggedOut, Some(left.into()))]);
    }
}

#[tokio::test]
async fn the_request_of_a_logout_that_failed_half_way_asks_anew() {
    let site = Site::new();
    let (alice, bob) = (site.browser(), site.browser());
    alice.log_in("alice").await;
    bob.log_in("bob").await;
    let both = alice.header("Cookie", format!("{SESSION}={}", bob.session().unwrap()));
    site.gate.fail_one(&[Call::Revoke], 1, Fault::Down);
    assert_eq!(both.post("/logout/again", &[]).await.body, "true, bob session fresh", "alice is logged out");
}

#[tokio::test]
async fn a_logout_is_told_once_of_each_login_and_not_of_a_visitor() {
    let site = Site::new();
    let (visitor, other, bob, expired) = (site.browser(), site.browser(), site.browser(), site.browser());
    visitor.post("/cart", &[("item", "pen")]).await;
    let cart = visitor.session().unwrap();
    assert_eq!(visitor.post("/logout", &[]).await.body, "ended, anonymous");
    assert_eq!(site.heard.signals(), [], "no user was logged in");

    other.post("/cart", &[("item", "pen")]).await;
    bob.log_in("bob").await;
    expired.log_in("alice").await;
    let alice = site.reopened().await;
    let sessions = [cart, other.session().unwrap(), bob.session().unwrap()];
    let cookies = sessions.map(|session| format!("{SESSION}={session}")).join("; ");
    site.heard.signals();
    assert_eq!(alice.header("Cookie", cookies).post("/logout", &[]).await.body, "ended, anonymous");
    let told = |id: &str| (SignalKind::LoggedOut, Some(id.to_owned()));
    assert_eq!(site.heard.signals(), [told("bob"), told("alice")], "the session's user comes first");

    site.advance(HOUR);
    expired.post("/logout", &[]).await;
    assert_eq!(site.heard.signals(), [(SignalKind::LoggedOut, None)], "the user is unknown");
    let browser = site.browser();
    browser.log_in_remembered("alice").await;
    site.heard.signals();
    site.advance(HOUR);
    let cookies =
        format!("{SESSION}={}; {REMEMBER}={}", browser.session().unwrap(), browser.remember().unwrap());
    browser.header("Cookie", cookies).post("/logout", &[]).await;
    assert_eq!(site.heard.signals(), [told("alice")]);
}
