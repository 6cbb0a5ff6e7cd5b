//! Tests table D of the contract as data: one row per case, each boundary from a millisecond before to one after.

use std::time::Duration;

use hallpass_core::rotation::{
    Deadlines, Decision, Inputs, Presented, Request, Rotation, StampCheck, Successor, decide, standing,
};
use hallpass_core::{Kind, Policy, Purpose, Reason, Rejected, RetryWindow, Scope, Timestamp, Windows};

use Presented::{Current, Earlier, Foreign, Predecessor};
use Request::{Rotate, Verify};

const SKEW: Duration = Duration::from_secs(10);
/// The time at which every record of the table was issued; all other times are milliseconds after it.
const ISSUED: i64 = 1_700_000_000_000;
const S: i64 = 1_000;
const M: i64 = 60 * S;
const H: i64 = 60 * M;
const D: i64 = 24 * H;

// What `remember` allows, in the table's unit.
const ABSOLUTE: i64 = 30 * D;
const IDLE: i64 = 14 * D;
const MIN_INTERVAL: i64 = M;
const RETRY: i64 = H;
const OVERLAP: i64 = 30 * S;
/// Long, so that only the rows about sliding slide.
const TOUCH: i64 = 7 * D;

const VALID: Decision = accept(false, false, Successor::None);
const NEW: Decision = accept(false, false, Successor::New);
const SAME: Decision = accept(false, false, Successor::Same);
const SLID: Decision = accept(false, true, Successor::None);
const CONFIRMED: Decision = accept(true, false, Successor::None);
const CONFIRMED_NEW: Decision = accept(true, false, Successor::New);
const ALL_AT_ONCE: Decision = accept(true, true, Successor::New);
const INVALID: Decision = Decision::Reject { rejected: Rejected::Invalid, end: None };
const EXPIRED: Decision = Decision::Reject { rejected: Rejected::Expired, end: None };
const SPENT: Decision = Decision::Reject { rejected: Rejected::Spent, end: None };
const MISMATCH: Decision = Decision::Reject { rejected: Rejected::StampMismatch, end: None };
const LAPSED: Decision = ends(Rejected::Lapsed, Scope::Login, Reason::Lapsed);
const REUSED: Decision = ends(Rejected::Reused, Scope::Login, Reason::Reused);
const REUSED_ALL: Decision = ends(Rejected::Reused, Scope::Subject, Reason::Reused);

const fn accept(confirm: bool, slide: bool, successor: Successor) -> Decision {
    Decision::Accept { confirm, slide, successor }
}

const fn ends(rejected: Rejected, scope: Scope, reason: Reason) -> Decision {
    Decision::Reject { rejected, end: Some((scope, reason)) }
}

const fn revoked(reason: Reason) -> Decision {
    Decision::Reject { rejected: Rejected::Revoked(reason), end: None }
}

const fn t(ms: i64) -> Timestamp {
    Timestamp::from_millis((ISSUED + ms) as u64)
}

const fn length(ms: i64) -> Duration {
    Duration::from_millis(ms as u64)
}

/// Returns `remember` with a retry window of an hour.
fn remember() -> Policy {
    windows(RETRY, OVERLAP, MIN_INTERVAL)
}

/// Returns `remember` with another retry window, overlap and least interval.
fn windows(retry_window: i64, overlap: i64, min_interval: i64) -> Policy {
    let (min_interval, retry_window, overlap) = (length(min_interval), length(retry_window), length(overlap));
    let retry_window = RetryWindow::For(retry_window);
    until_confirmed().rotation(Some(Windows { min_interval, retry_window, overlap }))
}

/// Returns the default that applications get, except for the touch interval.
fn until_confirmed() -> Policy {
    Policy::remember().touch(length(TOUCH))
}

/// The current token of a record that has never rotated.
const FRESH: Inputs = Inputs {
    presented: Current,
    created_at: t(0),
    seen_at: t(0),
    expires_at: t(ABSOLUTE),
    idle_at: Some(t(IDLE)),
    revoked: None,
    rotation: None,
    stamp: StampCheck::Unbound,
};

/// Returns the predecessor of a rotation at `at` whose successor no client has presented.
const fn rotated(at: i64) -> Inputs {
    let rotation = Some(Rotation { at: t(at), confirmed_at: None, repeatable: true });
    Inputs { presented: Predecessor, rotation, ..FRESH }
}

