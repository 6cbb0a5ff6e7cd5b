//! An exhaustive model check of rotation: every reachable state of one login, with [`decide`] deciding.
//!
//! Time is a grid of ticks, and a state holds ages instead of instants; all ages past the longest window are alike.
//! So the states are finitely many, and all of them are visited, without a limit on steps, rotations or time. Four
//! worlds are explored:
//!
//! - [`Honest`]: one client with several requests under way, each leg of which takes at most `leg`; it may lose one
//!   of them in a retry window, and comes back in time if that was the successor. Writes may fail, responses arrive
//!   in any order, a late `Set-Cookie` overwrites an earlier one. It must never be refused, nor go back to an older
//!   token (contract D16).
//! - [`Anybody`]: any client presents any token of the login at any time. No window may ever be longer than it was at
//!   the rotation, no generation may have two successors, and the end is final.
//! - [`Copied`]: a thief and an owner with the same token, each of whom behaves like an honest client, in any order.
//!   Once a successor has been presented, the one who is behind it for longer than the overlap is detected.
//! - [`Renewal`]: the steps of a renewal, with a double click, a copy that polls, restores, renews and logs in
//!   meanwhile, calls with different tokens of one login, kinds that are ended individually, processes that stop, and
//!   writes that fail (service, "Renewing").
//!
//! A decision and its write are one step, because D15 makes them one: after a lost compare-and-swap the call decides
//! again.
//!
//! Then the same explorers get wrong decisions, one [mistake](mistakes::MISTAKES) each, and clients that exceed one
//! limit each, and must find every one of them.

#![expect(clippy::panic, clippy::print_stdout, clippy::unwrap_used, reason = "helpers of tests, which may")]

mod anybody;
mod copied;
mod explorer;
mod honest;
mod mistakes;
mod renewal;
mod row;

use std::time::Instant;

use anybody::Anybody;
use copied::Copied;
use explorer::{Explored, World, explore};
use hallpass_core::rotation::{StampCheck, decide};
use honest::{Honest, REFUSED};
use mistakes::{MISTAKES, MISTAKES_UNTIL_CONFIRMED, Mistake, Noticed};
use renewal::{
    By, CAME_BACK, Call, LOGGED_OUT, LOST_CHANGE, Loser, OLDER, Other, RENEWED, RIGHT, Renewal, SURVIVED,
    Steps, TWO_WINNERS, YOUNGER,
};
use row::Setting;

/// The shortest least interval that D14 admits, and the slowest client that the windows admit.
const SETTING: Setting = Setting {
    retry: Some(8),
    overlap: 2,
    interval: 4,
    leg: 2,  // the overlap, and a quarter of the retry window
    back: 2, // the retry window less three legs
    loss: 8, // the retry window
    clocks: &[0],
    stamps: &[StampCheck::Unbound],
    parallel: 2,
    decide,
    session_confirms: |token| token == 0,
    calls: &[],
    steps: RIGHT,
    alone: false,
};

#[test]
fn an_honest_client_is_never_refused() {
    holds::<Honest>("an honest client with two requests at a time", &SETTING);
    let small = Setting { retry: Some(4), overlap: 1, interval: 2, leg: 1, back: 1, loss: 4, ..SETTING };
    holds::<Honest>("with three at a time", &Setting { parallel: 3, ..small });
}

#[test]
fn each_assumption_about_the_honest_client_is_needed() {
    let limits = [
        (
            "a way that takes longer than the overlap",
            Setting { leg: 3, retry: Some(12), back: 3, loss: 12, ..SETTING },
        ),
        ("a client that comes back a moment too late", Setting { back: SETTING.back + 1, ..SETTING }),
        ("losses less than a retry window apart", Setting { loss: 6, ..SETTING }),
        (
            "a retry window below four times the longest way",
            Setting { retry: Some(7), back: 1, loss: 7, ..SETTING },
        ),
        ("clocks that differ, and ways of the whole overlap", Setting { clocks: &[0, 1], ..SETTING }),
    ];
    for (what, setting) in limits {
        fails::<Honest>(what, &setting, REFUSED);
    }
    let skewed = Setting { clocks: &[0, 1], leg: 1, back: 4, ..SETTING };
    holds::<Honest>("clocks that differ, and ways of the overlap less the skew", &skewed);
}

