//! Fences: no insert slips in behind a revocation.

use base64ct::{Base64Unpadded, Encoding};

use super::prelude::*;

pub(super) const CASES: &[Case] = &[
    case!(Any Quick [S11] a_missing_epoch_is_made_once),
    case!(Any Quick [S11] the_right_epoch_admits_and_any_other_fences),
    case!(Any Quick [S11] epochs_alike_in_base64_are_told_apart),
    case!(Any Quick [S11] an_epoch_fences_every_record_without_a_subject),
    case!(Any Quick [S11] a_long_subject_has_an_epoch_of_its_own),
    case!(Any Quick [S11] what_was_fenced_left_no_trace),
    case!(Any Quick [S11] an_epoch_update_turns_away_the_logins_under_way),
    case!(Any Quick [S11] a_revocation_that_keeps_the_epoch_turns_no_login_away),
    case!(Any Quick [S11] one_subjects_epoch_is_not_anothers),
    case!(Any Quick [S11] a_live_parent_admits_and_a_missing_one_fences),
    case!(Any Quick [S11] a_marked_parent_fences),
    case!(Any Quick [S11] an_expired_parent_is_still_a_parent),
    case!(Any Quick [S11] a_parent_may_be_anonymous_or_another_subjects),
    case!(Any Quick [S11] ending_a_parent_leaves_its_children),
    case!(Any Quick [S11 S10] collecting_a_parent_leaves_its_children_until_they_are_due needs [Purge]),
];

const REMOVE: Action = Action::Remove;

const fn to(epoch: u8) -> EpochUpdate {
    EpochUpdate::Set { epoch: Epoch([epoch; 16]), now: NOW, keep: KEEP }
}

async fn epoch(store: &Handle, of: &Subject, fresh: u8) -> CaseResult<Epoch> {
    Ok(store.epoch(of, Epoch([fresh; 16]), KEEP, NOW).await?)
}

/// Inserts `record` under `fence`; the result must be `expected`, and the store must agree with it.
async fn admits(store: &Handle, record: &Record, fence: Fence, expected: Insert) -> CaseResult {
    let answer = store.insert(record, fence).await?;
    same(S11, format_args!("insert under {fence:?}"), &answer, &expected)?;
    let stored = (expected == INSERTED).then(|| record.clone());
    let found = store.find(record.selector).await?;
    same(S11, format_args!("the record after {answer:?}"), &found, &stored)
}

async fn a_missing_epoch_is_made_once(case: CaseContext) -> CaseResult {
    let (here, there) = case.pair().await?;
    let alice = subject("alice");
    hold(S11, epoch(&here, &alice, 1).await? == Epoch([1; 16]), "the first epoch is not the fresh one")?;
    for (store, fresh) in [(&here, 2), (&there, 3), (&here, 1)] {
        let again = epoch(store, &alice, fresh).await?;
        hold(S11, again == Epoch([1; 16]), "reading an epoch changed it")?;
    }
    Ok(())
}

async fn the_right_epoch_admits_and_any_other_fences(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    admits(&store, &record("alice"), Fence::Epoch(Epoch([1; 16])), Insert::Fenced).await?;
    // Letters, which a text column may compare in any case.
    let current = store.epoch(&subject("alice"), Epoch(*b"QuiteSomeLetters"), KEEP, NOW).await?;
    admits(&store, &record("alice"), Fence::Epoch(current), INSERTED).await?;
    for bit in 0..128 {
        let mut other = current;
        other.0[bit / 8] ^= 1 << (bit % 8);
        admits(&store, &record("alice"), Fence::Epoch(other), Insert::Fenced).await?;
    }
    let other = Epoch([0xff; 16]);
    admits(&store, &record("alice"), Fence::Epoch(other), Insert::Fenced).await?;
    admits(&store, &record("alice"), Fence::Epoch(Epoch([0; 16])), Insert::Fenced).await
}

/// A fenced insert leaves no record, no list entry, and its selector free.
async fn what_was_fenced_left_no_trace(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let record = record("alice");
    let gone = self::record("alice").selector;
    for fence in [Fence::Epoch(Epoch([1; 16])), Fence::Parent(gone)] {
        admits(&store, &record, fence, Insert::Fenced).await?;
        let list = store.list_by_subject(&subject("alice"), &page(9)).await?;
        same(S11, "the list after a fenced insert", &ids(&list), &vec![])?;
        let count = store
            .revoke_by_subject(&subject("alice"), &RecordFilter::all(), REMOVE, EpochUpdate::Keep)
            .await?;
        same(S11, "records left by a fenced insert", &count, &0)?;
    }
    same(S2, "the selector afterwards", &store.insert(&record, Fence::None).await?, &INSERTED)
}