/// Returns the predecessor of a rotation at `at` whose successor was first presented at `confirmed_at`.
const fn confirmed(at: i64, confirmed_at: i64) -> Inputs {
    let rotation = Some(Rotation { at: t(at), confirmed_at: Some(t(confirmed_at)), repeatable: true });
    Inputs { presented: Predecessor, rotation, ..FRESH }
}

/// Erases the nonce of a situation.
fn erased(of: Inputs) -> Inputs {
    let rotation = of.rotation.map(|rotation| Rotation { repeatable: false, ..rotation });
    Inputs { rotation, ..of }
}

const fn by(presented: Presented, of: Inputs) -> Inputs {
    Inputs { presented, ..of }
}

const fn stamped(stamp: StampCheck, of: Inputs) -> Inputs {
    Inputs { stamp, ..of }
}

const fn ended(reason: Reason, of: Inputs) -> Inputs {
    Inputs { revoked: Some(reason), idle_at: None, ..of }
}

struct Row {
    name: &'static str,
    of: Inputs,
    ask: Request,
    /// Milliseconds since the issue, and the decision then.
    then: Vec<(i64, Decision)>,
    policy: Policy,
}

/// Makes a row of one instant.
fn at(name: &'static str, of: Inputs, ask: Request, at: i64, gives: Decision) -> Row {
    Row { name, of, ask, then: vec![(at, gives)], policy: remember() }
}

/// Makes a row of a boundary: a millisecond before it, on it, a millisecond after it.
fn edge(name: &'static str, of: Inputs, ask: Request, at: i64, [before, on, after]: [Decision; 3]) -> Row {
    Row { name, of, ask, then: vec![(at - 1, before), (at, on), (at + 1, after)], policy: remember() }
}

impl Row {
    fn under(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }
}

