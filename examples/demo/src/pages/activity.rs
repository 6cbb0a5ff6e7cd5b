//! The latest events: the list, and the page that follows it.

use hallpass_core::Timestamp;
use maud::{Markup, html};

use super::layout_with;
use super::words::{Tone, ago, describe, happened};
use crate::activity::Entry;

/// The page. Its script follows a stream of events. Without JavaScript the browser reloads the page.
pub(crate) fn live(name: &str, entries: &[Entry], now: Timestamp) -> Markup {
    layout_with(
        "What just happened",
        Some(name),
        &html! {
            noscript { meta http-equiv="refresh" content="2"; }
            script src="/activity.js" defer {}
        },
        &html! {
            section.card {
                h1 { "What just happened" }
                div #list { (list(entries, now)) }
                p.muted #state { "This page reloads every two seconds." }
                p { a href="/" { "Stop watching" } }
            }
        },
    )
}

/// The latest events of a user's tokens, newest first.
pub(crate) fn list(entries: &[Entry], now: Timestamp) -> Markup {
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
