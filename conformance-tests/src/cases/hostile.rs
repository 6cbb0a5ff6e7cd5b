//! Input at its limits, and input that looks like syntax.

use super::prelude::*;

pub(super) const CASES: &[Case] = &[
    case!(Any Quick [S16 S9] every_spelling_of_a_subject_is_another_subject),
    case!(Any Quick [S16 S8] revoking_one_spelling_leaves_the_others),
    case!(Any Quick [S16] bodies_are_any_bytes),
    case!(Any Quick [S16] devices_are_any_text),
    case!(Any Quick [S16] kinds_are_compared_whole),
    case!(Any Quick [S16] a_note_of_any_size_changes_nothing),
    case!(Any Quick [S16 S1] everything_at_its_largest_at_once),
    case!(untested [S16] input_beyond_the_limits,
        "the types of hallpass-core cannot hold it: no store ever sees it"),
];

/// Pairs that a collation, trimming, a pattern or truncation could confuse.
fn spellings() -> Vec<String> {
    let (long, nfc, nfd) = ("x".repeat(254), "\u{e9}", "e\u{301}");
    let mut all: Vec<String> = [
        "alice",
        "Alice",
        "ALICE",
        " alice",
        "alice ",
        "alice\n",
        "al",
        "alice2",
        "alice:2",
        "alice/2",
        "ß",
        "ss",
        "İ",
        "i",
        "ı",
        "ﬁ",
        "fi",
        "\u{200b}alice",
        "\u{202e}ecila",
        "🦀",
        "🦀\u{fe0f}",
        "0",
        "00",
        "0.0",
        "-1",
        "1e0",
        "null",
        "NULL",
        "true",
        "%",
        "_",
        "*",
        "?",
        "[a]",
        "{a}",
        "a}{b",
        "a:b",
        "a:",
        ":a",
        "a|b",
        "'",
        "''",
        "\"",
        "`",
        "\\",
        "\\\\",
        "\\n",
        "\u{1}",
        "\u{7f}",
        "../x",
        "'; drop table x; --",
        "$1",
        "{}",
        "%s",
        "\r\n",
        "\t",
        "\u{feff}alice",
        "\u{ffff}",
        "\u{10ffff}",
    ]
    .map(str::to_owned)
    .to_vec();
    all.extend([nfc.into(), nfd.into(), format!("{long}y"), format!("{long}z"), long]);
    all
}

fn one_each() -> Vec<(Subject, Record)> {
    spellings().iter().map(|name| (subject(name), record(name))).collect()
}

/// Subjects that differ in case, spaces or normal form are different subjects.
async fn every_spelling_of_a_subject_is_another_subject(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let all = one_each();
    for (_, record) in &all {
        store.put(record).await?;
    }
    for (subject, record) in all {
        let list = store.list_by_subject(&subject, &page(100)).await?;
        same(S16, format_args!("the list of {:?}", subject.as_str()), &list, &vec![record])?;
    }
    Ok(())
}

async fn revoking_one_spelling_leaves_the_others(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let all = one_each();
    for (_, record) in &all {
        store.put(record).await?;
    }
    for (subject, record) in all {
        let count = store
            .revoke_by_subject(&subject, &RecordFilter::all(), Action::Remove, EpochUpdate::Keep)
            .await?;
        same(S16, format_args!("records {:?} has", subject.as_str()), &count, &1)?;
        hold(S8, store.find(record.selector).await?.is_none(), "a removed record is still found")?;
    }
    Ok(())
}

async fn bodies_are_any_bytes(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let mut old = record("alice");
    store.put(&old).await?;
    let every: Vec<u8> = (0..=255).collect();
    let odd = [
        vec![0],
        vec![0xff, 0xfe, 0xfd],
        vec![b'\''; 3],
        b"\\x00".to_vec(),
        b"\r\n$5\r\n".to_vec(),
        b"{\"a\":null}".to_vec(),
        every.repeat(66),
        vec![0; Body::MAX_LEN],
        vec![0xff; Body::MAX_LEN],
        case.rng().vec(Body::MAX_LEN),
        case.rng().vec(Body::MAX_LEN - 1),
        Vec::new(),
    ];
    for bytes in odd {
        let mut inserted = record("bob");
        inserted.body = body(bytes.clone());
        store.put(&inserted).await?;
        let found = store.find(inserted.selector).await?;
        same(S16, format_args!("a body of {} odd bytes, inserted", bytes.len()), &found, &Some(inserted))?;
        let mut new = case.next(&old);
        new.body = body(bytes.clone());
        store.swap(&new, &old).await?;
        let found = store.find(new.selector).await?;
        same(S16, format_args!("a body of {} odd bytes, replaced", bytes.len()), &found, &Some(new.clone()))?;
        old = new;
    }
    Ok(())
}

