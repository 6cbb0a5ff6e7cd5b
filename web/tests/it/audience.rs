//! Two layers over one `Tokens`: neither accepts the tokens of the other.

use hallpass_core::{Kind, Policy, TokensBuilder};
use hallpass_web::AuthLayerBuilder;

use crate::browser::{REMEMBER, SESSION};
use crate::site::{RESET, Site};

const ADMIN_SESSION: &str = "__Host-admin-session";
const ADMIN_REMEMBER: &str = "__Host-admin-remember";

fn policies(tokens: TokensBuilder) -> TokensBuilder {
    tokens
        .policy(Policy::session().for_kind(Kind::from_static("session:admin")))
        .policy(Policy::remember().for_kind(Kind::from_static("remember:admin")))
        .policy(Policy::api_key().for_kind(Kind::from_static("api-key:admin")))
}

fn admin(layer: AuthLayerBuilder) -> AuthLayerBuilder {
    layer.audience("admin")
}

/// A site for users, and one for administrators over the same tokens. Each has an alice.
fn two() -> (Site, Site) {
    let users = Site::tuned(policies, |layer| layer);
    let admins = users.beside(admin);
    (users, admins)
}

#[tokio::test]
async fn a_user_is_no_administrator_of_the_same_id_nor_the_other_way_round() {
    let (users, admins) = two();
    let (user, boss) = (users.browser(), admins.browser());
    user.log_in_remembered("alice").await;
    boss.log_in_remembered("alice").await;
    assert_eq!(boss.me().await, "alice session fresh");
    let jar = |browser: &crate::browser::Browser, name: &str| browser.jar().value(name).unwrap();
    for (from, to) in [(SESSION, ADMIN_SESSION), (REMEMBER, ADMIN_REMEMBER), (REMEMBER, ADMIN_SESSION)] {
        let climber = admins.browser().header("Cookie", format!("{to}={}", jar(&user, from)));
        assert_eq!(climber.me().await, "anonymous", "{from} as {to}");
        let other = users.browser().header("Cookie", format!("{from}={}", jar(&boss, to)));
        assert_eq!(other.me().await, "anonymous", "{to} as {from}");
    }
    let key = user.post("/keys", &[]).await.body;
    let program = admins.browser().program().header("Authorization", format!("Bearer {key}"));
    assert_eq!(program.me().await, "anonymous");
    assert_eq!(user.me().await, "alice session fresh", "nothing was ended");
    assert_eq!(boss.me().await, "alice session fresh");
    assert_eq!((user.reopen(), user.me().await), ((), "alice remembered stale".into()));
}

#[tokio::test]
async fn a_log_out_everywhere_of_a_user_ends_nothing_of_an_administrator_of_the_same_id() {
    let (users, admins) = two();
    let (user, boss) = (users.browser(), admins.browser());
    user.log_in("alice").await;
    boss.log_in("alice").await;
    assert_eq!(user.get("/devices").await.body.lines().count(), 1);
    assert_eq!(user.post("/devices/all", &[]).await.body, "ended");
    assert_eq!((user.me().await, boss.me().await), ("anonymous".into(), "alice session fresh".into()));
    user.log_in("alice").await;
    user.post("/password", &[("password", "new")]).await;
    assert_eq!(boss.me().await, "alice session fresh");
}

#[tokio::test]
async fn both_can_be_logged_in_in_one_browser() {
    let (users, admins) = two();
    let browser = users.browser();
    browser.log_in("alice").await;
    browser.at(&admins).log_in("bob").await;
    assert_eq!(browser.me().await, "alice session fresh");
    assert_eq!(browser.at(&admins).me().await, "bob session fresh");
    browser.post("/logout", &[]).await;
    assert_eq!(browser.at(&admins).me().await, "bob session fresh");
}

#[tokio::test]
async fn two_applications_on_one_host_do_not_log_each_other_out_if_their_cookies_have_other_names() {
    let (shop, blog) = (Site::new(), Site::with(|layer| layer.cookie_names("blog")));
    let browser = shop.browser();
    browser.log_in_remembered("alice").await;
    browser.at(&blog).log_in_remembered("bob").await;
    assert_eq!(browser.me().await, "alice session fresh");
    assert_eq!(browser.at(&blog).me().await, "bob session fresh");
}

#[tokio::test]
async fn a_user_called_like_one_of_an_audience_gets_nothing_of_theirs_and_ends_nothing() {
    let users = Site::tuned(policies, |layer| layer);
    users.users.add("admin:alice", true);
    // Its keys are of the kind that the users' keys have, too.
    let admins = users.beside(|layer| admin(layer).keys(Kind::API_KEY));
    let (climber, boss) = (users.browser(), admins.browser());
    boss.log_in("alice").await;
    climber.post("/login", &[("id", "admin:alice"), ("password", "secret")]).await;
    assert_eq!(climber.get("/devices").await.body, "");
    climber.post("/devices/all", &[]).await;
    assert_eq!(boss.me().await, "alice session fresh");
    let link = climber.post("/once", &[("kind", RESET.as_str()), ("id", "admin:alice")]).await;
    let used = boss.post("/consume", &[("kind", RESET.as_str()), ("token", &link.body)]).await;
    assert_ne!(used.body, "alice", "an administrator by a link to a user's new password");
    let key = climber.post("/keys", &[]).await.body.replace(['\n', '\r'], " ");
    let program = admins.browser().program().header("Authorization", format!("Bearer {key}"));
    assert_eq!(program.me().await, "anonymous");
}
