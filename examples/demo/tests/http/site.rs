//! Logging in and out, and requests that must be refused.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use crate::client::{Answer, Browser};
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

#[test]
fn no_cache_keeps_the_stream_of_events() {
    let server = Server::memory(&[]);
    let browser = Browser::remembered(server.address);
    let mut stream = TcpStream::connect(server.address).unwrap();
    let session = &browser.jar["session"];
    write!(stream, "GET /activity/events HTTP/1.1\r\nHost: localhost\r\nCookie: session={session}\r\n\r\n")
        .unwrap();
    // Its body does not end.
    let head = BufReader::new(stream).lines().map(Result::unwrap).take_while(|line| !line.is_empty());
    let head: Vec<_> = head.collect();
    assert!(head.contains(&"cache-control: private, no-store".to_owned()), "{head:?}");
}