async fn devices_are_any_text(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let mut plain = record("alice");
    store.put(&plain).await?;
    let mut texts = spellings();
    texts.extend([
        String::new(),
        "x".repeat(512),
        "\u{10ffff}".repeat(128),
        "é".repeat(256),
        " ".repeat(512),
    ]);
    for text in texts {
        let mut record = record("alice");
        record.device = Device::new(&text).unwrap_or_default();
        store.put(&record).await?;
        let mut next = case.next(&plain);
        next.device = record.device.clone();
        same(S16, "a record with an odd device", &store.find(record.selector).await?, &Some(record))?;
        store.swap(&next, &plain).await?;
        same(S16, "a record that got an odd device", &store.find(next.selector).await?, &Some(next.clone()))?;
        plain = next;
    }
    Ok(())
}

async fn kinds_are_compared_whole(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let names = [
        "s",
        "session",
        "session-",
        "session:",
        "session:2",
        "one-time",
        "one-time:reset",
        "-",
        ":",
        "0",
        "00",
    ];
    let longest = ["abcdefghijklmnopqrstuvwxyz012345", "abcdefghijklmnopqrstuvwxyz012346"];
    let kinds: Vec<Kind> = names.iter().chain(&longest).filter_map(|name| Kind::new(name).ok()).collect();
    for kind in &kinds {
        let mut record = record_of("alice", Kind::SESSION);
        (record.kind, record.created_at) = (*kind, at(3));
        store.put(&record).await?;
        let only = Page { kinds: Kinds::from(*kind), ..page(100) };
        let list = store.list_by_subject(&subject("alice"), &only).await?;
        same(S16, format_args!("the records of kind {kind}"), &ids(&list), &vec![record.selector])?;
    }
    for action in [Action::Mark { reason: Reason::LoggedOut, at: at(4) }, Action::Remove] {
        for kind in &kinds {
            let which = RecordFilter::all().kinds(Kinds::from(*kind));
            let alice = subject("alice");
            let count = store.revoke_by_subject(&alice, &which, action, EpochUpdate::Keep).await?;
            same(S16, format_args!("records of kind {kind} ended: {action:?}"), &count, &1)?;
        }
    }
    Ok(())
}

async fn everything_at_its_largest_at_once(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let name = "\u{10ffff}".repeat(63) + "xyz";
    for _ in 0..20 {
        let mut record = record(&name);
        record.kind = Kind::from_static("abcdefghijklmnopqrstuvwxyz012345");
        record.device = Device::new("\u{10ffff}".repeat(128)).unwrap_or_default();
        record.body = body(case.rng().vec(Body::MAX_LEN));
        store.put(&record).await?;
        same(S1, "the largest record", &store.find(record.selector).await?, &Some(record))?;
    }
    let list = store.list_by_subject(&subject(&name), &page(100)).await?;
    same(S9, "of the largest records, those listed", &list.len(), &20)?;
    for record in list {
        same(S16, "delete of one of the largest records", &store.delete(record.selector).await?, &true)?;
    }
    Ok(())
}

async fn a_note_of_any_size_changes_nothing(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let alice = subject("alice");
    for bytes in [Vec::new(), vec![0], b"{\"ip\":\"2001:db8::1\"}".to_vec(), vec![0xff; Note::MAX_LEN]] {
        let note = Note::new(&bytes).unwrap_or_default();
        let (deleted, spent, mut marked) = (record("alice"), record("alice"), record("alice"));
        store.put_all(&[deleted.clone(), spent.clone(), marked.clone()]).await?;
        let mut used = case.next(&spent);
        (used.revoked, used.idle_at, used.purge_at) = (Some(Reason::Spent), None, used.expires_at);
        let mut answer = Replace::Conflict;
        for _ in 0..16 {
            if answer == Replace::Conflict {
                answer = store.watched().replace(&used, spent.revision, Change::End(&note)).await?;
            }
        }
        same(S16, "replace with a note", &answer, &Replace::Replaced)?;
        same(S16, "delete with a note", &store.watched().delete(deleted.selector, &note).await?, &true)?;
        let action = Action::Mark { reason: Reason::LoggedOut, at: at(5) };
        let revocation = Revocation::new(RecordFilter::login(marked.login), action).note(note);
        let count = store.watched().revoke_by_subject(&alice, &revocation).await?;
        same(S16, "records marked with a note", &count, &1)?;
        marked.mark(Reason::LoggedOut, at(5));
        same(S16, "a record spent with a note", &store.find(used.selector).await?, &Some(used))?;
        same(S16, "a record marked with a note", &store.find(marked.selector).await?, &Some(marked))?;
        hold(
            S16,
            store.find(deleted.selector).await?.is_none(),
            "a record deleted with a note is still there",
        )?;
    }
    Ok(())
}
