//! Tests the helper for tests of applications.

use hallpass_web::testing;
use http::{HeaderMap, HeaderValue};

use crate::world::World;

#[tokio::test]
async fn it_logs_a_user_in_without_a_password() {
    let world = World::new();
    let alice = world.users.find("alice").unwrap();
    let cookies = testing::cookies(&world.layer, &alice, &HeaderMap::new(), true).await.unwrap();
    let mut browser = world.browser().with("cookie", cookies.to_str().unwrap());
    assert_eq!(browser.get("/fresh").await.body, "alice Session fresh");
    let remember =
        cookies.to_str().unwrap().split("; ").find(|pair| pair.starts_with("__Host-remember=")).unwrap();
    let mut reopened = world.browser().with("cookie", remember);
    assert_eq!(reopened.get("/").await.body, "alice Remembered stale");
}

#[tokio::test]
async fn it_can_look_like_the_tests_client() {
    let world = World::new();
    let mut headers = HeaderMap::new();
    headers.insert("user-agent", HeaderValue::from_static("test/1"));
    let alice = world.users.find("alice").unwrap();
    let cookies = testing::cookies(&world.layer, &alice, &headers, false).await.unwrap();
    let mut browser = world.browser().with("cookie", cookies.to_str().unwrap()).with("user-agent", "test/1");
    assert_eq!(browser.get("/").await.body, "alice Session fresh");
    browser = browser.with("user-agent", "another");
    assert_eq!(browser.get("/").await.body, "alice Session stale");
}

#[tokio::test]
async fn another_type_of_user_is_a_mistake_that_says_so() {
    let world = World::new();
    let error = testing::cookies(&world.layer, &"alice", &HeaderMap::new(), false).await.unwrap_err();
    assert_eq!(error.to_string(), "the layer's loader knows another type of user");
}
