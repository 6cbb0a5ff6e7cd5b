//! Races between two handles about the end of a subject's logins, with measured overlap.

use super::prelude::*;

pub(super) const CASES: &[Case] = &[
    case!(Any Full [S4 S8 D12] no_flood_of_writes_saves_what_is_marked),
    case!(Any Full [S4 S8] no_flood_of_writes_saves_what_is_removed),
    case!(Any Full [S8] racing_revocations_count_each_record_once),
    case!(Any Full [S11] racing_readers_of_a_missing_epoch_agree),
];

/// Replaces the record repeatedly until that fails.
fn flood(node: Handle, mut record: Record, case: CaseContext) -> Racer<u64> {
    Box::pin(async move {
        for _ in 0..40 {
            let next = case.next(&record);
            match node.replace(&next, record.revision).await? {
                Replace::Replaced => record = next,
                Replace::Missing => break,
                Replace::Conflict => match node.find(record.selector).await? {
                    Some(found) if found.revoked.is_none() => record = found,
                    _ => break,
                },
            }
        }
        Ok(0)
    })
}

fn revocation(node: Handle, action: Action, update: EpochUpdate) -> Racer<u64> {
    Box::pin(async move {
        tokio::task::yield_now().await;
        Ok(node.revoke_by_subject(&subject("alice"), &RecordFilter::all(), action, update).await?)
    })
}

async fn no_flood_of_writes_saves_what_is_marked(case: CaseContext) -> CaseResult {
    let nodes = case.pair().await?;
    contest(async |_| {
        let old = record("alice");
        nodes.0.put(&old).await?;
        let floods = [
            flood(nodes.0.clone(), old.clone(), case.clone()),
            flood(nodes.1.clone(), old.clone(), case.clone()),
        ];
        let racers =
            floods.into_iter().chain([revocation(nodes.1.clone(), MARK, EpochUpdate::Keep)]).collect();
        let timed = race(racers).await?;
        same(S8, "records marked", &timed[2].value, &1)?;
        let found = nodes.0.find(old.selector).await?;
        let marked = found.as_ref().is_some_and(|found| found.revoked == Some(Reason::CredentialChanged));
        hold(S4, marked, format_args!("a flood of writes saved a record from its mark: {found:?}"))?;
        nodes.0.delete(old.selector).await?;
        Ok(overlapped(&timed))
    })
    .await
}

async fn no_flood_of_writes_saves_what_is_removed(case: CaseContext) -> CaseResult {
    let nodes = case.pair().await?;
    contest(async |_| {
        let old = record("alice");
        nodes.0.put(&old).await?;
        let floods = [
            flood(nodes.0.clone(), old.clone(), case.clone()),
            flood(nodes.1.clone(), old.clone(), case.clone()),
        ];
        let remove = revocation(nodes.0.clone(), Action::Remove, EpochUpdate::Keep);
        let timed = race(floods.into_iter().chain([remove]).collect()).await?;
        same(S8, "records removed", &timed[2].value, &1)?;
        hold(
            S4,
            nodes.1.find(old.selector).await?.is_none(),
            "a flood of writes brought a removed record back",
        )?;
        let list = nodes.1.list_by_subject(&subject("alice"), &page(9)).await?;
        same(S9, "records listed after the removal", &list.len(), &0)?;
        Ok(overlapped(&timed))
    })
    .await
}

async fn racing_revocations_count_each_record_once(case: CaseContext) -> CaseResult {
    let nodes = case.pair().await?;
    contest(async |_| {
        for _ in 0..5 {
            nodes.0.put(&record("alice")).await?;
        }
        let mut overlap = false;
        for action in [MARK, Action::Remove] {
            let racer = |number| revocation(of(number, &nodes), action, EpochUpdate::Keep);
            let timed = race((0..3).map(racer).collect()).await?;
            let sum = values(&timed).iter().fold(0, |sum: u64, count| sum.saturating_add(*count));
            same(
                S8,
                format_args!("counts of 3 concurrent revocations of 5 records: {:?}", values(&timed)),
                &sum,
                &5,
            )?;
            overlap |= overlapped(&timed);
        }
        Ok(overlap)
    })
    .await
}

async fn racing_readers_of_a_missing_epoch_agree(case: CaseContext) -> CaseResult {
    let nodes = case.pair().await?;
    contest(async |round| {
        let racer = |number| -> Racer<Epoch> {
            let (node, fresh) = (of(number, &nodes), Epoch(case.rng().bytes()));
            let name = subject(&format!("alice {round}"));
            Box::pin(async move { Ok(node.epoch(&name, fresh, KEEP, NOW).await?) })
        };
        let timed = race((0..3).map(racer).collect()).await?;
        let agree = timed.iter().all(|other| other.value == timed[0].value);
        hold(S11, agree, "racing readers of a missing epoch were given different ones")?;
        Ok(overlapped(&timed))
    })
    .await
}
