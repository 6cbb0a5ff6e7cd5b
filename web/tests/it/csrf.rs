//! CSRF tokens, for clients that send neither `Sec-Fetch-Site` nor `Origin`.

use hallpass_web::{SignalKind, danger};

use crate::browser::Browser;
use crate::site::Site;
use crate::wire::{Answer, Prepared};

/// A site that requires the token, with alice logged in.
async fn strict() -> (Site, Browser) {
    let site = Site::with(|layer| layer.require_csrf_token());
    let browser = site.browser();
    browser.log_in_remembered("alice").await;
    (site, browser)
}

/// A request from an old browser, without these headers.
fn silent(browser: &Browser, method: &str, path: &str, form: &[(&str, &str)]) -> Prepared {
    let mut prepared = browser.prepare(method, path, form);
    prepared.headers.retain(|(name, _)| !["Sec-Fetch-Site", "Origin"].contains(name));
    prepared
}

/// A request from a page that hides its origin, for instance with `Referrer-Policy: no-referrer`.
async fn hidden(browser: &Browser, path: &str, form: &[(&str, &str)]) -> Answer {
    let mut prepared = silent(browser, "POST", path, form);
    prepared.headers.push(("Origin", b"null".to_vec()));
    prepared.send().await
}

async fn send(browser: &Browser, method: &str, path: &str, form: &[(&str, &str)]) -> Answer {
    let answer = silent(browser, method, path, form).send().await;
    browser.receive(&answer);
    answer
}

async fn token(browser: &Browser) -> String {
    let answer = send(browser, "GET", "/csrf", &[]).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("private, no-store")));
    answer.body
}

#[tokio::test]
async fn a_form_with_the_token_of_its_page_is_taken() {
    let (_site, browser) = strict().await;
    let (one, other) = (token(&browser).await, token(&browser).await);
    assert_ne!(one, other, "each page gets a new text");
    for token in [&one, &other, &one] {
        let answer = send(&browser, "POST", "/csrf", &[("csrf", token)]).await;
        assert_eq!((answer.status, &*answer.body), (200, "alice"));
    }
    let script = browser.clone().header("X-CSRF-Token", one);
    assert_eq!(send(&script, "POST", "/members", &[]).await.body, "posted");
}

#[tokio::test]
async fn without_a_token_the_cookies_count_for_nothing() {
    let (site, browser) = strict().await;
    let stranger = site.browser();
    let (own, foreign) = (token(&browser).await, token(&stranger).await);
    site.heard.signals();
    let cut = &own[1..];
    for bad in ["", "junk", &foreign, cut, &"0".repeat(128), &"é".repeat(64)] {
        let answer = send(&browser, "POST", "/csrf", &[("csrf", bad)]).await;
        assert_eq!(answer.status, 403, "{bad:?}");
        assert!(answer.set_cookies().is_empty());
        assert_eq!(site.heard.kinds(), [SignalKind::CrossSite], "{bad:?}");
    }
    for path in ["/members", "/vault", "/confirm", "/password"] {
        assert_eq!(send(&browser, "POST", path, &[("password", "secret")]).await.status, 403, "{path}");
    }
    assert_eq!(send(&browser, "POST", "/cart", &[("item", "x")]).await.status, 403);
    let answer = send(&browser, "POST", "/login", &[("id", "bob"), ("password", "secret")]).await;
    assert_eq!((answer.status, answer.set_cookies().len()), (403, 0));
    for path in ["/logout", "/devices/one", "/devices/others", "/devices/all", "/keys/revoke"] {
        let answer = send(&browser, "POST", path, &[("login", "0707070707070707")]).await;
        assert_eq!((answer.status, answer.set_cookies().len()), (403, 0), "{path}");
    }
    assert_eq!(browser.me().await, "alice session fresh", "nothing was done");
}

#[tokio::test]
async fn browsers_that_say_whose_page_it_is_need_no_token_and_programs_with_a_key_neither() {
    let (site, browser) = strict().await;
    assert_eq!(browser.post("/members", &[]).await.body, "posted");
    let key = browser.post("/keys", &[]).await.body;
    let program = site.browser().program().header("Authorization", format!("Bearer {key}"));
    assert_eq!(send(&program, "POST", "/members", &[]).await.body, "posted");
}

#[tokio::test]
async fn what_a_key_may_do_needs_no_token_and_the_cookies_beside_it_count_for_nothing() {
    let (site, browser) = strict().await;
    let key = browser.post("/keys", &[]).await.body;
    let login = browser.get("/keys").await.body[..16].to_owned();
    let bearer = format!("Bearer {key}");
    let both = browser.clone().header("Authorization", &*bearer);
    assert_eq!(send(&both, "POST", "/me", &[]).await.body, "alice key stale");
    let program = site.browser().program().header("Authorization", &*bearer);
    assert_eq!(send(&program, "POST", "/keys/revoke", &[("login", &login)]).await.body, "ended");
    assert_eq!(browser.me().await, "alice session fresh");
}

