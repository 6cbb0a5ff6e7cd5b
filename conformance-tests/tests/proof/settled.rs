//! Questions that the contract once left open. Each has its answer, the case that tests it, and stores that depend on
//! it: a strange one that uses the freedom, or a wrong one that breaks the rule.

use std::fmt::Write as _;

use hallpass_conformance_tests::Clause::{self, *};
use libtest_mimic::{Failed, Trial};

use crate::{case, faults, odd_but_legal};

const SETTLED: &[(Clause, &str, &str, &[&str])] = &[
    (
        S2,
        "A selector is unique in the whole store",
        "insert::a_selector_is_taken_for_every_subject",
        &["selectors_are_unique_per_subject"],
    ),
    (
        S2,
        "A store that routes by shard may refuse a record outside the shard of its subject",
        "random::every_answer_is_allowed",
        &["routes_by_shard"],
    ),
    (
        S2,
        "The number of a subject's records is exact or absent",
        "insert::the_number_of_a_subjects_records_is_exact_or_absent",
        &["counts_no_records_in_an_insert", "counts_to_a_bound", "insert_counts_the_living_only"],
    ),
    (
        S2,
        "Where the selector is taken and the fence does not hold, either answer is right",
        "random::every_answer_is_allowed",
        &["looks_at_the_fence_first"],
    ),
    (
        S4,
        "A replace of what is not there is Missing, never a spurious Conflict",
        "replace::replacing_what_is_not_there_creates_nothing",
        &["replace_conflicts_with_what_is_gone", "conflicts_now_and_then"],
    ),
    (
        S5,
        "At the largest revision a replace is refused, and a mark leaves the revision as it is",
        "replace::the_largest_revision_is_the_last",
        &["replace_wins_twice_at_the_largest_revision", "mark_counts_beyond_the_largest_revision"],
    ),
    (
        S8,
        "A kind that is named twice changes nothing",
        "subject::a_kind_named_twice_counts_once",
        &["revoke_counts_twice_what_is_named_twice", "list_shows_twice_what_is_named_twice"],
    ),
    (
        S8,
        "Above some 2,000 records a revocation may sweep, the epoch first",
        "history::a_sweep_ends_each_record_before_its_answer",
        &["sweeps_above_two_thousand", "a_sweep_sets_its_epoch_last"],
    ),
    (
        S10,
        "A purge may stop early, and says \"maybe more\" after any call",
        "expiry::exactly_what_is_due_goes",
        &["purges_one_at_a_time", "purges_a_partition_at_a_time", "purge_always_says_maybe"],
    ),
    (
        S10,
        "Repeating a purge collects everything that is due",
        "expiry::exactly_what_is_due_goes",
        &["purge_always_says_maybe_and_removes_nothing"],
    ),
    (
        S10,
        "\"No more\" is said only where nothing due is left",
        "expiry::a_purge_keeps_to_its_limit_and_says_whether_more_is_due",
        &["purge_says_that_nothing_is_left"],
    ),
    (
        S10,
        "A limit of 0 removes nothing",
        "expiry::a_limit_of_zero_removes_nothing",
        &["purge_takes_zero_for_no_limit"],
    ),
    (
        S10,
        "Epochs are collected late or at once, and are not counted",
        "expiry::epochs_are_not_counted",
        &["keeps_epochs_for_a_year", "collects_epochs_late", "epochs_are_counted"],
    ),
    (
        S10,
        "A store may refuse a `purge_at` before the earlier of the two expiries",
        "expiry::what_was_ended_goes_at_its_absolute_expiry",
        &["checks_that_nothing_is_collected_before_it_expires"],
    ),
    (
        S10,
        "A native time to live collects an hour late at least",
        "expiry::nothing_is_collected_before_its_time_by_any_clock",
        &["a_native_time_to_live_with_slack", "a_native_time_to_live_has_no_slack"],
    ),
    (
        S11,
        "No call shortens the time of an epoch",
        "expiry::no_call_shortens_the_time_of_an_epoch",
        &["epoch_keeps_only_the_first_hour", "setting_an_epoch_shortens_its_time"],
    ),
    (
        S11,
        "A read leaves the time of an epoch alone only while half of `keep` is left; what is kept longer counts longer",
        "expiry::an_epoch_that_is_asked_for_lives_longer",
        &[
            "keeps_epochs_longer_and_leaves_them_alone",
            "prolongs_an_epoch_at_every_read",
            "epoch_is_not_kept_longer",
        ],
    ),
    (
        S11,
        "An epoch whose time is over may serve until it is collected, or be made anew by the next read",
        "random::every_answer_is_allowed",
        &["makes_an_epoch_anew_when_its_time_is_over", "collects_epochs_late"],
    ),
    (
        S11,
        "An epoch fences a record without a subject",
        "fence::an_epoch_fences_every_record_without_a_subject",
        &["fence_admits_the_anonymous"],
    ),
    (
        S11,
        "A parent may be expired",
        "fence::an_expired_parent_is_still_a_parent",
        &["fence_judges_the_parents_expiry"],
    ),
    (
        S11,
        "A parent may be anonymous, or another subject's of the same shard",
        "fence::a_parent_may_be_anonymous_or_another_subjects",
        &["fence_knows_no_anonymous_parent", "fence_wants_a_parent_of_the_same_subject"],
    ),
    (
        S11,
        "Ending a parent leaves its children",
        "fence::ending_a_parent_leaves_its_children",
        &["deleting_a_parent_takes_its_children"],
    ),
    (
        S11,
        "Collecting a parent leaves its children",
        "fence::collecting_a_parent_leaves_its_children_until_they_are_due",
        &["a_purge_takes_the_children_of_what_is_due"],
    ),
    (
        S12,
        "Every call ends within 20 seconds",
        "outage::a_frozen_server_is_an_error_in_time_and_passes",
        &["outage_is_waited_out", "takes_seconds_to_fail"],
    ),
    (
        S12,
        "Each connection of a pool may fail once after the trouble, and every operation works again",
        "outage::a_restarted_server_is_found_again",
        &["connections_heal_one_by_one", "lists_never_recover", "revocations_never_recover"],
    ),
    (
        S12,
        "Where a write may have happened, the error says so",
        "outage::cut_connections_are_an_error_and_pass",
        &["in_an_outage_every_other_write_was_done", "what_was_done_in_an_outage_is_reported_undone"],
    ),
    (
        S13,
        "What was sent may be done after its caller has gone",
        "cancel::a_dropped_revocation_leaves_each_record_whole",
        &["a_revocation_goes_on_after_its_caller", "dropped_writes_land_late"],
    ),
    (
        S14,
        "A touch may be lost",
        "crash::what_was_acknowledged_survives_a_kill",
        &["acknowledges_touches_early", "the_last_write_is_lost_in_a_kill"],
    ),
    (
        S14,
        "What a purge removed may be back after a restart, and is due",
        "restart::what_was_purged_is_gone_or_due_after_a_restart",
        &["writes_a_journal", "a_restart_forgets_what_is_due"],
    ),
    (
        S15,
        "A name that the backend could confuse with another is refused",
        "namespace::names_that_a_backend_confuses_are_refused",
        &["refuses_names_that_it_could_confuse", "namespaces_ignore_case", "namespaces_are_cut_at_63"],
    ),
    (
        S18,
        "The suite reads errors and `Debug` output; logs are for the adapter's own tests",
        "secrecy::errors_show_no_body",
        &["errors_show_the_body", "errors_in_an_outage_show_the_body"],
    ),
];

pub(crate) fn trials() -> Vec<Trial> {
    vec![Trial::test("settled::every_answer_has_a_case_and_a_store", every_answer_is_held)]
}

fn every_answer_is_held() -> Result<(), Failed> {
    for (clause, answer, id, stores) in SETTLED {
        if case(id).is_none_or(|case| !case.clauses.contains(clause) && !id.starts_with("random::")) {
            return Err(format!("{clause}, {answer}: no case {id} of this clause").into());
        }
        let known = |name: &&str| {
            faults::ALL.iter().any(|fault| fault.name == *name)
                || odd_but_legal::ALL.iter().any(|odd| odd.name == *name)
        };
        if stores.is_empty() || !stores.iter().all(known) {
            return Err(format!("{clause}, {answer}: no such stores: {stores:?}").into());
        }
    }
    Ok(())
}

/// The table for the README.
pub(crate) fn table() -> String {
    let mut text = String::from("| clause | the answer | case | stores |\n| --- | --- | --- | --- |\n");
    for (clause, answer, id, stores) in SETTLED {
        let stores: Vec<_> = stores.iter().map(|name| format!("`{name}`")).collect();
        let _ = writeln!(text, "| {clause} | {answer} | `{id}` | {} |", stores.join(", "));
    }
    text
}
