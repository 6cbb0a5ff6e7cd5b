//! Bad input: any bytes in any cookie or header, and oversized input.

use hallpass_test_store::Call;

use crate::browser::{Browser, REMEMBER, SESSION};
use crate::site::Site;

/// A browser that sends these bytes as its cookies.
fn with(site: &Site, cookies: impl Into<Vec<u8>>) -> Browser {
    site.browser().header("Cookie", cookies)
}

/// Random bytes that are valid in a header: anything but control characters.
fn junk(from: &mut fastrand::Rng, most: usize) -> Vec<u8> {
    let length = from.usize(..most);
    let legal = |byte: &u8| *byte == b'\t' || *byte >= 0x20 && *byte != 0x7f;
    std::iter::repeat_with(|| from.u8(..)).filter(legal).take(length).collect()
}

#[tokio::test]
async fn a_malformed_cookie_is_anonymous() {
    let site = Site::new();
    let token = "A".repeat(22) + "." + &"A".repeat(43);
    let long = "A".repeat(4_000);
    for value in [
        "",
        "\"\"",
        "foo",
        "foo|BAD_HASH",
        "%",
        "ZZZ",
        "series:token",
        "cookie:1",
        "a.b",
        ".",
        "null",
        "1",
        "佐藤",
        "../../etc/passwd",
        "' OR 1=1 --",
        "{}",
        "=",
        "====",
        ",",
        "\"",
        "\\",
        "\t",
        &token[1..],
        &format!("{token}A"),
        &format!("{token}."),
        &token.replace('.', ":"),
        &token.replace('A', "/"),
        &format!("{}B", &token[..65]),
        &long,
    ] {
        for name in [SESSION, REMEMBER] {
            let answer = with(&site, format!("{name}={value}")).get("/me").await;
            assert_eq!((answer.status, &*answer.body), (200, "anonymous"), "{name}={value}");
            assert!(answer.set_cookies().is_empty(), "{name}={value}");
        }
    }
    assert!(site.gate.calls().len() <= 4, "only tokens are looked up: {:?}", site.gate.calls());
}

#[tokio::test]
async fn any_bytes_are_anonymous() {
    let site = Site::new();
    let mut rng = fastrand::Rng::with_seed(0x5eed);
    for round in 0..300 {
        let (a, b, c) = (junk(&mut rng, 80), junk(&mut rng, 80), junk(&mut rng, 80));
        let line = match round % 3 {
            0 => [SESSION.as_bytes(), b"=", &a, b"; ", REMEMBER.as_bytes(), b"=", &b].concat(),
            1 => [&a[..], b";", SESSION.as_bytes(), b"=", &b, b"=", &c].concat(),
            _ => a,
        };
        let browser = with(&site, line.clone()).header("Authorization", [b"Bearer ", &b[..]].concat());
        let answer = browser.get("/me").await;
        assert_eq!((answer.status, &*answer.body), (200, "anonymous"), "{}", line.escape_ascii());
        assert_eq!(browser.program().get("/account").await.status, 401, "{}", line.escape_ascii());
    }
}

#[tokio::test]
async fn one_changed_character_makes_a_token_anonymous() {
    let (site, browser) = Site::remembering_alice().await;
    let good = browser.session().unwrap();
    let changed = |at: usize| {
        let mut bad = good.clone().into_bytes();
        bad[at] = if bad[at] == b'x' { b'y' } else { b'x' };
        String::from_utf8(bad).unwrap()
    };
    // The series, the dot, and the half of the secret that all tokens of the series share.
    for at in (0..23).chain(45..66) {
        let answer = with(&site, format!("{SESSION}={}", changed(at))).get("/me").await;
        assert_eq!((answer.status, &*answer.body), (200, "anonymous"), "{at}");
    }
    for bad in [good.to_lowercase(), good.to_uppercase(), format!("{good}x"), format!("{good}=")] {
        assert_eq!(with(&site, format!("{SESSION}={bad}")).me().await, "anonymous");
    }
    // Every byte that a header may contain, in the series, in place of the dot, and in the shared half.
    for byte in (0x20..=0xff_u8).filter(|byte| *byte != 0x7f) {
        for at in [0, 10, 22, 50, 64, 65] {
            let mut bad = good.clone().into_bytes();
            bad[at] = byte;
            if bad != good.as_bytes() {
                let answer = with(&site, [SESSION.as_bytes(), b"=", &bad].concat()).get("/me").await;
                assert_eq!((answer.status, &*answer.body), (200, "anonymous"), "{byte:#x} at {at}");
            }
        }
    }
    assert_eq!(browser.me().await, "alice session fresh", "no login was ended");
    for at in 23..45 {
        assert_eq!(with(&site, format!("{SESSION}={}", changed(at))).me().await, "anonymous", "{at}");
    }
}

