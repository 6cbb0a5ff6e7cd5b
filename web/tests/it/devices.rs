//! Tests devices, and logging them out.

use hallpass_core::{Kind, Policy, Subject, Tokens};

use crate::world::World;

async fn ids(browser: &mut crate::browser::Browser) -> Vec<(String, bool)> {
    let list = browser.get("/devices").await.body;
    list.lines().map(|line| (line[..16].to_owned(), line.ends_with(" here"))).collect()
}

#[tokio::test]
async fn a_device_is_a_login_with_a_name() {
    let world = World::new();
    let mut phone = world.browser().with("user-agent", "");
    phone.headers.insert("user-agent", http::HeaderValue::from_bytes(b"Phone \xff<b>").unwrap());
    phone.post("/login?user=alice&remember=true").await;
    let mut desk = world.browser().with("user-agent", "Desk");
    desk.post("/login?user=alice&remember=true").await;
    let list = desk.get("/devices").await.body;
    let lines: Vec<_> = list.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().any(|line| line.ends_with("Desk here")), "{list}");
    assert!(lines.iter().any(|line| line.contains("Phone") && line.ends_with("there")), "{list}");
    assert_eq!(world.browser().get("/devices").await.body, "");
}

#[tokio::test]
async fn the_list_has_no_last_page() {
    let world = World::with_both(|tokens| tokens.max_logins(150.try_into().unwrap()), |layer| layer);
    for _ in 0..149 {
        world.logged_in().await;
    }
    let mut browser = world.logged_in().await;
    assert_eq!(browser.get("/devices").await.body.lines().count(), 150);
}

#[tokio::test]
async fn one_device_is_logged_out_and_told_why() {
    let world = World::new();
    let (mut here, mut there) = (world.remembered().await, world.remembered().await);
    let other = ids(&mut here).await.into_iter().find(|(_, current)| !current).unwrap().0;
    assert_eq!(here.post(&format!("/devices/{other}")).await.body, "true");
    assert_eq!(here.post(&format!("/devices/{other}")).await.body, "false", "once");
    assert_eq!(there.get("/").await.body, "nobody");
    assert_eq!(there.get("/why").await.body, "Revoked(LoggedOutElsewhere)");
    assert_eq!(here.get("/").await.body, "alice Session fresh");
}

#[tokio::test]
async fn this_device_is_logged_out_like_a_logout() {
    let world = World::new();
    let mut here = world.remembered().await;
    let own = ids(&mut here).await[0].0.clone();
    assert_eq!(here.post(&format!("/devices/{own}")).await.body, "true");
    assert!(here.jar.is_empty());
}

#[tokio::test]
async fn nobody_logs_out_somebody_elses_device() {
    let world = World::new();
    let mut alice = world.remembered().await;
    let target = ids(&mut alice).await[0].0.clone();
    let mut bob = world.browser();
    assert_eq!(bob.post(&format!("/devices/{target}")).await.body, "false");
    bob.post("/login?user=bob").await;
    assert_eq!(bob.post(&format!("/devices/{target}")).await.body, "false");
    assert_eq!(alice.get("/").await.body, "alice Session fresh");
}

#[tokio::test]
async fn the_others_go_and_this_one_gets_new_tokens() {
    let world = World::new();
    let (mut here, mut there) = (world.remembered().await, world.remembered().await);
    let copy = here.clone();
    assert_eq!(here.post("/devices/others").await.body, "others");
    assert_eq!(here.get("/").await.body, "alice Session fresh");
    assert_eq!(ids(&mut here).await.len(), 1);
    assert_eq!(there.get("/").await.body, "nobody");
    assert_eq!(there.reopened().get("/").await.body, "nobody");
    assert_eq!(copy.clone().get("/").await.body, "nobody", "whoever copied the old tokens is out too");
    assert_eq!(copy.reopened().get("/").await.body, "nobody");
    assert_eq!(world.browser().post("/devices/others").await.status, 401);
}

#[tokio::test]
async fn everywhere_is_everywhere_and_here() {
    let world = World::new();
    let (mut here, mut there) = (world.remembered().await, world.remembered().await);
    let key = here.post("/keys").await.body;
    assert_eq!(here.post("/devices/everywhere").await.body, "true");
    assert!(here.jar.is_empty());
    assert_eq!(there.get("/").await.body, "nobody");
    assert_eq!(there.reopened().get("/").await.body, "nobody");
    let mut program = world.browser().with("authorization", &format!("Bearer {key}"));
    assert_eq!(program.get("/").await.body, "alice Key stale", "keys end by name");
    assert_eq!(world.browser().post("/devices/everywhere").await.body, "false");
}

/// Another service over the same store, with a device kind that the layer's tokens do not know.
#[tokio::test]
async fn a_device_of_another_service_is_logged_out_like_one_s_own() {
    let world = World::new();
    let app = Kind::from_static("session:app");
    let builder = Tokens::builder(world.store.clone()).clock(world.clock.clone());
    let service = builder.policy(Policy::session().for_kind(app)).build().unwrap();
    let mut here = world.logged_in().await;
    for everywhere in [false, true] {
        let login = service.begin_login(&Subject::new("alice").unwrap()).await.unwrap();
        let issued = service.issue(&login, app).await.unwrap();
        match everywhere {
            false => {
                let other = ids(&mut here).await.into_iter().find(|(_, current)| !current).unwrap().0;
                assert_eq!(other, login.id().to_string(), "it is listed");
                assert_eq!(here.post(&format!("/devices/{other}")).await.body, "true");
            }
            true => assert_eq!(here.post("/devices/everywhere").await.body, "true"),
        }
        assert!(service.verify(app, issued.token.expose()).await.is_err(), "everywhere: {everywhere}");
    }
}
