//! Similar keys never match, in any operation.
//!
//! The accident: a collation, padding, a prefix index or half of a column confuses two keys. For each kind of
//! similarity the cases call every operation with a key that resembles a stored one.

use base64ct::{Base64Unpadded, Encoding};
use hallpass_core::store::TokenStore as _;

use super::prelude::*;
use crate::generate::{FAMILIES, NEIGHBOURS};
use crate::rng::Rng;

pub(super) const CASES: &[Case] = &[
    case!(Any Quick [S3 S4 S7 S11] a_selector_that_is_alike_is_another),
    case!(Any Quick [S8] a_login_that_is_alike_is_another),
    case!(Any Quick [S16 S9 S11 S8] a_name_that_is_alike_is_another),
    case!(Any Quick [S8 S9] a_name_and_a_kind_do_not_run_together),
];

/// Pairs of similar byte strings, each with the kind of similarity; the first `fixed` bytes never change.
fn alike<const N: usize>(base: [u8; N], fixed: usize) -> Vec<(&'static str, [u8; N], [u8; N])> {
    let half = N / 2;
    let with = |change: &dyn Fn(&mut [u8; N])| {
        let mut other = base;
        change(&mut other);
        other
    };
    let mut nul = base;
    nul[fixed..].fill(b'n');
    nul[half - 1] = 0;
    let mut after_nul = nul;
    after_nul[N - 1] ^= 0x15;
    let text = with(&|other| other[fixed..].fill(b'q'));
    let mut in_capitals = text;
    in_capitals[fixed..].fill(b'Q');
    let ones = with(&|other| other[fixed..].fill(0xff));
    let mut pairs = vec![
        ("in their first half", base, with(&|other| other[half..].iter_mut().for_each(|byte| *byte ^= 0x5a))),
        (
            "in their last half",
            base,
            with(&|other| other[fixed..half].iter_mut().for_each(|byte| *byte ^= 0x5a)),
        ),
        ("but for the first bit", base, with(&|other| other[fixed] ^= 0x80)),
        ("but for the last bit", base, with(&|other| other[N - 1] ^= 1)),
        ("as text", base, with(&|other| other[N - 1] ^= 0x20)),
        ("as text of any case", text, in_capitals),
        ("up to a byte of zero", nul, after_nul),
        ("where no text is", ones, with(&|other| other[fixed..].fill(0xfe))),
    ];
    pairs.extend(in_another_case(base, fixed).map(|other| ("in base64 of any case", base, other)));
    pairs
}

/// Changes the case of one letter in the base64 of the bytes.
fn in_another_case<const N: usize>(base: [u8; N], fixed: usize) -> Option<[u8; N]> {
    let text = Base64Unpadded::encode_string(&base).into_bytes();
    // The last digit has unused bits.
    (fixed * 4 / 3 + 1..text.len() - 1).filter(|at| text[*at].is_ascii_alphabetic()).find_map(|at| {
        let mut text = text.clone();
        text[at] ^= 0x20;
        let mut other = base;
        Base64Unpadded::decode(&text, &mut other).ok()?;
        (other != base && other[..fixed] == base[..fixed]).then_some(other)
    })
}

async fn a_selector_that_is_alike_is_another(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    // The shard stays the same (T7).
    for (how, here, missing) in alike(record("alice").selector.0, 2) {
        let (here, missing) = (Selector(here), Selector(missing));
        let of = |selector: Selector| Record { selector, ..record("alice") };
        let (mine, other) = (of(here), of(missing));
        store.put(&mine).await?;
        let found = store.find(missing).await?;
        hold(S3, found.is_none(), format_args!("find returned a record for a selector that is alike {how}"))?;
        let mut next = case.next(&other);
        next.revision = mine.revision.next();
        let answer = store.replace(&next, mine.revision).await?;
        same(S4, format_args!("replace of a selector that is alike {how}"), &answer, &Replace::Missing)?;
        let answer = store.delete(missing).await?;
        same(S7, format_args!("delete of a selector that is alike {how}"), &answer, &false)?;
        let child = record("alice");
        let answer = store.insert(&child, Fence::Parent(missing)).await?;
        same(S11, format_args!("insert under a parent that is alike {how}"), &answer, &Insert::Fenced)?;
        let found = store.find(here).await?;
        same(S3, format_args!("a record whose neighbour is alike {how}"), &found, &Some(mine.clone()))?;
        let answer = store.insert(&other, Fence::None).await?;
        same(S2, format_args!("insert of a selector that is alike {how}"), &answer, &INSERTED)?;
        store.swap(&next, &other).await?;
        let both = [store.find(here).await?, store.find(missing).await?];
        same(
            S4,
            format_args!("two records that are alike {how}, one of them replaced"),
            &both,
            &[Some(mine.clone()), Some(next)],
        )?;
        store.delete(missing).await?;
        let found = store.find(here).await?;
        same(S7, format_args!("a record whose neighbour, alike {how}, was deleted"), &found, &Some(mine))?;
        store.delete(here).await?;
    }
    Ok(())
}

