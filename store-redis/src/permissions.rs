//! Checks the user's permissions when a store is opened, so that no log-out fails for lack of one.

use std::sync::Arc;

use hallpass_core::StoreError;
use redis::{RedisError, Value};

use crate::connection::Node;
use crate::error::{ALL_KEYS, denied, describe, is_denied, not_done};
use crate::keys;
use crate::router::Router;
use crate::statements::Script;
use hallpass_core::error_chain;

/// # Errors
/// [`StoreError::Refused`] with the missing permissions.
pub(crate) async fn check(node: &Arc<Node>, router: &Router, script: &Script) -> Result<(), StoreError> {
    let is_here = |shard: &[u8; 2]| {
        let owner = router.topology.known(keys::slot(*shard));
        !router.topology.is_cluster() || owner.is_some_and(|owner| Arc::ptr_eq(&owner, node))
    };
    let Some(shard) = (0..=u16::MAX).map(u16::to_be_bytes).find(is_here) else { return Ok(()) };
    let key = router.keys.permissions(shard);
    let run = |known| script.command(known, &[&key], &[]);
    // First by its text, then by its hash, which the server knows by then.
    let missing = missing_only(node.ask(&run(false)).await)?.unwrap_or(Value::Nil);
    missing_only(node.ask(&run(true)).await)?;
    if let Value::Array(names) = missing
        && !names.is_empty()
    {
        let name = |value: Value| match value {
            Value::BulkString(name) if name == b"keys" => ALL_KEYS.to_owned(),
            Value::BulkString(name) => format!("+{}", String::from_utf8_lossy(&name)),
            _ => "an unknown command".to_owned(),
        };
        return Err(denied(names.into_iter().map(name).collect::<Vec<_>>().join(" ")));
    }
    missing_only(node.ask(&redis::cmd("PING")).await)?;
    if router.replica_wait.is_some() {
        // Waits for no write, and for no replica.
        missing_only(node.ask(redis::cmd("WAIT").arg(0).arg(1)).await)?;
    }
    Ok(())
}

/// Passes on only a missing permission. Other errors, such as a moving slot or a loading server, are left to
/// the first call.
fn missing_only(answer: Result<Value, RedisError>) -> Result<Option<Value>, StoreError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if is_denied(&error) => Err(not_done(&error)),
        Err(error) => {
            tracing::debug!(
                error = error_chain(&describe(&error)),
                "cannot determine the user's permissions"
            );
            Ok(None)
        }
    }
}
