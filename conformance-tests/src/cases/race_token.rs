//! Races between clients on two nodes, with measured overlap.

use super::prelude::*;

pub(super) const CASES: &[Case] = &[
    case!(Any Full [D3 S5] a_one_time_token_presented_many_times_at_once_works_once),
    case!(Any Full [T5 D16] parallel_rotations_get_one_successor),
    case!(Any Full [D15] racing_changes_of_data_are_all_kept),
];

async fn a_one_time_token_presented_many_times_at_once_works_once(case: CaseContext) -> CaseResult {
    let nodes = case.pair().await?;
    let services = [case.tokens(&nodes.0, |builder| builder)?.0, case.tokens(&nodes.1, |builder| builder)?.0];
    contest(async |round| {
        let once = log_in(&services[0], &format!("alice {round}"), Kind::ONE_TIME).await?;
        let racer = |number: usize| -> Racer<bool> {
            let (tokens, text) = (services[number % 2].clone(), once.token.expose().to_owned());
            Box::pin(async move {
                match tokens.consume(Kind::ONE_TIME, &text).await {
                    Ok(_) => Ok(true),
                    Err(Denied::Failed(failure)) => Err(failure.into()),
                    Err(Denied::Rejected(rejected)) => {
                        same(D3, "a use that came too late", &rejected, &Rejected::Spent).map(|()| false)
                    }
                }
            })
        };
        let timed = race((0..4).map(racer).collect()).await?;
        let used = values(&timed).iter().filter(|used| **used).count();
        same(D3, "how often a one-time token worked", &used, &1)?;
        Ok(overlapped(&timed))
    })
    .await
}

async fn parallel_rotations_get_one_successor(case: CaseContext) -> CaseResult {
    let nodes = case.pair().await?;
    let services = [case.tokens(&nodes.0, |builder| builder)?.0, case.tokens(&nodes.1, |builder| builder)?.0];
    contest(async |round| {
        let first = log_in(&services[0], &format!("alice {round}"), Kind::REMEMBER).await?;
        let racer = |number: usize| -> Racer<Option<String>> {
            let (tokens, text) = (services[number % 2].clone(), first.token.expose().to_owned());
            Box::pin(async move {
                let verdict = tokens.verify_and_rotate(Kind::REMEMBER, &text).await;
                let valid = accepted(D16, "one of several concurrent requests", verdict)?;
                Ok(valid.successor.map(|issued| issued.token.expose().to_owned()))
            })
        };
        let timed = race((0..4).map(racer).collect()).await?;
        let Some(expected) = timed.iter().find_map(|timed| timed.value.clone()) else {
            hold(T5, false, "none of several concurrent requests received a successor")?;
            return Ok(false);
        };
        for timed in &timed {
            let got = timed.value.as_deref().unwrap_or(&expected);
            same_token(T5, "two concurrent requests received different successors", got, &expected)?;
        }
        accepted(D16, "the successor", services[1].verify(Kind::REMEMBER, &expected).await)?;
        Ok(overlapped(&timed))
    })
    .await
}

async fn racing_changes_of_data_are_all_kept(case: CaseContext) -> CaseResult {
    let nodes = case.pair().await?;
    let services = [case.tokens(&nodes.0, |builder| builder)?.0, case.tokens(&nodes.1, |builder| builder)?.0];
    contest(async |round| {
        let issued = log_in(&services[0], &format!("alice {round}"), Kind::SESSION).await?;
        let racer = |number: usize| -> Racer<u64> {
            let (tokens, text) = (services[number % 2].clone(), issued.token.expose().to_owned());
            Box::pin(async move {
                for _ in 0..3 {
                    let mut valid = accepted(D15, "a session", tokens.verify(Kind::SESSION, &text).await)?;
                    accepted(
                        D15,
                        "a change",
                        tokens.update_data(&mut valid, |data| data.push(number as u8)).await,
                    )?;
                }
                Ok(0)
            })
        };
        let timed = race((0..3).map(racer).collect()).await?;
        let valid =
            accepted(D15, "a session", services[0].verify(Kind::SESSION, issued.token.expose()).await)?;
        same(D15, "of 9 racing changes, those that were kept", &services[0].data(&valid).await?.len(), &9)?;
        let found = nodes.1.find(issued.token.selector()).await?.map(|record| record.revision);
        same(D15, "writes for these changes", &found, &Revision::new(10).ok())?;
        Ok(overlapped(&timed))
    })
    .await
}
