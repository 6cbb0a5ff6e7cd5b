//! Tests any bytes in any cookie or header: anonymous, 401 or a refusal, never 500; and forms of other sites.

use std::net::IpAddr;

use axum::body::Body;
use http::{Extensions, HeaderValue, Method, Request};

use crate::browser::raw;
use crate::world::World;

#[tokio::test]
async fn any_bytes_in_a_header_are_nobody() {
    // Every setting that reads a header is on.
    let proxy: IpAddr = "10.0.0.1".parse().unwrap();
    let world = World::with(|layer| {
        let layer = layer.peer_address(move |_: &Extensions| Some(proxy)).trusted_proxies([proxy.into()]);
        layer.login_page("/login").fresh_page("/confirm").allow_origin("https://idp.example")
    });
    let good = world.remembered().await;
    let mut truncated = good.session().to_owned();
    truncated.pop();
    let mut samples: Vec<Vec<u8>> = vec![
        b"".into(),
        b"=".into(),
        b";".into(),
        b"\xff\xfe".into(),
        b"__Host-session".into(),
        b"__Host-session=".into(),
        b"__Host-session=\xff\xff.\xff".into(),
        b"__Host-session=\"".into(),
        b"__Host-session=\"\"; __Host-remember=\"".into(),
        b"__Host-remember=.".into(),
        format!("__Host-session={truncated}").into(),
        format!("__Host-session={}A", good.session()).into(),
        format!("__Host-session={}", "A".repeat(10_000)).into(),
        format!("__Host-session={}", good.remember()).into(),
        format!("__host-session={}", good.session()).into(),
        "__Host-session=%00; __Host-remember=%FF%FE".into(),
        "__Host-session=名前".as_bytes().into(),
    ];
    // Every byte that a header may contain, in the selector, for the dot, and in the part of the validator that only
    // a former holder of the token knows. (In the rest of it core takes the text for an old token, correctly.)
    for byte in (0x20..=0xff_u8).filter(|byte| *byte != 0x7f) {
        for at in [0, 10, 22, 50, 64, 65] {
            let mut text = good.session().as_bytes().to_vec();
            if text[at] != byte {
                text[at] = byte;
                samples.push([&b"__Host-session="[..], &text].concat());
            }
        }
    }
    for sample in samples {
        for name in [
            "accept",
            "authorization",
            "cookie",
            "host",
            "origin",
            "sec-fetch-mode",
            "sec-fetch-site",
            "upgrade",
            "user-agent",
            "x-forwarded-for",
            "x-requested-with",
        ] {
            let Ok(value) = HeaderValue::from_bytes(&sample) else { panic!("{sample:?} is no header") };
            for (method, path) in [(Method::GET, "/me"), (Method::GET, "/"), (Method::POST, "/me")] {
                let request = Request::builder().method(method).uri(path).header(name, value.clone());
                let answer = raw(&world.app, request.body(Body::empty()).unwrap()).await;
                let fine = matches!(answer.status.as_u16(), 200 | 401 | 403);
                assert!(fine && (path != "/" || answer.body == "nobody"), "{name}: {sample:?}: {answer:?}");
            }
        }
    }
    assert_eq!(good.clone().get("/").await.body, "alice Session fresh", "and it ended nothing");
    assert_eq!(good.reopened().get("/").await.body, "alice Remembered stale");
}

#[tokio::test]
async fn cookies_that_are_too_large_are_431() {
    let world = World::new();
    let mut browser = world.logged_in().await;
    browser.jar.push(("other".into(), "x".repeat(31 * 1024)));
    assert_eq!(browser.get("/").await.body, "alice Session fresh");
    browser.jar.push(("another".into(), "x".repeat(1024)));
    for path in ["/", "/me", "/members"] {
        assert_eq!(browser.get(path).await.status, 431, "{path}");
    }
    assert_eq!(browser.get("/quiet").await.body, "quiet");
}

#[tokio::test]
async fn many_cookies_of_a_name_cost_a_bounded_number_of_reads() {
    let world = World::new();
    let mut browser = world.logged_in().await;
    let dead = browser.session().to_owned();
    browser.post("/logout").await;
    browser.jar = vec![("__Host-session".into(), dead); 200];
    world.store.calls();
    assert_eq!(browser.get("/").await.body, "nobody");
    assert!(world.store.calls().0 <= 8);
}

#[tokio::test]
async fn another_sites_form_changes_nothing() {
    let world = World::with(|layer| layer.allow_origin("https://idp.example"));
    let mut browser = world.logged_in().await.with("host", "app.example");
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ] {
        let mut forged = browser.clone().with(name, value);
        for path in ["/logout", "/me", "/login?user=bob", "/cart/pen", "/devices/everywhere", "/members"] {
            let answer = forged.post(path).await;
            assert_eq!((answer.status.as_u16(), answer.set_cookies().len()), (403, 0), "{path} {name}");
        }
        assert_eq!(forged.get("/").await.body, "alice Session fresh", "a link is no form");
    }
    let mut stranger = world.browser().with("sec-fetch-site", "cross-site");
    assert_eq!(stranger.post("/login?user=bob").await.status, 403, "nor may it log a victim in");
    for (name, value) in [
        ("sec-fetch-site", "same-origin"),
        ("origin", "https://app.example"),
        ("origin", "https://idp.example"),
    ] {
        assert_eq!(browser.clone().with(name, value).post("/me").await.body, "alice Session fresh");
    }
    assert_eq!(browser.get("/").await.body, "alice Session fresh");
}
