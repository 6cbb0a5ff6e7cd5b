//! Rows that do not decode: each keeps its place and hides no other, whatever a call asks for.

use super::prelude::*;
use crate::rng::Rng;

pub(super) const CASES: &[Case] = &[
    case!(Damage Quick [S9] every_page_shows_the_damaged_rows_that_it_should),
    case!(Damage Quick [S8 S7 S2 S11] damaged_rows_save_no_other_and_can_be_replaced),
];

/// How many pages are asked for.
const PAGES: usize = 40;

/// Records of alice's of several kinds and purposes, two of each instant, newest first; some of their rows are damaged.
struct Damaged {
    records: Vec<Record>,
    damaged: Vec<Selector>,
}

impl Damaged {
    async fn make(case: &CaseContext, store: &Handle, rng: &mut Rng) -> CaseResult<Self> {
        let kinds = [Kind::SESSION, Kind::REMEMBER, Kind::API_KEY];
        let numbered = |number: usize| {
            let mut record = record("alice");
            // A kind may have had another purpose earlier.
            (record.kind, record.purpose) = (kinds[number % 3], Purpose::ALL[number / 3 % 3]);
            record.created_at = at(number as u64 / 2);
            record
        };
        let mut records: Vec<_> = (0..12).map(numbered).collect();
        records.sort_unstable_by_key(|record| std::cmp::Reverse((record.created_at, record.selector)));
        store.put_all(&records).await?;
        let mut damaged = vec![records[0].selector, records[11].selector];
        damaged.extend(records[1..11].iter().map(|record| record.selector).filter(|_| rng.chance(40)));
        for selector in &damaged {
            case.damage(*selector).await?;
        }
        Ok(Self { records, damaged })
    }

    fn is_damaged(&self, record: &Record) -> bool {
        self.damaged.contains(&record.selector)
    }

    /// The records that no damage has hit.
    fn whole(&self) -> impl Iterator<Item = &Record> {
        self.records.iter().filter(|record| !self.is_damaged(record))
    }
}

fn some_kinds(rng: &mut Rng) -> Kinds {
    let (one, other) = (Kind::REMEMBER, *rng.pick(&[Kind::SESSION, Kind::API_KEY]));
    let choices =
        [Kinds::Any, one.into(), other.into(), Kinds::Only(vec![one, other, one]), Kinds::Only(vec![])];
    rng.pick(&choices).clone()
}

fn some_purposes(rng: &mut Rng) -> Purposes {
    *rng.pick(&[
        Purposes::ALL,
        Purposes::ALL,
        Purposes::NOT_KEYS,
        Purpose::Key.into(),
        Purpose::SingleUse.into(),
    ])
}

/// A damaged row is shown wherever its columns match. A store that cannot read them may show it everywhere.
async fn every_page_shows_the_damaged_rows_that_it_should(case: CaseContext) -> CaseResult {
    let (store, mut rng) = (case.open().await?, case.rng());
    let rows = Damaged::make(&case, &store, &mut rng).await?;
    for _ in 0..PAGES {
        let limit = *rng.pick(&[1, 2, 3, 5, 99]);
        let mut page = Page { kinds: some_kinds(&mut rng), purposes: some_purposes(&mut rng), ..page(limit) };
        let what = format!("pages of {limit} of {:?}, {:?}", page.kinds, page.purposes);
        let mut entries: Vec<Listed> = Vec::new();
        loop {
            let shown = store.watched().list_by_subject(&subject("alice"), &page).await?;
            page.after = shown.last().map(Listed::place);
            let short = shown.len() < usize::from(limit);
            entries.extend(shown);
            if short {
                break;
            }
            hold(S9, entries.len() < 100, "the pages never end")?;
        }
        let in_order = entries.windows(2).all(|pair| pair[0].place() > pair[1].place());
        hold(S9, in_order, format_args!("{what} are not in order"))?;
        for record in &rows.records {
            let place = (record.created_at, record.selector);
            let entry = entries.iter().find(|entry| entry.place() == place);
            let matches = page.shows(&record.kind, record.purpose);
            let right = match entry {
                None => !matches,
                Some(Listed::Corrupt { .. }) => rows.is_damaged(record),
                Some(Listed::Record(shown)) => matches && !rows.is_damaged(record) && **shown == *record,
            };
            let damaged = rows.is_damaged(record);
            hold(
                S9,
                right,
                format_args!("{what}: a row (damaged: {damaged}, matches: {matches}) is {entry:?}"),
            )?;
        }
        let known = |entry: &Listed| rows.records.iter().any(|record| record.selector == entry.place().1);
        hold(S9, entries.iter().all(known), format_args!("{what} show an unknown row"))?;
    }
    Ok(())
}

/// Whatever a revocation ends, it ends although other rows are damaged; a store may end those, too, or leave them.
async fn damaged_rows_save_no_other_and_can_be_replaced(case: CaseContext) -> CaseResult {
    let (store, mut rng) = (case.open().await?, case.rng());
    let mut rows = Damaged::make(&case, &store, &mut rng).await?;
    for selector in rows.damaged.split_off(rows.damaged.len() / 2) {
        same(S7, "delete of a damaged row", &store.delete(selector).await?, &true)?;
        let Some(record) = rows.records.iter().find(|record| record.selector == selector) else { continue };
        store.put(record).await?;
        same(
            S2,
            "a record in the place of a damaged row",
            &store.find(selector).await?.as_ref(),
            &Some(record),
        )?;
    }
    for round in 0..12_u8 {
        let logins = match rng.pick(&rows.records).login {
            login if round % 3 == 0 => Logins::Except(login),
            login if round % 3 == 1 => Logins::Only(login),
            _ => Logins::Any,
        };
        let filter = RecordFilter { kinds: some_kinds(&mut rng), purposes: some_purposes(&mut rng), logins };
        let action = if rng.chance(30) { Action::Remove } else { MARK };
        let update = EpochUpdate::Set { epoch: Epoch([round; 16]), now: NOW, keep: KEEP };
        let _ = store.revoke_by_subject(&subject("alice"), &filter, action, update).await?;
        for record in rows.whole().filter(|record| filter.matches(record)) {
            let found = store.find(record.selector).await?;
            let ended = found.is_none_or(|found| found.revoked.is_some());
            hold(S8, ended, format_args!("a damaged row saved another record: {filter:?}"))?;
        }
        let (gone, damaged) = (action == Action::Remove, rows.damaged.clone());
        for record in &mut rows.records {
            if filter.matches(record)
                && !damaged.contains(&record.selector)
                && let Action::Mark { reason, at } = action
            {
                record.mark(reason, at);
            }
        }
        rows.records.retain(|record| !gone || !filter.matches(record) || damaged.contains(&record.selector));
        for record in rows.whole() {
            let found = store.find(record.selector).await?;
            same(
                S8,
                format_args!("a record beside damaged rows after {filter:?}"),
                &found.as_ref(),
                &Some(record),
            )?;
        }
    }
    let epoch = store.epoch(&subject("alice"), Epoch([0xee; 16]), KEEP, NOW).await?;
    same(S11, "the epoch that was set beside damaged rows", &(epoch == Epoch([11; 16])), &true)
}
