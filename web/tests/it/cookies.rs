//! Cookies and the other headers of an answer.

use hallpass_core::{Kind, Policy};
use hallpass_web::{CookieSpec, Keep, SameSite, danger};

use crate::world::{DAY, MINUTE, World};

#[tokio::test]
async fn a_request_that_asks_nothing_is_passed_through() {
    let world = World::new();
    let mut browser = world.remembered().await;
    world.store.calls();
    world.users.loads();
    for mut browser in [browser.clone(), browser.reopened(), world.browser()] {
        let answer = browser.get("/quiet").await;
        assert_eq!(answer.set_cookies().len(), 0);
        assert_eq!((answer.header("vary"), answer.header("cache-control")), (None, None));
    }
    assert_eq!((world.store.calls(), world.users.loads()), ((0, 0), 0));
    browser.get("/").await;
    assert_eq!((world.store.calls(), world.users.loads()), ((1, 0), 1), "one read of each");
    browser.get("/twice").await;
    assert_eq!((world.store.calls(), world.users.loads()), ((1, 0), 1), "however many ask");
}

#[tokio::test]
async fn who_asks_varies_and_who_sets_is_not_stored() {
    let world = World::new();
    let mut browser = world.browser();
    let answer = browser.get("/").await;
    assert_eq!((answer.header("vary"), answer.header("cache-control")), (Some("Cookie"), None));
    let answer = browser.post("/login?user=alice").await;
    assert_eq!(
        (answer.header("vary"), answer.header("cache-control")),
        (Some("Cookie"), Some("private, no-store"))
    );
    let answer = browser.get("/me").await;
    assert_eq!(
        (answer.header("vary"), answer.header("cache-control")),
        (Some("Cookie"), Some("private, no-store"))
    );
}

#[tokio::test]
async fn what_varies_already_is_left_alone() {
    let world = World::new();
    for (names, expected) in
        [("*", 1), ("Cookie", 1), ("accept,%20COOKIE", 1), ("Accept", 2), ("X-Cookie", 2)]
    {
        let answer = world.browser().get(&format!("/vary/{names}")).await;
        assert_eq!(answer.headers.get_all("vary").iter().count(), expected, "{names}");
    }
}

#[tokio::test]
async fn the_defaults_are_strict_and_clearing_has_the_same_attributes() {
    let world = World::new();
    let mut browser = world.browser();
    let answer = browser.post("/login?user=alice&remember=true").await;
    let attributes: Vec<_> =
        answer.set_cookies().iter().map(|line| line.split_once(';').unwrap().1.to_owned()).collect();
    assert_eq!(
        attributes,
        [
            " Path=/; Secure; HttpOnly; SameSite=Lax",
            " Path=/; Max-Age=2592000; Secure; HttpOnly; SameSite=Lax",
        ]
    );
    let answer = browser.post("/logout").await;
    assert_eq!(
        answer.set_cookies(),
        [
            "__Host-session=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax",
            "__Host-remember=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax",
        ]
    );
}

#[tokio::test]
async fn everything_about_them_can_be_changed_and_400_days_is_the_longest() {
    let spec = || CookieSpec::named("me").domain("example.org").path("/app").same_site(SameSite::None);
    let world = World::with_both(
        |tokens| tokens.policy(Policy::remember().absolute(900 * DAY)),
        |layer| {
            layer.remember_cookie(spec()).session_cookie(
                danger::script_readable(danger::insecure_cookie(
                    CookieSpec::named("now").same_site(SameSite::Strict),
                ))
                .keep(Keep::Token),
            )
        },
    );
    let answer = world.browser().post("/login?user=alice&remember=true").await;
    let attributes = |at: usize| answer.set_cookies()[at].split_once(';').unwrap().1.to_owned();
    assert_eq!(attributes(0), " Path=/; Max-Age=43200; SameSite=Strict");
    assert_eq!(
        attributes(1),
        " Path=/app; Domain=example.org; Max-Age=34560000; Secure; HttpOnly; SameSite=None"
    );
    assert!(answer.set_cookies()[0].starts_with("now=") && answer.set_cookies()[1].starts_with("me="));
}

#[tokio::test]
async fn no_cookie_is_set_twice_in_one_answer() {
    let world = World::new();
    let mut browser = world.remembered().await.reopened();
    let answer = browser.post("/confirm?user=alice").await;
    let mut names: Vec<_> = answer.set_cookies().iter().map(|line| line.split('=').next().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["__Host-remember", "__Host-session"], "restored and confirmed in one request");
}

#[tokio::test]
async fn what_is_shown_of_a_layer_holds_no_token() {
    let world = World::new();
    let browser = world.remembered().await;
    let shown = format!("{:?} {:?}", world.layer, world.store.calls());
    for token in [browser.session(), browser.remember()] {
        assert!(!shown.contains(token) && !shown.contains(&token[23..]), "{shown}");
    }
    assert!(world.layer.tokens().policy(Kind::SESSION).is_ok());
}

#[tokio::test]
async fn a_request_costs_what_the_readme_says() {
    let world = World::new();
    let cost = || {
        let (reads, writes) = world.store.calls();
        (reads, writes, world.users.loads())
    };
    let mut browser = world.remembered().await;
    let dead = browser.clone();
    browser.post("/login?user=alice&remember=true").await;
    cost();
    browser.get("/").await;
    assert_eq!(cost(), (1, 0, 1), "the remember-me cookie is not looked at");
    world.advance(MINUTE);
    browser.get("/").await;
    assert_eq!(cost(), (1, 1, 1), "the touch");
    let mut crowded = browser.clone();
    crowded.jar.splice(0..0, dead.jar.clone());
    crowded.get("/").await;
    assert_eq!(cost(), (2, 0, 1), "the dead session cookie in front");
    crowded.jar.rotate_left(2);
    crowded.get("/").await;
    assert_eq!(cost(), (1, 0, 1), "and behind");
    for _ in 0..2 {
        assert_eq!(dead.clone().get("/").await.body, "nobody");
        assert_eq!(cost(), (2, 0, 0), "again and again");
    }
    let mut junk = world.browser();
    junk.jar.extend(["__Host-session", "__Host-remember"].map(|name| (name.into(), "junk".into())));
    junk.get("/").await;
    assert_eq!(cost(), (0, 0, 0));
    let mut reopened = browser.reopened();
    reopened.get("/").await;
    assert_eq!(cost(), (3, 2, 1), "a restore");
    reopened.get("/").await;
    assert_eq!(cost(), (3, 3, 2), "its confirmation");
    reopened.get("/").await;
    assert_eq!(cost(), (1, 0, 1));
}
