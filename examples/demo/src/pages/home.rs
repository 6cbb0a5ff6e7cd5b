//! The start page of a user who is logged in.

use hallpass_core::{ActiveLogin, Kind, Timestamp};
use hallpass_web::{Identity, Via};
use maud::{Markup, html};

use super::words::{ago, describe, left};
use super::{activity, layout};
use crate::activity::Entry;

/// The contents of the page.
pub(crate) struct Home<'a> {
    pub(crate) name: &'a str,
    pub(crate) identity: &'a Identity,
    pub(crate) devices: &'a [ActiveLogin],
    pub(crate) activity: &'a [Entry],
    pub(crate) done: Option<&'static str>,
    pub(crate) now: Timestamp,
}

impl Home<'_> {
    pub(crate) fn render(&self) -> Markup {
        layout(
            "Who am I",
            Some(self.name),
            &html! {
                @if let Some(done) = self.done { p.notice role="status" { (done) } }
                (self.greeting())
                (self.devices())
                section.card aria-labelledby="activity" {
                    h2 #activity { "What just happened" }
                    (activity::list(self.activity, self.now))
                    p { a href="/activity" { "Watch live" } }
                }
            },
        )
    }

    fn greeting(&self) -> Markup {
        html! {
            section.card {
                h1 { "Hello, " (self.name) "." }
                @if self.identity.via() == Via::Remembered {
                    p {
                        span.badge { "not fresh" }
                        " This browser was remembered: its remember-me cookie restored your session."
                    }
                } @else if self.identity.is_fresh() {
                    p { span.badge.good { "fresh" } " You logged in with your password." }
                } @else {
                    p { span.badge { "not fresh" } " You logged in with your password, from another browser." }
                }
                p.muted { "Password last entered " (ago(self.now, self.identity.authenticated_at())) "." }
                div.actions { a.button href="/password" { "Change password" } }
            }
        }
    }

    fn devices(&self) -> Markup {
        html! {
            section.card aria-labelledby="devices" {
                h2 #devices { "My devices" }
                ul.rows {
                    @for device in self.devices { li { (self.device(device)) } }
                }
                div.actions {
                    @if self.devices.len() > 1 {
                        form method="post" action="/logout-others" { button.quiet { "Log out the others" } }
                    }
                    form method="post" action="/logout-everywhere" { button.quiet { "Log out everywhere" } }
                }
            }
        }
    }

    fn device(&self, device: &ActiveLogin) -> Markup {
        let name = describe(device.device.as_str());
        html! {
            div {
                strong { (name) }
                @if device.current { " " span.badge.good { "this one" } }
                @if device.kinds.contains(&Kind::REMEMBER) { " " span.badge { "remembered" } }
                p.muted {
                    "Logged in " (ago(self.now, device.created_at)) ", last seen " (ago(self.now, device.seen_at))
                    ", ends in " (left(self.now, device.expires_at)) " at the latest."
                }
                p.agent { (device.device) }
            }
            @if !device.current {
                form method="post" action="/devices/logout" {
                    input name="device" type="hidden" value=(device.login);
                    button.quiet.small aria-label={ "Log out " (name) } { "Log out" }
                }
            }
        }
    }
}
