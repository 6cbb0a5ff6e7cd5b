//! Random sequences of consecutive calls over two handles.

use super::prelude::*;
use crate::generate::{Amount, Theme, sequences, sequences_in};
use crate::harness::Fault;

pub(super) const CASES: &[Case] = &[
    case!(Cut Quick [S12] a_short_cut_is_told_and_forgotten needs [Outage]),
    case!(Restart Quick [S12 S14] a_restart_is_told_and_forgotten needs [Outage]),
    case!(Stop Quick [S12] a_stop_is_told_and_forgotten needs [Outage]),
    case!(Freeze Quick [S12] a_freeze_is_told_and_forgotten needs [Outage]),
    case!(Any Quick [S1 S2 S3 S4 S5 S6 S7 S8 S9 S10 S11 S13 S14 S15 S16] every_answer_is_allowed),
    case!(Any Quick [S2 S4 S5 S6 S7 S8 S10 S11] calls_at_once_are_in_some_order),
    case!(Any Full [S1 S2 S3 S4 S5 S6 S7 S8 S9 S10 S11 S13 S14 S15 S16] every_answer_of_long_sequences_is_allowed),
    case!(Stop Full [S12] nothing_is_done_in_secret_while_the_server_is_stopped),
    case!(Cut Full [S12] nothing_is_done_in_secret_while_connections_are_cut),
    case!(Freeze Full [S12] nothing_is_done_in_secret_while_the_server_is_frozen),
    case!(Restart Full [S12 S14] nothing_is_lost_in_a_restart_of_the_server),
];

/// The contract allows every result of a random sequence of calls.
async fn every_answer_is_allowed(case: CaseContext) -> CaseResult {
    let amount = Amount {
        sequences: 500,
        within: Duration::from_secs(6),
        least: 6,
        time_budget: Duration::from_secs(40),
        steps: 30,
        quick: true,
        about: None,
    };
    sequences(case, amount).await
}

/// Any two operations about one record, with the first one held up at each of its steps.
async fn calls_at_once_are_in_some_order(case: CaseContext) -> CaseResult {
    let amount = Amount {
        sequences: 120,
        within: Duration::from_secs(4),
        least: 3,
        time_budget: Duration::from_secs(40),
        steps: 20,
        quick: true,
        about: Some(Theme::Pairs),
    };
    sequences(case, amount).await
}

/// After connections were cut for a moment, the records agree with the results of the calls.
async fn a_short_cut_is_told_and_forgotten(case: CaseContext) -> CaseResult {
    sequences_in(case, Fault::Cut, 2, 8).await
}

/// A restart of the server loses nothing, and every form of a call works on the old handles.
async fn a_restart_is_told_and_forgotten(case: CaseContext) -> CaseResult {
    sequences_in(case, Fault::Restart, 1, 8).await
}

/// Calls to a server that is down are errors, and every form of a call works once it is up again.
async fn a_stop_is_told_and_forgotten(case: CaseContext) -> CaseResult {
    sequences_in(case, Fault::Stop, 1, 8).await
}

/// Calls that the server does not answer are errors; each says whether it may have been done.
async fn a_freeze_is_told_and_forgotten(case: CaseContext) -> CaseResult {
    sequences_in(case, Fault::Freeze, 1, 8).await
}

async fn every_answer_of_long_sequences_is_allowed(case: CaseContext) -> CaseResult {
    let amount = Amount {
        sequences: 2_500,
        within: Duration::from_secs(6),
        least: 6,
        time_budget: Duration::from_secs(60),
        steps: 50,
        quick: false,
        about: None,
    };
    sequences(case, amount).await
}

/// A call that reports that it wrote nothing has written nothing.
async fn nothing_is_done_in_secret_while_the_server_is_stopped(case: CaseContext) -> CaseResult {
    sequences_in(case, Fault::Stop, 3, 12).await
}

async fn nothing_is_done_in_secret_while_connections_are_cut(case: CaseContext) -> CaseResult {
    sequences_in(case, Fault::Cut, 3, 12).await
}

/// Each call may wait until its time limit.
async fn nothing_is_done_in_secret_while_the_server_is_frozen(case: CaseContext) -> CaseResult {
    sequences_in(case, Fault::Freeze, 1, 12).await
}

async fn nothing_is_lost_in_a_restart_of_the_server(case: CaseContext) -> CaseResult {
    sequences_in(case, Fault::Restart, 3, 12).await
}
