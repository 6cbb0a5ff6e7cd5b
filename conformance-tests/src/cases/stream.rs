//! Streams of logins and restored sessions during a log-out.
//!
//! On most backends a revocation takes several steps, and the last one, which makes it visible, may take
//! milliseconds. Inserts that start together with it have ended by then. So here inserts start before, during and
//! after the revocation, each in a task of its own.

use tokio::task::JoinSet;

use super::prelude::*;
use crate::history::now;
use crate::rng::Rng;

pub(super) const CASES: &[Case] = &[
    case!(Any Full [S11 S8] no_login_slips_in_through_a_log_out_everywhere),
    case!(Any Full [S11 S8] no_session_is_restored_through_the_end_of_its_login),
    case!(Any Full [S11] no_session_is_restored_through_the_delete_of_its_parent),
];

/// How many inserts start before the revocation, and how many after it.
const AROUND: usize = 3;
/// The maximum number of inserts during it.
const MOST: usize = 80;

/// An insert of a stream.
struct Tried {
    began: Instant,
    ended: Instant,
    record: Record,
    answer: Insert,
}

/// The result of a stream.
struct Streamed<T> {
    tried: Vec<Tried>,
    began: Instant,
    ended: Instant,
    answer: T,
}

impl<T> Streamed<T> {
    fn overlapped(&self) -> bool {
        self.tried.iter().any(|tried| tried.began < self.ended && self.began < tried.ended)
    }

    /// The inserted records; none of them may have begun after the revocation was acknowledged.
    fn inserted(&self, whose: &str) -> CaseResult<Vec<&Record>> {
        for Tried { began, answer, .. } in &self.tried {
            hold(S11, *answer != Insert::Duplicate, "insert of a new record returned Duplicate")?;
            let late = *answer == INSERTED && *began > self.ended;
            hold(
                S11,
                !late,
                format_args!("an insert that began after {whose} was acknowledged passed its fence"),
            )?;
        }
        let inserted = self.tried.iter().filter(|tried| tried.answer == INSERTED);
        Ok(inserted.map(|tried| &tried.record).collect())
    }
}

/// Inserts records made by `record` under `fence`, before, during and after `end`. Its last duration sets their
/// spacing.
async fn stream<T: Send + 'static>(
    nodes: &(Handle, Handle),
    fence: Fence,
    record: impl Fn() -> Record,
    end: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    last: &mut Duration,
    rng: &mut Rng,
) -> CaseResult<Streamed<T>> {
    let mut inserts = JoinSet::new();
    let insert = |inserts: &mut JoinSet<CaseResult<Tried>>, number: usize| {
        let (node, record) = (of(number, nodes), record());
        inserts.spawn(async move {
            let began = now();
            let answer = node.insert(&record, fence).await?;
            Ok(Tried { began, ended: now(), record, answer })
        });
    };
    let gap = *last / 24;
    for number in 0..AROUND {
        insert(&mut inserts, number);
        pause(gap.mul_f64(rng.below(200) as f64 / 100.0)).await;
    }
    let end = tokio::spawn(async move {
        let began = now();
        let answer = end.await;
        (began, now(), answer)
    });
    for number in 0..MOST {
        if end.is_finished() {
            break;
        }
        insert(&mut inserts, number);
        pause(gap.mul_f64(rng.below(200) as f64 / 100.0)).await;
    }
    let (began, ended, answer) = end.await.map_err(|error| Stop::Harness(error.to_string()))?;
    *last = ended - began;
    for number in 0..AROUND {
        insert(&mut inserts, number);
    }
    let tried = inserts.join_all().await.into_iter().collect::<CaseResult<_>>()?;
    Ok(Streamed { tried, began, ended, answer: answer? })
}

/// The timer has a resolution of one millisecond.
async fn pause(gap: Duration) {
    if gap < Duration::from_millis(1) {
        tokio::task::yield_now().await;
    } else {
        tokio::time::sleep(gap).await;
    }
}

