//! Tests session data.

use http::Method;

use crate::world::World;

#[tokio::test]
async fn a_visitor_gets_a_session_when_something_is_first_kept() {
    let world = World::new();
    let mut browser = world.browser();
    let answer = browser.get("/cart").await;
    assert_eq!((&*answer.body, answer.set_cookies().len()), ("", 0));
    assert_eq!(browser.post("/cart/pen").await.body, "pen");
    assert_eq!(browser.post("/cart/ink").await.body, "pen,ink");
    assert_eq!(browser.get("/cart").await.body, "pen,ink");
    assert_eq!(browser.get("/").await.body, "nobody");
    assert_eq!(browser.get("/me").await.status, 401);
}

#[tokio::test]
async fn parts_are_kept_apart() {
    let world = World::new();
    let mut browser = world.logged_in().await;
    browser.post("/cart/pen").await;
    assert_eq!(browser.post("/visits").await.body, "1");
    assert_eq!(browser.post("/visits").await.body, "2");
    assert_eq!(browser.get("/cart").await.body, "pen");
}

#[tokio::test]
async fn one_request_may_change_more_than_once() {
    let world = World::new();
    for mut browser in [world.browser(), world.logged_in().await] {
        let answer = browser.post("/cart-and-visit/pen").await;
        assert_eq!(answer.body, "pen,pen 1");
        assert_eq!(browser.get("/cart").await.body, "pen,pen");
    }
}

#[tokio::test]
async fn a_change_leaves_the_trust_alone() {
    let world = World::new();
    let mut browser = world.browser();
    browser.post("/login?user=alice&fresh=false").await;
    browser.post("/cart/pen").await;
    assert_eq!(browser.get("/").await.body, "alice Session stale");
}

#[tokio::test]
async fn nothing_is_kept_with_a_session_that_was_ended_meanwhile() {
    let world = World::new();
    let mut browser = world.logged_in().await;
    let answer = browser.post("/ended/pen").await;
    assert_eq!((&*answer.body, answer.set_cookies().len()), ("Some(Anonymous) false", 0));
    assert_eq!(browser.get("/cart").await.body, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_changes_are_all_kept() {
    let world = World::new();
    let mut browser = world.logged_in().await;
    world.store.meet(8);
    let mut tasks = Vec::new();
    for number in 0..8 {
        let browser = browser.clone();
        tasks.push(tokio::spawn(async move {
            // A request that keeps losing for two seconds, on a slow machine, gets a 503 and tries again.
            for _ in 0..10 {
                let answer = browser.ask(Method::POST, &format!("/cart/{number}")).await;
                if answer.status != 503 {
                    return answer.status.as_u16();
                }
            }
            503
        }));
    }
    for task in tasks {
        assert_eq!(task.await.unwrap(), 200);
    }
    let mut items: Vec<_> = browser.get("/cart").await.body.split(',').map(str::to_owned).collect();
    items.sort();
    assert_eq!(items.join(","), "0,1,2,3,4,5,6,7");
}

#[tokio::test]
async fn a_login_keeps_what_was_nobodys_or_ones_own_and_nothing_else() {
    let world = World::new();
    let mut browser = world.browser();
    browser.post("/cart/pen").await;
    let planted = browser.clone();
    browser.post("/login?user=alice").await;
    assert_eq!(browser.get("/cart").await.body, "pen");
    assert_ne!(planted.session(), browser.session());
    assert_eq!(planted.clone().get("/cart").await.body, "", "the old session is gone");
    browser.post("/login?user=alice").await;
    assert_eq!(browser.get("/cart").await.body, "pen");
    browser.post("/login?user=bob").await;
    assert_eq!(browser.get("/cart").await.body, "", "bob does not see alice's");
}

#[tokio::test]
async fn data_outlive_renewal_and_end_with_the_logout() {
    let world = World::new();
    let mut browser = world.logged_in().await;
    browser.post("/cart/pen").await;
    browser.post("/devices/others").await;
    assert_eq!(browser.get("/cart").await.body, "pen");
    browser.post("/confirm?user=alice").await;
    assert_eq!(browser.get("/cart").await.body, "pen");
    browser.post("/logout").await;
    assert_eq!(browser.get("/cart").await.body, "");
}

#[tokio::test]
async fn too_much_to_keep_is_413_and_harms_nothing() {
    let world = World::new();
    let mut browser = world.logged_in().await;
    browser.post("/cart/pen").await;
    assert_eq!(browser.post("/cart/huge").await.status, 413);
    assert_eq!(browser.get("/cart").await.body, "pen");
    assert_eq!(world.browser().post("/cart/huge").await.status, 413);
}