async fn a_login_that_is_alike_is_another(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let base = record("alice").login.0;
    for (number, (how, one, other)) in alike(base, 0).into_iter().enumerate() {
        for action in [MARK, Action::Remove] {
            for (choice, taken) in [(Logins::Only(LoginId(one)), one), (Logins::Except(LoginId(one)), other)]
            {
                let name = format!("alice {number}");
                let of = |login| Record { login: LoginId(login), ..record(&name) };
                let records = [of(one), of(other)];
                store.put_all(&records).await?;
                let filter = RecordFilter { logins: choice, ..RecordFilter::all() };
                let count =
                    store.revoke_by_subject(&subject(&name), &filter, action, EpochUpdate::Keep).await?;
                let what = format!("of two logins that are alike {how}, ended by {choice:?}: {action:?}");
                same(S8, format_args!("how many {what}"), &count, &1)?;
                for record in records {
                    let found = store.find(record.selector).await?;
                    let lives = found.is_some_and(|found| found.revoked.is_none());
                    same(S8, format_args!("whether it lives, {what}"), &lives, &(record.login.0 != taken))?;
                    store.delete(record.selector).await?;
                }
            }
        }
    }
    Ok(())
}

/// Every family of names, and long names that differ at the end.
fn families() -> Vec<Vec<String>> {
    let mut all: Vec<Vec<String>> =
        FAMILIES.iter().map(|family| family.iter().map(|name| (*name).to_owned()).collect()).collect();
    for length in [40, 63, 127, 191, 254] {
        let long = "x".repeat(length);
        all.push(vec![long.clone() + "y", long.clone() + "z", long]);
    }
    // Two names with the same shard (T7).
    all.push(NEIGHBOURS.map(str::to_owned).to_vec());
    // Families that share a name become one group, because the groups run concurrently.
    let mut apart: Vec<Vec<String>> = Vec::new();
    for family in all {
        let (akin, mut rest): (Vec<_>, Vec<_>) =
            apart.into_iter().partition(|other| other.iter().any(|name| family.contains(name)));
        let mut one: Vec<_> = akin.into_iter().flatten().chain(family).collect();
        one.sort_unstable();
        one.dedup();
        rest.push(one);
        apart = rest;
    }
    apart
}

async fn a_name_that_is_alike_is_another(case: CaseContext) -> CaseResult {
    let (here, there) = case.pair().await?;
    let mut playing = tokio::task::JoinSet::new();
    for (number, family) in families().into_iter().enumerate() {
        let node = if number % 2 == 0 { here.clone() } else { there.clone() };
        playing.spawn(async move { apart(&node, &family).await });
    }
    playing.join_all().await.into_iter().collect()
}

