//! Two nodes with a near cache over the store: what one of them ends, the other refuses.

use super::prelude::*;
use crate::node::{LAG, Node};

pub(super) const CASES: &[Case] = &[
    case!(Any Quick [S19] what_one_node_ends_the_other_refuses_after_the_next_proof needs [Feed]),
    case!(Any Quick [S19] a_node_sees_its_own_endings_at_once needs [Feed]),
    case!(Any Quick [S19] a_read_that_an_ending_overtakes_is_not_kept needs [Feed]),
    case!(Any Quick [S19] a_node_that_was_suspended_asks_the_store needs [Feed]),
    case!(Any Quick [S19] a_stream_ends_with_its_login needs [Feed]),
];

/// How a login is ended through the service.
#[derive(Clone, Copy, Debug)]
enum LogOut {
    /// The record is deleted.
    Here,
    /// Its login is marked.
    FromAnotherDevice,
    /// Every login of the user is marked.
    Everywhere,
}

const LOG_OUTS: [LogOut; 3] = [LogOut::Here, LogOut::FromAnotherDevice, LogOut::Everywhere];

impl LogOut {
    async fn of(self, tokens: &Tokens, name: &str, issued: &Issued) -> CaseResult {
        let (name, reason) = (subject(name), Reason::Administrative);
        match self {
            Self::Here => {
                let verdict = tokens.revoke(Kind::SESSION, issued.token.expose()).await;
                accepted(S19, "a log-out", verdict).map(drop)
            }
            Self::FromAnotherDevice => {
                let ended = tokens.revoke_login(&name, issued.login, reason).await?;
                same(S8, "records of a login that were ended", &ended, &1)
            }
            Self::Everywhere => {
                let ended = tokens.revoke_subject(&name, Kind::SESSION, reason).await?;
                same(S8, "records of a subject that were ended", &ended, &1)
            }
        }
    }
}

async fn refused(node: &Node, issued: &Issued, said: impl std::fmt::Display) -> CaseResult {
    let good = is_good(&node.tokens, Kind::SESSION, issued.token.expose()).await?;
    hold(S19, !good, format_args!("a session that was ended is accepted {said}"))
}

/// In both directions.
async fn what_one_node_ends_the_other_refuses_after_the_next_proof(case: CaseContext) -> CaseResult {
    let (here, there) = case.pair().await?;
    let nodes = [Node::new(&case, &here)?, Node::new(&case, &there)?];
    for log_out in LOG_OUTS {
        for (node, other) in [(&nodes[0], &nodes[1]), (&nodes[1], &nodes[0])] {
            let issued = log_in(&other.tokens, "alice", Kind::SESSION).await?;
            node.keep(&issued).await?;
            log_out.of(&other.tokens, "alice", &issued).await?;
            node.next_proof().await?;
            refused(node, &issued, format_args!("after the next proof: {log_out:?}")).await?;
        }
    }
    Ok(())
}

async fn a_node_sees_its_own_endings_at_once(case: CaseContext) -> CaseResult {
    let node = Node::new(&case, &case.open().await?)?;
    for log_out in LOG_OUTS {
        let issued = log_in(&node.tokens, "alice", Kind::SESSION).await?;
        node.keep(&issued).await?;
        log_out.of(&node.tokens, "alice", &issued).await?;
        refused(&node, &issued, format_args!("by the node that ended it: {log_out:?}")).await?;
    }
    Ok(())
}

/// The read finds the session alive. Before its answer arrives, the session is ended and the ending is heard.
async fn a_read_that_an_ending_overtakes_is_not_kept(case: CaseContext) -> CaseResult {
    let (here, there) = case.pair().await?;
    let node = Node::new(&case, &here)?;
    let (other, _) = case.tokens(&there, |builder| builder)?;
    let stays = log_in(&other, "bob", Kind::SESSION).await?;
    for log_out in LOG_OUTS {
        node.keep(&stays).await?;
        let issued = log_in(&other, "alice", Kind::SESSION).await?;
        node.gate.hold_finds();
        let (tokens, text) = (node.tokens.clone(), issued.token.expose().to_owned());
        let reading = tokio::spawn(async move { is_good(&tokens, Kind::SESSION, &text).await });
        node.gate.find_arrived().await;
        log_out.of(&other, "alice", &issued).await?;
        node.next_proof().await?;
        node.gate.release_finds();
        // This call began before the ending, and may say either.
        reading.await.map_err(|error| Stop::Harness(error.to_string()))??;
        refused(&node, &issued, format_args!("because an older read was kept: {log_out:?}")).await?;
    }
    Ok(())
}

/// No turn ends meanwhile. The clocks of the node have gone on, and its proof is too old.
async fn a_node_that_was_suspended_asks_the_store(case: CaseContext) -> CaseResult {
    let (here, there) = case.pair().await?;
    let node = Node::new(&case, &here)?;
    let (other, _) = case.tokens(&there, |builder| builder)?;
    for log_out in LOG_OUTS {
        let issued = log_in(&other, "alice", Kind::SESSION).await?;
        node.keep(&issued).await?;
        node.gate.hold_turns();
        log_out.of(&other, "alice", &issued).await?;
        node.advance(LAG + MILLI);
        refused(&node, &issued, format_args!("after a suspension that was longer than the lag: {log_out:?}"))
            .await?;
        node.gate.release_turns();
    }
    Ok(())
}

/// An application awaits the end of the login beside a stream.
async fn a_stream_ends_with_its_login(case: CaseContext) -> CaseResult {
    let (here, there) = case.pair().await?;
    let node = Node::new(&case, &here)?;
    let (other, _) = case.tokens(&there, |builder| builder)?;
    for log_out in LOG_OUTS {
        let issued = log_in(&other, "alice", Kind::SESSION).await?;
        let verdict = node.tokens.verify(Kind::SESSION, issued.token.expose()).await;
        let valid = accepted(S19, "a session", verdict)?;
        let tokens = node.tokens.clone();
        let stream = tokio::spawn(async move { tokens.ended(&valid).await });
        log_out.of(&other, "alice", &issued).await?;
        let ended = stream.await.map_err(|error| Stop::Harness(error.to_string()))?;
        let known = matches!(ended, Rejected::Invalid | Rejected::Revoked(_));
        hold(
            S19,
            known,
            format_args!("a stream whose login was ended has ended with {ended:?}: {log_out:?}"),
        )?;
    }
    Ok(())
}