#[tokio::test]
async fn quotes_around_a_value_are_taken_off() {
    let (site, browser) = Site::of_alice().await;
    let quoted = format!("{SESSION}=\"{}\"", browser.session().unwrap());
    assert_eq!(with(&site, quoted).me().await, "alice session fresh");
}

#[tokio::test]
async fn of_several_cookies_of_one_name_one_good_one_is_enough() {
    let (site, browser) = Site::remembering_alice().await;
    let (session, remember) = (browser.session().unwrap(), browser.remember().unwrap());
    let unknown = "A".repeat(22) + "." + &"A".repeat(43);
    let guess = format!("{}.{}", &session[..22], "A".repeat(43));
    for bad in ["", "junk", &unknown, &guess] {
        for line in
            [format!("{SESSION}={bad}; {SESSION}={session}"), format!("{SESSION}={session}; {SESSION}={bad}")]
        {
            assert_eq!(with(&site, line).me().await, "alice session fresh", "{bad}");
        }
        let lines = with(&site, format!("{SESSION}={bad}")).header("Cookie", format!("{SESSION}={session}"));
        assert_eq!(lines.me().await, "alice session fresh", "in separate headers");
        let line = format!("{REMEMBER}={bad}; {REMEMBER}={remember}; {SESSION}={bad}");
        assert_eq!(with(&site, line).me().await, "alice remembered stale", "{bad}");
    }
    assert_eq!(browser.me().await, "alice session fresh", "the other tokens end nothing");
    let dead = with(&site, format!("{SESSION}={unknown}; {SESSION}={session}"));
    assert_eq!(dead.get("/why").await.body, "nothing to tell", "the unknown token is not reported");
}

#[tokio::test]
async fn an_old_remember_me_cookie_beside_the_new_one_kills_nothing() {
    for old_first in [false, true] {
        let (site, browser) = Site::remembering_alice().await;
        let old = browser.remember().unwrap();
        browser.reopen();
        browser.me().await;
        browser.me().await;
        let new = browser.remember().unwrap();
        site.advance(crate::site::HOUR);
        let (one, two) = if old_first { (&old, &new) } else { (&new, &old) };
        let both = with(&site, format!("{REMEMBER}={one}; {REMEMBER}={two}"));
        assert_eq!(both.me().await, "alice remembered stale", "old first: {old_first}");
        assert_eq!(site.heard.count(hallpass_core::EventKind::Reused), 0);
    }
}

#[tokio::test]
async fn a_good_session_beside_a_stolen_remember_me_token_stays() {
    let (site, browser) = Site::of_alice().await;
    let tossed = format!("{SESSION}={}; {REMEMBER}=tossed; {SESSION}=tossed", browser.session().unwrap());
    assert_eq!(with(&site, tossed).me().await, "alice session fresh");
}

