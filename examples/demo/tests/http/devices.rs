//! Devices that log each other out, and the events that the page shows.

use crate::client::Browser;
use crate::server::Server;

/// The devices that this browser's page has a button for.
fn others(browser: &mut Browser) -> Vec<String> {
    let page = browser.get("/").body;
    let ids = page.split(r#"name="device" type="hidden" value=""#).skip(1);
    ids.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

/// The words for the events, newest first.
fn happened(browser: &mut Browser) -> Vec<String> {
    let page = browser.get("/").body;
    let list = page.split(r#"<ol class="rows events">"#).nth(1).unwrap().split("</ol>").next().unwrap();
    let entries = list.split("<li><span class=\"badge").skip(1);
    entries.map(|entry| entry.split('>').nth(1).unwrap().split('<').next().unwrap().to_owned()).collect()
}

#[test]
fn one_device_can_be_logged_out_alone() {
    let server = Server::memory(&[]);
    let mut laptop = Browser::remembered(server.address);
    let mut phone = Browser::remembered(server.address);
    let mut tablet = Browser::remembered(server.address);
    assert_eq!((others(&mut laptop).len(), others(&mut phone).len()), (2, 2));
    let device = others(&mut laptop).into_iter().find(|id| !others(&mut tablet).contains(id)).unwrap();

    let answer = laptop.post("/devices/logout", &format!("device={device}&password=wonderland"));
    assert_eq!((answer.status, answer.header("location")), (303, Some("/?done=device")));
    assert_eq!(
        (laptop.me().0, phone.me().0, tablet.me().0),
        (200, 200, 401),
        "the tablet has no button for itself"
    );
    assert!(tablet.get("/").body.contains("You were logged out from another device."));
    assert_eq!(tablet.reopened().me().0, 401);
    assert_eq!(others(&mut laptop).len(), 1);
}

#[test]
fn another_users_device_stays() {
    let server = Server::memory(&[]);
    let mut alice = Browser::remembered(server.address);
    let mut phone = Browser::remembered(server.address);
    let device = others(&mut phone).remove(0);
    let mut bob = Browser::new(server.address);
    bob.post("/login", "user=bob&password=builder");
    for form in [&*format!("device={device}"), "device=", "device=zz", "device=%00", ""] {
        let answer = bob.post("/devices/logout", &format!("{form}&password=builder"));
        assert_eq!(answer.status, 303, "{form}");
    }
    assert_eq!((alice.me().0, phone.me().0, bob.me().0), (200, 200, 200));
    assert_eq!(Browser::new(server.address).post("/devices/logout", "").status, 401);
}

#[test]
fn logging_out_the_others_keeps_this_one_with_new_cookies() {
    let server = Server::memory(&[]);
    let mut laptop = Browser::remembered(server.address);
    let mut phone = Browser::remembered(server.address);
    let mut copy = laptop.clone();
    for form in ["", "password=", "password=guess"] {
        let answer = laptop.post("/logout-others", form);
        assert_eq!((answer.status, answer.set_cookies().len()), (401, 0), "{form}");
        assert!(answer.body.contains("Please enter your password to log the others out."));
    }
    assert_eq!(phone.me().0, 200, "nothing was done");
    let answer = laptop.post("/logout-others", "password=wonderland");
    assert_eq!((answer.status, answer.set_cookies().len()), (303, 2));
    assert_eq!((laptop.me().0, laptop.reopened().me().0), (200, 200));
    assert_eq!((phone.me().0, phone.reopened().me().0), (401, 401));
    assert_eq!((copy.me().0, copy.reopened().me().0), (401, 401), "a copy of its cookies is ended");
    assert_eq!(others(&mut laptop), [""; 0]);
    assert_eq!(phone.post("/logout-others", "").status, 401);
}

#[test]
fn the_page_tells_what_just_happened_newest_first() {
    let server =
        Server::memory(&["--remember-overlap=0", "--remember-min-interval=0", "--remember-retry=60"]);
    let mut browser = Browser::remembered(server.address);
    assert_eq!(happened(&mut browser), ["issued", "issued"]);
    let mut restored = browser.reopened();
    assert_eq!(restored.me().0, 200);
    assert_eq!(browser.reopened().me().0, 200, "as if the answer had been lost");
    // Without an interval, the requested page itself may rotate the token.
    let words: Vec<_> = happened(&mut restored).into_iter().skip_while(|word| word == "rotated").collect();
    assert_eq!(words[..5], ["confirmed", "restored", "retried", "restored", "rotated"]);
    // Without an overlap, its window ends with the current millisecond.
    crate::client::until("the copy is refused", || browser.reopened().me().0 == 401);

    restored.post("/login", "user=alice&password=wonderland");
    let words = happened(&mut restored);
    assert!(words.contains(&"reused".into()) && words.contains(&"refused".into()), "{words:?}");
    let page = restored.get("/").body;
    for browser in [&browser, &restored] {
        for token in browser.jar.values() {
            assert!(!page.contains(&token[23..]), "no secret is shown");
        }
    }
    let mut bob = Browser::new(server.address);
    bob.post("/login", "user=bob&password=builder");
    assert_eq!(happened(&mut bob), ["issued"], "each user sees only their own events");
}
