//! Pages that require a login, or a fresh one.

use hallpass_web::AuthLayer;

use crate::site::{HOUR, MINUTE, SECOND, Site};

#[tokio::test]
async fn an_anonymous_program_gets_401_and_a_problem() {
    let site = Site::new();
    for path in ["/account", "/members", "/delicate", "/vault"] {
        let answer = site.browser().program().get(path).await;
        assert_eq!((answer.status, answer.header("content-type")), (401, Some("application/problem+json")));
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        assert_eq!((answer.header("location"), answer.header("cache-control")), (None, Some("no-store")));
        assert!(
            answer.body.contains(r#""status":401"#) && answer.set_cookies().is_empty(),
            "{}",
            answer.body
        );
    }
}

#[tokio::test]
async fn a_page_sends_an_anonymous_client_to_the_login_and_back() {
    let (_site, browser) = Site::visited();
    for path in ["/account", "/members"] {
        let answer = browser.get(path).await;
        assert_eq!((answer.status, answer.location()), (303, &*format!("/login?next={path}")));
    }
    assert_eq!(
        browser.get("/inner/vault?x").await.location(),
        "/login?next=/inner/vault%3Fx",
        "the whole path"
    );
    let answer = browser.get("/account?tab=a%26b&x=1").await;
    assert_eq!(answer.location(), "/login?next=/account%3Ftab%3Da%2526b%26x%3D1", "as one parameter");
    let login = browser.post(answer.location(), &[("id", "alice"), ("password", "secret")]).await;
    assert_eq!((login.status, login.location()), (303, "/account?tab=a%26b&x=1"));
    assert_eq!(browser.get(login.location()).await.body, "alice session fresh");
}

#[tokio::test]
async fn a_login_leads_to_no_other_site() {
    let site = Site::new();
    for next in [
        "https://evil.test/",
        "http:evil.test",
        "//evil.test",
        "///evil.test",
        "/\\evil.test",
        "\\\\evil.test",
        "/%09/evil.test",
        "%09//evil.test",
        "javascript:alert(1)",
        "evil.test",
        "",
        "https:///evil.test",
        "/%0D%0ASet-Cookie:%20a=b",
        "%2F%2Fevil.test",
        "%5C%5Cevil.test",
        "ftp://evil.test",
        "/%20/evil.test",
    ] {
        let form = [("id", "alice"), ("password", "secret")];
        let answer = site.browser().post(&format!("/login?next={next}"), &form).await;
        assert_eq!((answer.status, answer.location()), (303, "/"), "{next}");
    }
    let form = [("id", "alice"), ("password", "secret")];
    for next in ["/account", "/a/b?c=d", "/view/?param=http://example.test", "/view?param=//example.test"] {
        let answer = site.browser().post(&format!("/login?next={}", next.replace('?', "%3F")), &form).await;
        assert_eq!(answer.location(), next);
    }
}

#[tokio::test]
async fn a_request_for_another_host_leads_to_no_other_site() {
    let site = Site::new();
    let browser = site.browser_over_tcp().await;
    let answer = browser.get("http://evil.test/account?x=1").await;
    assert_eq!((answer.status, answer.location()), (303, "/login?next=/account%3Fx%3D1"));
    let answer = browser.program().page_of("http://evil.test").post("http://evil.test/members", &[]).await;
    assert_eq!(answer.status, 403, "that host is not our own either");
}

#[tokio::test]
async fn a_logged_in_user_gets_in() {
    let (site, browser) = Site::of_alice().await;
    assert_eq!(browser.get("/account").await.body, "alice session fresh");
    assert_eq!(
        (browser.get("/members").await.body, browser.post("/members", &[]).await.body),
        ("members".into(), "posted".into())
    );
    browser.post("/logout", &[]).await;
    assert_eq!(browser.get("/members").await.status, 303);
    let answer = site.reopened().await.get("/members").await;
    assert_eq!((&*answer.body, answer.set_cookies().len()), ("members", 2), "a route layer restores, too");
}

#[tokio::test]
async fn the_layer_keeps_every_method_out() {
    let site = Site::new();
    let visitor = site.browser().program();
    for method in ["GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "PROPFIND"] {
        for path in ["/members", "/vault"] {
            assert_eq!(visitor.send(method, path, &[]).await.status, 401, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn options_reaches_the_handler_for_those_only_who_may_pass() {
    let site = Site::new();
    let visitor = site.browser();
    let preflight = visitor.clone().header("Access-Control-Request-Method", "POST");
    for path in ["/members", "/vault"] {
        for browser in [&visitor, &preflight, &visitor.clone().program()] {
            let answer = browser.send("OPTIONS", path, &[]).await;
            assert_eq!((answer.status, &*answer.body), (204, ""), "{path}");
        }
    }
    assert_eq!(site.heard.kinds(), [], "a preflight needs no login");
    visitor.log_in("alice").await;
    for path in ["/members", "/vault"] {
        assert_eq!(visitor.send("OPTIONS", path, &[]).await.body, "options");
    }
    site.gate.all_down();
    assert_eq!(visitor.send("OPTIONS", "/members", &[]).await.status, 204, "a preflight needs no store");
}

#[tokio::test]
async fn without_a_page_to_confirm_on_a_stale_login_is_not_sent_round_in_a_circle() {
    let (site, browser) = Site::reopened_by_alice().await;
    let answer = browser.get("/delicate").await;
    assert_eq!((answer.status, answer.header("location")), (401, None), "a redirect would loop");
    assert!(answer.body.contains("confirm"), "{}", answer.body);
    let node = site.node(|layer| layer.fresh_page("/confirm"));
    let answer = browser.at(&node).get("/delicate").await;
    assert_eq!((answer.status, answer.location()), (303, "/confirm?next=/delicate"));
}

#[tokio::test]
async fn a_password_for_the_proxy_makes_no_program_of_a_browser() {
    let site = Site::new();
    let staging = site.browser().header("Authorization", "Basic c3RhZ2luZzpzZWNyZXQ=");
    let answer = staging.get("/account").await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/login?next=/account")));
}

#[tokio::test]
async fn a_form_of_an_anonymous_client_is_not_repeated_by_a_redirect() {
    let site = Site::new();
    let answer = site.browser().post("/members", &[("a", "b")]).await;
    assert_eq!((answer.status, answer.location()), (303, "/login"));
}

#[tokio::test]
async fn a_script_gets_401_where_a_page_is_redirected() {
    let site = Site::new();
    for (name, value) in [
        ("Sec-Fetch-Mode", "cors"),
        ("X-Requested-With", "XMLHttpRequest"),
        ("Authorization", "Bearer nothing"),
    ] {
        let answer = site.browser().header(name, value).get("/account").await;
        assert_eq!((answer.status, answer.header("location")), (401, None), "{name}");
    }
    assert_eq!(site.browser().header("Sec-Fetch-Mode", "navigate").get("/account").await.status, 303);
}

#[tokio::test]
async fn a_delicate_page_wants_a_fresh_login() {
    let site = Site::new();
    let browser = site.browser().program();
    assert_eq!(browser.get("/delicate").await.status, 401, "anonymous");
    browser.log_in_remembered("alice").await;
    for path in ["/delicate", "/vault"] {
        assert_eq!(browser.get(path).await.status, 200, "fresh");
    }
    browser.reopen();
    for path in ["/delicate", "/vault"] {
        assert_eq!(browser.get(path).await.status, 401, "restored");
    }
    assert_eq!((browser.get("/account").await.status, browser.get("/members").await.status), (200, 200));
    browser.post("/confirm", &[("password", "secret")]).await;
    for path in ["/delicate", "/vault"] {
        assert_eq!(browser.get(path).await.status, 200, "confirmed");
    }
}

#[tokio::test]
async fn a_stale_login_is_sent_to_the_page_that_confirms_it() {
    let site = Site::with(|layer| layer.fresh_page("/confirm?why=stale"));
    let browser = site.browser();
    assert_eq!(browser.get("/delicate").await.location(), "/login?next=/delicate", "a visitor has to log in");
    browser.log_in_with("alice", &[("stale", "on")]).await;
    for path in ["/delicate", "/vault"] {
        assert_eq!(browser.get(path).await.location(), format!("/confirm?why=stale&next={path}"));
    }
}

#[tokio::test]
async fn freshness_may_pass_with_time() {
    let site = Site::with(|layer| layer.fresh_for(HOUR));
    let browser = site.browser();
    browser.log_in("alice").await;
    for _ in 0..3 {
        site.advance(MINUTE * 20);
        assert_eq!(browser.me().await, "alice session fresh");
    }
    site.advance(SECOND);
    assert_eq!(browser.me().await, "alice session stale");
    assert_eq!(browser.get("/delicate").await.status, 401);
    browser.post("/confirm", &[("password", "secret")]).await;
    assert_eq!(browser.get("/delicate").await.body, "alice session fresh");
}

#[tokio::test]
async fn a_page_can_be_read_again_with_head() {
    let site = Site::new();
    let answer = site.browser().send("HEAD", "/account", &[]).await;
    assert_eq!((answer.status, answer.location()), (303, "/login?next=/account"));
}

#[tokio::test]
async fn a_path_that_a_proxy_took_off_is_in_next_again() {
    let mounted = |layer: hallpass_web::AuthLayerBuilder| layer.login_page("/shop/login").mounted_at("/shop");
    let site = Site::with(mounted);
    // The browser requested /shop/account; the proxy passed on /account.
    let answer = site.browser().get("/account?x=1").await;
    assert_eq!((answer.status, answer.location()), (303, "/shop/login?next=/shop/account%3Fx%3D1"));
}

#[tokio::test]
async fn without_a_login_page_a_page_is_refused_and_without_the_layer_it_is_a_mistake_of_the_server() {
    let site = Site::new();
    let layer = AuthLayer::builder(site.layer.tokens().clone(), site.users.clone()).build().unwrap();
    for (layer, status) in [(Some(layer), 401), (None, 500)] {
        let app = crate::routes::router(site.users.clone());
        let app = layer.map_or(app.clone(), |layer| app.layer(layer));
        let answer = site.browser().to(app).get("/account").await;
        assert_eq!((answer.status, answer.header("location")), (status, None));
    }
}
