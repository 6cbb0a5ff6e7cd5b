//! Requests that a page of another site makes a browser send.

use hallpass_web::{CookieSpec, SameSite, SignalKind, danger};

use crate::browser::{Browser, SESSION};
use crate::site::Site;

/// The same browser, with a page of another site open.
fn lured(browser: &Browser) -> Browser {
    browser.page_of("https://evil.test")
}

/// A site whose cookies go with every request, so that only the guard can refuse it.
fn open() -> Site {
    let none = |name| CookieSpec::host(name).same_site(SameSite::None);
    Site::with(|layer| layer.session_cookie(none("session")).remember_cookie(none("remember")))
}

#[tokio::test]
async fn another_site_changes_nothing() {
    let site = open();
    let browser = site.browser();
    browser.log_in_remembered("alice").await;
    site.heard.signals();
    for path in ["/cart", "/logout", "/password", "/devices/all", "/keys", "/members", "/vault", "/confirm"] {
        let answer = lured(&browser).post(path, &[("item", "x"), ("password", "secret")]).await;
        assert_eq!(answer.status, 403, "{path}");
        assert!(answer.set_cookies().is_empty(), "{path}");
        assert_eq!(site.heard.kinds(), [SignalKind::CrossSite], "{path}");
    }
    assert_eq!(
        (browser.me().await, browser.get("/cart").await.body),
        ("alice session fresh".into(), String::new())
    );
}

#[tokio::test]
async fn another_site_logs_no_user_in_as_another() {
    let (_site, browser) = Site::visited();
    let form = [("id", "bob"), ("password", "secret")];
    let answer = lured(&browser).post("/login", &form).await;
    assert_eq!((answer.status, answer.set_cookies().len()), (403, 0));
    browser.log_in("alice").await;
    assert_eq!(lured(&browser).post("/login", &form).await.status, 403);
    assert_eq!(browser.me().await, "alice session fresh");
}

#[tokio::test]
async fn a_link_from_another_site_finds_the_visitor_logged_in() {
    let (_site, browser) = Site::remembering_alice().await;
    assert_eq!(lured(&browser).me().await, "alice session fresh");
    browser.reopen();
    assert_eq!(lured(&browser).me().await, "alice remembered stale");
}

#[tokio::test]
async fn another_site_opens_no_web_socket() {
    let site = open();
    let browser = site.browser();
    browser.log_in("alice").await;
    let socket = browser.clone().header("Upgrade", "websocket").header("Sec-Fetch-Mode", "websocket");
    assert_eq!(socket.get("/account").await.body, "alice session fresh", "our own page may open it");
    assert_eq!(lured(&socket).get("/account").await.status, 403);
    let mut old = site.browser().header("Cookie", format!("{SESSION}={}", browser.session().unwrap()));
    old.trusted = false;
    let old = old.header("Upgrade", "websocket");
    assert_eq!(old.clone().header("Origin", "https://app.test").get("/account").await.status, 200);
    assert_eq!(old.header("Origin", "https://evil.test").get("/account").await.status, 403);
}

#[tokio::test]
async fn a_page_of_this_machine_opens_its_web_socket_over_plain_http() {
    let site = open();
    let browser = site.browser();
    browser.log_in("alice").await;
    let socket = |host: &str, origin: &str| {
        let mut page = site.browser().header("Upgrade", "websocket").header("Origin", origin);
        page = page.header("Cookie", format!("{SESSION}={}", browser.session().unwrap()));
        (page.host, page.trusted) = (host.to_owned(), false);
        page
    };
    for host in ["localhost:3000", "localhost", "shop.localhost:3000", "127.0.0.1:3000", "[::1]:3000"] {
        let own = socket(host, &format!("http://{host}"));
        assert_eq!(own.get("/account").await.body, "alice session fresh", "{host}");
        let form = own.post("/members", &[]).await;
        assert_eq!(form.status, 403, "{host}: browsers name the page that sent a form");
        for origin in [
            "http://localhost:4000",
            "http://evil.test",
            "https://evil.test",
            "http://localhost.evil.test",
            "",
        ] {
            assert_eq!(socket(host, origin).get("/account").await.status, 403, "{host} {origin}");
        }
    }
    for host in ["app.test", "127.0.0.1.evil.test", "127.evil.test", "localhost.evil.test", "evillocalhost"] {
        let other = socket(host, &format!("http://{host}"));
        assert_eq!(
            other.get("/account").await.status,
            403,
            "{host}: an attacker in the network may have written it"
        );
    }
}

