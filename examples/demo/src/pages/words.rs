//! Verdicts, events, browsers and times, in words.

use hallpass_core::{EventKind, Kind, Reason, Rejected, Timestamp};

use crate::activity::Entry;

/// The message for a user whose cookie was rejected; `None` if none is needed.
pub(crate) fn reason(rejected: Rejected) -> Option<&'static str> {
    Some(match rejected {
        Rejected::Reused | Rejected::Revoked(Reason::Reused) => {
            "Someone used an old copy of your login cookie, so that login was ended. If it was not you, change \
             your password."
        }
        Rejected::Lapsed | Rejected::Revoked(Reason::Lapsed) => {
            "A response to this browser was lost, and the time to recover from it is over. Please log in again."
        }
        Rejected::Revoked(Reason::LoggedOutElsewhere) => "You were logged out from another device.",
        Rejected::StampMismatch | Rejected::Revoked(Reason::StampMismatch | Reason::CredentialChanged) => {
            "Your password was changed."
        }
        Rejected::Revoked(Reason::Superseded) => {
            "This login was renewed (a changed password, or \u{201c}Log out the others\u{201d}), and the renewed \
             cookies did not reach this browser. Please log in again. If it was not you, change your password."
        }
        Rejected::Revoked(Reason::Evicted) => {
            "You were logged in on too many devices, and this was the oldest."
        }
        Rejected::Expired => "Your session has expired.",
        _ => return None,
    })
}

/// What was done, by its name in the address.
pub(crate) fn done(word: &str) -> Option<&'static str> {
    match word {
        "device" => Some("That device is logged out."),
        "others" => Some("Every other device is logged out. This one got new cookies."),
        "password" => {
            Some("The password is changed. Every other device is logged out; this one got new cookies.")
        }
        _ => None,
    }
}

/// Whether an event is good or bad news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Plain,
    Bad,
}

/// A word for an event, its tone, and a sentence.
pub(super) fn happened(entry: &Entry) -> (&'static str, Tone, String) {
    use Tone::{Bad, Good, Plain};
    let cookie = match entry.kind {
        Some(Kind::SESSION) => "session",
        Some(Kind::REMEMBER) => "remember-me token",
        _ => "token",
    };
    let (word, tone, text) = match entry.what {
        EventKind::Issued => ("issued", Good, "A new {} was issued."),
        EventKind::Restored => {
            ("restored", Good, "A new {} was issued from the remember-me token of the same login.")
        }
        EventKind::Rotated => ("rotated", Plain, "The {} was used and replaced by its successor."),
        EventKind::Confirmed => ("confirmed", Plain, "The new {} arrived: the browser sent it back."),
        EventKind::Retried => {
            ("retried", Plain, "The previous {} was presented again, in time, and got the same successor.")
        }
        EventKind::Expired => ("expired", Plain, "A {} was presented after its expiry."),
        EventKind::Reused => {
            ("reused", Bad, "A {} was presented that had been replaced: a copy. The login was ended.")
        }
        EventKind::Lapsed => (
            "lapsed",
            Bad,
            "The previous {} was presented too late after a lost response. The login was ended.",
        ),
        EventKind::StampMismatch => ("outdated", Bad, "A {} was presented from before the password change."),
        EventKind::InvalidValidator => {
            ("guessed", Bad, "A client presented the selector of a {} with a wrong secret.")
        }
        EventKind::Fenced => ("fenced", Bad, "A login was refused: a log-out overtook it."),
        EventKind::Evicted => ("evicted", Plain, "The oldest login made room for a new one."),
        EventKind::WriteFailed => {
            ("not written", Bad, "The {} was good, but its successor could not be saved.")
        }
        EventKind::RevokedPresented(_) => ("refused", Plain, "A {} was presented whose login had ended."),
        EventKind::Revoked(reason) => return ended(reason),
        _ => ("seen", Plain, "Something happened to a {}."),
    };
    (word, tone, text.replace("{}", cookie))
}

fn ended(reason: Reason) -> (&'static str, Tone, String) {
    let (tone, why) = match reason {
        Reason::LoggedOut => (Tone::Plain, "logged out"),
        Reason::LoggedOutElsewhere => (Tone::Plain, "logged out from another device"),
        Reason::CredentialChanged => (Tone::Plain, "the password was changed"),
        Reason::Superseded => (Tone::Plain, "something newer replaced it"),
        Reason::Evicted => (Tone::Plain, "there were too many logins"),
        Reason::Reused => (Tone::Bad, "a copy of its token was used"),
        Reason::Lapsed => (Tone::Bad, "a lost response was not repeated in time"),
        Reason::StampMismatch => (Tone::Bad, "it was bound to an old password"),
        _ => (Tone::Plain, "it was no longer needed"),
    };
    ("ended", tone, format!("A login was ended: {why}."))
}

/// The everyday name of a client with this `User-Agent`; a guess.
pub(super) fn describe(agent: &str) -> String {
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

pub(super) fn ago(now: Timestamp, then: Timestamp) -> String {
    match now.since(then).as_secs() {
        0..60 => "just now".into(),
        seconds => format!("{} ago", span(seconds)),
    }
}

/// The time left, rounded up to the minute: right after a start with 30 days it reads "30 days".
pub(super) fn left(now: Timestamp, until: Timestamp) -> String {
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