/// Checks that none of `records` is alive.
async fn none_lives(store: &Handle, records: &[&Record], whose: &str) -> CaseResult {
    for record in records {
        let found = store.find(record.selector).await?;
        let lives = found.is_some_and(|found| found.revoked.is_none());
        hold(S11, !lives, format_args!("an inserted record outlived {whose} that ran concurrently"))?;
    }
    Ok(())
}

async fn no_login_slips_in_through_a_log_out_everywhere(case: CaseContext) -> CaseResult {
    let (nodes, mut last, mut rng) = (case.pair().await?, Duration::ZERO, case.rng());
    contest(async |round| {
        let name = format!("alice {round}");
        let action = [MARK, Action::Remove][round % 2];
        let alice = subject(&name);
        let before = nodes.0.epoch(&alice, Epoch(rng.bytes()), KEEP, NOW).await?;
        let update = EpochUpdate::Set { epoch: Epoch(rng.bytes()), now: NOW, keep: KEEP };
        let (node, of) = (nodes.1.clone(), alice.clone());
        let end = async move { node.revoke_by_subject(&of, &RecordFilter::all(), action, update).await };
        let template = record(&name);
        let login = || fresh(&template);
        let streamed = stream(&nodes, Fence::Epoch(before), login, end, &mut last, &mut rng).await?;
        let inserted = streamed.inserted("a log-out everywhere")?;
        none_lives(&nodes.0, &inserted, "a log-out everywhere").await?;
        let count = inserted.len() as u64;
        same(S8, "records ended, of those inserted", &streamed.answer, &count)?;
        Ok(streamed.overlapped())
    })
    .await
}

async fn no_session_is_restored_through_the_end_of_its_login(case: CaseContext) -> CaseResult {
    let (nodes, mut last, mut rng) = (case.pair().await?, Duration::ZERO, case.rng());
    contest(async |round| {
        let name = format!("alice {round}");
        let parent = record(&name);
        nodes.0.put(&parent).await?;
        let action = [MARK, Action::Remove][round % 2];
        let (node, login) = (nodes.1.clone(), RecordFilter::login(parent.login));
        let of = subject(&name);
        let end = async move { node.revoke_by_subject(&of, &login, action, EpochUpdate::Keep).await };
        let session = || fresh(&parent);
        let fence = Fence::Parent(parent.selector);
        let streamed = stream(&nodes, fence, session, end, &mut last, &mut rng).await?;
        let inserted = streamed.inserted("the end of its login")?;
        none_lives(&nodes.0, &inserted, "the end of its login").await?;
        let count = inserted.len() as u64 + 1;
        same(S8, "records ended, the parent included", &streamed.answer, &count)?;
        Ok(streamed.overlapped())
    })
    .await
}

async fn no_session_is_restored_through_the_delete_of_its_parent(case: CaseContext) -> CaseResult {
    let (nodes, mut last, mut rng) = (case.pair().await?, Duration::ZERO, case.rng());
    contest(async |round| {
        let parent = record(&format!("alice {round}"));
        nodes.0.put(&parent).await?;
        let (node, selector) = (nodes.1.clone(), parent.selector);
        let end = async move { node.delete(selector).await };
        let session = || fresh(&parent);
        let fence = Fence::Parent(selector);
        let streamed = stream(&nodes, fence, session, end, &mut last, &mut rng).await?;
        let overlapped = streamed.overlapped();
        let inserted = streamed.inserted("the delete of its parent")?;
        for record in inserted {
            let found = nodes.0.find(record.selector).await?;
            same(S11, "a child whose parent was deleted concurrently", &found, &Some(record.clone()))?;
        }
        Ok(overlapped)
    })
    .await
}

/// A copy of `template` with a new selector.
fn fresh(template: &Record) -> Record {
    let random = record("anyone");
    let mut fresh = template.clone();
    fresh.selector.0[2..].copy_from_slice(&random.selector.0[2..]);
    fresh
}