#[tokio::test]
async fn strict_cookies_stay_at_home() {
    let strict = CookieSpec::host("session").same_site(SameSite::Strict);
    let site = Site::with(|layer| layer.session_cookie(strict));
    let browser = site.browser();
    browser.log_in("alice").await;
    assert_eq!(
        (lured(&browser).me().await, browser.me().await),
        ("anonymous".into(), "alice session fresh".into())
    );
}

#[tokio::test]
async fn without_fetch_metadata_the_origin_decides() {
    let site = open();
    let browser = site.browser();
    browser.log_in("alice").await;
    // An older browser, which sends only `Origin`.
    let mut old = site.browser().header("Cookie", format!("{SESSION}={}", browser.session().unwrap()));
    old.trusted = false;
    assert_eq!(old.page_of("https://app.test").post("/members", &[]).await.status, 200, "our own page");
    for origin in
        ["null", "https://evil.test", "http://app.test.evil.test", "http://app.test:81", "", "app.test"]
    {
        let other = old.page_of(origin);
        assert_eq!(other.post("/members", &[]).await.status, 403, "{origin:?}");
        assert_eq!(other.get("/members").await.status, 200, "{origin:?}");
    }
}

#[tokio::test]
async fn plain_http_is_never_our_own_page_where_the_cookies_are_secure() {
    let site = open();
    let browser = site.browser();
    browser.log_in("alice").await;
    let mut old = site.browser().header("Cookie", format!("{SESSION}={}", browser.session().unwrap()));
    old.trusted = false;
    assert_eq!(old.page_of("https://app.test").post("/members", &[]).await.status, 200);
    assert_eq!(old.page_of("http://app.test").post("/members", &[]).await.status, 403);
    let plain = Site::with(danger::insecure_cookies);
    let mut browser = plain.browser();
    browser.trusted = false;
    assert_eq!(browser.log_in("alice").await.status, 200, "a site without TLS says http");
}

#[tokio::test]
async fn only_the_same_origin_is_the_same() {
    let site = open();
    let browser = site.browser();
    browser.log_in("alice").await;
    let mut plain = site.browser().header("Cookie", format!("{SESSION}={}", browser.session().unwrap()));
    plain.trusted = false;
    for (said, status) in
        [("same-origin", 200), ("none", 200), ("same-site", 403), ("cross-site", 403), ("x", 403)]
    {
        assert_eq!(
            plain.clone().header("Sec-Fetch-Site", said).post("/members", &[]).await.status,
            status,
            "{said}"
        );
    }
}

#[tokio::test]
async fn an_origin_that_is_allowed_may_post() {
    let none = CookieSpec::host("session").same_site(SameSite::None);
    let site = Site::with(|layer| layer.session_cookie(none).allow_origin("https://friend.test"));
    let browser = site.browser();
    browser.log_in("alice").await;
    assert_eq!(browser.page_of("https://friend.test").post("/members", &[]).await.body, "posted");
    for origin in
        ["http://friend.test", "https://friend.test:444", "https://sub.friend.test", "https://evil.test"]
    {
        assert_eq!(browser.page_of(origin).post("/members", &[]).await.status, 403, "{origin}");
    }
}

#[tokio::test]
async fn a_key_may_come_from_another_site_and_the_cookies_then_count_for_nothing() {
    let site = open();
    let (alice, bob) = (site.browser(), site.browser());
    alice.log_in("alice").await;
    let key = alice.post("/keys", &[]).await.body;
    bob.log_in("bob").await;
    let lured = lured(&bob);
    let with = |key: &str| lured.clone().program().header("Authorization", format!("Bearer {key}"));
    assert_eq!(with(&key).post("/me", &[]).await.body, "alice key stale");
    assert_eq!(with("junk").post("/me", &[]).await.body, "anonymous", "not bob");
    assert_eq!(with("junk").post("/members", &[]).await.status, 401);
}

#[tokio::test]
async fn every_method_that_changes_something_is_guarded() {
    let site = open();
    let browser = site.browser();
    browser.log_in("alice").await;
    for method in ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"] {
        assert_eq!(lured(&browser).send(method, "/members", &[]).await.status, 403, "{method}");
    }
    for (method, status) in [("GET", 200), ("HEAD", 200), ("OPTIONS", 200)] {
        assert_eq!(lured(&browser).send(method, "/members", &[]).await.status, status, "{method}");
    }
}