#[rustfmt::skip]
fn table() -> Vec<Row> {
    let no_idle = Inputs { idle_at: None, ..FRESH };
    let seen = |seen_at: i64, of: Inputs| Inputs { seen_at: t(seen_at), idle_at: Some(t(seen_at + IDLE)), ..of };
    let late = seen(29 * D, FRESH); // used on the last day: the absolute expiry comes before the idle one
    let strict = || windows(0, 0, 0);
    let off = || remember().rotation(None);
    let (not_supplied, differs, matches) = (StampCheck::NotSupplied, StampCheck::Differs, StampCheck::Matches);
    let missing = StampCheck::Missing;
    let stamps = [StampCheck::Unbound, matches, differs, not_supplied, missing];
    let needs = || remember().require_stamp();
    let key = || remember().purpose(Purpose::Key);
    let ask_stamp = Decision::StampRequired;

    let mut rows = vec![
        at("D1 a guess is invalid", by(Foreign, FRESH), Rotate, S, INVALID),
        at("D1 a guess at an expired record is invalid", by(Foreign, FRESH), Verify, ABSOLUTE, INVALID),
        at("D1 a guess at an ended record is invalid", by(Foreign, ended(Reason::Reused, FRESH)), Verify, S, INVALID),
        at("D1 a guess at a spent record is invalid", by(Foreign, ended(Reason::Spent, FRESH)), Verify, S, INVALID),
        at("D1 a guess ends nothing though the stamp differs", by(Foreign, stamped(differs, FRESH)), Rotate, S, INVALID),
        at("D1 a guess does not learn that there is a stamp", by(Foreign, stamped(not_supplied, FRESH)), Rotate, S, INVALID),
        at("D1 a guess after a rotation ends nothing", by(Foreign, confirmed(0, S)), Rotate, 2 * D, INVALID),

        edge("D2 the absolute expiry", late, Verify, ABSOLUTE, [VALID, EXPIRED, EXPIRED]),
        edge("D2 the idle expiry", FRESH, Verify, IDLE, [SLID, EXPIRED, EXPIRED]),
        edge("D2 use has moved the idle expiry", seen(5 * D, FRESH), Verify, 19 * D, [SLID, EXPIRED, EXPIRED]),
        edge("D2 the policy's idle lifetime was shortened", FRESH, Verify, H, [VALID, EXPIRED, EXPIRED]).under(remember().idle(Some(length(H)))),
        edge("D2 the policy's idle lifetime was lengthened", FRESH, Verify, IDLE, [SLID, EXPIRED, EXPIRED]).under(remember().idle(Some(length(20 * D)))),
        edge("D2 the policy has an idle lifetime since", no_idle, Verify, IDLE, [SLID, EXPIRED, EXPIRED]),
        edge("D2 the policy has no idle lifetime any more", FRESH, Verify, IDLE, [SLID, EXPIRED, EXPIRED]).under(remember().idle(None)),
        edge("D2 neither has an idle lifetime", no_idle, Verify, ABSOLUTE, [SLID, EXPIRED, EXPIRED]).under(remember().idle(None)),
        edge("D2 the policy's absolute lifetime was shortened", FRESH, Verify, D, [VALID, EXPIRED, EXPIRED]).under(remember().absolute(length(D))),
        edge("D2 the policy's absolute lifetime was lengthened", late, Verify, ABSOLUTE, [VALID, EXPIRED, EXPIRED]).under(remember().absolute(length(60 * D))),
        edge("D2 an expired predecessor is no theft", by(Predecessor, seen(29 * D, confirmed(0, S))), Verify, ABSOLUTE, [REUSED, EXPIRED, EXPIRED]),
        edge("D2 an expired earlier token is no theft", by(Earlier, seen(29 * D, confirmed(0, S))), Rotate, ABSOLUTE, [REUSED, EXPIRED, EXPIRED]),
        edge("D2 an idle predecessor is no theft", confirmed(0, S), Verify, IDLE, [REUSED, EXPIRED, EXPIRED]),
        edge("D2 an expired predecessor has not lapsed", seen(29 * D, rotated(0)), Verify, ABSOLUTE, [LAPSED, EXPIRED, EXPIRED]),
        edge("D2 an expired token mismatches no stamp", stamped(differs, late), Verify, ABSOLUTE, [MISMATCH, EXPIRED, EXPIRED]),
        edge("D2 an expired token needs no stamp", stamped(not_supplied, late), Verify, ABSOLUTE, [ask_stamp, EXPIRED, EXPIRED]),
        at("D2 a clock before the issue", FRESH, Verify, -5 * D, VALID),
        edge("D2 an issue ahead, within the skew and beyond", Inputs { created_at: t(10 * S), ..FRESH }, Verify, 0, [VALID, VALID, VALID]),
        edge("D2 a sight ahead, within the skew and beyond", seen(10 * S, FRESH), Verify, 0, [VALID, VALID, VALID]),
        edge("D2 a sight ahead is worth no more than the skew once the clock is there", seen(10 * S, no_idle), Verify, IDLE + 10 * S, [SLID, EXPIRED, EXPIRED]),

        at("D3 logged out", ended(Reason::LoggedOut, FRESH), Verify, S, revoked(Reason::LoggedOut)),
        at("D3 logged out elsewhere", ended(Reason::LoggedOutElsewhere, FRESH), Rotate, S, revoked(Reason::LoggedOutElsewhere)),
        at("D3 the credential was changed", ended(Reason::CredentialChanged, FRESH), Verify, S, revoked(Reason::CredentialChanged)),
        at("D3 ended by an administrator", ended(Reason::Administrative, FRESH), Verify, S, revoked(Reason::Administrative)),
        at("D3 evicted", ended(Reason::Evicted, FRESH), Verify, S, revoked(Reason::Evicted)),
        at("D3 superseded", ended(Reason::Superseded, FRESH), Verify, S, revoked(Reason::Superseded)),
        at("D3 ended by a reuse", ended(Reason::Reused, FRESH), Verify, S, revoked(Reason::Reused)),
        at("D3 ended by a lapse", ended(Reason::Lapsed, FRESH), Verify, S, revoked(Reason::Lapsed)),
        at("D3 ended by a stamp", ended(Reason::StampMismatch, FRESH), Verify, S, revoked(Reason::StampMismatch)),
        at("D3 spent", ended(Reason::Spent, FRESH), Verify, S, SPENT),
        at("D3 the predecessor of an ended record is no theft", ended(Reason::LoggedOut, confirmed(0, S)), Rotate, D, revoked(Reason::LoggedOut)),
        at("D3 an earlier token of an ended record is no theft", by(Earlier, ended(Reason::LoggedOut, confirmed(0, S))), Rotate, D, revoked(Reason::LoggedOut)),
        at("D3 the predecessor of an ended record has not lapsed", ended(Reason::LoggedOut, rotated(0)), Rotate, D, revoked(Reason::LoggedOut)),
        at("D3 the stamp of an ended record does not matter", stamped(differs, ended(Reason::LoggedOut, FRESH)), Verify, S, revoked(Reason::LoggedOut)),
        at("D3 an ended record needs no stamp", stamped(not_supplied, ended(Reason::LoggedOut, FRESH)), Verify, S, revoked(Reason::LoggedOut)),
        edge("D3 an ended record has no idle expiry", ended(Reason::LoggedOut, FRESH), Verify, IDLE, [revoked(Reason::LoggedOut); 3]),
        edge("D3 not even where a store kept it", Inputs { revoked: Some(Reason::LoggedOut), ..FRESH }, Verify, IDLE, [revoked(Reason::LoggedOut); 3]),
        edge("D3 a spent record has no idle expiry", ended(Reason::Spent, FRESH), Verify, IDLE, [SPENT; 3]),
        edge("D3 an ended record tells why until its absolute expiry", ended(Reason::Evicted, FRESH), Verify, ABSOLUTE, [revoked(Reason::Evicted), EXPIRED, EXPIRED]),
        edge("D3 a spent record tells so until its absolute expiry", ended(Reason::Spent, FRESH), Verify, ABSOLUTE, [SPENT, EXPIRED, EXPIRED]),
        edge("D3 or the policy's", ended(Reason::Evicted, FRESH), Verify, D, [revoked(Reason::Evicted), EXPIRED, EXPIRED]).under(remember().absolute(length(D))),

        at("D4 bound to this stamp", stamped(matches, FRESH), Verify, S, VALID),
        at("D4 bound to this stamp, which is required", stamped(matches, FRESH), Verify, S, VALID).under(needs()),
        at("D4 bound to none, and none given", FRESH, Verify, S, VALID),
        at("D4 bound to none, which is required", FRESH, Verify, S, MISMATCH).under(needs()),
        at("D4 bound to none, and one given", stamped(missing, FRESH), Verify, S, MISMATCH),
        at("D4 bound to none, and one given, which is required", stamped(missing, FRESH), Verify, S, MISMATCH).under(needs()),
        at("D4 a key that is bound to none takes any stamp", stamped(missing, FRESH), Verify, S, VALID).under(key()),
        at("D4 but not where one is required", stamped(missing, FRESH), Verify, S, MISMATCH).under(key().require_stamp()),
        at("D4 a key that is bound to another", stamped(differs, FRESH), Verify, S, MISMATCH).under(key()),
        at("D4 a single-use token that is bound to none", stamped(missing, FRESH), Verify, S, MISMATCH).under(remember().purpose(Purpose::SingleUse)),
        at("D4 bound to another", stamped(differs, FRESH), Verify, S, MISMATCH),
        at("D4 bound to another, and one is required", stamped(differs, FRESH), Verify, S, MISMATCH).under(needs()),
        at("D4 not supplied", stamped(not_supplied, FRESH), Verify, S, ask_stamp),
        at("D4 not supplied, and one is required", stamped(not_supplied, FRESH), Verify, S, ask_stamp).under(needs()),
        at("D4 a due rotation does not happen", stamped(differs, FRESH), Rotate, S, MISMATCH),
        at("D4 a successor is not confirmed", by(Current, stamped(differs, rotated(0))), Verify, S, MISMATCH),
        at("D4 a predecessor within its window", stamped(differs, rotated(0)), Rotate, S, MISMATCH),
        at("D4 a predecessor within its overlap", stamped(differs, confirmed(0, 0)), Rotate, S, MISMATCH),
        at("D4 a predecessor within its window, of a record that is bound to none", stamped(missing, rotated(0)), Rotate, S, MISMATCH),
        at("D4 a predecessor within its window needs the stamp", stamped(not_supplied, rotated(0)), Rotate, S, ask_stamp),
        at("D4 a predecessor within its overlap needs the stamp", stamped(not_supplied, confirmed(0, 0)), Verify, S, ask_stamp),
        at("D4 ends nothing, whatever a reuse ends", stamped(differs, FRESH), Verify, S, MISMATCH).under(remember().reuse_ends(Scope::Subject)),

        at("D5 verified", FRESH, Verify, S, VALID),
        at("D5 the first sight of the successor confirms it", by(Current, rotated(0)), Verify, S, CONFIRMED),
        at("D5 asking for a rotation confirms it too", by(Current, rotated(0)), Rotate, S, CONFIRMED),
        at("D5 after the retry window it confirms still", by(Current, rotated(0)), Verify, D, CONFIRMED),
        at("D5 with its nonce erased it confirms still", by(Current, erased(rotated(0))), Verify, D, CONFIRMED),
        at("D5 the second sight does not", by(Current, confirmed(0, S)), Verify, 2 * S, VALID),
        edge("D5 sliding is throttled", FRESH, Verify, TOUCH, [VALID, SLID, SLID]),
        edge("D5 from the last sight on", seen(D, FRESH), Verify, D + TOUCH, [VALID, SLID, SLID]),
        edge("D5 it slides without an idle expiry too, for the last sight", no_idle, Verify, TOUCH, [VALID, SLID, SLID]).under(remember().idle(None)),
        at("D5 a touch interval of nothing always slides", FRESH, Verify, 0, SLID).under(remember().touch(Duration::ZERO)),
        at("D5 a clock that stepped back does not slide", seen(D, FRESH), Verify, 0, VALID),
        at("D5 a predecessor slides nothing", seen(0, rotated(8 * D)), Rotate, 8 * D, SAME),
        at("D5 all effects at once", by(Current, rotated(0)), Rotate, 8 * D, ALL_AT_ONCE),

        edge("D6 a lost response can be made good until the window closes", rotated(D), Rotate, D + RETRY, [SAME, SAME, LAPSED]),
        edge("D6 without asking for a rotation there is no successor", rotated(D), Verify, D + RETRY, [VALID, VALID, LAPSED]),
        edge("D6 another retry window", rotated(0), Rotate, 5 * M, [SAME, SAME, LAPSED]).under(windows(5 * M, OVERLAP, M)),
        edge("D6 a strict shop has only the instant itself", rotated(S), Rotate, S, [SAME, SAME, LAPSED]).under(strict()),
        edge("D6 so has a policy that no longer rotates", rotated(S), Rotate, S, [SAME, SAME, LAPSED]).under(off()),
        edge("D6 a rotation ahead, within the skew and beyond", rotated(10 * S), Rotate, 0, [SAME, SAME, SAME]),
        at("D6 a clock that stepped back", rotated(D), Rotate, 0, SAME),
        at("D6 an erased nonce has closed the window", erased(rotated(0)), Rotate, S, LAPSED),
        at("D6 whatever the clock says", erased(rotated(D)), Verify, 0, LAPSED),

        edge("D6 until confirmed, a lost response can be made good after an hour", rotated(D), Rotate, D + RETRY, [SAME; 3]).under(until_confirmed()),
        edge("D6 and at any time before the expiry", rotated(0), Rotate, IDLE, [SAME, EXPIRED, EXPIRED]).under(until_confirmed()),
        edge("D6 the absolute one", seen(29 * D, rotated(0)), Verify, ABSOLUTE, [VALID, EXPIRED, EXPIRED]).under(until_confirmed()),
        at("D6 until confirmed, a clock that stepped back", rotated(D), Rotate, 0, SAME).under(until_confirmed()),

        edge("D7 a request under way when the client switched", confirmed(0, 10 * S), Rotate, 40 * S, [SAME, SAME, REUSED]),
        edge("D7 without asking for a rotation there is no successor", confirmed(0, 10 * S), Verify, 40 * S, [VALID, VALID, REUSED]),
        edge("D7 counts from the confirmation", confirmed(0, 30 * M), Rotate, 30 * M + OVERLAP, [SAME, SAME, REUSED]),
        edge("D7 confirmed a millisecond before the retry window closed", confirmed(0, RETRY - 1), Rotate, RETRY - 1 + OVERLAP, [SAME, SAME, REUSED]),
        edge("D7 confirmed when it closed", confirmed(0, RETRY), Rotate, RETRY + OVERLAP, [SAME, SAME, REUSED]),
        edge("D7 confirmed a millisecond later", confirmed(0, RETRY + 1), Rotate, RETRY + 2, [REUSED; 3]),
        edge("D7 another overlap", confirmed(0, S), Rotate, M + S, [SAME, SAME, REUSED]).under(windows(RETRY, M, 2 * M)),
        edge("D7 a strict shop has only the instant itself", confirmed(S, S), Rotate, S, [SAME, SAME, REUSED]).under(strict()),
        at("D7 and nothing when the confirmation came later", confirmed(S, S + 1), Rotate, S + 1, REUSED).under(strict()),
        edge("D7 a retry window without an overlap", confirmed(0, S), Rotate, S, [SAME, SAME, REUSED]).under(windows(RETRY, 0, M)),
        edge("D7 an overlap without a retry window", confirmed(0, 0), Rotate, OVERLAP, [SAME, SAME, REUSED]).under(windows(0, OVERLAP, M)),
        edge("D7 a confirmation before the rotation, by another node's clock", confirmed(10 * S, 5 * S), Rotate, 35 * S, [SAME, SAME, REUSED]),
        at("D7 a clock that stepped back", confirmed(0, 10 * S), Rotate, -S, SAME),
        edge("D7 a confirmation ahead, within the skew and beyond", confirmed(0, 10 * S), Rotate, 0, [SAME, SAME, SAME]),
        edge("D7 one beyond the skew counts as now", confirmed(0, D), Rotate, RETRY, [SAME, SAME, REUSED]),
        edge("D7 one within it counts as it stands", confirmed(0, RETRY + 1), Rotate, RETRY + 1 - 10 * S, [SAME, REUSED, REUSED]),
        at("D7 a rotation and a confirmation far ahead", confirmed(5 * D, 6 * D), Rotate, S, SAME),
        at("D7 an erased nonce has closed the window", erased(confirmed(0, 10 * S)), Rotate, 11 * S, REUSED),
        at("D7 whatever the clock says", erased(confirmed(D, D)), Verify, 0, REUSED),

        edge("D7 until confirmed, the overlap counts from the confirmation", confirmed(0, S), Rotate, S + OVERLAP, [SAME, SAME, REUSED]).under(until_confirmed()),
        edge("D7 until confirmed, however late that was", confirmed(0, 5 * D), Rotate, 5 * D + OVERLAP, [SAME, SAME, REUSED]).under(until_confirmed()),
        at("D7 until confirmed, an erased nonce has closed the window", erased(confirmed(0, 10 * S)), Rotate, 11 * S, REUSED).under(until_confirmed()),

        at("D8 until confirmed, only an erased nonce lapses", erased(rotated(0)), Rotate, S, LAPSED).under(until_confirmed()),
        at("D8 ends the login, whatever a reuse ends", rotated(0), Rotate, D, LAPSED).under(remember().reuse_ends(Scope::Subject)),
        at("D8 for those who only ask to verify too", rotated(0), Verify, D, LAPSED),
        edge("D8 an overlap does not help", rotated(0), Rotate, RETRY + OVERLAP, [LAPSED; 3]),

        at("D9 a predecessor long after its successor was seen", confirmed(0, S), Rotate, D, REUSED),
        edge("D9 an earlier token, at once", by(Earlier, rotated(S)), Rotate, S, [REUSED; 3]),
        edge("D9 an earlier token after a confirmation", by(Earlier, confirmed(0, S)), Verify, S, [REUSED; 3]),
        edge("D9 an earlier token past every window", by(Earlier, rotated(0)), Verify, RETRY, [REUSED; 3]),
        at("D9 an earlier token of a record that knows no rotation", by(Earlier, FRESH), Verify, S, REUSED),
        at("D9 a predecessor without a rotation", by(Predecessor, FRESH), Verify, S, REUSED),
        at("D9 an earlier token where nothing rotates any more", by(Earlier, confirmed(0, S)), Verify, S, REUSED).under(off()),
        at("D9 the policy ends the subject", confirmed(0, S), Rotate, D, REUSED_ALL).under(remember().reuse_ends(Scope::Subject)),
        at("D9 for an earlier token too", by(Earlier, rotated(0)), Verify, S, REUSED_ALL).under(remember().reuse_ends(Scope::Subject)),

        at("D9 until confirmed, an earlier token", by(Earlier, rotated(0)), Rotate, S, REUSED).under(until_confirmed()),
        at("D9 until confirmed, the predecessor once the overlap is over", confirmed(0, S), Verify, D, REUSED).under(until_confirmed()),

        at("D10 never rotated", FRESH, Rotate, 0, NEW),
        at("D10 never rotated, and the clock stepped back", FRESH, Rotate, -D, NEW),
        at("D10 not asked", FRESH, Verify, 0, VALID),
        at("D10 a policy without rotation", FRESH, Rotate, 0, VALID).under(off()),
        at("D10 a policy that no longer rotates", by(Current, confirmed(0, S)), Rotate, D, VALID).under(off()),
        edge("D10 a pause of twice the overlap after the confirmation", by(Current, confirmed(0, 40 * S)), Rotate, 40 * S + 2 * OVERLAP, [VALID, VALID, NEW]),
        edge("D10 however late that was", by(Current, confirmed(0, 5 * H)), Rotate, 5 * H + 2 * OVERLAP, [VALID, VALID, NEW]),
        edge("D10 the least interval after the rotation", by(Current, confirmed(0, S)), Rotate, 5 * M, [VALID, NEW, NEW]).under(windows(RETRY, OVERLAP, 5 * M)),
        edge("D10 both at the same instant", by(Current, confirmed(0, 0)), Rotate, MIN_INTERVAL, [VALID, VALID, NEW]),
        edge("D10 unconfirmed until now", by(Current, rotated(0)), Rotate, RETRY + 2 * OVERLAP, [CONFIRMED, CONFIRMED, CONFIRMED_NEW]),
        edge("D10 unconfirmed, with another retry window", by(Current, rotated(0)), Rotate, 6 * M, [CONFIRMED, CONFIRMED, CONFIRMED_NEW]).under(windows(5 * M, OVERLAP, M)),
        at("D10 until confirmed, not in the request that confirms", by(Current, rotated(0)), Rotate, S, CONFIRMED).under(until_confirmed()),
        at("D10 however late that is", by(Current, rotated(0)), Rotate, 6 * D, CONFIRMED).under(until_confirmed()),
        edge("D10 until confirmed, the pause counts from the confirmation", by(Current, confirmed(0, 5 * H)), Rotate, 5 * H + 2 * OVERLAP, [VALID, VALID, NEW]).under(until_confirmed()),
        edge("D10 a strict shop rotates in the next millisecond", by(Current, confirmed(S, S)), Rotate, S, [VALID, VALID, NEW]).under(strict()),
        edge("D10 unconfirmed in a strict shop", by(Current, rotated(S)), Rotate, S, [CONFIRMED, CONFIRMED, CONFIRMED_NEW]).under(strict()),
        at("D10 a clock that stepped back behind the confirmation", by(Current, confirmed(D, D)), Rotate, 0, VALID),
        at("D10 a clock that stepped back behind the rotation", by(Current, rotated(D)), Rotate, 0, CONFIRMED),
        edge("D10 an erased nonce changes nothing", by(Current, erased(confirmed(0, 40 * S))), Rotate, 100 * S, [VALID, VALID, NEW]),
        at("D10 a matching stamp", stamped(matches, FRESH), Rotate, 0, NEW).under(needs()),
    ];
    // D8 and D9 come before D4: a replay is a replay under any stamp.
    for stamp in stamps {
        let under = |of| stamped(stamp, of);
        rows.extend([
            at("D8 a lapse under any stamp", under(rotated(0)), Rotate, D, LAPSED),
            at("D8 a lapse where a stamp is required", under(rotated(0)), Verify, D, LAPSED).under(needs()),
            at("D9 a replay of the predecessor under any stamp", under(confirmed(0, 0)), Rotate, D, REUSED),
            at("D9 a replay of an earlier token under any stamp", by(Earlier, under(confirmed(0, 0))), Rotate, S, REUSED),
            at("D9 a replay where a stamp is required", by(Earlier, under(confirmed(0, 0))), Verify, S, REUSED).under(needs()),
            at("D9 until confirmed, a replay under any stamp", by(Earlier, under(rotated(0))), Rotate, S, REUSED).under(until_confirmed()),
        ]);
    }
    rows
}

