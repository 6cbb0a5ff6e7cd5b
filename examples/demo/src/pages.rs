//! The pages. They work without JavaScript. `maud` escapes every value.

mod activity;
mod forms;
mod home;
mod words;

use axum::http::StatusCode;
use maud::{DOCTYPE, Markup, html};

pub(crate) use activity::{list, live};
pub(crate) use forms::{Ending, confirm, end, login, password};
pub(crate) use home::Home;
pub(crate) use words::{done, reason};

/// `/style.css`: a separate file, so that the content security policy can forbid inline styles.
pub(crate) const STYLE: &str = include_str!("style.css");

/// `/activity.js`: a file, too, because the policy forbids inline scripts.
pub(crate) const SCRIPT: &str = include_str!("activity.js");

/// `/icon.svg`.
pub(crate) const ICON: &str = include_str!("icon.svg");

/// A page with a single message.
pub(crate) fn message(title: &str, text: &str) -> Markup {
    layout(
        title,
        None,
        &html! {
            section.card {
                h1 { (title) }
                p { (text) }
                p { a href="/" { "To the start page" } }
            }
        },
    )
}

/// An error of the layer, as a page for people.
pub(crate) fn problem(status: StatusCode) -> Markup {
    let (title, text) = match status {
        StatusCode::SERVICE_UNAVAILABLE => (
            "One moment",
            "This site cannot check logins at the moment. You are still logged in. Please try again shortly.",
        ),
        StatusCode::FORBIDDEN => {
            ("Refused", "Another site sent this form, or it came over plain HTTP. Nothing was changed.")
        }
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            ("Too many cookies", "Your browser sends more cookies than this site sets. Please delete some.")
        }
        StatusCode::TOO_MANY_REQUESTS => {
            ("Please wait", "There were too many wrong passwords. Please try again in a quarter of an hour.")
        }
        StatusCode::UNAUTHORIZED => {
            ("Not logged in", "You were logged out in the meantime. Please log in again.")
        }
        _ => ("Something went wrong", "This should not have happened. The details are in the site's log."),
    };
    message(title, text)
}

/// A whole page. `user` is the user who is logged in.
fn layout(title: &str, user: Option<&str>, main: &Markup) -> Markup {
    layout_with(title, user, &html! {}, main)
}

/// A whole page with more elements in its head.
fn layout_with(title: &str, user: Option<&str>, head: &Markup, main: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · hallpass demo" }
                link rel="stylesheet" href="/style.css";
                link rel="icon" type="image/svg+xml" href="/icon.svg";
                (head)
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                header {
                    a.brand href="/" { span.ticket aria-hidden="true" {} "hallpass" span.name { " demo" } }
                    @if let Some(user) = user {
                        form method="post" action="/logout" {
                            span.who { (user) }
                            button.quiet.small { "Log out" }
                        }
                    }
                }
                main #main tabindex="-1" { (main) }
                footer { "Works without JavaScript. Tokens are stored as digests only." }
            }
        }
    }
}
