//! The pages, without JavaScript. `maud` escapes whatever is put into them.

use hallpass_core::{ActiveLogin, How, Kind, Reason, Rejected, Timestamp};
use maud::{DOCTYPE, Markup, html};

use crate::accounts::ACCOUNTS;
use crate::auth::User;

/// `/style.css`: a file of its own, so that the content security policy allows no inline style.
pub(crate) const STYLE: &str = include_str!("style.css");

/// What to tell somebody whose cookie was rejected; `None` where there is nothing to tell.
pub(crate) fn reason(rejected: Rejected) -> Option<&'static str> {
    Some(match rejected {
        Rejected::Reused | Rejected::Revoked(Reason::Reused) => {
            "Someone used an old copy of your sign-in; that login was ended. If it was not you, change your \
             password."
        }
        Rejected::Lapsed | Rejected::Revoked(Reason::Lapsed) => {
            "An answer to this browser was lost and the time to make up for it is over. Please log in again."
        }
        Rejected::Revoked(Reason::LoggedOutElsewhere) => "You were logged out from another device.",
        Rejected::StampMismatch | Rejected::Revoked(Reason::StampMismatch | Reason::CredentialChanged) => {
            "Your password was changed."
        }
        Rejected::Expired => "Your session has expired.",
        _ => return None,
    })
}

pub(crate) fn login(notice: Option<&str>, user: &str) -> Markup {
    layout(
        "Log in",
        &html! {
            @if let Some(notice) = notice { p.notice role="alert" { (notice) } }
            form.card method="post" action="/login" {
                h1 { "Log in" }
                label for="user" { "Name" }
                input #user name="user" value=(user) autocomplete="username" autocapitalize="none" required
                    autofocus[user.is_empty()];
                label for="password" { "Password" }
                input #password name="password" type="password" autocomplete="current-password" required
                    autofocus[!user.is_empty()];
                label.check {
                    input name="remember" type="checkbox" value="on";
                    span { "Remember me" small { "Stay logged in for 30 days, even when the browser was closed." } }
                }
                button { "Log in" }
            }
            p.hint {
                "Demo accounts: "
                @for (at, account) in ACCOUNTS.iter().enumerate() {
                    @if at > 0 { " · " }
                    code { (account.name) } " / " code { (account.password) }
                }
            }
        },
    )
}

pub(crate) fn home(user: &User, devices: &[ActiveLogin], now: Timestamp) -> Markup {
    layout(
        "Who am I",
        &html! {
            section.card {
                h1 { "Hello, " (user.subject) "." }
                @match user.how {
                    How::Authenticated => p { span.badge.fresh { "fresh" } " You logged in with your password." },
                    How::Restored => p {
                        span.badge { "not fresh" }
                        " This browser was remembered: its remember-me cookie restored your session."
                    },
                }
                p.muted { "Password last entered " (ago(now, user.auth_at)) "." }
                form method="post" action="/logout" { button { "Log out" } }
            }
            section.card {
                h2 { "My devices" }
                ul.devices {
                    @for device in devices {
                        li {
                            strong { (describe(device.device.as_str())) }
                            @if device.current { " " span.badge.fresh { "this one" } }
                            @if device.kinds.contains(&Kind::REMEMBER) { " " span.badge { "remembered" } }
                            p.muted {
                                "Logged in " (ago(now, device.created_at)) ", last seen " (ago(now, device.seen_at))
                                ", ends in " (left(now, device.expires_at)) " at the latest."
                            }
                            p.agent { (device.device) }
                        }
                    }
                }
                form method="post" action="/logout-everywhere" {
                    button.quiet { "Log out everywhere" }
                    span.muted { " ends all of these, this one too." }
                }
            }
        },
    )
}

pub(crate) fn message(title: &str, text: &str) -> Markup {
    layout(
        title,
        &html! {
            section.card { h1 { (title) } p { (text) } p { a href="/" { "To the start page" } } }
        },
    )
}

fn layout(title: &str, main: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · hallpass demo" }
                link rel="stylesheet" href="/style.css";
            }
            body {
                header { a href="/" { "hallpass" } " demo" }
                main { (main) }
            }
        }
    }
}

/// What a person calls a client with this `User-Agent`; a guess.
fn describe(agent: &str) -> String {
    let find = |names: &[(&str, &'static str)]| {
        names.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name)
    };
    // In this order: nearly every browser claims to be Safari and most claim to be Chrome.
    let browser = find(&[
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ]);
    let system = find(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(one), None) | (None, Some(one)) => one.into(),
        (None, None) => "Unknown device".into(),
    }
}

fn ago(now: Timestamp, then: Timestamp) -> String {
    match now.since(then).as_secs() {
        0..60 => "just now".into(),
        seconds => format!("{} ago", span(seconds)),
    }
}

/// Rounded up to the minute: what was given for 30 days a moment ago reads "30 days".
fn left(now: Timestamp, until: Timestamp) -> String {
    span(until.since(now).as_secs().next_multiple_of(60))
}

/// A time span in the largest unit that fits.
fn span(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_told_apart_though_they_all_claim_to_be_safari() {
        let cases = [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 15_0) AppleWebKit/605 Version/18 Safari/605",
                "Safari on macOS",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Safari/604",
                "Safari on iPhone",
            ),
            ("curl/8.0", "curl"),
            ("<script>", "Unknown device"),
        ];
        for (agent, name) in cases {
            assert_eq!(describe(agent), name);
        }
    }

    #[test]
    fn spans_read_like_english() {
        let cases = [(1, "1 second"), (119, "1 minute"), (7_200, "2 hours"), (2_592_000, "30 days")];
        for (seconds, text) in cases {
            assert_eq!(span(seconds), text);
        }
    }
}
