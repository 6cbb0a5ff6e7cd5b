//! A user's browser: Chromium with a profile on disk.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use base64ct::{Base64, Encoding};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::webdriver::{Driver, Session};

/// A folder with everything that a browser keeps when it is closed.
#[derive(Debug)]
pub(crate) struct Profile {
    folder: TempDir,
}

impl Profile {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    /// Opens the browser with this profile.
    pub(crate) fn open<'a>(&'a self, driver: &'a Driver, site: &'a str) -> Chromium<'a> {
        self.with(driver, site, "normal", false)
    }

    /// Opens it with JavaScript.
    pub(crate) fn open_with_scripts<'a>(&'a self, driver: &'a Driver, site: &'a str) -> Chromium<'a> {
        self.with(driver, site, "normal", true)
    }

    /// Opens it in a mode in which no command waits for a page to load.
    pub(crate) fn open_hasty<'a>(&'a self, driver: &'a Driver, site: &'a str) -> Chromium<'a> {
        self.with(driver, site, "none", false)
    }

    fn with<'a>(&'a self, driver: &'a Driver, site: &'a str, strategy: &str, scripts: bool) -> Chromium<'a> {
        let profile = format!("--user-data-dir={}", self.folder.path().display());
        let session = driver.open(&json!({
            "browserName": "chrome",
            "pageLoadStrategy": strategy,
            "goog:chromeOptions": {
                "args": [
                    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                    "--disable-background-networking", "--disable-component-update", "--disable-sync",
                    "--disable-dev-shm-usage", "--hide-scrollbars", "--window-size=1000,900",
                    // The browser ends with its driver, however the driver ends.
                    "--remote-debugging-pipe",
                    profile,
                ],
                // 1: pages may run JavaScript. 2: no page does.
                "prefs": {
                    "profile.managed_default_content_settings.javascript": if scripts { 1 } else { 2 },
                },
            },
        }));
        Chromium { session, site, _profile: self }
    }
}

/// An open browser. It is closed when dropped, as a user closes it.
#[derive(Debug)]
pub(crate) struct Chromium<'a> {
    session: Session,
    site: &'a str,
    _profile: &'a Profile,
}