/// Checks for every operation that each name of `family` is a subject of its own.
async fn apart(store: &Handle, family: &[String]) -> CaseResult {
    let (mut records, mut epochs) = (Vec::new(), Vec::new());
    for (number, name) in (1_u8..).zip(family) {
        let record = record(name);
        let Insert::Inserted { of_subject } = store.watched().insert(&record, Fence::None).await? else {
            return hold(S2, false, format_args!("insert of a new record of {name:?} returned no Inserted"));
        };
        let alone = of_subject.is_none_or(|count| count == 1);
        hold(S16, alone, format_args!("the first insert of {name:?} counted {of_subject:?} records"))?;
        let fresh = Epoch([number; 16]);
        let epoch = store.epoch(&subject(name), fresh, KEEP, NOW).await?;
        hold(S11, epoch == fresh, format_args!("{name:?} has the epoch of another of {family:?}"))?;
        records.push(record);
        epochs.push(epoch);
    }
    for (record, name) in records.iter_mut().zip(family) {
        let next = next(record, &mut Rng::new(1, name));
        store.swap(&next, record).await?;
        *record = next;
    }
    for (record, name) in records.iter().zip(family) {
        let found = store.find(record.selector).await?;
        same(S4, format_args!("a record of {name:?}, replaced"), &found, &Some(record.clone()))?;
    }
    for (at, name) in family.iter().enumerate() {
        let list = store.list_by_subject(&subject(name), &page(9)).await?;
        same(S9, format_args!("the list of {name:?}"), &ids(&list), &vec![records[at].selector])?;
        for (other, epoch) in epochs.iter().enumerate().filter(|(other, _)| *other != at) {
            let answer = store.insert(&record(name), Fence::Epoch(*epoch)).await?;
            let what = format_args!("insert of {name:?} under the epoch of {:?}", family[other]);
            same(S11, what, &answer, &Insert::Fenced)?;
        }
    }
    for action in [MARK, Action::Remove] {
        for (at, name) in family.iter().enumerate() {
            let (epoch, keep) = (Epoch([0x80 + at as u8; 16]), KEEP);
            let update = EpochUpdate::Set { epoch, now: self::at(1), keep };
            let count = store.revoke_by_subject(&subject(name), &RecordFilter::all(), action, update).await?;
            same(S8, format_args!("records of {name:?} ended: {action:?}"), &count, &1)?;
            epochs[at] = epoch;
            for (other, name) in family.iter().enumerate().skip(at + 1) {
                let found = store.find(records[other].selector).await?;
                let marked = found.as_ref().and_then(|found| found.revoked).is_some();
                let spared = found.is_some() && marked == (action == Action::Remove);
                hold(S8, spared, format_args!("revoking {:?} has ended {name:?}: {action:?}", family[at]))?;
            }
        }
    }
    for (name, epoch) in family.iter().zip(epochs) {
        let answer = store.insert(&record(name), Fence::Epoch(epoch)).await?;
        same(S11, format_args!("insert of {name:?} under its own epoch"), &answer, &INSERTED)?;
    }
    Ok(())
}

/// Names and kinds that are the same text where a key strings them together are told apart.
async fn a_name_and_a_kind_do_not_run_together(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    for between in ["", ":", "-", "::"] {
        for more in ["b", "2", "session"] {
            let kind = |name: &str| Kind::new(name).unwrap_or(Kind::REMEMBER);
            let (long, shorter) = (kind(&format!("{more}{between}session")), kind("session"));
            let pairs = [
                ((format!("al{between}{more}"), shorter), ("al".to_owned(), long)),
                (
                    (format!("{more}{between}al"), shorter),
                    ("al".to_owned(), kind(&format!("session{between}{more}"))),
                ),
            ];
            for (one, other) in pairs {
                for action in [MARK, Action::Remove] {
                    told_apart(&store, &one, &other, action).await?;
                    told_apart(&store, &other, &one, action).await?;
                }
            }
        }
    }
    Ok(())
}

/// Checks that a list and a revocation of `one` name and kind leave `other` out.
async fn told_apart(
    store: &Handle,
    one: &(String, Kind),
    other: &(String, Kind),
    action: Action,
) -> CaseResult {
    let records = [one, other].map(|(name, kind)| Record { kind: *kind, ..record(name) });
    store.put_all(&records).await?;
    let (of, kinds) = (subject(&one.0), Kinds::from(one.1));
    let list = store.list_by_subject(&of, &Page { kinds: kinds.clone(), ..page(9) }).await?;
    same(S9, format_args!("the list of {one:?} beside {other:?}"), &list, &vec![records[0].clone()])?;
    let filter = RecordFilter::all().kinds(kinds);
    let count = store.revoke_by_subject(&of, &filter, action, EpochUpdate::Keep).await?;
    same(S8, format_args!("records of {one:?} ended beside {other:?}"), &count, &1)?;
    let found = store.find(records[1].selector).await?;
    same(
        S8,
        format_args!("a record of {other:?} after the end of {one:?}"),
        &found.as_ref(),
        &Some(&records[1]),
    )?;
    for record in &records {
        store.delete(record.selector).await?;
    }
    Ok(())
}
