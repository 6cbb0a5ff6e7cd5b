//! Work that continues after the answer was sent.

use crate::site::Site;

#[tokio::test]
async fn a_login_after_the_answer_is_refused_and_leaves_nothing() {
    let (site, browser) = Site::visited();
    assert_eq!(browser.post("/late", &[]).await.body, "answered");
    site.users.slow.1.add_permits(1);
    let outcome = site.users.reported().await;
    assert!(outcome.starts_with("Err"), "anonymous was logged in: {outcome}");
    assert_eq!(site.live("alice").await, 0, "no row is left of it");
}