/// Setting a new epoch fences an insert under the old one, even if the revocation ended no record.
async fn an_epoch_update_turns_away_the_logins_under_way(case: CaseContext) -> CaseResult {
    let (here, there) = case.pair().await?;
    let alice = subject("alice");
    let before = epoch(&here, &alice, 1).await?;
    // Ends only other kinds, of which there is no record.
    let which = RecordFilter::all().kinds(Kinds::from(Kind::API_KEY));
    let _ = there.revoke_by_subject(&alice, &which, REMOVE, to(2)).await?;
    admits(&here, &record("alice"), Fence::Epoch(before), Insert::Fenced).await?;
    hold(S11, epoch(&here, &alice, 3).await? == Epoch([2; 16]), "the epoch is not the one that was set")?;
    admits(&here, &record("alice"), Fence::Epoch(Epoch([2; 16])), INSERTED).await?;
    let mark = Action::Mark { reason: Reason::CredentialChanged, at: at(1) };
    let _ = here.revoke_by_subject(&alice, &RecordFilter::all(), mark, to(4)).await?;
    admits(&there, &record("alice"), Fence::Epoch(Epoch([2; 16])), Insert::Fenced).await?;
    admits(&there, &record("alice"), Fence::Epoch(Epoch([4; 16])), INSERTED).await
}

/// A revocation that keeps the epoch leaves an insert under it allowed.
async fn a_revocation_that_keeps_the_epoch_turns_no_login_away(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let alice = subject("alice");
    let current = epoch(&store, &alice, 1).await?;
    store.put(&record("alice")).await?;
    let _ = store.revoke_by_subject(&alice, &RecordFilter::all(), REMOVE, EpochUpdate::Keep).await?;
    admits(&store, &record("alice"), Fence::Epoch(current), INSERTED).await
}

async fn one_subjects_epoch_is_not_anothers(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let names = ["al", "alice", "alice2", "Alice", "alice "];
    for (number, name) in (1..).zip(names) {
        epoch(&store, &subject(name), number).await?;
    }
    let _ = store.revoke_by_subject(&subject("alice"), &RecordFilter::all(), REMOVE, to(9)).await?;
    for (number, name) in (1..).zip(names) {
        let expected = if name == "alice" { Insert::Fenced } else { INSERTED };
        admits(&store, &record(name), Fence::Epoch(Epoch([number; 16])), expected).await?;
    }
    Ok(())
}

async fn a_live_parent_admits_and_a_missing_one_fences(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let parent = record("alice");
    admits(&store, &record("alice"), Fence::Parent(parent.selector), Insert::Fenced).await?;
    store.put(&parent).await?;
    admits(&store, &record("alice"), Fence::Parent(parent.selector), INSERTED).await?;
    let mut near = parent.selector;
    near.0[15] ^= 1;
    admits(&store, &record("alice"), Fence::Parent(near), Insert::Fenced).await?;
    store.delete(parent.selector).await?;
    admits(&store, &record("alice"), Fence::Parent(parent.selector), Insert::Fenced).await
}

async fn a_marked_parent_fences(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (marked, spent) = (record("alice"), record("alice"));
    store.put(&marked).await?;
    let mark = Action::Mark { reason: Reason::LoggedOutElsewhere, at: at(1) };
    let _ = store.revoke_by_subject(&subject("alice"), &RecordFilter::all(), mark, EpochUpdate::Keep).await?;
    admits(&store, &record("alice"), Fence::Parent(marked.selector), Insert::Fenced).await?;
    store.put(&spent).await?;
    let mut used = case.next(&spent);
    (used.revoked, used.idle_at, used.purge_at) = (Some(Reason::Spent), None, used.expires_at);
    store.swap(&used, &spent).await?;
    admits(&store, &record("alice"), Fence::Parent(spent.selector), Insert::Fenced).await
}

async fn an_expired_parent_is_still_a_parent(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let parent = expired_long_ago("alice");
    store.put(&parent).await?;
    admits(&store, &record("alice"), Fence::Parent(parent.selector), INSERTED).await
}

/// A collation that ignores case confuses these epochs.
async fn epochs_alike_in_base64_are_told_apart(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let text = "QuiteSomeLettersInAn";
    let epoch = |text: &str| {
        let mut bytes = [0; 16];
        let decoded = Base64Unpadded::decode(format!("{text}Qg"), &mut bytes).is_ok();
        debug_assert!(decoded, "22 characters, the last one without unused bits");
        Epoch(bytes)
    };
    let alice = subject("alice");
    hold(
        S11,
        store.epoch(&alice, epoch(text), KEEP, NOW).await? == epoch(text),
        "the first epoch is another",
    )?;
    for other in [text.to_lowercase(), text.to_uppercase()] {
        admits(&store, &record("alice"), Fence::Epoch(epoch(&other)), Insert::Fenced).await?;
    }
    admits(&store, &record("alice"), Fence::Epoch(epoch(text)), INSERTED).await
}

