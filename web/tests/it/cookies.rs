//! The attributes of the two cookies, and the answers that set them.

use std::time::Duration;

use hallpass_core::Policy;
use hallpass_test_store::Call;
use hallpass_web::{CookieSpec, Keep, SameSite, danger};

use crate::browser::{Browser, REMEMBER, SESSION};
use crate::site::{DAY, HOUR, MINUTE, ON_DISK, Site};

/// The attributes of a cookie, sorted.
fn attributes(cookie: &crate::jar::SetCookie) -> Vec<String> {
    let mut all: Vec<_> = cookie.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
    all.sort();
    all
}

#[tokio::test]
async fn the_defaults_are_host_only_secure_and_out_of_reach_of_scripts() {
    let site = Site::new();
    let answer = site.browser().log_in_remembered("alice").await;
    let session = answer.cookie(SESSION).unwrap();
    assert_eq!(attributes(&session), ["httponly=", "path=/", "samesite=Lax", "secure="]);
    let remember = answer.cookie(REMEMBER).unwrap();
    assert_eq!(attributes(&remember), ["httponly=", "max-age=2592000", "path=/", "samesite=Lax", "secure="]);
    assert_eq!(answer.set_cookies().len(), 2, "each once");
}

#[tokio::test]
async fn a_site_may_choose_names_domain_path_and_same_site() {
    let spec = |name| CookieSpec::named(name).domain("app.test").path("/").same_site(SameSite::Strict);
    let site = Site::with(|layer| {
        layer.session_cookie(spec("sid")).remember_cookie(danger::script_readable(spec("rid").path("/deep")))
    });
    let mut browser = site.browser();
    browser.host = "www.app.test".into();
    let answer = browser.log_in_remembered("alice").await;
    let session = answer.cookie("sid").unwrap();
    assert_eq!(
        attributes(&session),
        ["domain=app.test", "httponly=", "path=/", "samesite=Strict", "secure="]
    );
    let remember = answer.cookie("rid").unwrap();
    assert_eq!(
        attributes(&remember),
        ["domain=app.test", "max-age=2592000", "path=/deep", "samesite=Strict", "secure="]
    );
    browser.host = "mail.app.test".into();
    assert_eq!(browser.me().await, "alice session fresh", "every host below the domain");
    browser.reopen();
    assert_eq!(browser.me().await, "anonymous", "the remember-me cookie has another path");
}

#[tokio::test]
async fn no_cookie_is_kept_longer_than_browsers_would() {
    let long = Policy::remember().absolute(DAY * 3_000).idle(None);
    let site = Site::tuned(|tokens| tokens.policy(long), |layer| layer);
    let answer = site.browser().log_in_remembered("alice").await;
    assert_eq!(answer.cookie(REMEMBER).unwrap().max_age(), Some(400 * 86_400));
}

#[tokio::test]
async fn a_session_cookie_may_outlive_the_browser_where_a_site_wants_it() {
    let keep = CookieSpec::host("session").keep(Keep::Token);
    let site = Site::with(|layer| layer.session_cookie(keep));
    let browser = site.browser();
    let answer = browser.log_in("alice").await;
    assert_eq!(answer.cookie(SESSION).unwrap().max_age(), Some(12 * 3_600));
    browser.reopen();
    assert_eq!(browser.me().await, "alice session fresh");
}

#[tokio::test]
async fn a_remember_me_cookie_may_end_with_the_browser_where_a_site_wants_it() {
    let keep = CookieSpec::host("remember").keep(Keep::Browser);
    let site = Site::with(|layer| layer.remember_cookie(keep));
    let browser = site.browser();
    assert_eq!(browser.log_in_remembered("alice").await.cookie(REMEMBER).unwrap().max_age(), None);
    site.advance(HOUR);
    assert_eq!(browser.me().await, "alice remembered stale");
    browser.reopen();
    assert_eq!(browser.me().await, "anonymous");
}