/// Any number of losses, however far apart, and a client that stays away for any time; failed writes, stamps that
/// differ for a while, and sessions that are used instead of the token that came with them.
const UNTIL_CONFIRMED: Setting = Setting {
    retry: None,
    back: 0, // not looked at
    loss: 0,
    stamps: &[StampCheck::Matches, StampCheck::Differs],
    ..SETTING
};

#[test]
fn until_confirmed_an_honest_client_is_never_refused_whatever_it_loses() {
    holds::<Honest>("until confirmed, two requests at a time", &UNTIL_CONFIRMED);
    holds::<Honest>("until confirmed, three at a time", &Setting { parallel: 3, ..UNTIL_CONFIRMED });
    let skewed = Setting { clocks: &[0, 1], leg: 1, ..UNTIL_CONFIRMED };
    holds::<Honest>("until confirmed, clocks that differ", &skewed);
}

#[test]
fn until_confirmed_each_assumption_about_the_honest_client_is_needed() {
    let limits = [
        ("a way that takes longer than the overlap", Setting { leg: 3, ..UNTIL_CONFIRMED }),
        ("clocks that differ, and ways of the whole overlap", Setting { clocks: &[0, 1], ..UNTIL_CONFIRMED }),
        (
            "a session that confirms whatever is the newest",
            Setting { session_confirms: |_| true, ..UNTIL_CONFIRMED },
        ),
    ];
    for (what, setting) in limits {
        fails::<Honest>(what, &setting, REFUSED);
    }
}

#[test]
fn a_thief_and_an_owner_are_told_apart_once_one_of_them_is_behind() {
    holds::<Copied>("until confirmed, a thief and an owner", &UNTIL_CONFIRMED);
    holds::<Copied>("a thief and an owner with two clocks", &Setting { clocks: &[0, 1], ..UNTIL_CONFIRMED });
    // The check would notice if they were not.
    for mistake in MISTAKES_UNTIL_CONFIRMED.iter().filter(|mistake| mistake.what.contains("until confirmed"))
    {
        let setting = Setting { decide: mistake.decide, ..UNTIL_CONFIRMED };
        fails::<Copied>(mistake.what, &setting, copied::UNDETECTED);
    }
}

const OWNER: Call = Call { by: By::Owner, with: OLDER };
const THIEF: Call = Call { by: By::Thief, with: OLDER };
/// A double click, while a copy renews, too.
const AT_ONCE: Setting = Setting { calls: &[OWNER, OWNER, THIEF], ..SETTING };

/// The owner renews again, with the new token.
const LATER: Call = Call { by: By::Owner, with: RENEWED };
const AGAIN: Setting = Setting { calls: &[OWNER, THIEF, LATER], ..SETTING };

/// The owner presents the younger token of the login, and the token that replaces it.
const YOUNG_OWNER: Call = Call { by: By::Owner, with: YOUNGER };
const YOUNG_LATER: Call = Call { by: By::Owner, with: RENEWED + 1 };
const YOUNG_THIEF: Call = Call { by: By::Thief, with: YOUNGER };
/// Calls with different tokens of one login, while either is ended by its kind.
const DIFFERENT: Setting = Setting { calls: &[YOUNG_OWNER, THIEF], alone: true, ..SETTING };

#[test]
fn a_renewal_has_one_winner_and_nothing_for_a_copy() {
    holds::<Renewal>("a renewal, a double click and a copy that renews", &AT_ONCE);
    holds::<Renewal>("a renewal, a copy that renews, and the next renewal", &AGAIN);
    holds::<Renewal>("renewals with two tokens of a login, each of which may be ended alone", &DIFFERENT);
    let swapped = Setting { calls: &[OWNER, YOUNG_THIEF], ..DIFFERENT };
    holds::<Renewal>("the same where the copy is of the younger one", &swapped);
    let both = Setting { calls: &[OWNER, YOUNG_OWNER, THIEF], ..SETTING };
    holds::<Renewal>("renewals with two tokens of a login, and a copy that renews", &both);
    let again = Setting { calls: &[YOUNG_OWNER, THIEF, YOUNG_LATER], ..SETTING };
    holds::<Renewal>(
        "a renewal with the younger token, a copy of the older one, and the next renewal",
        &again,
    );
}

