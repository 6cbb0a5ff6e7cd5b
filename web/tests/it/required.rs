//! Tests the counterparts of `login_required` and `fresh_login_required`, and the redirects to the login page and
//! back.

use http::Method;

use crate::world::World;

#[tokio::test]
async fn programs_are_answered_with_problem_json() {
    let world = World::with(|layer| layer.login_page("/login"));
    for path in ["/me", "/members", "/fresh", "/inner/vault"] {
        let answer = world.browser().get(path).await;
        assert_eq!(answer.status, 401, "{path}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(answer.body.contains(r#""status":401"#), "{}", answer.body);
    }
}

#[tokio::test]
async fn people_are_sent_to_the_login_page_with_the_way_back() {
    let world = World::with(|layer| layer.login_page("/login"));
    let mut browser = world.browser().with("accept", "text/html,application/xhtml+xml;q=0.9");
    for (path, next) in [
        ("/me", "/login?next=/me"),
        ("/members?a=b&c=%2F%2Fevil", "/login?next=/members%3Fa%3Db%26c%3D%252F%252Fevil"),
        ("/inner/vault?x", "/login?next=/inner/vault%3Fx"),
    ] {
        let answer = browser.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, Some(next)));
    }
    let answer = browser.post("/me").await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("location")),
        (303, Some("/login")),
        "a POST is not repeated"
    );
}

#[tokio::test]
async fn scripts_and_keys_are_not_sent_anywhere() {
    let world = World::with(|layer| layer.login_page("/login"));
    let page = || world.browser().with("accept", "text/html");
    assert_eq!(page().get("/me").await.status, 303);
    assert_eq!(page().with("sec-fetch-mode", "navigate").get("/me").await.status, 303);
    assert_eq!(page().with("sec-fetch-mode", "cors").get("/me").await.status, 401);
    assert_eq!(page().with("x-requested-with", "XMLHttpRequest").get("/me").await.status, 401);
    assert_eq!(page().with("authorization", "Bearer junk").get("/me").await.status, 401);
    let none = World::new();
    assert_eq!(
        none.browser().with("accept", "text/html").get("/me").await.status,
        401,
        "no page, no way there"
    );
}

#[tokio::test]
async fn whoever_is_logged_in_passes() {
    let world = World::new();
    let mut browser = world.remembered().await;
    for (path, body) in
        [("/members", "members"), ("/inner/vault", "vault"), ("/fresh", "alice Session fresh")]
    {
        assert_eq!(browser.get(path).await.body, body);
    }
    let mut reopened = browser.reopened();
    assert_eq!(reopened.get("/members").await.body, "members");
    assert_eq!(reopened.jar.len(), 2, "a route layer restores, too");
}

#[tokio::test]
async fn whoever_is_not_fresh_is_asked_to_confirm() {
    let world = World::with(|layer| layer.login_page("/login").fresh_page("/confirm"));
    let mut browser = world.remembered().await.reopened().with("accept", "text/html");
    for path in ["/fresh", "/inner/vault"] {
        let answer = browser.get(path).await;
        let to = format!("/confirm?next={path}");
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, Some(&*to)));
    }
    browser.headers.clear();
    let answer = browser.get("/inner/vault").await;
    assert_eq!(answer.status, 401);
    assert!(answer.body.contains("confirm"), "{}", answer.body);
    let stranger = world.browser().with("accept", "text/html").get("/fresh").await;
    assert_eq!(stranger.header("location"), Some("/login?next=/fresh"));
}

#[tokio::test]
async fn options_is_answered_without_the_handler() {
    let world = World::new();
    let answer = world.browser().send(Method::OPTIONS, "/members").await;
    assert_eq!((answer.status.as_u16(), &*answer.body), (204, ""));
    assert_eq!(world.browser().post("/members").await.status, 401);
}

#[tokio::test]
async fn without_the_layer_it_is_a_mistake_of_the_server() {
    let world = World::new();
    let bare = crate::app::router(world.users.clone());
    let answer = crate::browser::Browser::new(bare).get("/me").await;
    assert_eq!(answer.status, 500);
}