#[tokio::test]
async fn plain_http_works_only_where_a_site_says_so() {
    let plain = |name| danger::insecure_cookie(CookieSpec::named(name));
    for insecure in [0, 1, 2] {
        let site = Site::with(|layer| match insecure {
            0 => layer,
            1 => danger::insecure_cookies(layer),
            _ => layer.session_cookie(plain("s")).remember_cookie(plain("r")),
        });
        let mut browser = site.browser();
        browser.trusted = false;
        if insecure == 0 {
            let form = [("id", "alice"), ("password", "secret")];
            let answer = browser.post("/login", &form).await;
            assert_eq!(answer.status, 403, "a browser would drop the Secure cookie, so the login is refused");
            assert!(answer.body.contains("need HTTPS"), "{}", answer.body);
            continue;
        }
        let answer = browser.log_in_remembered("alice").await;
        assert!(answer.set_cookies().iter().all(|cookie| !cookie.has("secure")));
        assert_eq!(browser.me().await, "alice session fresh");
    }
}

#[tokio::test]
async fn an_answer_with_cookies_is_kept_out_of_every_cache() {
    let (_site, browser) = Site::visited();
    let login = browser.log_in_remembered("alice").await;
    browser.reopen();
    let restore = browser.get("/me").await;
    let logout = browser.post("/logout", &[]).await;
    for answer in [login, restore, logout] {
        assert_eq!(answer.set_cookies().len(), 2);
        assert_eq!(
            (answer.header("cache-control"), answer.header("vary")),
            (Some("private, no-store"), Some("Cookie"))
        );
    }
}

#[tokio::test]
async fn a_personal_page_is_kept_by_no_cache_unless_it_says_so() {
    let (site, browser) = Site::visited();
    for path in ["/me", "/kept"] {
        let answer = browser.get(path).await;
        assert_ne!(answer.header("cache-control"), Some("private, no-store"), "a visitor's {path}");
    }
    browser.log_in("alice").await;
    for path in ["/me", "/account", "/members", "/cart"] {
        assert_eq!(browser.get(path).await.header("cache-control"), Some("private, no-store"), "{path}");
    }
    assert_eq!(browser.get("/kept").await.header("cache-control"), Some("private, max-age=60"));
    assert_eq!(browser.get("/").await.header("cache-control"), None, "the page does not use the session");
    let cart = site.browser();
    cart.post("/cart", &[("item", "tea")]).await;
    assert_eq!(cart.get("/cart").await.header("cache-control"), Some("private, no-store"), "a visitor's");
}

#[tokio::test]
async fn an_answer_that_depends_on_the_user_varies_by_cookie() {
    let (_site, browser) = Site::visited();
    assert_eq!(browser.get("/me").await.header("vary"), Some("Cookie"), "for a visitor too");
    browser.log_in("alice").await;
    let answer = browser.get("/me").await;
    assert_eq!(
        (answer.header("vary"), answer.header("cache-control")),
        (Some("Cookie"), Some("private, no-store"))
    );
    for (own, lines) in [("*", 1), ("Cookie", 1), ("accept,%20COOKIE", 1), ("Accept", 2), ("X-Cookie", 2)] {
        let answer = browser.get(&format!("/varied/{own}")).await;
        let vary = answer.all("vary");
        assert_eq!(vary.len(), lines, "added to the page's own value, and not twice: {vary:?}");
        assert!(lines == 1 || vary[1] == "Cookie", "{vary:?}");
    }
}

#[tokio::test]
async fn a_request_that_asks_nothing_costs_nothing() {
    let (site, browser) = Site::remembering_alice().await;
    site.gate.calls();
    let loads = site.users.loads();
    browser.reopen();
    site.gate.all_down();
    for (browser, path) in [(browser.clone(), "/"), (site.browser(), "/"), (browser.clone(), "/missing")] {
        let answer = browser.get(path).await;
        assert!(answer.status == 200 || path == "/missing" && answer.status == 404);
        assert!(answer.set_cookies().is_empty() && answer.header("vary").is_none());
        assert!(answer.header("cache-control").is_none());
    }
    assert!(site.gate.calls().is_empty() && site.users.loads() == loads);
    site.gate.up();
    assert_eq!(browser.me().await, "alice remembered stale");
}

#[tokio::test]
async fn a_page_that_asks_thrice_reads_once() {
    let (site, browser) = Site::of_alice().await;
    site.gate.calls();
    let loads = site.users.loads();
    let answer = browser.get("/thrice").await;
    assert_eq!(answer.body, "alice session fresh, alice session fresh, true, true");
    assert_eq!((site.gate.calls().len(), site.users.loads() - loads), (1, 1));
}