#[test]
fn every_row_of_the_table_decides_as_written() {
    let rows = table();
    for Row { name, of, ask, then, policy } in &rows {
        for (at, gives) in then {
            let decision = decide(of, *ask, t(*at), policy, SKEW);
            assert_eq!(decision, *gives, "{name}, {at} ms after the issue");
        }
    }
    for clause in (1..=10).map(|clause| format!("D{clause} ")) {
        assert!(rows.iter().any(|row| row.name.starts_with(&clause)), "no row for {clause}");
    }
}

#[test]
fn standing_tells_exactly_what_needs_no_stamp_and_ends_nothing() {
    for Row { name, of, then, policy, .. } in table() {
        for (at, gives) in then {
            let told = match gives {
                Decision::Reject { rejected: Rejected::StampMismatch, .. } => None,
                Decision::Reject { rejected, end: None } => Some(rejected),
                _ => None,
            };
            assert_eq!(
                standing(&of, &Deadlines::of(&of, t(at), &policy, SKEW), t(at)),
                told,
                "{name}, {at} ms after the issue"
            );
        }
    }
}

/// A name, a change to a situation that is judged two days after its issue, and the resulting decision.
type Condition = (&'static str, fn(&mut Inputs), Decision);

/// Every condition of the table in its order: each takes precedence over all that follow.
#[rustfmt::skip]
const CONDITIONS: [Condition; 11] = [
    ("a guess", |of| of.presented = Foreign, INVALID),
    ("the absolute expiry", |of| of.expires_at = t(D), EXPIRED),
    ("ended", |of| of.revoked = Some(Reason::LoggedOut), revoked(Reason::LoggedOut)),
    ("spent", |of| of.revoked = of.revoked.or(Some(Reason::Spent)), SPENT),
    ("the idle expiry", |of| of.idle_at = Some(t(D)), EXPIRED), // after D3: an ended record has none
    ("a lapse", |of| if of.presented == Current { *of = Inputs { presented: Predecessor, rotation: rotated(D).rotation, ..*of } }, LAPSED),
    ("an earlier token", |of| if of.presented == Current { of.presented = Earlier }, REUSED),
    ("no stamp supplied", |of| of.stamp = StampCheck::NotSupplied, Decision::StampRequired),
    ("another stamp", |of| if of.stamp == StampCheck::Unbound { of.stamp = StampCheck::Differs }, MISMATCH),
    ("a retry", |of| if of.presented == Current { *of = Inputs { presented: Predecessor, rotation: rotated(2 * D).rotation, ..*of } }, SAME),
    ("a request under way", |of| if of.presented == Current { *of = Inputs { presented: Predecessor, rotation: confirmed(2 * D, 2 * D).rotation, ..*of } }, SAME),
];

#[test]
fn the_first_row_that_matches_wins() {
    let when = t(2 * D);
    let decision = |of: &Inputs| decide(of, Rotate, when, &remember(), SKEW);
    assert_eq!(decision(&FRESH), NEW, "none of the conditions");
    for (at, (first, apply_first, gives)) in CONDITIONS.iter().enumerate() {
        let mut alone = FRESH;
        apply_first(&mut alone);
        assert_eq!(decision(&alone), *gives, "{first} alone");
        for (second, apply_second, _) in &CONDITIONS[at + 1..] {
            let mut both = alone;
            apply_second(&mut both);
            assert_eq!(decision(&both), *gives, "{first} and {second}");
            for (third, apply_third, _) in &CONDITIONS[at + 1..] {
                let mut all = both;
                apply_third(&mut all);
                assert_eq!(decision(&all), *gives, "{first}, {second} and {third}");
            }
        }
    }
}

#[test]
fn another_kind_of_policy_changes_no_verdict_but_its_own() {
    // A session does not rotate: every row about its current token is the same whether or not a rotation is asked
    // for.
    let session = Policy::session().for_kind(Kind::SESSION);
    for (at, gives) in [(0, VALID), (M - 1, VALID), (M, SLID), (30 * M - 1, SLID), (30 * M, EXPIRED)] {
        let of = Inputs { idle_at: Some(t(30 * M)), expires_at: t(12 * H), ..FRESH };
        for ask in [Verify, Rotate] {
            assert_eq!(decide(&of, ask, t(at), &session, SKEW), gives, "{at} ms after the issue");
        }
    }
}
