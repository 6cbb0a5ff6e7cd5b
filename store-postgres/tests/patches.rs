//! Proves that the suite checks the statements: each patch below breaks one, and the named case must fail.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/harness.rs"]
mod harness;

use std::process::ExitCode;

use hallpass_conformance_tests::Clause::{S1, S2, S3, S4, S5, S7, S8, S9, S10, S11, S19};
use hallpass_conformance_tests::{Clause, Patch, prove};
use hallpass_store_postgres::Builder;
use hallpass_test_servers::{Backend, Launch, needed};
use tokio::runtime::Runtime;

use crate::harness::{Place, Postgres};

const CHOICE: &[(Clause, &str)] = &[(S8, "subject::every_choice_matches_the_reference")];
const LATE_LOGIN: &[(Clause, &str)] = &[(S11, "stream::no_login_slips_in_through_a_log_out_everywhere")];
const LATE_SESSION: &[(Clause, &str)] =
    &[(S11, "stream::no_session_is_restored_through_the_end_of_its_login")];
const ANOTHER_REVISION: &[(Clause, &str)] = &[
    (S5, "replace::another_revision_is_a_conflict_and_changes_nothing"),
    (S5, "race::of_many_replaces_of_one_revision_one_wins"),
];
const UNMARKED: &[(Clause, &str)] = &[(S4, "replace::a_marked_record_conflicts_with_every_replace")];
const RIGHT_EPOCH: &[(Clause, &str)] = &[(S11, "fence::the_right_epoch_admits_and_any_other_fences")];
const MARKED_PARENT: &[(Clause, &str)] = &[(S11, "fence::a_marked_parent_fences")];
const OVERWRITTEN: &[(Clause, &str)] =
    &[(S2, "insert::a_taken_selector_is_a_duplicate_and_the_old_record_is_untouched")];
const PURGED: &[(Clause, &str)] = &[(S10, "expiry::exactly_what_is_due_goes")];
const PAGES: &[(Clause, &str)] = &[(S9, "list::pages_cover_each_record_once")];
const UNHEARD: &[(Clause, &str)] = &[(S19, "feed::each_ending_is_heard_by_the_next_proof")];
const HUNDREDS: &[(Clause, &str)] = &[(S19, "feed::a_revocation_of_hundreds_is_heard")];
const TRIMMED: &[(Clause, &str)] = &[(S19, "feed::what_ended_before_purges_is_heard_or_lost")];

macro_rules! patch {
    ($name:ident, $file:literal, $from:literal => $to:literal, $caught:expr) => {
        Patch { name: stringify!($name), file: $file, from: $from, to: $to, caught: $caught }
    };
}

