//! Each script with one line made wrong: the suite must notice, in the named case and clause.

use std::process::ExitCode;

use hallpass_conformance_tests::Clause::{S2, S4, S5, S7, S8, S9, S10, S11, S19};
use hallpass_conformance_tests::{Patch, prove};
use support::{Kind, RedisHarness};

#[expect(dead_code, reason = "crash children and groups are for the other target")]
#[path = "support/harness.rs"]
mod support;

#[expect(clippy::expect_used, reason = "a test may panic")]
fn main() -> ExitCode {
    prove(PATCHES, |patch| {
        let change = [patch.file, patch.from, patch.to].map(str::to_owned);
        let harness = RedisHarness::start(Kind::Single, &[change]).expect("a server starts");
        harness.expect("a server is here")
    })
}

const PATCHES: &[Patch] = &[
    Patch {
        name: "insert_overwrites",
        file: "insert.lua",
        from: "'NX', ",
        to: "",
        caught: &[(S2, "insert::a_taken_selector_is_a_duplicate_and_the_old_record_is_untouched")],
    },
    Patch {
        name: "insert_ignores_the_epoch",
        file: "insert.lua",
        from: "if redis.call('GETRANGE', KEYS[#KEYS], '0', '15') ~= ARGV[4] then return -2 end",
        to: "",
        caught: &[
            (S11, "fence::the_right_epoch_admits_and_any_other_fences"),
            (S11, "stream::no_login_slips_in_through_a_log_out_everywhere"),
        ],
    },
    Patch {
        name: "insert_compares_half_of_the_epoch",
        file: "insert.lua",
        from: "if redis.call('GETRANGE', KEYS[#KEYS], '0', '15') ~= ARGV[4]",
        to: "if redis.call('GETRANGE', KEYS[#KEYS], 0, 7) ~= string.sub(ARGV[4], 1, 8)",
        caught: &[(S11, "fence::the_right_epoch_admits_and_any_other_fences")],
    },
    Patch {
        name: "insert_admits_a_missing_epoch",
        file: "insert.lua",
        from: "if redis.call('GETRANGE', KEYS[#KEYS], '0', '15') ~= ARGV[4]",
        to: "if redis.call('EXISTS', KEYS[#KEYS]) == 1 and redis.call('GETRANGE', KEYS[#KEYS], '0', '15') ~= ARGV[4]",
        caught: &[(S11, "fence::the_right_epoch_admits_and_any_other_fences")],
    },
    Patch {
        name: "insert_ignores_the_parent",
        file: "insert.lua",
        from: "if redis.call('GETRANGE', KEYS[#KEYS], '9', '9') ~= '\\0' then return -2 end",
        to: "",
        caught: &[
            (S11, "fence::a_live_parent_admits_and_a_missing_one_fences"),
            (S11, "stream::no_session_is_restored_through_the_delete_of_its_parent"),
        ],
    },
    Patch {
        name: "insert_admits_a_marked_parent",
        file: "insert.lua",
        from: "redis.call('GETRANGE', KEYS[#KEYS], '9', '9') ~= '\\0'",
        to: "redis.call('EXISTS', KEYS[#KEYS]) == 0",
        caught: &[(S11, "fence::a_marked_parent_fences")],
    },
    Patch {
        name: "insert_forgets_the_index",
        file: "insert.lua",
        from: "redis.pcall('ZADD', KEYS[2], ARGV[5], member)",
        to: "redis.pcall('ZADD', KEYS[2], ARGV[5], string.rep('x', 14) .. string.sub(member, 15))",
        caught: &[
            (S8, "subject::removing_takes_all_of_the_subject_and_no_other"),
            (S9, "list::newest_first_then_the_larger_selector"),
        ],
    },
    Patch {
        name: "insert_lets_the_index_go_first",
        file: "insert.lua",
        from: "redis.call('PEXPIRE', KEYS[2], ARGV[8])",
        to: "redis.call('PEXPIRE', KEYS[2], 2)",
        caught: &[(S8, "subject::two_thousand_five_hundred_records_are_ended_and_counted")],
    },
    Patch {
        name: "insert_collects_too_early",
        file: "insert.lua",
        from: "'NX', 'PX', ARGV[2])",
        to: "'NX', 'PX', math.max(tonumber(ARGV[2]) - 3600000, 1))",
        caught: &[(S10, "expiry::nothing_is_collected_before_its_time_by_any_clock")],
    },
    Patch {
        name: "replace_ignores_the_revision",
        file: "replace.lua",
        from: "if string.sub(head, 2, 9) ~= ARGV[3] then",
        to: "if false then",
        caught: &[
            (S5, "replace::another_revision_is_a_conflict_and_changes_nothing"),
            (S5, "race::of_many_replaces_of_one_revision_one_wins"),
        ],
    },
    Patch {
        name: "replace_compares_a_revision_of_one_byte",
        file: "replace.lua",
        from: "string.sub(head, 2, 9) ~= ARGV[3]",
        to: "string.sub(head, 2, 8) ~= string.sub(ARGV[3], 1, 7)",
        caught: &[(S5, "replace::another_revision_is_a_conflict_and_changes_nothing")],
    },
    Patch {
        name: "replace_unmarks",
        file: "replace.lua",
        from: "if string.sub(head, 10, 10) ~= '\\0' then return 'CONFLICT' end",
        to: "",
        caught: &[
            (S4, "replace::a_marked_record_conflicts_with_every_replace"),
            (S4, "replace::a_spent_record_conflicts_with_every_replace"),
        ],
    },
    Patch {
        name: "replace_creates",
        file: "replace.lua",
        from: "if head == '' and redis.call('EXISTS', KEYS[1]) == 0 then return 'MISSING' end",
        to: "if head == '' then head = '\\1' .. ARGV[3] .. '\\0' end",
        caught: &[(S4, "replace::replacing_what_is_not_there_creates_nothing")],
    },
    Patch {
        name: "replace_says_missing_for_a_conflict",
        file: "replace.lua",
        from: "'REPLACED' or 'CONFLICT'",
        to: "'REPLACED' or 'MISSING'",
        caught: &[(S5, "replace::another_revision_is_a_conflict_and_changes_nothing")],
    },
    Patch {
        name: "replace_takes_itself_for_a_resend",
        file: "replace.lua",
        from: "redis.call('GET', KEYS[1]) == ARGV[1]",
        to: "string.sub(redis.call('GET', KEYS[1]), 1, 9) == string.sub(ARGV[1], 1, 9)",
        caught: &[(S5, "race::of_many_replaces_of_one_revision_one_wins")],
    },
    Patch {
        name: "replace_collects_too_early",
        file: "replace.lua",
        from: "ARGV[1], 'PX', ARGV[2])",
        to: "ARGV[1], 'PX', math.max(tonumber(ARGV[2]) - 3600000, 1))",
        caught: &[(S10, "expiry::nothing_is_collected_before_its_time_by_any_clock")],
    },
    Patch {
        name: "delete_removes_nothing",
        file: "delete.lua",
        from: "redis.call('DEL', KEYS[1])\nif index",
        to: "if index",
        caught: &[(S7, "delete::a_deleted_record_is_gone_and_delete_says_whether_it_was_there")],
    },
    Patch {
        name: "delete_says_that_it_was_there",
        file: "delete.lua",
        from: "redis.call('EXISTS', KEYS[1]) == 0 then return 0 end",
        to: "redis.call('EXISTS', KEYS[1]) == 0 then return 1 end",
        caught: &[(S7, "delete::a_deleted_record_is_gone_and_delete_says_whether_it_was_there")],
    },
    Patch {
        name: "delete_removes_the_whole_index",
        file: "delete.lua",
        from: "member = string.sub(KEYS[1], -14)",
        to: "redis.call('DEL', index)\n    member = string.sub(KEYS[1], -14)",
        caught: &[(S9, "list::a_page_begins_after_a_record_that_has_gone")],
    },
    Patch {
        name: "revoke_ignores_the_kind",
        file: "revoke.lua",
        from: "if kinds and not kinds[string.sub(member, 24)] then return false end",
        to: "",
        caught: &[(S8, "subject::every_choice_matches_the_reference")],
    },
    Patch {
        name: "revoke_takes_every_login",
        file: "revoke.lua",
        from: "return (ARGV[6] == 'only') == (string.sub(member, 15, 22) == ARGV[7])",
        to: "return ARGV[6] == 'only' or string.sub(member, 15, 22) ~= ARGV[7]",
        caught: &[(S8, "subject::every_choice_matches_the_reference")],
    },
    Patch {
        name: "revoke_takes_the_login_that_is_excepted",
        file: "revoke.lua",
        from: "return (ARGV[6] == 'only') == (string.sub(member, 15, 22) == ARGV[7])",
        to: "return ARGV[6] == 'except' or string.sub(member, 15, 22) == ARGV[7]",
        caught: &[(S8, "subject::every_choice_matches_the_reference")],
    },
    Patch {
        name: "revoke_ignores_the_purpose",
        file: "revoke.lua",
        from: "if #member < 23 or not string.find(ARGV[8], string.sub(member, 23, 23), 1, true) then return false end",
        to: "",
        caught: &[(S8, "subject::every_choice_matches_the_reference")],
    },
    Patch {
        name: "revoke_stops_at_four",
        file: "revoke.lua",
        from: "KEYS[1], '0', ARGV[12])",
        to: "KEYS[1], '0', '3')",
        caught: &[(S8, "subject::every_choice_matches_the_reference")],
    },
    Patch {
        name: "revoke_never_sweeps",
        file: "revoke.lua",
        from: "if #doomed > tonumber(ARGV[13]) then return -1 end",
        to: "if #doomed > tonumber(ARGV[13]) then return #doomed end",
        caught: &[(S8, "subject::two_thousand_five_hundred_records_are_ended_and_counted")],
    },
    Patch {
        name: "sweep_stops_after_a_page",
        file: "sweep.lua",
        from: "#entries == 2 * page and 1 or 0",
        to: "0",
        caught: &[(S8, "subject::two_thousand_five_hundred_records_are_ended_and_counted")],
    },
    Patch {
        name: "sweep_counts_one_too_few",
        file: "sweep.lua",
        from: "local ended = #doomed",
        to: "local ended = math.min(#doomed, 499)",
        caught: &[(S8, "subject::two_thousand_five_hundred_records_are_ended_and_counted")],
    },
    Patch {
        name: "sweep_removes_what_it_should_mark",
        file: "sweep.lua",
        from: "redis.call('SETRANGE', key, 0, marked)",
        to: "redis.call('DEL', key)",
        caught: &[(S8, "subject::two_thousand_five_hundred_records_are_ended_and_counted")],
    },
    Patch {
        name: "revoke_removes_nothing",
        file: "revoke.lua",
        from: "in_shares('DEL', nil, keys)",
        to: "",
        caught: &[(S8, "subject::removing_takes_all_of_the_subject_and_no_other")],
    },
    Patch {
        name: "revoke_marks_again",
        file: "revoke.lua",
        from: " or (mark and string.byte(head, 10) ~= 0)",
        to: "",
        caught: &[(S8, "subject::what_is_marked_already_keeps_its_first_reason")],
    },
    Patch {
        name: "revoke_removes_what_it_should_mark",
        file: "revoke.lua",
        from: "redis.call('SETRANGE', key, 0, marked)",
        to: "redis.call('DEL', key)",
        caught: &[(S8, "subject::marking_does_what_the_record_says")],
    },
    Patch {
        name: "mark_keeps_the_revision",
        file: "revoke.lua",
        from: "(string.sub(head, 2, 9)) + 1",
        to: "(string.sub(head, 2, 9)) + 0",
        caught: &[(S8, "subject::marking_does_what_the_record_says")],
    },
    Patch {
        name: "mark_keeps_the_idle_expiry",
        file: "revoke.lua",
        from: ".. string.rep('\\255', 8) .. expires",
        to: ".. string.sub(head, 43, 50) .. expires",
        caught: &[(S8, "subject::marking_does_what_the_record_says")],
    },
    Patch {
        name: "mark_forgets_to_stay",
        file: "revoke.lua",
        from: ".. string.rep('\\255', 8) .. expires",
        to: ".. string.rep('\\255', 8) .. string.sub(head, 51, 58)",
        caught: &[(S8, "subject::marking_does_what_the_record_says")],
    },
    Patch {
        name: "mark_turns_time_back",
        file: "revoke.lua",
        from: "if number(updated) < number(at) then updated = at end",
        to: "updated = at",
        caught: &[(S8, "subject::marking_does_what_the_record_says")],
    },
    Patch {
        name: "mark_collects_too_early",
        file: "revoke.lua",
        from: "+ tonumber(ARGV[5])",
        to: "+ 1",
        caught: &[(S10, "expiry::nothing_is_collected_before_its_time_by_any_clock")],
    },
    Patch {
        name: "epoch_update_is_forgotten",
        file: "revoke.lua",
        from: "if KEYS[2] then set_epoch() end",
        to: "",
        caught: &[(S11, "fence::an_epoch_update_turns_away_the_logins_under_way")],
    },
    Patch {
        name: "advance_drops_the_epoch_at_once",
        file: "revoke.lua",
        from: "'PX', string.format('%.0f', ttl))\nend",
        to: "'PXAT', 1)\nend",
        caught: &[(S11, "expiry::an_epoch_is_kept_for_its_time")],
    },
    Patch {
        name: "list_ignores_the_kind",
        file: "list.lua",
        from: "if meant(member) then",
        to: "if true then",
        caught: &[(S9, "list::a_page_of_some_kinds_is_short_only_at_the_end")],
    },
    Patch {
        name: "list_begins_with_the_last_of_the_page_before",
        file: "list.lua",
        from: "if before(redis.call('ZREVRANGE', KEYS[1], middle, middle)[1], after)",
        to: "if not before(after, redis.call('ZREVRANGE', KEYS[1], middle, middle)[1])",
        caught: &[(S9, "list::pages_cover_each_record_once")],
    },
    Patch {
        name: "list_pages_by_time_alone",
        file: "list.lua",
        from: "while from < to do",
        to: "from = to\n  while from < to do",
        caught: &[(S9, "list::pages_cover_each_record_once")],
    },
    Patch {
        name: "list_filters_after_the_limit",
        file: "list.lua",
        from: "if #entries == 2 * look then",
        to: "if false then",
        caught: &[(S9, "list::a_thousand_devices_are_paged")],
    },
    Patch {
        name: "list_ignores_its_limit",
        file: "list.lua",
        from: "if records == limit then return page end",
        to: "",
        caught: &[(S9, "list::pages_cover_each_record_once")],
    },
    Patch {
        name: "epoch_overwrites",
        file: "epoch.lua",
        from: "if not value or #value ~= 24 then",
        to: "if true then",
        caught: &[(S11, "expiry::an_epoch_that_is_asked_for_lives_longer")],
    },
    Patch {
        name: "epoch_is_made_anew_and_not_kept",
        file: "epoch.lua",
        from: "redis.call('SET', KEYS[1], ARGV[1] .. ARGV[2], 'PX', ARGV[3])",
        to: "",
        caught: &[(S11, "fence::the_right_epoch_admits_and_any_other_fences")],
    },
    Patch {
        name: "delete_announces_nothing",
        file: "delete.lua",
        from: "if string.byte(head, 87) ~= 3",
        to: "if false",
        caught: &[(S19, "feed::each_ending_is_heard_by_the_next_proof")],
    },
    Patch {
        name: "an_ending_replace_announces_nothing",
        file: "replace.lua",
        from: "if ARGV[6] then",
        to: "if false then",
        caught: &[(S19, "feed::each_ending_is_heard_by_the_next_proof")],
    },
    Patch {
        name: "revoke_announces_nothing",
        file: "revoke.lua",
        from: "local refused = tell(doomed)",
        to: "local refused = tell({})",
        caught: &[(S19, "feed::each_ending_is_heard_by_the_next_proof")],
    },
    Patch {
        name: "revoke_announces_one_record",
        file: "revoke.lua",
        from: "notes[#notes + 1] = ",
        to: "notes[1] = ",
        caught: &[(S19, "feed::each_ending_is_heard_by_the_next_proof")],
    },
    Patch {
        name: "revoke_names_no_shard",
        file: "revoke.lua",
        from: "if #notes > 16 then notes = { '' } end",
        to: "if #notes > 16 then notes = {} end",
        caught: &[(S19, "feed::a_revocation_of_hundreds_is_heard")],
    },
    Patch {
        name: "delete_notes_nothing",
        file: "delete.lua",
        from: "redis.pcall('SETRANGE', note, '0', 'x')",
        to: "1",
        caught: &[(S19, "feed::each_ending_is_heard_by_the_next_proof")],
    },
    Patch {
        name: "sweep_announces_nothing",
        file: "sweep.lua",
        from: "local refused = tell(doomed)",
        to: "local refused = tell({})",
        caught: &[(S19, "feed::a_revocation_of_ten_thousand_is_heard")],
    },
];
