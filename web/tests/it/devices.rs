//! The list of devices, and logging them out.

use hallpass_core::{Kind, Policy, Subject, Tokens};

use crate::browser::Browser;
use crate::site::{MINUTE, Site};

/// Three browsers: alice's laptop and phone, and bob's.
async fn three() -> (Site, Browser, Browser, Browser) {
    let site = Site::new();
    let laptop = site.browser().agent("Firefox on a laptop");
    laptop.log_in_remembered("alice").await;
    site.advance(MINUTE);
    let phone = site.browser().agent("Safari on a phone");
    phone.log_in_remembered("alice").await;
    let bob = site.browser();
    bob.log_in("bob").await;
    (site, laptop, phone, bob)
}

async fn ids(browser: &Browser) -> Vec<String> {
    let list = browser.get("/devices").await.body;
    list.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_list_names_each_device_once_newest_first_and_the_one_that_asks() {
    let (_site, laptop, phone, bob) = three().await;
    let seen =
        |list: &str| list.lines().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect::<Vec<_>>();
    let list = laptop.get("/devices").await.body;
    assert_eq!(seen(&list), ["Safari on a phone elsewhere", "Firefox on a laptop here"]);
    let list = phone.get("/devices").await.body;
    assert_eq!(seen(&list), ["Safari on a phone here", "Firefox on a laptop elsewhere"]);
    assert_eq!(bob.get("/devices").await.body.lines().count(), 1);
    for secret in [laptop.session(), laptop.remember(), phone.session(), phone.remember()] {
        let secret = secret.unwrap();
        assert!(!list.contains(secret.split_once('.').unwrap().1));
    }
}

#[tokio::test]
async fn a_visitor_has_no_devices_and_ends_none() {
    let (site, laptop, ..) = three().await;
    let visitor = site.browser();
    assert_eq!(visitor.get("/devices").await.body, "");
    let id = &ids(&laptop).await[0];
    assert_eq!(visitor.post("/devices/one", &[("login", id)]).await.body, "nothing");
    assert_eq!(visitor.post("/devices/others", &[]).await.status, 401);
    assert_eq!(visitor.post("/devices/all", &[]).await.body, "nothing");
    assert_eq!(laptop.me().await, "alice session fresh");
}

#[tokio::test]
async fn one_device_logs_another_out_for_good() {
    let (_site, laptop, phone, _bob) = three().await;
    let id = ids(&laptop).await[0].clone();
    assert_eq!(laptop.post("/devices/one", &[("login", &id)]).await.body, "ended");
    assert_eq!(phone.me().await, "anonymous");
    assert_eq!(phone.get("/why").await.body, "Revoked(LoggedOutElsewhere)");
    phone.reopen();
    assert_eq!((phone.me().await, laptop.me().await), ("anonymous".into(), "alice session fresh".into()));
    assert_eq!(ids(&laptop).await.len(), 1);
    assert_eq!(laptop.post("/devices/one", &[("login", &id)]).await.body, "nothing", "already ended");
}

#[tokio::test]
async fn a_device_that_logs_itself_out_in_the_list_loses_its_cookies() {
    let (_site, laptop, phone, _bob) = three().await;
    let id = ids(&laptop).await[1].clone();
    assert_eq!(laptop.post("/devices/one", &[("login", &id)]).await.body, "ended");
    assert_eq!((laptop.session(), laptop.remember()), (None, None));
    assert_eq!(phone.me().await, "alice session fresh");
}

#[tokio::test]
async fn no_user_ends_another_users_device() {
    let (_site, laptop, phone, bob) = three().await;
    for id in ids(&laptop).await {
        assert_eq!(bob.post("/devices/one", &[("login", &id)]).await.body, "nothing");
    }
    bob.post("/devices/others", &[]).await;
    bob.post("/devices/all", &[]).await;
    assert_eq!(
        (laptop.me().await, phone.me().await),
        ("alice session fresh".into(), "alice session fresh".into())
    );
}

#[tokio::test]
async fn the_others_are_out_and_so_is_a_copy_of_this_one() {
    let (_site, laptop, phone, bob) = three().await;
    laptop.post("/cart", &[("item", "tea")]).await;
    let copy = laptop.copied();
    assert_eq!(laptop.post("/devices/others", &[]).await.body, "done");
    assert_eq!(phone.me().await, "anonymous");
    assert_eq!(
        (laptop.me().await, laptop.get("/cart").await.body),
        ("alice session fresh".into(), "tea".into())
    );
    assert_eq!(copy.me().await, "anonymous");
    copy.reopen();
    assert_eq!(copy.me().await, "anonymous");
    laptop.reopen();
    assert_eq!(
        (laptop.me().await, bob.me().await),
        ("alice remembered stale".into(), "bob session fresh".into())
    );
}

#[tokio::test]
async fn everywhere_is_everywhere() {
    let (site, laptop, phone, bob) = three().await;
    let closed = phone.copied();
    closed.reopen();
    assert_eq!(laptop.post("/devices/all", &[]).await.body, "ended");
    assert_eq!((laptop.session(), laptop.remember()), (None, None));
    for browser in [&laptop, &phone, &closed] {
        assert_eq!(browser.me().await, "anonymous");
    }
    assert_eq!((site.live("alice").await, bob.me().await), (0, "bob session fresh".into()));
    phone.log_in("alice").await;
    assert_eq!(phone.me().await, "alice session fresh", "the user may log in again");
}

#[tokio::test]
async fn a_remembered_user_may_log_the_others_out_and_stays_remembered() {
    let (_site, laptop, phone, _bob) = three().await;
    laptop.reopen();
    assert_eq!(laptop.post("/devices/others", &[]).await.body, "done");
    assert_eq!((laptop.me().await, phone.me().await), ("alice remembered stale".into(), "anonymous".into()));
    laptop.reopen();
    assert_eq!(laptop.me().await, "alice remembered stale");
}

#[tokio::test]
async fn a_renewal_whose_answer_was_lost_is_told_on_the_login_page() {
    let (_site, laptop, phone, _bob) = three().await;
    // A double click whose first answer the browser dropped, or a broken connection.
    assert_eq!(laptop.prepare("POST", "/devices/others", &[]).send().await.body, "done");
    assert_eq!(laptop.post("/devices/others", &[]).await.status, 401);
    assert_eq!(laptop.get("/why").await.body, "Revoked(Superseded)");
    assert_eq!(phone.get("/why").await.body, "Revoked(LoggedOutElsewhere)");
    laptop.log_in("alice").await;
    assert_eq!(laptop.get("/why").await.body, "nothing to tell");
}

#[tokio::test]
async fn the_list_has_no_last_page() {
    let cap = 150.try_into().unwrap();
    let site = Site::tuned(|tokens| tokens.max_logins(cap), |layer| layer);
    for _ in 0..149 {
        site.browser().log_in("alice").await;
    }
    let browser = site.browser();
    browser.log_in("alice").await;
    assert_eq!(browser.get("/devices").await.body.lines().count(), 150);
}

#[tokio::test]
async fn a_device_of_another_service_is_logged_out_like_one_s_own() {
    let site = Site::new();
    // Another service over the same store has a kind of device that the layer's tokens do not know.
    let app = Kind::from_static("session:app");
    let builder = Tokens::builder(site.gate.clone()).clock(site.clock.clone());
    let service = builder.policy(Policy::session().for_kind(app)).build().unwrap();
    let browser = site.browser();
    browser.log_in("alice").await;
    for everywhere in [false, true] {
        let login = service.begin_login(&Subject::new("alice").unwrap()).await.unwrap();
        let issued = service.issue(&login, app).await.unwrap();
        let id = login.id().to_string();
        assert!(ids(&browser).await.contains(&id), "it is listed");
        let path = if everywhere { "/devices/all" } else { "/devices/one" };
        assert_eq!(browser.post(path, &[("login", &id)]).await.body, "ended");
        assert!(service.verify(app, issued.token.expose()).await.is_err(), "everywhere: {everywhere}");
    }
}