const PATCHES: &[Patch] = &[
    // replace
    patch!(replace_without_the_revision, "replace.sql", "    and revision = $2\n" => "    and $2 > 0\n", ANOTHER_REVISION),
    patch!(replace_of_an_ended_row, "replace.sql", "\n    and revoked = 0" => "", UNMARKED),
    patch!(replace_forgets_a_column, "replace.sql", "seen_at = $4, " => "",
        &[(S1, "replace::what_was_replaced_is_found_byte_for_byte")]),
    patch!(replace_forgets_the_purge, "replace.sql", "purge_at = $6, " => "",
        &[(S10, "replace::a_moved_purge_time_counts_and_the_old_one_does_not")]),
    patch!(replace_swaps_two_times, "replace.sql", "updated_at = $3, seen_at = $4" => "updated_at = $4, seen_at = $3",
        &[(S1, "replace::what_was_replaced_is_found_byte_for_byte")]),
    // The lock's condition and the write's condition: either one would suffice, if there were no races.
    patch!(replaces_without_the_revision, "replace_batch.sql",
        "    where t.revision = w.expected\n        and t.revoked = 0\n    order by t.selector\n    for no key update of t skip locked\n),\nwritten as (\n    update hallpass_tokens t\n    set updated_at = h.updated_at, seen_at = h.seen_at, idle_at = h.idle_at, purge_at = h.purge_at,\n        revoked = h.revoked, revision = h.revision, generation = h.generation, device = h.device, body = h.body\n    from held h\n    where t.selector = h.selector\n        and t.revision = h.expected\n"
        => "    where t.revoked = 0\n    order by t.selector\n    for no key update of t skip locked\n),\nwritten as (\n    update hallpass_tokens t\n    set updated_at = h.updated_at, seen_at = h.seen_at, idle_at = h.idle_at, purge_at = h.purge_at,\n        revoked = h.revoked, revision = h.revision, generation = h.generation, device = h.device, body = h.body\n    from held h\n    where t.selector = h.selector\n",
        ANOTHER_REVISION),
    patch!(replaces_forget_a_column, "replace_batch.sql", "seen_at = h.seen_at, " => "",
        &[(S1, "replace::what_was_replaced_is_found_byte_for_byte")]),
    patch!(what_conflicts_is_missing, "replace_batch.sql", "then 2::smallint" => "then 3::smallint",
        &[(S4, "replace::a_marked_record_conflicts_with_every_replace")]),
    patch!(what_is_there_is_missing, "exists.sql", "where " => "where false and ",
        &[(S4, "replace::a_marked_record_conflicts_with_every_replace")]),
    // insert
    patch!(insert_looks_at_the_epoch_without_a_lock, "insert.sql",
        "epoch = $18\n    for share" => "epoch = $18", LATE_LOGIN),
    patch!(insert_looks_at_the_parent_without_a_lock, "insert.sql",
        "revoked = 0\n    for share" => "revoked = 0", LATE_SESSION),
    patch!(insert_at_any_epoch, "insert.sql", "and epoch = $18" => "and $18::bytea is not null", RIGHT_EPOCH),
    patch!(insert_under_a_marked_parent, "insert.sql", " and revoked = 0" => "", MARKED_PARENT),
    patch!(insert_without_a_fence, "insert.sql", "    where holds\n" => "    where true\n", RIGHT_EPOCH),
    patch!(insert_over_what_is_there, "insert.sql",
        "do nothing" => "do update set body = excluded.body", OVERWRITTEN),
    patch!(inserts_look_at_the_epoch_without_a_lock, "insert_batch.sql",
        "    for share of e skip locked\n" => "", LATE_LOGIN),
    patch!(inserts_look_at_the_parent_without_a_lock, "insert_batch.sql",
        "    for share of p skip locked\n" => "", LATE_SESSION),
    patch!(inserts_at_any_epoch, "insert_batch.sql", " and e.epoch = w.epoch" => "", RIGHT_EPOCH),
    patch!(inserts_under_a_marked_parent, "insert_batch.sql", "    where p.revoked = 0\n" => "", MARKED_PARENT),
    patch!(inserts_without_a_fence, "insert_batch.sql",
        "where w.epoch is null and w.parent is null\n" => "where true\n", RIGHT_EPOCH),
    patch!(inserts_over_what_is_there, "insert_batch.sql",
        "do nothing" => "do update set body = excluded.body", OVERWRITTEN),
    // epochs and revocations
    patch!(one_snapshot_for_epoch_and_sweep, "begin.sql", "read committed" => "repeatable read", LATE_LOGIN),
    patch!(set_epoch_without_a_new_epoch, "set_epoch.sql", "epoch = excluded.epoch, " => "",
        &[(S11, "fence::an_epoch_update_turns_away_the_logins_under_way")]),
    patch!(epoch_overwrites, "epoch.sql", "do update set" => "do update set epoch = excluded.epoch,",
        &[(S11, "race_subject::racing_readers_of_a_missing_epoch_agree")]),
    patch!(epoch_is_not_kept_longer, "epoch.sql", " and purge_at >= $4" => " and $4 is not null",
        &[(S11, "expiry::an_epoch_that_is_asked_for_lives_longer")]),
    patch!(epochs_overwrite, "epoch_batch.sql", "do update set" => "do update set epoch = excluded.epoch,",
        &[(S11, "race_subject::racing_readers_of_a_missing_epoch_agree")]),
    patch!(epochs_are_not_kept_longer, "epoch_batch.sql", " and e.purge_at >= w.enough" => "",
        &[(S11, "expiry::an_epoch_that_is_asked_for_lives_longer")]),
    // The function, and the transaction that replaces it.
    patch!(revocation_forgets_the_epoch, "0005_announcing.sql", "set epoch = excluded.epoch, purge_at" => "set purge_at",
        &[(S11, "fence::an_epoch_update_turns_away_the_logins_under_way")]),
    patch!(revocation_looks_once, "0005_announcing.sql", "for sweep in 1..16 loop" => "for sweep in 1..16 loop if sweep > 1 then return ended; end if;",
        LATE_SESSION),
    patch!(revocation_counts_its_last_sweep_only, "0005_announcing.sql", "ended := ended + found_now" => "ended := 1",
        CHOICE),
    patch!(function_removes_every_kind, "0005_announcing.sql",
        "                    and (any_of_kinds is null or kind = any (any_of_kinds))\n                    and (any_of_purposes is null or purpose = any (any_of_purposes))\n                    and (except_login is null or login <> except_login)\n                order by selector\n                limit at_most + 1\n                for update\n"
        => "                    and (any_of_purposes is null or purpose = any (any_of_purposes))\n                    and (except_login is null or login <> except_login)\n                order by selector\n                limit at_most + 1\n                for update\n",
        CHOICE),
    patch!(function_removes_every_purpose, "0005_announcing.sql",
        "                    and (any_of_kinds is null or kind = any (any_of_kinds))\n                    and (any_of_purposes is null or purpose = any (any_of_purposes))\n                    and (except_login is null or login <> except_login)\n                order by selector\n                limit at_most + 1\n                for update\n"
        => "                    and (any_of_kinds is null or kind = any (any_of_kinds))\n                    and (except_login is null or login <> except_login)\n                order by selector\n                limit at_most + 1\n                for update\n",
        CHOICE),
    patch!(function_removes_the_spared_login, "0005_announcing.sql",
        "                    and (any_of_kinds is null or kind = any (any_of_kinds))\n                    and (any_of_purposes is null or purpose = any (any_of_purposes))\n                    and (except_login is null or login <> except_login)\n                order by selector\n                limit at_most + 1\n                for update\n"
        => "                    and (any_of_kinds is null or kind = any (any_of_kinds))\n                    and (any_of_purposes is null or purpose = any (any_of_purposes))\n                order by selector\n                limit at_most + 1\n                for update\n",
        CHOICE),
    patch!(function_removes_every_login, "0005_announcing.sql",
        "                    and login = only_login\n"
        => "",
        CHOICE),
    patch!(function_removes_every_kind_of_a_login, "0005_announcing.sql",
        "                    and login = only_login\n                    and (any_of_kinds is null or kind = any (any_of_kinds))\n"
        => "                    and login = only_login\n",
        CHOICE),
    patch!(function_removes_every_purpose_of_a_login, "0005_announcing.sql",
        "                    and login = only_login\n                    and (any_of_kinds is null or kind = any (any_of_kinds))\n                    and (any_of_purposes is null or purpose = any (any_of_purposes))\n"
        => "                    and login = only_login\n                    and (any_of_kinds is null or kind = any (any_of_kinds))\n",
        CHOICE),
    patch!(function_marks_every_kind, "0005_announcing.sql",
        "                    and (any_of_kinds is null or kind = any (any_of_kinds))\n                    and (any_of_purposes is null or purpose = any (any_of_purposes))\n                    and (only_login is null or login = only_login)\n                    and (except_login is null or login <> except_login)\n                    and revoked = 0\n                order by selector\n"
        => "                    and (any_of_purposes is null or purpose = any (any_of_purposes))\n                    and (only_login is null or login = only_login)\n                    and (except_login is null or login <> except_login)\n                    and revoked = 0\n                order by selector\n",
        CHOICE),
    patch!(function_marks_every_purpose, "0005_announcing.sql",
        "                    and (any_of_kinds is null or kind = any (any_of_kinds))\n                    and (any_of_purposes is null or purpose = any (any_of_purposes))\n                    and (only_login is null or login = only_login)\n                    and (except_login is null or login <> except_login)\n                    and revoked = 0\n                order by selector\n"
        => "                    and (any_of_kinds is null or kind = any (any_of_kinds))\n                    and (only_login is null or login = only_login)\n                    and (except_login is null or login <> except_login)\n                    and revoked = 0\n                order by selector\n",
        CHOICE),
    patch!(function_marks_every_login, "0005_announcing.sql",
        "                    and (any_of_kinds is null or kind = any (any_of_kinds))\n                    and (any_of_purposes is null or purpose = any (any_of_purposes))\n                    and (only_login is null or login = only_login)\n                    and (except_login is null or login <> except_login)\n                    and revoked = 0\n                order by selector\n"
        => "                    and (any_of_kinds is null or kind = any (any_of_kinds))\n                    and (any_of_purposes is null or purpose = any (any_of_purposes))\n                    and (except_login is null or login <> except_login)\n                    and revoked = 0\n                order by selector\n",
        CHOICE),
    patch!(function_marks_the_spared_login, "0005_announcing.sql",
        "                    and (any_of_kinds is null or kind = any (any_of_kinds))\n                    and (any_of_purposes is null or purpose = any (any_of_purposes))\n                    and (only_login is null or login = only_login)\n                    and (except_login is null or login <> except_login)\n                    and revoked = 0\n                order by selector\n"
        => "                    and (any_of_kinds is null or kind = any (any_of_kinds))\n                    and (any_of_purposes is null or purpose = any (any_of_purposes))\n                    and (only_login is null or login = only_login)\n                    and revoked = 0\n                order by selector\n",
        CHOICE),
    patch!(function_marks_and_keeps_the_purge, "0005_announcing.sql", "idle_at = null, purge_at = expires_at,\n" => "idle_at = null,\n",
        &[(S8, "subject::marking_does_what_the_record_says")]),
    patch!(function_marks_and_keeps_the_revision, "0005_announcing.sql", "revision + 1" => "revision",
        &[(S8, "subject::marking_does_what_the_record_says")]),
    patch!(function_marks_and_turns_time_back, "0005_announcing.sql", "greatest(updated_at, ended_at)" => "ended_at",
        &[(S8, "subject::marking_does_what_the_record_says")]),
    patch!(function_marks_again, "0005_announcing.sql",
        "                    and revoked = 0\n                order by selector\n                limit at_most + 1\n                for no key update\n            ),\n            done as (\n                update hallpass_tokens t\n                set revoked = reason, idle_at = null, purge_at = expires_at,\n                    updated_at = greatest(updated_at, ended_at), revision = least(revision + 1, 9007199254740991)\n                from held h\n                where t.selector = h.selector\n                    and t.revoked = 0"
        => "                    and revision < 9\n                order by selector\n                limit at_most + 1\n                for no key update\n            ),\n            done as (\n                update hallpass_tokens t\n                set revoked = reason, idle_at = null, purge_at = expires_at,\n                    updated_at = greatest(updated_at, ended_at), revision = least(revision + 1, 9007199254740991)\n                from held h\n                where t.selector = h.selector",
        &[(S8, "subject::what_is_marked_already_keeps_its_first_reason")]),
    patch!(remove_every_kind, "remove.sql", "        and ($2::text[] is null or kind = any ($2))\n" => "        and coalesce(cardinality($2::text[]), 0) >= 0\n", CHOICE),
    patch!(remove_every_purpose, "remove.sql", "        and ($3::smallint[] is null or purpose = any ($3))\n" => "        and coalesce(cardinality($3::smallint[]), 0) >= 0\n", CHOICE),
    patch!(remove_every_login, "remove.sql", "        and ($4::bytea is null or login = $4)\n" => "        and coalesce(length($4::bytea), 0) >= 0\n", CHOICE),
    patch!(remove_the_spared_login, "remove.sql", "        and ($5::bytea is null or login <> $5)\n" => "        and coalesce(length($5::bytea), 0) >= 0\n", CHOICE),
    patch!(mark_every_kind, "mark.sql", "        and ($2::text[] is null or kind = any ($2))\n" => "        and coalesce(cardinality($2::text[]), 0) >= 0\n", CHOICE),
    patch!(mark_every_purpose, "mark.sql", "        and ($3::smallint[] is null or purpose = any ($3))\n" => "        and coalesce(cardinality($3::smallint[]), 0) >= 0\n", CHOICE),
    patch!(mark_every_login, "mark.sql", "        and ($4::bytea is null or login = $4)\n" => "        and coalesce(length($4::bytea), 0) >= 0\n", CHOICE),
    patch!(mark_the_spared_login, "mark.sql", "        and ($5::bytea is null or login <> $5)\n" => "        and coalesce(length($5::bytea), 0) >= 0\n", CHOICE),
    patch!(remove_page_every_kind, "remove_page.sql", "        and ($2::text[] is null or kind = any ($2))\n" => "        and coalesce(cardinality($2::text[]), 0) >= 0\n", CHOICE),
    patch!(remove_page_every_purpose, "remove_page.sql", "        and ($3::smallint[] is null or purpose = any ($3))\n" => "        and coalesce(cardinality($3::smallint[]), 0) >= 0\n", CHOICE),
    patch!(remove_page_every_login, "remove_page.sql", "        and ($4::bytea is null or login = $4)\n" => "        and coalesce(length($4::bytea), 0) >= 0\n", CHOICE),
    patch!(remove_page_the_spared_login, "remove_page.sql", "        and ($5::bytea is null or login <> $5)\n" => "        and coalesce(length($5::bytea), 0) >= 0\n", CHOICE),
    patch!(mark_page_every_kind, "mark_page.sql", "        and ($2::text[] is null or kind = any ($2))\n" => "        and coalesce(cardinality($2::text[]), 0) >= 0\n", CHOICE),
    patch!(mark_page_every_purpose, "mark_page.sql", "        and ($3::smallint[] is null or purpose = any ($3))\n" => "        and coalesce(cardinality($3::smallint[]), 0) >= 0\n", CHOICE),
    patch!(mark_page_every_login, "mark_page.sql", "        and ($4::bytea is null or login = $4)\n" => "        and coalesce(length($4::bytea), 0) >= 0\n", CHOICE),
    patch!(mark_page_the_spared_login, "mark_page.sql", "        and ($5::bytea is null or login <> $5)\n" => "        and coalesce(length($5::bytea), 0) >= 0\n", CHOICE),
    patch!(mark_keeps_the_purge, "mark.sql", "purge_at = expires_at, " => "",
        &[(S8, "subject::marking_does_what_the_record_says")]),
    patch!(mark_keeps_the_revision, "mark.sql", "revision + 1" => "revision",
        &[(S8, "subject::marking_does_what_the_record_says")]),
    patch!(mark_turns_time_back, "mark.sql", "greatest(updated_at, $8)" => "$8",
        &[(S8, "subject::marking_does_what_the_record_says")]),
    patch!(mark_page_keeps_the_purge, "mark_page.sql", "purge_at = expires_at, " => "",
        CHOICE),
    patch!(mark_page_keeps_the_revision, "mark_page.sql", "revision + 1" => "revision",
        CHOICE),
    patch!(mark_again, "mark.sql",
        "        and revoked = 0\n    order by selector\n    limit $6 + 1\n    for no key update\n),\nended as (\n    update hallpass_tokens t\n    set revoked = $7, idle_at = null, purge_at = expires_at, updated_at = greatest(updated_at, $8),\n        revision = least(revision + 1, 9007199254740991)\n    from held h\n    where t.selector = h.selector\n        and t.revoked = 0"
        => "        and revision < 9\n    order by selector\n    limit $6 + 1\n    for no key update\n),\nended as (\n    update hallpass_tokens t\n    set revoked = $7, idle_at = null, purge_at = expires_at, updated_at = greatest(updated_at, $8),\n        revision = least(revision + 1, 9007199254740991)\n    from held h\n    where t.selector = h.selector",
        &[(S8, "subject::what_is_marked_already_keeps_its_first_reason")]),
    patch!(remove_page_counts_what_it_looked_at, "remove_page.sql", "select (select count(*) from ended)" => "select (select 2 + count(*) from ended)", CHOICE),
    patch!(mark_page_counts_what_it_looked_at, "mark_page.sql", "select (select count(*) from ended)" => "select (select 2 + count(*) from ended)", CHOICE),
    // purge
    patch!(purge_misses_the_instant, "purge.sql", "purge_at <= $1" => "purge_at < $1", PURGED),
    patch!(purge_takes_the_living, "purge.sql", "where purge_at <= $1" => "where created_at <= $1",
        &[(S10, "expiry::what_is_not_due_stays")]),
    patch!(purge_without_a_limit, "purge.sql", "limit $2" => "limit 99 * $2",
        &[(S10, "expiry::a_purge_keeps_to_its_limit_and_says_whether_more_is_due")]),
    patch!(purge_begins_too_late, "purge.sql", "purge_at >= $3" => "purge_at > greatest($3, '2970-01-01')", PURGED),
    patch!(purge_says_that_nothing_is_left, "due.sql", "<= $1" => "< $1 - interval '1 year'",
        &[(S10, "expiry::a_purge_keeps_to_its_limit_and_says_whether_more_is_due")]),
    patch!(epochs_are_collected_early, "purge_epochs.sql", "where purge_at <= $1" => "where $1 is not null",
        &[(S11, "expiry::an_epoch_is_kept_for_its_time")]),
    // reading
    patch!(find_by_a_prefix, "find.sql", "t.selector = $1" => "substr(t.selector, 1, 8) = substr($1, 1, 8)",
        &[(S3, "find::near_misses_never_match")]),
    patch!(find_together_finds_nothing, "find_batch.sql", "any ($1)" => "any ($1) and t.revision < 0",
        &[(S1, "insert::what_was_inserted_is_found_byte_for_byte")]),
    patch!(delete_by_a_prefix, "delete.sql", "selector = $1" => "substr(selector, 1, 8) = substr($1, 1, 8)",
        &[(S7, "delete::deleting_one_record_leaves_its_neighbours")]),
    patch!(list_repeats_the_last, "list_by_subject.sql", "selector) < (" => "selector) <= (", PAGES),
    patch!(list_breaks_ties_the_other_way, "list_by_subject.sql",
        "t.created_at desc, t.selector desc" => "t.created_at desc, t.selector",
        &[(S9, "list::newest_first_then_the_larger_selector")]),
    patch!(list_of_every_kind, "list_by_subject.sql",
        "        and ($2::text[] is null or kind = any ($2))\n" => "        and coalesce(cardinality($2::text[]), 0) >= 0\n",
        &[(S9, "list::a_page_of_some_kinds_is_short_only_at_the_end")]),
    patch!(list_without_a_limit, "list_by_subject.sql", "limit $6" => "limit 99 * $6", PAGES),
    patch!(list_of_everybody, "list_by_subject.sql", "subject = $1" => "subject >= $1",
        &[(S9, "list::only_the_subjects_own_records_are_listed")]),
    // announcements and the feed
    patch!(delete_announces_nothing, "delete.sql", "where purpose <> 3" => "where purpose > 9", UNHEARD),
    patch!(end_announces_nothing, "end.sql", "where purpose <> 3" => "where purpose > 9", UNHEARD),
    patch!(end_together_announces_nothing, "end_batch.sql", "and purpose <> 3" => "and purpose > 9", UNHEARD),
    patch!(remove_announces_nothing, "remove.sql", "where purpose <> 3" => "where purpose > 9", UNHEARD),
    patch!(remove_names_another_shard, "remove.sql", "substr(selector, 1, 2)" => "substr(selector, 2, 2)", HUNDREDS),
    patch!(mark_announces_nothing, "mark.sql", "where purpose <> 3" => "where purpose > 9", UNHEARD),
    patch!(mark_names_another_shard, "mark.sql", "substr(selector, 1, 2)" => "substr(selector, 2, 2)", HUNDREDS),
    patch!(remove_page_announces_nothing, "remove_page.sql", "where purpose <> 3" => "where purpose > 9", UNHEARD),
    patch!(mark_page_announces_nothing, "mark_page.sql", "where purpose <> 3" => "where purpose > 9", UNHEARD),
    patch!(function_announces_nothing, "0005_announcing.sql", "cardinality(gone) > 0" => "cardinality(gone) > 1000000", UNHEARD),
    patch!(function_announces_its_last_sweep_only, "0005_announcing.sql", "gone := gone || gone_now" => "gone := '{}'", UNHEARD),
    patch!(function_names_another_shard, "0005_announcing.sql", "substr(selector, 1, 2)" => "substr(selector, 2, 2)", HUNDREDS),
    patch!(poll_begins_after_xmax, "poll.sql", "xid >= $1" => "xid > $1",
        &[(S19, "feed::each_ending_is_heard_by_the_next_proof"), (S19, "feed::a_feed_hears_from_its_opening_on")]),
    patch!(poll_forgets_what_was_in_progress, "poll.sql", "where xid = any ($2::text::xid8[])" => "where xid = any ($2::text::xid8[]) and xid < '1'",
        &[(S19, "feed_load::whatever_was_acknowledged_before_a_proof_was_heard")]),
    patch!(trim_removes_what_is_over, "trim.sql", "(select trim_before from hallpass_feed where started = pg_postmaster_start_time())" => "null::xid8", TRIMMED),
    patch!(each_purge_removes_what_is_over_and_counts_once, "advance.sql",
        "set pass = pass + 1, trim_before = pg_snapshot_xmin(snap), snap = pg_current_snapshot(), at = now()\nwhere started = pg_postmaster_start_time()\n    and at not between now() - interval '60 s' and now() + interval '1 min'"
        => "set pass = greatest(pass, 1), trim_before = pg_snapshot_xmin(pg_current_snapshot()), at = now()\nwhere started = pg_postmaster_start_time()", TRIMMED),
];

fn main() -> ExitCode {
    // The proxy runs on this runtime.
    let runtime = Runtime::new().unwrap();
    let place = runtime.block_on(Place::start(&Launch::new(Backend::Postgres), false));
    let Some(place) = needed("the proof of the statements", place).unwrap() else { return ExitCode::SUCCESS };
    prove(PATCHES, move |patch| {
        let patch = *patch;
        let configure = move |builder: Builder| {
            let builder = match patch.file {
                "set_epoch.sql" | "begin.sql" | "mark.sql" | "remove.sql" => builder.without_functions(),
                // Sweeps every revocation of more than one record.
                "mark_page.sql" | "remove_page.sql" => builder.sweeping(1, 2),
                file if file.ends_with("_batch.sql") => builder.sharing_always(),
                _ => builder,
            };
            builder.patched(patch.file, patch.from, patch.to)
        };
        Postgres::new("PostgreSQL", &place, Box::new(configure))
    })
}
