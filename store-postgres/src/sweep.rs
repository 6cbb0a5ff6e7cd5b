//! Revokes in one step, or as a sweep if there are too many records for one.

use std::sync::Arc;

use hallpass_core::Subject;
use hallpass_core::store::{EpochUpdate, Revocation};
use tokio::time::Instant;

use crate::connection::{Connections, LONGEST};
use crate::error::{Error, ErrorClass};
use crate::revoke::{Bounds, ByFunction, ByTransaction, EndPage, SetEpoch};

/// How many times the timeout of a call a sweep may last.
const SWEEP: u32 = 3;

/// Runs revocations.
pub(crate) struct Revoker {
    pub(crate) connections: Arc<Connections>,
    pub(crate) bounds: Bounds,
    /// Whether a revocation calls the function.
    pub(crate) functions: bool,
}

impl Revoker {
    /// Ends the matching records and returns how many. A sweep may take three times as long as another call, and each
    /// of its pages as long as one.
    pub(crate) async fn run(&self, subject: &Subject, revocation: &Revocation) -> Result<u64, Error> {
        let began = Instant::now();
        match self.step(subject, revocation, self.connections.deadline()).await {
            Err(error) if error.class() == ErrorClass::TooMany => {
                self.sweep(subject, revocation, began).await
            }
            done => done,
        }
    }

    /// Ends the matching records in one step.
    async fn step(
        &self,
        subject: &Subject,
        revocation: &Revocation,
        deadline: Instant,
    ) -> Result<u64, Error> {
        let operation = ByFunction { subject, revocation, most: self.bounds.most };
        match self.functions {
            true => self.connections.perform(&operation, deadline).await,
            false => self.connections.perform(&ByTransaction(operation), deadline).await,
        }
    }

    /// Sets the epoch durably, ends page after page, and ends the few records that are left in one step. So a
    /// login that began earlier is turned away from the first moment on, and after the last step no record is
    /// left.
    async fn sweep(&self, subject: &Subject, revocation: &Revocation, began: Instant) -> Result<u64, Error> {
        tracing::info!(
            "PostgreSQL: a subject has more records than one step may end: they are ended in pages"
        );
        let connections = &self.connections;
        // A statement that began before `end` may finish until `last`: by default 17.5 s, within the 20 s of
        // S12.
        let half = connections.limit() / 2;
        let last = began + (connections.limit() * SWEEP + half).min(LONGEST);
        let end = last - half;
        connections.perform(&SetEpoch { subject, revocation }, last.min(connections.deadline())).await?;
        // Another revocation may have set a newer epoch meanwhile.
        let rest = Revocation { epoch: EpochUpdate::Keep, ..revocation.clone() };
        let mut ended = 0;
        let result = loop {
            let mut after = None;
            let paged = loop {
                if Instant::now() >= end {
                    break Err(Error::new(
                        ErrorClass::TooLate,
                        "the subject has too many records for one call",
                    ));
                }
                let page =
                    EndPage { subject, revocation: &rest, page: self.bounds.page, after: after.as_ref() };
                match connections.perform(&page, last.min(connections.deadline())).await {
                    Err(error) => break Err(error),
                    Ok(page) => {
                        ended += page.rows;
                        after = page.next;
                        if after.is_none() {
                            break Ok(());
                        }
                    }
                }
            };
            let rest = match paged {
                Ok(()) => self.step(subject, &rest, last.min(connections.deadline())).await,
                Err(error) => Err(error),
            };
            match rest {
                Ok(rest) => break Ok(ended + rest),
                Err(error) if error.class() == ErrorClass::TooMany && Instant::now() < end => {}
                Err(error) => break Err(error),
            }
        };
        result.map_err(Error::in_part)
    }
}