impl Chromium<'_> {
    /// Goes to a page of the site.
    pub(crate) fn visit(&self, path: &str) {
        self.navigate(&format!("{}{path}", self.site));
    }

    /// Goes to any URL.
    pub(crate) fn navigate(&self, url: &str) {
        self.session.post("url", &json!({ "url": url }));
    }

    pub(crate) fn reload(&self) {
        self.session.post("refresh", &json!({}));
    }

    pub(crate) fn address(&self) -> String {
        self.session.get("url").as_str().expect("text").to_owned()
    }

    pub(crate) fn title(&self) -> String {
        self.session.get("title").as_str().expect("text").to_owned()
    }

    /// The visible text of the page.
    pub(crate) fn text(&self) -> String {
        let body = self.find("body");
        self.session.get(&format!("element/{body}/text")).as_str().expect("text").to_owned()
    }

    /// Whether the page shows `words`.
    pub(crate) fn shows(&self, words: &str) -> bool {
        self.text().contains(words)
    }

    /// Waits until the page shows `words`, for half a minute.
    #[track_caller]
    pub(crate) fn wait_for(&self, words: &str) {
        self.wait_for_one([words]);
    }

    /// Waits until the page shows one of these, for half a minute, and returns its place.
    #[track_caller]
    pub(crate) fn wait_for_one<const N: usize>(&self, words: [&str; N]) -> usize {
        for _ in 0..600 {
            // Between two pages there is no body.
            let body = self.session.send("POST", "element", &css("body"));
            let text = body.ok().and_then(|body| {
                self.session.send("GET", &format!("element/{}/text", name_of(&body)), &Value::Null).ok()
            });
            let text = text.as_ref().and_then(Value::as_str).unwrap_or_default();
            if let Some(place) = words.iter().position(|words| text.contains(words)) {
                return place;
            }
            sleep(Duration::from_millis(50));
        }
        panic!("half a minute is over and the page does not show {words:?}:\n{}", self.text());
    }

    /// Replaces the text in the field that this selector finds.
    pub(crate) fn fill(&self, selector: &str, text: &str) {
        let field = self.find(selector);
        self.session.post(&format!("element/{field}/clear"), &json!({}));
        self.session.post(&format!("element/{field}/value"), &json!({ "text": text }));
    }

    /// Presses these keys, wherever the focus is; the protocol has characters for Tab and Enter.
    pub(crate) fn keys(&self, keys: &str) {
        let press = |key: char| {
            let key = key.to_string();
            [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })]
        };
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": keys.chars().flat_map(press).collect::<Vec<_>>() });
        self.session.post("actions", &json!({ "actions": [keyboard] }));
    }

    /// Clicks the one element that this selector finds.
    pub(crate) fn click(&self, selector: &str) {
        let element = self.find(selector);
        self.session.post(&format!("element/{element}/click"), &json!({}));
    }

    /// Presses the button with these words. Then wait for something on the next page.
    pub(crate) fn press(&self, words: &str) {
        let xpath = format!("//button[normalize-space()='{words}']");
        let element = self.session.post("element", &json!({ "using": "xpath", "value": xpath }));
        self.session.post(&format!("element/{}/click", name_of(&element)), &json!({}));
    }

    /// Fills in the login form, which must be there, and sends it.
    pub(crate) fn log_in(&self, user: &str, password: &str, remember: bool) {
        self.fill("#user", user);
        self.fill("#password", password);
        if remember {
            self.click("input[name=remember]");
        }
        self.press("Log in");
    }

    /// The cookies that the browser sends to the site.
    pub(crate) fn cookies(&self) -> BTreeMap<String, String> {
        let list = self.session.get("cookie");
        let pair = |cookie: &Value| Some((cookie["name"].as_str()?.into(), cookie["value"].as_str()?.into()));
        list.as_array().expect("a list").iter().map(|cookie| pair(cookie).expect("a cookie")).collect()
    }

    /// Puts a cookie into the jar, as a thief who copied it would.
    pub(crate) fn plant(&self, name: &str, value: &str) {
        let cookie = json!({ "name": name, "value": value, "url": self.site, "path": "/", "secure": true, "httpOnly": true });
        assert_eq!(self.devtools("Network.setCookie", &cookie)["success"], true);
    }

    /// The status of the response that delivered this page.
    pub(crate) fn status(&self) -> u64 {
        let entry = "return performance.getEntriesByType('navigation')[0].responseStatus";
        self.script(entry).as_u64().expect("a number")
    }

    /// Opens another tab and goes there.
    pub(crate) fn new_tab(&self) -> String {
        let tab = self.session.post("window/new", &json!({ "type": "tab" }));
        let handle = tab["handle"].as_str().expect("its name").to_owned();
        self.switch_to(&handle);
        handle
    }

    pub(crate) fn switch_to(&self, tab: &str) {
        self.session.post("window", &json!({ "handle": tab }));
    }

    /// Sends a command to Chromium itself, bypassing the page.
    pub(crate) fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.session.post("goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// Runs a script in the page through the driver; scripts of pages are off.
    pub(crate) fn script(&self, script: &str) -> Value {
        self.session.post("execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Takes a picture of the whole page.
    pub(crate) fn screenshot(&self, name: &str) {
        let size = &self.devtools("Page.getLayoutMetrics", &json!({}))["cssContentSize"];
        let clip = json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 });
        let picture =
            self.devtools("Page.captureScreenshot", &json!({ "captureBeyondViewport": true, "clip": clip }));
        let picture = Base64::decode_vec(picture["data"].as_str().expect("a picture")).expect("base64");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("screenshots");
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join(format!("{name}.png")), picture).expect("written");
    }

    fn find(&self, selector: &str) -> String {
        name_of(&self.session.post("element", &css(selector))).to_owned()
    }
}

fn css(selector: &str) -> Value {
    json!({ "using": "css selector", "value": selector })
}

/// The protocol's name for an element. The key is a constant.
fn name_of(element: &Value) -> &str {
    element["element-6066-11e4-a52e-4f735466cecf"].as_str().expect("an element")
}
