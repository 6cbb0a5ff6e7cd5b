//! Logging in.

use hallpass_core::Kind;

use crate::browser::{REMEMBER, SESSION};
use crate::site::Site;

#[tokio::test]
async fn a_visitor_is_nobody_and_gets_no_cookie() {
    let site = Site::new().await;
    let browser = site.browser();
    let answer = browser.get("/me").await;
    assert_eq!((answer.status, &*answer.body), (200, "nobody"));
    assert!(answer.set_cookies().is_empty());
}

#[tokio::test]
async fn a_login_lasts_from_request_to_request() {
    let site = Site::new().await;
    let browser = site.browser();
    let answer = browser.log_in("alice").await;
    assert_eq!(answer.body, "alice password fresh", "in the very request that logs in");
    for _ in 0..3 {
        assert_eq!(browser.me().await, "alice session fresh");
    }
    assert_eq!(site.browser().me().await, "nobody", "another browser is somebody else");
}