#[test]
fn every_mistake_in_the_steps_of_a_renewal_is_found() {
    let mistakes = [
        ("no fence", Steps { fence: false, ..RIGHT }, SURVIVED),
        ("no comparison of revisions", Steps { compare: false, ..RIGHT }, LOST_CHANGE),
        ("no mark before the tokens are handed out", Steps { mark: false, ..RIGHT }, TWO_WINNERS),
        ("no new epoch", Steps { epoch: false, ..RIGHT }, SURVIVED),
        ("a loser that ends the rest for itself", Steps { loser: Loser::EndsForItself, ..RIGHT }, LOGGED_OUT),
        ("ending the rest first", Steps { rest_first: true, ..RIGHT }, LOGGED_OUT),
    ];
    for (what, steps, how) in mistakes {
        fails::<Renewal>(what, &Setting { steps, ..AT_ONCE }, how);
    }
    // A copy of the first token would log out the owner, who renews again with what the first call returned.
    let steps = Steps { loser: Loser::EndsForTheWinner, ..RIGHT };
    fails::<Renewal>("a loser that ends the rest for the winner", &Setting { steps, ..AGAIN }, LOGGED_OUT);
    let mistakes = [
        ("each call marking its own record first", Steps { oldest: false, ..RIGHT }, TWO_WINNERS),
        ("renewing what another call has begun to mark", Steps { waits: false, ..RIGHT }, TWO_WINNERS),
        ("no mark of the caller's record behind the oldest", Steps { caller: false, ..RIGHT }, CAME_BACK),
        ("no mark of the other record", Steps { other: Other::Unmarked, ..RIGHT }, CAME_BACK),
        ("a copy of what was ended meanwhile", Steps { other: Other::KeptAnyway, ..RIGHT }, CAME_BACK),
        ("marks that leave behind what was written", Steps { carry: false, ..RIGHT }, LOST_CHANGE),
    ];
    for (what, steps, how) in mistakes {
        fails::<Renewal>(what, &Setting { steps, ..DIFFERENT }, how);
    }
}

#[test]
fn no_token_gets_past_a_closed_window() {
    holds::<Anybody>("anybody with any token", &SETTING);
    holds::<Anybody>("in a strict shop", &Setting { retry: Some(0), overlap: 0, interval: 0, ..SETTING });
    holds::<Anybody>("with a retry window only", &Setting { overlap: 0, interval: 0, ..SETTING });
    holds::<Anybody>("with an overlap only", &Setting { retry: Some(0), ..SETTING });
    holds::<Anybody>("with two clocks", &Setting { clocks: &[0, 1], ..SETTING });
    let flapping = &[StampCheck::Matches, StampCheck::Differs];
    holds::<Anybody>("with stamps that flap", &Setting { stamps: flapping, ..SETTING });
    holds::<Anybody>("until confirmed", &UNTIL_CONFIRMED);
    holds::<Anybody>("until confirmed, with two clocks", &Setting { clocks: &[0, 1], ..UNTIL_CONFIRMED });
}

#[test]
fn every_mistake_in_the_decision_is_found() {
    let usual = MISTAKES.into_iter().map(|mistake| (mistake, SETTING));
    let until_confirmed = MISTAKES_UNTIL_CONFIRMED.into_iter().map(|mistake| (mistake, UNTIL_CONFIRMED));
    for (Mistake { what, noticed, decide }, setting) in usual.chain(until_confirmed) {
        let setting = Setting { decide, ..setting };
        match noticed {
            Noticed::ByHonest(how) => fails::<Honest>(what, &setting, how),
            Noticed::ByAnybody(how) => fails::<Anybody>(what, &setting, how),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the duration is only printed")]
fn holds<W: World>(what: &str, setting: &Setting) {
    let begun = Instant::now();
    let Explored { states, steps } =
        explore::<W>(setting).unwrap_or_else(|found| panic!("{what}: {found:#?}"));
    println!("{what}: {states} states, {steps} steps, {:?}", begun.elapsed());
}

fn fails<W: World>(what: &str, setting: &Setting, how: &str) {
    let Err(found) = explore::<W>(setting) else { panic!("{what}: nothing found") };
    assert!(found.what.contains(how), "{what}: {found:#?}");
    println!("{what}: {} after {} steps", found.what, found.trace.len());
}
