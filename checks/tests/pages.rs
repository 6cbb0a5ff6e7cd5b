//! The pages agree with the code and keep to their limits.

use hallpass_checks::page;
use hallpass_core::Policy;

#[test]
fn the_program_of_the_readme_has_at_most_25_lines() {
    let readme = page("README.md").unwrap();
    let program = readme.split("```rust\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(program.lines().count() <= 25, "{} lines", program.lines().count());
}

#[test]
fn the_architecture_fits_on_120_lines() {
    let lines = page("ARCHITECTURE.md").unwrap().lines().count();
    assert!(lines <= 120, "{lines} lines");
}

/// Each row of the table is listed with the value in the code, so that a change of either fails here.
#[test]
fn the_page_of_defaults_says_what_the_code_does() {
    let defaults = page("docs/defaults.md").unwrap();
    let rows = [
        (
            Policy::session(),
            "| `session` | 12 hours | 30 minutes | none |",
            "absolute: 43200s, idle: Some(1800s), rotation: None, touch: 60s,",
        ),
        (
            Policy::remember(),
            "| `remember` | 30 days | 14 days | interval 60 s, retry until confirmed, overlap 30 s |",
            "absolute: 2592000s, idle: Some(1209600s), rotation: Some(Windows { min_interval: 60s, \
             retry_window: UntilConfirmed, overlap: 30s }), touch: 60s,",
        ),
        (
            Policy::refresh(),
            "| `refresh` | 90 days | 30 days | interval 60 s, retry until confirmed, overlap 30 s |",
            "absolute: 7776000s, idle: Some(2592000s), rotation: Some(Windows { min_interval: 60s, \
             retry_window: UntilConfirmed, overlap: 30s }), touch: 60s,",
        ),
        (
            Policy::api_key(),
            "| `api-key` | 365 days | none | none |",
            "absolute: 31536000s, idle: None, rotation: None, touch: 60s,",
        ),
        (
            Policy::one_time(),
            "| `one-time` | 15 minutes | none | none |",
            "absolute: 900s, idle: None, rotation: None, touch: 60s,",
        ),
    ];
    for (policy, row, code) in rows {
        assert!(defaults.contains(row), "the page lacks {row}");
        let policy = format!("{policy:?}");
        assert!(policy.contains(code), "the code says {policy}, the page says {row}");
    }
}