#[tokio::test]
async fn where_it_is_not_required_what_says_nothing_passes() {
    let (_site, browser) = Site::of_alice().await;
    assert_eq!(send(&browser, "POST", "/members", &[]).await.body, "posted");
    assert_eq!(send(&browser, "POST", "/csrf", &[("csrf", "")]).await.body, "alice");
}

#[tokio::test]
async fn the_secret_is_in_a_cookie_of_its_own_and_set_once() {
    let (_site, browser) = strict().await;
    let answer = send(&browser, "GET", "/csrf", &[]).await;
    let cookie = answer.cookie("__Host-csrf").unwrap();
    assert!(cookie.has("secure") && cookie.has("httponly") && cookie.max_age().is_none());
    assert!(!answer.body.contains(&cookie.value), "the page shows it masked");
    assert!(send(&browser, "GET", "/csrf", &[]).await.set_cookies().is_empty());
}

#[tokio::test]
async fn a_page_that_hides_its_origin_is_known_by_its_token_and_by_nothing_else() {
    let relaxed = Site::new();
    let browser = relaxed.browser();
    browser.log_in_remembered("alice").await;
    for (site, browser) in [(relaxed, browser), strict().await] {
        for path in ["/members", "/me", "/cart", "/logout"] {
            assert_eq!(
                hidden(&browser, path, &[("item", "x")]).await.status,
                403,
                "{path}: no page showed a token"
            );
        }
        let (own, foreign) = (token(&browser).await, token(&site.browser()).await);
        site.heard.signals();
        for bad in ["", "junk", &foreign, &own[1..]] {
            assert_eq!(hidden(&browser, "/csrf", &[("csrf", bad)]).await.status, 403, "{bad:?}");
            let script = browser.clone().header("X-CSRF-Token", bad);
            assert_eq!(hidden(&script, "/members", &[]).await.status, 403, "{bad:?}");
            assert_eq!(site.heard.kinds(), [SignalKind::CrossSite; 2], "{bad:?}");
        }
        for path in
            ["/members", "/vault", "/confirm", "/password", "/cart", "/logout", "/devices/all", "/keys"]
        {
            let answer = hidden(&browser, path, &[("item", "x"), ("password", "secret")]).await;
            assert_eq!((answer.status, answer.set_cookies().len()), (403, 0), "{path}");
        }
        let answer = hidden(&browser, "/login", &[("id", "bob"), ("password", "secret")]).await;
        assert_eq!((answer.status, answer.set_cookies().len()), (403, 0), "the visitor is not logged in");
        assert_eq!(browser.me().await, "alice session fresh", "nothing was done");

        assert_eq!(hidden(&browser, "/csrf", &[("csrf", &own)]).await.body, "alice");
        let script = browser.clone().header("X-CSRF-Token", &*own);
        assert_eq!(hidden(&script, "/members", &[]).await.body, "posted");
        let mut framed = silent(&script, "POST", "/members", &[]);
        framed.headers.extend([("Origin", b"null".to_vec()), ("Sec-Fetch-Site", b"cross-site".to_vec())]);
        let answer = framed.send().await;
        assert_eq!(answer.status, 403, "the browser's header outweighs a token");
    }
}

#[tokio::test]
async fn where_a_neighbour_can_plant_the_secret_a_page_that_hides_its_origin_is_refused() {
    let site = Site::with(danger::insecure_cookies);
    let browser = site.browser();
    browser.log_in("alice").await;
    let own = token(&browser).await;
    assert_eq!(hidden(&browser, "/csrf", &[("csrf", &own)]).await.status, 403);
}

#[tokio::test]
async fn what_another_site_sends_uses_up_no_attempt() {
    let (_site, browser) = strict().await;
    let guess = [("id", "alice"), ("password", "guess")];
    for _ in 0..10 {
        assert_eq!(send(&browser, "POST", "/counted", &guess).await.status, 403);
    }
    assert_eq!(browser.post("/counted", &[("id", "alice"), ("password", "secret")]).await.status, 200);
}

#[tokio::test]
async fn a_csrf_token_ends_with_the_login() {
    let (_site, browser) = strict().await;
    let alices = token(&browser).await;
    let old = browser.copied();
    browser.post("/logout", &[]).await;
    assert_eq!(browser.jar().value("__Host-csrf"), None, "taken away");
    // The old cookie is still there: from another tab, or after an answer that was overtaken.
    for browser in [browser, old] {
        browser.log_in("bob").await;
        assert_eq!(send(&browser, "POST", "/csrf", &[("csrf", &alices)]).await.status, 403);
        let bobs = token(&browser).await;
        assert_eq!(send(&browser, "POST", "/csrf", &[("csrf", &bobs)]).await.body, "bob");
    }
}
