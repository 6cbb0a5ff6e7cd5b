//! Tests API keys in `Authorization: Bearer`.

use hallpass_core::Kind;
use hallpass_web::SignalKind;

use crate::world::{DAY, HOUR, World};

async fn key(world: &World) -> String {
    world.logged_in().await.post("/keys").await.body
}

#[tokio::test]
async fn a_key_is_a_user_without_cookies() {
    let world = World::new();
    let key = key(&world).await;
    assert!(key.starts_with("hp_key_"), "{key}");
    let mut program = world.browser().with("authorization", &format!("Bearer {key}"));
    let answer = program.get("/me").await;
    assert_eq!((&*answer.body, answer.set_cookies().len()), ("alice Key stale", 0));
    assert_eq!(program.get("/fresh").await.status, 401, "a key confirms nothing");
    assert_eq!(program.post("/keys").await.status, 401, "a key makes no key");
    for scheme in ["bearer", "BEARER", "Bearer "] {
        let mut program = world.browser().with("authorization", &format!("{scheme} {key}"));
        assert_eq!(program.get("/me").await.body, "alice Key stale");
    }
}

#[tokio::test]
async fn an_invalid_cookie_does_not_hide_a_valid_header() {
    let world = World::new();
    let key = key(&world).await;
    for cookie in ["__Host-session", "__Host-remember"] {
        let mut program = world.browser().with("authorization", &format!("Bearer {key}"));
        program.jar.push((cookie.into(), "junk".into()));
        assert_eq!(program.get("/me").await.body, "alice Key stale");
    }
    let mut both = world.logged_in().await.with("authorization", "Bearer junk");
    assert_eq!(both.get("/me").await.body, "alice Session fresh", "nor the other way round");
}

#[tokio::test]
async fn junk_in_the_header_is_401() {
    let world = World::new();
    let key = key(&world).await;
    let mut typing = key.clone().into_bytes();
    typing[20] ^= 1;
    world.store.calls();
    for junk in [
        String::new(),
        "Bearer".into(),
        "Bearer ".into(),
        "Basic YTpi".into(),
        format!("Bearer {}", String::from_utf8_lossy(&typing)),
        format!("Bearer {key}x"),
        format!("Bearer {}", "x".repeat(10_000)),
        key.clone(),
    ] {
        let answer = world.browser().with("authorization", &junk).get("/me").await;
        assert_eq!(answer.status, 401, "{junk}");
        assert!(!answer.body.contains(&key));
    }
    assert_eq!(world.store.calls(), (0, 0), "a checksum keeps junk from the store");
}

#[tokio::test]
async fn keys_outlive_passwords_and_end_by_name() {
    let world = World::new();
    let mut browser = world.logged_in().await;
    let key = browser.post("/keys").await.body;
    let mut program = world.browser().with("authorization", &format!("Bearer {key}"));
    browser.post("/password?user=better").await;
    browser.post("/devices/others").await;
    world.advance(DAY);
    assert_eq!(program.get("/me").await.body, "alice Key stale");
    assert_eq!(program.post("/logout").await.body, "false true", "a log-out is about cookies");
    let mut browser = world.logged_in().await;
    let list = browser.get("/keys").await.body;
    let (id, name) = list.split_once(' ').unwrap();
    assert_eq!(name, "backup job");
    assert_eq!(browser.get("/devices").await.body.lines().count(), 1, "a key is no device");
    let mut bob = world.browser();
    bob.post("/login?user=bob").await;
    assert_eq!(bob.post(&format!("/keys/{id}")).await.body, "false", "not of another user");
    assert_eq!(browser.post(&format!("/keys/{id}")).await.body, "true");
    assert_eq!(program.get("/me").await.status, 401);
}

