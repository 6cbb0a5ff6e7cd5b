//! The latest events: the list, and the page that follows it.

use hallpass_core::Timestamp;
use maud::{Markup, html};

use super::layout;
use super::words::{Tone, ago, describe, happened};
use crate::activity::Entry;

/// The page. A header makes the browser reload it, so it is a page of its own.
pub(crate) fn live(name: &str, entries: &[Entry], now: Timestamp) -> Markup {
    layout(
        "What just happened",
        Some(name),
        &html! {
            section.card {
                h1 { "What just happened" }
                (list(entries, now))
                p.muted { "This page reloads every two seconds." }
                p { a href="/" { "Stop watching" } }
            }
        },
    )
}

/// The latest events of a user's tokens, newest first.
pub(super) fn list(entries: &[Entry], now: Timestamp) -> Markup {
    html! {
        @if entries.is_empty() { p.muted { "No events since the site was started." } }
        ol.rows.events {
            @for entry in entries {
                @let (word, tone, text) = happened(entry);
                li {
                    span.badge.good[tone == Tone::Good].bad[tone == Tone::Bad] { (word) }
                    div {
                        (text)
                        @if entry.times > 1 { " " b { "× " (entry.times) } }
                        p.muted {
                            (ago(now, entry.at))
                            @if let Some(device) = &entry.device { " · " (describe(device)) }
                            @if let Some(generation) = entry.generation.filter(|&number| number > 0) {
                                " · generation " (generation)
                            }
                        }
                    }
                }
            }
        }
    }
}