#[tokio::test]
async fn more_cookies_than_a_browser_sends_are_refused_and_log_no_user_out() {
    let (site, browser) = Site::of_alice().await;
    let session = format!("{SESSION}={}", browser.session().unwrap());
    let padded = |length: usize| format!("{session}; pad={}", "x".repeat(length - session.len() - 6));
    assert_eq!(with(&site, padded(32 * 1024)).me().await, "alice session fresh", "as much as is allowed");
    let answer = with(&site, padded(32 * 1024 + 1)).program().get("/me").await;
    assert_eq!((answer.status, answer.header("content-type")), (431, Some("application/problem+json")));
    assert!(answer.set_cookies().is_empty());
    assert_eq!(with(&site, padded(32 * 1024 + 1)).get("/members").await.status, 431, "by the layers, too");
    let many = (0..20).fold(site.browser(), |browser, _| browser.header("Cookie", "x".repeat(2_000)));
    assert_eq!(many.get("/me").await.status, 431, "spread over many headers, too");
    assert_eq!(
        site.browser_over_tcp().await.header("Cookie", "x".repeat(1_000_000)).get("/me").await.status,
        431,
        "refused by the server itself"
    );
    assert_eq!(with(&site, "x".repeat(40_000)).get("/").await.status, 200, "a page without a user");
    assert_eq!(browser.me().await, "alice session fresh");
}

#[tokio::test]
async fn a_hundred_cookies_of_one_name_cost_a_few_reads() {
    let site = Site::new();
    let junk = (0..100).map(|at| format!("{SESSION}={at:0>21}A.{}", "A".repeat(43))).collect::<Vec<_>>();
    let (browser, junk) = (site.browser(), junk.join("; "));
    site.gate.calls();
    assert_eq!(browser.header("Cookie", junk).me().await, "anonymous");
    let reads = site.gate.calls();
    assert!((1..=8).contains(&reads.len()) && reads.iter().all(|call| *call == Call::Find), "{reads:?}");
}

#[tokio::test]
async fn junk_in_the_other_headers_is_no_error() {
    let site = Site::with(|layer| {
        layer
            .peer_address(crate::site::peer)
            .trusted_proxies(["127.0.0.1".parse::<hallpass_web::Network>().unwrap()])
            .fresh_page("/confirm")
            .allow_origin("https://idp.example")
    });
    let mut rng = fastrand::Rng::with_seed(0xfeed);
    for name in
        ["Accept", "X-Forwarded-For", "Sec-Fetch-Mode", "X-Requested-With", "Authorization", "Forwarded"]
    {
        for _ in 0..25 {
            let browser = site.browser().header(name, junk(&mut rng, 60));
            assert_eq!(browser.me().await, "anonymous");
            let status = browser.get("/account").await.status;
            assert!([303, 401].contains(&status), "{name}: {status}");
        }
    }
    for name in ["Cookie", "Host", "Origin", "Sec-Fetch-Site", "Upgrade", "User-Agent"] {
        for _ in 0..25 {
            let browser = site.browser().header(name, junk(&mut rng, 60));
            for (method, path) in [("GET", "/me"), ("POST", "/me"), ("POST", "/members")] {
                let answer = browser.send(method, path, &[]).await;
                assert!([200, 303, 401, 403].contains(&answer.status), "{name}: {answer:?}");
                assert!(answer.status != 200 || answer.body == "anonymous", "{name}: {answer:?}");
            }
        }
    }
    let long = site.browser().agent(&"Mozilla ".repeat(1_000));
    long.log_in_remembered("alice").await;
    assert_eq!(long.me().await, "alice session fresh", "a device's name is cut, not refused");
    assert_eq!(site.browser().agent("").log_in("alice").await.status, 200, "and may be missing");
    let phone = site.browser().agent("").header("User-Agent", *b"Phone \xff<b>");
    phone.log_in("bob").await;
    let list = phone.get("/devices").await.body;
    assert!(list.contains("Phone") && list.ends_with(" here"), "{list}");
}

#[tokio::test]
async fn no_answer_tells_a_token_but_to_its_own_browser() {
    let (site, browser) = Site::remembering_alice().await;
    let secrets = [browser.session().unwrap(), browser.remember().unwrap()];
    let secrets = secrets.iter().flat_map(|token| token.split('.').skip(1));
    let secrets: Vec<_> = secrets.map(str::to_owned).collect();
    site.gate.all_down();
    let down = browser.get("/me").await;
    site.gate.up();
    let mut seen = vec![down, browser.get("/devices").await, browser.get("/account").await];
    seen.push(browser.clone().program().post("/confirm", &[("password", "guess")]).await);
    for answer in seen {
        let text = format!("{answer:?}");
        assert!(secrets.iter().all(|secret| !text.contains(&**secret)), "{text}");
    }
}
