//! Logging in and out, and requests that must be refused.

use std::collections::BTreeSet;
use std::net::TcpStream;

use crate::client::{Answer, Browser, exchange};
use crate::server::Server;

const ALICE: &str = "user=alice&password=wonderland";
const WRONG: &str = "There is no account with this name and password.";

#[test]
fn health_is_no_question_of_cookies() {
    let server = Server::memory(&[]);
    let answer = Browser::new(server.address).get("/healthz");
    assert_eq!((answer.status, &*answer.body), (200, "ok\n"));
    assert_eq!(answer.header("vary"), None);
}

#[test]
fn a_wrong_password_and_an_unknown_name_get_the_same_answer() {
    let server = Server::memory(&[]);
    let mut browser = Browser::new(server.address);
    for form in
        ["user=alice&password=x", "user=mallory&password=wonderland", "user=bob&password=wonderland", ""]
    {
        let answer = browser.post("/login", form);
        assert_eq!(answer.status, 401, "{form}");
        assert!(answer.body.contains(WRONG));
        assert_eq!(answer.set_cookies(), [""; 0]);
    }
    let answer = browser.post("/login", "user=%3Cscript%3E%22&password=x");
    assert!(answer.body.contains("&lt;script&gt;&quot;") && !answer.body.contains("<script>"));
    let answer = browser.get("/api/me");
    assert_eq!((answer.status, answer.header("content-type")), (401, Some("application/problem+json")));
    let mut alice = Browser::remembered(server.address);
    assert_eq!(alice.post("/login", "user=alice&password=x").status, 401);
    assert_eq!(alice.me().0, 200, "a failed login leaves the one that is there");
}

/// The attributes of the cookies that a login sets, by name.
fn attributes(answer: &Answer) -> Vec<(String, BTreeSet<String>)> {
    let mut all: Vec<_> = answer
        .set_cookies()
        .into_iter()
        .map(|line| {
            let (pair, rest) = line.split_once("; ").unwrap();
            (
                pair.split_once('=').unwrap().0.to_owned(),
                rest.split("; ").map(str::to_owned).collect::<BTreeSet<_>>(),
            )
        })
        .collect();
    all.sort();
    all
}

#[test]
fn cookies_are_as_strict_as_they_can_be() {
    for (flags, prefix, secure) in [(&["--insecure-cookies"][..], "", false), (&[], "__Host-", true)] {
        let server = Server::start(&[flags, &["--store", "memory:"]].concat());
        let mut browser = Browser::new(server.address);
        let answer = browser.post("/login", &format!("{ALICE}&remember=on"));
        assert_eq!(answer.header("cache-control"), Some("private, no-store"));
        assert_eq!(answer.header("vary"), Some("Cookie"));
        let mut session = vec!["Path=/", "HttpOnly", "SameSite=Lax"];
        if secure {
            session.push("Secure");
        }
        let mut remember = session.clone();
        let cookies = attributes(&answer);
        let max_age = cookies[0].1.iter().find(|attribute| attribute.starts_with("Max-Age=")).unwrap();
        let seconds: u64 = max_age.strip_prefix("Max-Age=").unwrap().parse().unwrap();
        assert!((2_591_990..=2_592_000).contains(&seconds), "30 days: {seconds}");
        remember.push(max_age);
        let named =
            |name: &str, list: &[&str]| (format!("{prefix}{name}"), list.iter().map(|&a| a.into()).collect());
        assert_eq!(cookies, [named("remember", &remember), named("session", &session)]);

        let gone = browser.post("/logout", "");
        session.push("Max-Age=0");
        assert_eq!(attributes(&gone), [named("remember", &session), named("session", &session)]);
        assert!(browser.jar.is_empty(), "cleared with the attributes that they were set with");
    }
}

#[test]
fn a_logout_is_final_remembered_or_not() {
    let server = Server::memory(&[]);
    let mut browser = Browser::remembered(server.address);
    let mut copy = browser.clone();
    assert_eq!(browser.post("/logout", "").status, 303);
    assert!(browser.jar.is_empty());
    assert_eq!(copy.me().0, 401);
    assert_eq!(copy.reopened().me().0, 401);
    assert!(!copy.get("/").body.contains("old copy"), "a log-out is not reported as theft");
    assert_eq!(copy.post("/logout", "").status, 303, "again");
    assert_eq!(Browser::new(server.address).post("/logout", "").status, 303, "nobody");
}

