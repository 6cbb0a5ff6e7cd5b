//! Pages with a form.

use maud::{Markup, html};

use super::layout;
use crate::accounts::announced;

pub(crate) fn login(notice: Option<&str>, user: &str, next: &str) -> Markup {
    layout(
        "Log in",
        None,
        &html! {
            (alert(notice))
            form.card method="post" action="/login" {
                h1 { "Log in" }
                (hidden_next(next))
                label for="user" { "Name" }
                input #user name="user" value=(user) autocomplete="username" autocapitalize="none"
                    spellcheck="false" required autofocus[user.is_empty()];
                label for="password" { "Password" }
                input #password name="password" type="password" autocomplete="current-password" required
                    autofocus[!user.is_empty()];
                label.check for="remember" {
                    input #remember name="remember" type="checkbox" value="on" aria-describedby="remembered";
                    span { "Remember me" }
                }
                p #remembered.note { "Stay logged in for 30 days, even after you close the browser." }
                button { "Log in" }
            }
            section.aside aria-labelledby="accounts" {
                h2 #accounts { "Accounts of this demo" }
                dl {
                    @for (name, password) in announced() {
                        div { dt { (name) } dd { code { (password) } } }
                    }
                }
            }
        },
    )
}

/// Asks a user whose login is not fresh for the password.
pub(crate) fn confirm(notice: Option<&str>, user: &str, next: &str) -> Markup {
    layout(
        "Confirm it is you",
        Some(user),
        &html! {
            (alert(notice))
            form.card method="post" action="/confirm" {
                h1 { "Confirm it is you" }
                p { "The next step is sensitive, and you did not enter your password recently. Please enter it now." }
                (hidden_next(next))
                (username(user))
                label for="password" { "Password" }
                input #password name="password" type="password" autocomplete="current-password" required
                    autofocus;
                div.actions { button { "Confirm" } a href="/" { "Not now" } }
            }
        },
    )
}

/// What will be logged out, and by which form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending<'a> {
    pub(crate) action: &'static str,
    pub(crate) what: &'static str,
    /// The device, if it is a single one.
    pub(crate) device: Option<&'a str>,
}

/// Asks for the password before devices are logged out.
pub(crate) fn end(notice: Option<&str>, user: &str, ending: Ending<'_>) -> Markup {
    layout(
        "Confirm it is you",
        Some(user),
        &html! {
            (alert(notice))
            form.card method="post" action=(ending.action) {
                h1 { "Confirm it is you" }
                p { "Please enter your password to log " (ending.what) " out." }
                @if let Some(device) = ending.device { input name="device" type="hidden" value=(device); }
                (username(user))
                label for="password" { "Password" }
                input #password name="password" type="password" autocomplete="current-password" required
                    autofocus;
                div.actions { button { "Log out " (ending.what) } a href="/" { "Not now" } }
            }
        },
    )
}

pub(crate) fn password(notice: Option<&str>, user: &str) -> Markup {
    layout(
        "Change password",
        Some(user),
        &html! {
            (alert(notice))
            form.card method="post" action="/password" {
                h1 { "Change password" }
                p { "Every other device is logged out, and this one gets new cookies." }
                (username(user))
                label for="current" { "Current password" }
                input #current name="current" type="password" autocomplete="current-password" required autofocus;
                label for="password" { "New password" }
                input #password name="password" type="password" autocomplete="new-password" minlength="8"
                    required aria-describedby="rule";
                p #rule.note { "At least 8 characters." }
                label for="again" { "Once more" }
                input #again name="again" type="password" autocomplete="new-password" minlength="8" required;
                div.actions { button { "Change password" } a href="/" { "Not now" } }
            }
        },
    )
}

/// The error message, at the top of the page.
fn alert(notice: Option<&str>) -> Markup {
    html! { @if let Some(notice) = notice { p.notice.warn role="alert" { (notice) } } }
}

fn hidden_next(next: &str) -> Markup {
    html! { @if next != "/" { input name="next" type="hidden" value=(next); } }
}

/// Names the user for password managers.
fn username(user: &str) -> Markup {
    html! { input type="hidden" autocomplete="username" value=(user); }
}
