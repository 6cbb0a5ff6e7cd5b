//! Links in e-mails: tokens that work once.

use hallpass_core::EventKind;
use hallpass_test_store::Call;
use tokio::task::JoinSet;

use crate::site::{CONFIRM, MINUTE, RESET, SECOND, Site};

/// The token in the e-mail.
async fn mail(site: &Site, kind: hallpass_core::Kind, id: &str) -> String {
    let answer = site.browser().post("/once", &[("kind", kind.as_str()), ("id", id)]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

async fn consume(site: &Site, kind: hallpass_core::Kind, token: &str) -> String {
    site.browser().post("/consume", &[("kind", kind.as_str()), ("token", token)]).await.body
}

async fn reset(site: &Site, token: &str, password: &str) -> u16 {
    site.browser().post("/reset", &[("token", token), ("password", password)]).await.status
}

#[tokio::test]
async fn a_link_sets_a_new_password_once() {
    let site = Site::new();
    let token = mail(&site, RESET, "alice").await;
    assert_eq!(reset(&site, &token, "new").await, 200);
    assert_eq!(reset(&site, &token, "newer").await, 422);
    assert_eq!(site.users.find("alice").unwrap().password, "new");
}

#[tokio::test]
async fn a_link_expires_on_the_server() {
    let site = Site::new();
    let (early, late) = (mail(&site, RESET, "alice").await, mail(&site, RESET, "alice").await);
    site.advance(MINUTE * 15 - SECOND);
    assert_eq!(consume(&site, RESET, &early).await, "alice");
    site.advance(SECOND);
    assert_eq!(consume(&site, RESET, &late).await, "Expired");
}

#[tokio::test]
async fn a_changed_password_kills_every_other_link() {
    let site = Site::new();
    let (used, other, confirm) = (
        mail(&site, RESET, "alice").await,
        mail(&site, RESET, "alice").await,
        mail(&site, CONFIRM, "alice").await,
    );
    let bob = mail(&site, RESET, "bob").await;
    assert_eq!(reset(&site, &used, "new").await, 200);
    assert_eq!(
        (reset(&site, &other, "stolen").await, site.users.find("alice").unwrap().password),
        (422, "new".into())
    );
    assert_eq!(consume(&site, CONFIRM, &confirm).await, "StampMismatch");
    assert_eq!(consume(&site, RESET, &bob).await, "bob", "but not another user's");
}

#[tokio::test]
async fn a_new_password_by_link_ends_every_session() {
    let (site, browser) = Site::remembering_alice().await;
    let token = mail(&site, RESET, "alice").await;
    assert_eq!(reset(&site, &token, "new").await, 200);
    assert_eq!(browser.me().await, "anonymous");
    browser.reopen();
    assert_eq!(browser.me().await, "anonymous");
}

#[tokio::test]
async fn a_link_for_one_thing_does_not_do_another() {
    let site = Site::new();
    let token = mail(&site, CONFIRM, "alice").await;
    assert_eq!(consume(&site, RESET, &token).await, "Invalid");
    assert_eq!(consume(&site, CONFIRM, &token).await, "alice", "the attempt does not use the token up");
    assert_eq!(consume(&site, CONFIRM, &token).await, "Spent");
}

#[tokio::test]
async fn a_link_is_no_login() {
    let site = Site::new();
    let token = mail(&site, RESET, "alice").await;
    let browser = site.browser().header("Authorization", format!("Bearer {token}"));
    for name in [crate::browser::SESSION, crate::browser::REMEMBER] {
        let browser = browser.clone().header("Cookie", format!("{name}={token}"));
        assert_eq!(browser.me().await, "anonymous");
    }
    assert_eq!(consume(&site, RESET, &token).await, "alice", "the attempts do not use the token up");
    let member = site.browser();
    member.log_in("alice").await;
    assert_eq!(consume(&site, RESET, &member.session().unwrap()).await, "Invalid", "nor is a session a link");
}

#[tokio::test]
async fn junk_in_the_place_of_a_link_is_refused() {
    let site = Site::new();
    let token = mail(&site, RESET, "alice").await;
    let guess = format!("{}.{}", &token[..22], "A".repeat(43));
    for junk in ["", "junk", "佐藤", &guess, &token[1..], &"x".repeat(100_000)] {
        assert_eq!(reset(&site, junk, "stolen").await, 422);
    }
    assert_eq!(consume(&site, RESET, "junk").await, "Malformed");
    let huge = site.browser().post("/reset", &[("token", &"x".repeat(1_500_000)), ("password", "x")]).await;
    assert_eq!(huge.status, 413);
    assert_eq!(reset(&site, &token, "new").await, 200);
}

#[tokio::test]
async fn a_logout_everywhere_ends_outstanding_links() {
    let (site, browser) = Site::of_alice().await;
    let token = mail(&site, RESET, "alice").await;
    browser.post("/devices/all", &[]).await;
    assert_eq!(reset(&site, &token, "stolen").await, 422);
}

#[tokio::test]
async fn a_link_to_a_deleted_user_is_anonymous() {
    let site = Site::new();
    let token = mail(&site, RESET, "bob").await;
    site.users.remove("bob");
    assert_eq!(consume(&site, RESET, &token).await, "Invalid");
}

#[tokio::test]
async fn a_link_to_a_user_who_was_locked_does_nothing_and_is_not_used_up() {
    let site = Site::new();
    let token = mail(&site, RESET, "bob").await;
    site.users.change("bob", |user| user.active = false);
    assert_eq!(reset(&site, &token, "stolen").await, 422);
    site.users.change("bob", |user| user.active = true);
    assert_eq!(consume(&site, RESET, &token).await, "bob");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_twenty_at_once_one_uses_the_link() {
    let site = Site::new();
    let token = mail(&site, CONFIRM, "alice").await;
    let request =
        site.browser().prepare("POST", "/consume", &[("kind", CONFIRM.as_str()), ("token", &token)]);
    site.gate.meet(Call::Find, 20);
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let request = request.clone();
        tasks.spawn(async move { request.send().await.body });
    }
    let answers = tasks.join_all().await;
    assert_eq!(answers.iter().filter(|answer| *answer == "alice").count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| *answer == "Spent").count(), 19, "{answers:?}");
    assert_eq!(site.heard.count(EventKind::Consumed), 1);
}