#[test]
fn logging_out_everywhere_reaches_the_other_browser() {
    let server = Server::memory(&[]);
    let mut laptop = Browser::remembered(server.address);
    let mut phone = Browser::remembered(server.address);
    let mut bob = Browser::new(server.address);
    bob.post("/login", "user=bob&password=builder");
    assert_eq!(laptop.get("/").body.matches("class=\"agent\"").count(), 2, "two devices");

    assert_eq!(laptop.post("/logout-everywhere", "password=wonderland").status, 303);
    assert!(laptop.jar.is_empty());
    assert!(phone.get("/").body.contains("You were logged out from another device."));
    assert_eq!((phone.me().0, phone.reopened().me().0, bob.me().0), (401, 401, 200));
    assert_eq!(laptop.post("/logout-everywhere", "password=wonderland").status, 401, "logged out already");
}

#[test]
fn any_bytes_in_a_cookie_are_nobody() {
    let server = Server::memory(&[]);
    let browser = Browser::remembered(server.address);
    let session = &browser.jar["session"];
    let long = "A".repeat(20_000);
    let ask =
        |line: &str, headers: &[u8]| exchange(TcpStream::connect(server.address).unwrap(), line, headers, "");
    let values: Vec<Vec<u8>> = vec![
        vec![],
        b"\xff\xfe\x80".to_vec(),
        b"\"".to_vec(),
        b"=;=;;".to_vec(),
        long.into_bytes(),
        "ü.ü".into(),
        session[..65].into(),
        format!("{session}A").into(),
        format!("{}.{}", "A".repeat(22), "A".repeat(43)).into(),
        format!("{}{}", &session[..23], "A".repeat(43)).into(),
        browser.jar["remember"].clone().into(),
    ];
    for value in &values {
        let headers =
            [b"Cookie: session=", &value[..], b"; remember=", &value[..1.min(value.len())], b"\r\n"].concat();
        for line in ["GET /api/me", "GET /"] {
            let answer = ask(line, &headers);
            assert_eq!(answer.status, if line == "GET /" { 200 } else { 401 }, "{line} {value:?}");
            assert_eq!(answer.set_cookies(), [""; 0]);
        }
    }
    assert_eq!(browser.clone().me().0, 200, "the login is not ended");
    let mixed = [b"Cookie: other=\xff; session=", session.as_bytes(), b"\r\n"].concat();
    assert_eq!(ask("GET /api/me", &mixed).status, 200, "another cookie's bytes do no harm");
}

#[test]
fn a_user_agent_is_shown_and_never_run() {
    let server = Server::memory(&[]);
    let mut browser = Browser::new(server.address);
    let form = "Content-Type: application/x-www-form-urlencoded\r\nUser-Agent: <script>alert(1)</script>\r\n";
    assert_eq!(browser.send("POST /login", form, ALICE).status, 303);
    let page = browser.get("/");
    assert!(page.body.contains("&lt;script&gt;alert(1)") && !page.body.contains("<script"), "{}", page.body);
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
}

#[test]
fn another_site_cannot_send_our_forms() {
    let server = Server::memory(&[]);
    let mut browser = Browser::remembered(server.address);
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let own = format!("Origin: http://{}\r\n", server.address);
    for foreign in [
        "Origin: https://evil.example\r\n",
        "Origin: null\r\n",
        "Origin: \r\n",
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
        &format!("Sec-Fetch-Site: cross-site\r\n{own}"),
    ] {
        for path in ["/login", "/logout", "/logout-everywhere"] {
            let answer = browser.send(&format!("POST {path}"), &format!("{form}{foreign}"), ALICE);
            assert_eq!(answer.status, 403, "{path} {foreign}");
            assert_eq!(answer.set_cookies(), [""; 0]);
        }
    }
    assert_eq!(
        browser.send("GET /api/me", "Sec-Fetch-Site: cross-site\r\n", "").status,
        200,
        "a link may come from anywhere"
    );
    assert_eq!(browser.send("POST /login", &format!("{form}{own}"), ALICE).status, 303);
    assert_eq!(browser.send("POST /logout", "Sec-Fetch-Site: same-origin\r\n", "").status, 303);
}

#[test]
fn what_is_no_form_of_ours_is_refused() {
    let server = Server::memory(&[]);
    let mut browser = Browser::new(server.address);
    assert_eq!(browser.post("/login", &format!("user={}", "a".repeat(5_000))).status, 413);
    assert_eq!(browser.send("POST /login", "Content-Type: application/json\r\n", "{}").status, 415);
    assert_eq!(browser.post("/login", "user=alice&user=bob").status, 422);
    assert_eq!(browser.get("/logout").status, 405);
    assert_eq!(browser.get("/nowhere").status, 404);
    assert_eq!(browser.get("/style.css").header("content-type"), Some("text/css"));
}
