//! Pages that need a login, or a fresh one, and the change of a password.

use crate::client::Browser;
use crate::server::Server;

const CHANGE: &str = "current=wonderland&password=looking-glass&again=looking-glass";

#[test]
fn a_page_for_users_sends_strangers_to_the_login_and_back() {
    let server = Server::memory(&[]);
    let mut browser = Browser::new(server.address);
    let answer = browser.page("/password?x=1");
    assert_eq!((answer.status, answer.header("location")), (303, Some("/login?next=/password%3Fx%3D1")));
    let page = browser.page("/login?next=/password%3Fx%3D1");
    assert!(page.body.contains(r#"name="next" type="hidden" value="/password?x=1""#), "{}", page.body);
    let answer = browser.post("/login", "user=alice&password=wonderland&next=/password?x=1");
    assert_eq!((answer.status, answer.header("location")), (303, Some("/password?x=1")));
    assert_eq!(browser.page("/password?x=1").status, 200);
    assert_eq!(
        browser.page("/login?next=/password").header("location"),
        Some("/password"),
        "logged in already"
    );
}

#[test]
fn no_redirect_leads_to_another_site() {
    let server = Server::memory(&[]);
    for next in
        ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "%0d%0aX:y"]
    {
        let mut browser = Browser::new(server.address);
        let page = browser.page(&format!("/login?next={next}"));
        assert!(!page.body.contains("evil") && !page.body.contains("alert"), "{next}");
        let answer = browser.post("/login", &format!("user=alice&password=wonderland&next={next}"));
        assert_eq!((answer.status, answer.header("location")), (303, Some("/")), "{next}");
        let answer = browser.post("/confirm", &format!("password=wonderland&next={next}"));
        assert_eq!((answer.status, answer.header("location")), (303, Some("/")), "{next}");
        assert_eq!(browser.page(&format!("/login?next={next}")).header("location"), Some("/"));
    }
}

#[test]
fn what_needs_a_fresh_login_asks_a_remembered_browser_for_the_password() {
    let server = Server::memory(&[]);
    let mut browser = Browser::remembered(server.address).reopened();
    let answer = browser.page("/password");
    assert_eq!((answer.status, answer.header("location")), (303, Some("/confirm?next=/password")));
    assert_eq!(browser.get("/password").status, 401, "to a program");
    assert_eq!(browser.post("/password", CHANGE).status, 401);
    assert!(
        browser.page("/confirm?next=/password").body.contains("you did not enter your password recently")
    );

    let answer = browser.post("/confirm", "password=wrong&next=/password");
    assert_eq!((answer.status, answer.set_cookies().len()), (401, 0));
    assert!(
        answer.body.contains("That is not your password.") && answer.body.contains(r#"value="/password""#)
    );
    assert_eq!(browser.me().1, r#"{"user":"alice","how":"remembered","fresh":false}"#);

    let mut copy = browser.clone();
    let answer = browser.post("/confirm", "password=wonderland&next=/password");
    assert_eq!((answer.status, answer.header("location")), (303, Some("/password")));
    assert_eq!(browser.me().1, r#"{"user":"alice","how":"password","fresh":true}"#);
    assert_eq!(browser.page("/password").status, 200);
    assert_eq!((copy.me().0, copy.reopened().me().0), (401, 401), "the old cookies are refused");
    assert_eq!(browser.reopened().me().0, 200, "still remembered");
    assert_eq!(Browser::new(server.address).post("/confirm", "password=wonderland").status, 401);
}

#[test]
fn a_changed_password_logs_the_others_out_and_renews_this_browser() {
    let server = Server::memory(&[]);
    let mut laptop = Browser::remembered(server.address);
    let mut phone = Browser::remembered(server.address);
    let mut bob = Browser::new(server.address);
    bob.post("/login", "user=bob&password=builder");
    let mut copy = laptop.clone();

    let answer = laptop.post("/password", CHANGE);
    assert_eq!((answer.status, answer.header("location")), (303, Some("/?done=password")));
    assert_eq!(answer.set_cookies().len(), 2);
    assert!(laptop.get("/?done=password").body.contains("The password is changed."));
    assert_eq!((laptop.me().0, laptop.reopened().me().0, bob.me().0), (200, 200, 200));
    assert!(phone.get("/").body.contains("Your password was changed."));
    assert_eq!((phone.me().0, phone.reopened().me().0), (401, 401));
    assert_eq!((copy.me().0, copy.reopened().me().0), (401, 401), "a copy of this one's old cookies");
    assert_eq!(laptop.me().0, 200, "the new ones still work");

    assert_eq!(phone.post("/login", "user=alice&password=wonderland").status, 401);
    assert_eq!(phone.post("/login", "user=alice&password=looking-glass").status, 303);
}

#[test]
fn a_password_that_will_not_do_changes_nothing() {
    let server = Server::memory(&[]);
    let mut browser = Browser::remembered(server.address);
    for (form, words) in [
        ("password=short&again=short", "at least 8 characters"),
        ("password=looking-glass&again=looking-grass", "not the same"),
        ("", "at least 8 characters"),
        ("password=looking-glass&again=looking-glass", "That is not your password."),
        ("current=guess&password=looking-glass&again=looking-glass", "That is not your password."),
    ] {
        let answer = browser.post("/password", form);
        assert_eq!((answer.status, answer.set_cookies().len()), (422, 0), "{form}");
        assert!(answer.body.contains(words) && !answer.body.contains("looking"), "{form}");
    }
    assert_eq!(browser.me().0, 200);
    assert_eq!(Browser::remembered(server.address).me().0, 200, "with the old one");
}

const CONFIRMING: [&str; 5] =
    ["/confirm", "/logout-others", "/devices/logout", "/logout-everywhere", "/password"];

/// Sends ten wrong passwords to `forms`, one after the other, and then the right one to `closed`.
fn ten_wrong(forms: &[&str], closed: &[&str]) -> (Server, Browser) {
    let server = Server::memory(&[]);
    let mut browser = Browser::remembered(server.address);
    let new = "user=alice&current=guess&again=looking-glass&password=";
    for form in forms.iter().cycle().take(10) {
        let password = if *form == "/password" { "looking-glass" } else { "guess" };
        let status = browser.post(form, &format!("{new}{password}")).status;
        assert!(matches!(status, 401 | 422), "{form}: {status}");
    }
    for form in closed {
        let new = "user=alice&current=wonderland&again=looking-glass&password=";
        let password = if *form == "/password" { "looking-glass" } else { "wonderland" };
        let answer = browser.post(form, &format!("{new}{password}"));
        assert_eq!((answer.status, answer.set_cookies().len()), (429, 0), "{form}");
        let wait = answer.header("retry-after").unwrap().parse::<u32>().unwrap();
        assert!((800..=901).contains(&wait), "{wait}");
    }
    assert_eq!(browser.me().0, 200, "the login that exists stays");
    assert_eq!(Browser::new(server.address).post("/login", "user=bob&password=builder").status, 303);
    (server, browser)
}

#[test]
fn ten_wrong_passwords_of_a_user_who_is_logged_in_close_every_form_that_asks_and_not_the_login() {
    let (server, _) = ten_wrong(&CONFIRMING, &CONFIRMING);
    Browser::remembered(server.address);
}

#[test]
fn ten_wrong_passwords_at_the_login_close_the_login_only() {
    let (server, mut browser) = ten_wrong(&["/login"], &["/login"]);
    assert_eq!(browser.post("/login", "user=mallory&password=guess").status, 401, "another name");
    for name in ["confirm:alice", "alice%0Aconfirm", "confirm"] {
        for _ in 0..10 {
            assert_eq!(browser.post("/login", &format!("user={name}&password=guess")).status, 401, "{name}");
        }
    }
    assert_eq!(
        browser.post("/confirm", "password=wonderland").status,
        303,
        "no typed name uses the same counter"
    );
    drop(server);
}

#[test]
fn what_goes_wrong_is_a_page_for_people_and_a_problem_for_programs() {
    let server = Server::memory(&[]);
    let mut browser = Browser::remembered(server.address);
    let large = format!("Cookie: x={}\r\n", "a".repeat(40_000));
    for (line, headers, status, words) in [
        ("POST /logout", "Sec-Fetch-Site: cross-site\r\n", 403, "Another site sent this form"),
        ("GET /", &*large, 431, "more cookies than this site"),
    ] {
        let problem = browser.send(line, headers, "");
        assert_eq!(
            (problem.status, problem.header("content-type")),
            (status, Some("application/problem+json"))
        );
        let page = browser.send(line, &format!("{headers}Accept: text/html\r\n"), "");
        assert_eq!((page.status, page.header("content-type")), (status, Some("text/html; charset=utf-8")));
        assert!(page.body.contains(words), "{}", page.body);
    }
    assert_eq!(browser.me().0, 200);
}
