//! Histories made by hand.

use super::*;

const LAG: Duration = Duration::from_nanos(100);

fn hit(token: u64, node: u32, began: u64, returned: u64) -> Event {
    Event::Accept(Accept { token, node, began, returned, is_read: false })
}

fn read(token: u64, node: u32, began: u64, returned: u64) -> Event {
    Event::Accept(Accept { token, node, began, returned, is_read: true })
}

fn ending(token: u64, node: u32, acknowledged: u64) -> Event {
    Event::Ending(Ending { token, node, acknowledged })
}

/// The rules that a history breaks.
fn broken(events: &[Event]) -> Vec<Rule> {
    judge(events, LAG).violations.iter().map(|violation| violation.rule).collect()
}

#[test]
fn a_hit_later_than_the_lag_is_a_violation() {
    let late = [hit(1, 0, 500, 510), ending(1, 1, 1_000), hit(1, 0, 1_101, 1_102)];
    assert_eq!(broken(&late), [Rule::Lag]);
    let verdict = judge(&late, LAG);
    assert_eq!(verdict.worst, Duration::from_nanos(101));
    let told = verdict.violations[0].to_string();
    assert!(told.contains("token 1 on node 0: a hit later than the lag"), "{told}");
}

#[test]
fn a_hit_exactly_at_the_bound_is_allowed() {
    assert_eq!(broken(&[ending(1, 1, 1_000), hit(1, 0, 1_100, 1_102)]), []);
}

#[test]
fn a_call_that_began_within_the_bound_may_return_at_any_time() {
    assert_eq!(broken(&[ending(1, 1, 1_000), hit(1, 0, 1_050, 9_000)]), []);
    assert_eq!(broken(&[ending(1, 1, 1_000), read(1, 0, 999, 9_000)]), [], "it may have read before");
}

#[test]
fn a_read_that_began_after_the_acknowledgement_is_a_violation_within_the_lag_too() {
    assert_eq!(broken(&[ending(1, 1, 1_000), read(1, 0, 1_000, 1_002)]), []);
    assert_eq!(broken(&[ending(1, 1, 1_000), read(1, 0, 1_001, 1_002)]), [Rule::Read]);
}

#[test]
fn a_node_sees_its_own_endings_at_once() {
    assert_eq!(broken(&[ending(1, 0, 1_000), hit(1, 0, 1_000, 1_002)]), []);
    assert_eq!(broken(&[ending(1, 0, 1_000), hit(1, 0, 1_001, 1_002)]), [Rule::Own]);
    assert_eq!(broken(&[ending(1, 0, 1_000), hit(1, 1, 1_001, 1_002)]), [], "the other node has the lag");
}

#[test]
fn the_first_acknowledgement_counts() {
    let twice = [ending(1, 1, 1_000), ending(1, 1, 1_090), hit(1, 0, 1_110, 1_111)];
    assert_eq!(broken(&twice), [Rule::Lag]);
    assert_eq!(judge(&twice, LAG).endings, 1, "a token ends once");
}

#[test]
fn the_order_of_the_record_does_not_matter() {
    assert_eq!(broken(&[hit(1, 0, 1_101, 1_102), ending(1, 1, 1_000)]), [Rule::Lag]);
}

#[test]
fn the_ending_of_another_token_says_nothing() {
    assert_eq!(broken(&[ending(2, 1, 1_000), hit(1, 0, 9_000, 9_001)]), []);
}

#[test]
fn accepts_hits_and_endings_near_a_hit_are_counted() {
    let events = [
        hit(1, 0, 700, 799),
        ending(1, 1, 1_000),
        hit(2, 0, 700, 800),
        read(2, 0, 810, 820),
        ending(2, 1, 1_000),
        read(3, 0, 999, 1_000),
        ending(3, 1, 1_000),
        ending(4, 1, 1_000),
        hit(4, 0, 1_010, 1_020),
    ];
    let verdict = judge(&events, LAG);
    assert_eq!((verdict.accepts, verdict.hits, verdict.endings), (5, 3, 4));
    assert_eq!(verdict.near, 2, "of the tokens 2 and 4: a read is no hit, and token 1 was hit too early");
    assert_eq!((verdict.stale, verdict.worst), (1, Duration::from_nanos(10)));
    assert_eq!(verdict.violations, []);
}