#[tokio::test]
async fn a_sliding_session_is_written_once_a_minute_at_most() {
    let (site, browser) = Site::of_alice().await;
    site.gate.calls();
    for _ in 0..59 {
        site.advance(Duration::from_secs(1));
        assert!(browser.get("/me").await.set_cookies().is_empty(), "no cookie is sent again");
    }
    assert!(site.gate.calls().iter().all(|call| *call == Call::Find));
    site.advance(Duration::from_secs(2));
    browser.me().await;
    assert!(site.gate.calls().contains(&Call::Replace));
}

#[tokio::test]
async fn a_session_lives_while_it_is_used_and_half_a_day_at_most() {
    let (site, browser) = Site::of_alice().await;
    for third in 1..=35 {
        site.advance(HOUR / 3);
        let me = if third <= 3 { "alice session fresh" } else { "alice session stale" };
        assert_eq!(browser.me().await, me, "fresh for an hour");
    }
    site.advance(HOUR / 3);
    assert_eq!(browser.me().await, "anonymous", "twelve hours");
    let idle = site.browser();
    idle.log_in("alice").await;
    site.advance(HOUR / 2);
    assert_eq!(idle.me().await, "anonymous", "half an hour without a request");
    assert_eq!(idle.get("/why").await.body, "Expired");
}

#[tokio::test]
async fn no_cookie_is_set_twice_in_one_answer() {
    let (_site, browser) = Site::reopened_by_alice().await;
    let answer = browser.post("/confirm", &[("password", "secret")]).await;
    let mut names: Vec<_> = answer.set_cookies().into_iter().map(|cookie| cookie.name).collect();
    names.sort();
    assert_eq!(names, [REMEMBER, SESSION], "restored and confirmed in one request");
}

#[tokio::test]
async fn what_is_shown_of_a_layer_holds_no_token() {
    let (site, browser) = Site::remembering_alice().await;
    let shown = format!("{:?}", site.layer);
    for token in [browser.session().unwrap(), browser.remember().unwrap()] {
        assert!(!shown.contains(&token) && !shown.contains(&token[23..]), "{shown}");
    }
}

#[tokio::test]
async fn a_request_costs_what_the_readme_says() {
    // Sled does not count a user's records as it inserts one, so core reads the list to check the cap.
    let list = usize::from(std::env::var_os(ON_DISK).is_some());
    let site = Site::new();
    let mut loads = 0;
    let mut cost = || {
        let (calls, before) = (site.gate.calls(), loads);
        loads = site.users.loads();
        let reads = calls.iter().filter(|call| matches!(call, Call::Find | Call::List)).count();
        (reads, calls.len() - reads, loads - before)
    };
    let browser = site.browser();
    browser.log_in_remembered("alice").await;
    let dead = browser.copied();
    browser.log_in_remembered("alice").await;
    cost();
    browser.me().await;
    assert_eq!(cost(), (1, 0, 1), "the remember-me cookie is not looked at");
    site.advance(MINUTE);
    browser.me().await;
    assert_eq!(cost(), (1, 1, 1), "the touch");
    let cookies =
        |of: &Browser| format!("{SESSION}={}; {REMEMBER}={}", of.session().unwrap(), of.remember().unwrap());
    let crowded = |first: &Browser, then: &Browser| {
        site.browser().header("Cookie", format!("{}; {}", cookies(first), cookies(then)))
    };
    crowded(&dead, &browser).me().await;
    assert_eq!(cost(), (2, 0, 1), "the dead session cookie in front");
    crowded(&browser, &dead).me().await;
    assert_eq!(cost(), (1, 0, 1), "and behind");
    for _ in 0..2 {
        assert_eq!(dead.me().await, "anonymous");
        assert_eq!(cost(), (2, 0, 0), "again and again");
    }
    site.browser().header("Cookie", format!("{SESSION}=junk; {REMEMBER}=junk")).me().await;
    assert_eq!(cost(), (0, 0, 0));
    browser.reopen();
    browser.me().await;
    assert_eq!(cost(), (3 + list, 2, 1), "a restore");
    browser.me().await;
    assert_eq!(cost(), (3, 3, 2), "its confirmation");
    browser.me().await;
    assert_eq!(cost(), (1, 0, 1));
}