#[tokio::test]
async fn a_key_is_no_device_and_a_device_no_key() {
    let world = World::new();
    let mut browser = world.logged_in().await;
    let elsewhere = world.remembered().await;
    let key = browser.post("/keys").await.body;
    let id = |list: String, word: &str| {
        let line = list.lines().find(|line| line.ends_with(word)).unwrap();
        line.split(' ').next().unwrap().to_owned()
    };
    let key_id = id(browser.get("/keys").await.body, "backup job");
    let device_id = id(elsewhere.clone().get("/devices").await.body, " here");
    let mut program = elsewhere.clone().with("authorization", &format!("Bearer {key}"));
    program.jar.clear();
    world.signals();
    for visitor in [&mut browser, &mut program] {
        assert_eq!(visitor.post(&format!("/devices/{key_id}")).await.body, "false");
        assert_eq!(visitor.post(&format!("/keys/{device_id}")).await.body, "false");
    }
    assert!(!world.signals().contains(&SignalKind::LoggedOut));
    assert_eq!(program.get("/me").await.body, "alice Key stale");
    assert_eq!(elsewhere.clone().get("/").await.body, "alice Session fresh");
    assert_eq!(program.post(&format!("/devices/{device_id}")).await.body, "false", "a key manages nothing");
    assert_eq!(browser.post(&format!("/devices/{device_id}")).await.body, "true");
    assert_eq!(browser.post(&format!("/keys/{key_id}")).await.body, "true");
    assert_eq!(program.get("/me").await.status, 401);
    assert_eq!(
        (elsewhere.clone().get("/").await.body, elsewhere.reopened().get("/").await.body),
        ("nobody".into(), "nobody".into())
    );
}

#[tokio::test]
async fn a_key_that_names_itself_as_a_device_ends_nothing() {
    let world = World::new();
    let mut browser = world.logged_in().await;
    let key = browser.post("/keys").await.body;
    let list = browser.get("/keys").await.body;
    world.advance(HOUR);
    let mut both = browser.clone().with("authorization", &format!("Bearer {key}"));
    let answer = both.post(&format!("/devices/{}", list.split(' ').next().unwrap())).await;
    assert_eq!((&*answer.body, answer.set_cookies().len()), ("false", 0), "its cookies are another matter");
    assert_eq!(both.get("/me").await.body, "alice Key stale");
}

#[tokio::test]
async fn a_name_too_long_is_cut() {
    let world = World::new();
    let mut browser = world.logged_in().await;
    assert_eq!(browser.post(&format!("/keys?name={}", "x".repeat(513))).await.status, 200);
    assert!(browser.get("/keys").await.body.ends_with(&format!(" {}", "x".repeat(512))));
}

#[tokio::test]
async fn a_key_works_across_sites_and_cookies_beside_it_do_not() {
    let world = World::new();
    let key = key(&world).await;
    let cross = |browser: crate::browser::Browser| browser.with("sec-fetch-site", "cross-site");
    let mut program = cross(world.browser()).with("authorization", &format!("Bearer {key}"));
    assert_eq!(program.post("/me").await.body, "alice Key stale");
    let mut forged = cross(world.logged_in().await).with("authorization", "Bearer junk");
    assert_eq!(forged.post("/me").await.status, 401, "a made-up key does not carry the cookies in");
}

#[tokio::test]
async fn another_kind_is_no_key_and_keys_can_be_off() {
    let world = World::new();
    let browser = world.logged_in().await;
    let session = browser.session().to_owned();
    assert_eq!(
        world.browser().with("authorization", &format!("Bearer {session}")).get("/me").await.status,
        401
    );
    let off = World::with(|layer| layer.keys(None::<Kind>));
    let subject = hallpass_core::Subject::new("alice").unwrap();
    let login = off.layer.tokens().begin_login(&subject).await.unwrap();
    let key = off.layer.tokens().issue(&login, Kind::API_KEY).await.unwrap();
    let header = format!("Bearer {}", key.token.expose());
    assert_eq!(off.browser().with("authorization", &header).get("/me").await.status, 401);
}

#[tokio::test]
async fn what_a_key_keeps_forces_nobody_in() {
    let world = World::new();
    world.users.change("alice", |user| user.active = false);
    let alice = hallpass_core::Subject::new("alice").unwrap();
    // The flags that the layer itself would write first for a forced login, in the old layout and in the present one.
    for first in (0x40..0x48_u8).chain(0xF8..=0xFF) {
        let login = world.layer.tokens().begin_login(&alice).await.unwrap();
        let data = [&[first][..], b"uild server"].concat();
        let key = world.layer.tokens().issue(&login, Kind::API_KEY).data(data).await.unwrap();
        let header = format!("Bearer {}", key.token.expose());
        let answer = world.browser().with("authorization", &header).get("/me").await;
        assert_eq!(answer.status, 401, "{first:#x}");
    }
}