async fn an_epoch_fences_every_record_without_a_subject(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let current = epoch(&store, &subject("alice"), 1).await?;
    for epoch in [current, Epoch([0; 16]), Epoch([7; 16])] {
        admits(&store, &anonymous(), Fence::Epoch(epoch), Insert::Fenced).await?;
    }
    admits(&store, &anonymous(), Fence::None, INSERTED).await
}

async fn a_long_subject_has_an_epoch_of_its_own(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let names =
        ["x".repeat(254) + "y", "x".repeat(254) + "z", "x".repeat(254), "x".repeat(191), "x".repeat(100)];
    for (number, name) in (1..).zip(&names) {
        let first = epoch(&store, &subject(name), number).await?;
        hold(S11, first == Epoch([number; 16]), "the first epoch of a long subject is another's")?;
    }
    let (all, of) = (RecordFilter::all(), subject(&names[0]));
    store.revoke_by_subject(&of, &all, REMOVE, to(9)).await?;
    for (number, name) in (1..).zip(&names) {
        let expected = if number == 1 { Insert::Fenced } else { INSERTED };
        admits(&store, &record(name), Fence::Epoch(Epoch([number; 16])), expected).await?;
    }
    Ok(())
}

/// A record of bob's in alice's shard, where a store that routes by shard finds it.
fn neighbour_of(alice: &Record) -> Record {
    let mut names = (0_u32..).map(|number| format!("bob {number}"));
    let name = names.find(|name| subject(name).shard() == alice.selector.shard());
    record(&name.unwrap_or_default())
}

async fn a_parent_may_be_anonymous_or_another_subjects(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (parent, anonymous_parent) = (record("alice"), anonymous());
    let mut anonymous_child = anonymous();
    anonymous_child.selector.0[..2].copy_from_slice(&anonymous_parent.selector.0[..2]);
    let mut child_of_alice = anonymous();
    child_of_alice.selector.0[..2].copy_from_slice(&parent.selector.0[..2]);
    let mut parent_of_alice = anonymous();
    parent_of_alice.selector.0[..2].copy_from_slice(&parent.selector.0[..2]);
    for (parent, child) in [
        (anonymous_parent, anonymous_child),
        (parent.clone(), child_of_alice),
        (parent_of_alice, record("alice")),
        (parent.clone(), neighbour_of(&parent)),
    ] {
        let _ = store.insert(&parent, Fence::None).await?;
        admits(&store, &child, Fence::Parent(parent.selector), INSERTED).await?;
        store.delete(parent.selector).await?;
        store.delete(child.selector).await?;
        admits(&store, &child, Fence::Parent(parent.selector), Insert::Fenced).await?;
    }
    Ok(())
}

async fn ending_a_parent_leaves_its_children(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let mark = Action::Mark { reason: Reason::LoggedOut, at: at(1) };
    for action in [None, Some(mark), Some(REMOVE)] {
        let (parent, child) = (record("alice"), record("alice"));
        store.put(&parent).await?;
        admits(&store, &child, Fence::Parent(parent.selector), INSERTED).await?;
        match action {
            None => hold(S11, store.delete(parent.selector).await?, "the parent record is missing")?,
            Some(action) => {
                let of_login = RecordFilter::login(parent.login);
                let alice = subject("alice");
                let count = store.revoke_by_subject(&alice, &of_login, action, EpochUpdate::Keep).await?;
                same(S11, "records ended with a parent", &count, &1)?;
            }
        }
        let found = store.find(child.selector).await?;
        same(S11, format_args!("a child after its parent's end, by {action:?}"), &found, &Some(child))?;
    }
    Ok(())
}

async fn collecting_a_parent_leaves_its_children_until_they_are_due(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (mut parent, mut child) = (record("alice"), record("alice"));
    (parent.idle_at, parent.purge_at) = (Some(at(5)), at(5));
    (child.idle_at, child.purge_at) = (Some(at(9)), at(9));
    store.put(&parent).await?;
    admits(&store, &child, Fence::Parent(parent.selector), INSERTED).await?;
    same(S10, "records due with the parent", &store.collect(at(5), 9).await?, &1)?;
    same(
        S11,
        "a child whose parent was collected",
        &store.find(child.selector).await?,
        &Some(child.clone()),
    )?;
    same(S10, "records due later", &store.collect(at(9), 9).await?, &1)?;
    hold(S10, store.find(child.selector).await?.is_none(), "a record under a parent is never collected")
}
