//! Each script with one line made wrong: the suite must notice, where and by the clause that is named.

use std::process::ExitCode;

use hallpass_conformance_tests::Clause::{D13, S1, S2, S4, S5, S8, S9, S10, S11};
use hallpass_conformance_tests::{Patch, prove};
use support::{Kind, RedisHarness};

#[path = "support/harness.rs"]
mod support;

const PATCHES: &[Patch] = &[Patch {
    name: "insert_overwrites",
    file: "insert.lua",
    from: "'NX', ",
    to: "",
    caught: &[(S2, "insert::a_taken_selector_is_a_duplicate_and_the_old_record_is_untouched")],
}];

#[expect(clippy::expect_used, reason = "a test may panic")]
fn main() -> ExitCode {
    prove(PATCHES, |patch| {
        let change = [patch.file, patch.from, patch.to].map(str::to_owned);
        let harness = RedisHarness::start(Kind::Single, &[change]).expect("a server starts");
        harness.expect("a server is here")
    })
}
