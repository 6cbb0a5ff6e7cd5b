//! Finds the node that has a slot: the one server, the master of a Sentinel group, or a node of a cluster.

use std::sync::Arc;

use hallpass_core::StoreError;
use redis::RedisError;

use crate::cluster::Cluster;
use crate::connection::Node;
use crate::sentinel::Sentinel;

#[derive(Debug)]
pub(crate) enum Topology {
    Single(Arc<Node>),
    Sentinel(Arc<Sentinel>),
    Cluster(Box<Cluster>),
}

impl Topology {
    /// Returns the master of this slot, as far as it is known.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if there is none.
    pub(crate) async fn node(&self, slot: u16) -> Result<Arc<Node>, StoreError> {
        match self {
            Self::Single(node) => Ok(Arc::clone(node)),
            Self::Sentinel(sentinel) => sentinel.master().await,
            Self::Cluster(cluster) => cluster.owner(slot).await,
        }
    }

    /// Returns the master of this slot, if that is known without asking.
    pub(crate) fn known(&self, slot: u16) -> Option<Arc<Node>> {
        match self {
            Self::Single(node) => Some(Arc::clone(node)),
            Self::Sentinel(sentinel) => sentinel.known_master(),
            Self::Cluster(cluster) => cluster.known_owner(slot),
        }
    }

    /// Returns every master.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if there is none.
    pub(crate) async fn masters(&self) -> Result<Vec<Arc<Node>>, StoreError> {
        match self {
            Self::Single(node) => Ok(vec![Arc::clone(node)]),
            Self::Sentinel(sentinel) => Ok(vec![sentinel.master().await?]),
            Self::Cluster(cluster) => cluster.masters().await,
        }
    }

    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }

    /// Marks the topology as possibly wrong, as after a failover, so that it is checked before the next request.
    pub(crate) fn request_refresh(&self) {
        match self {
            Self::Single(_) => {}
            Self::Sentinel(sentinel) => sentinel.request_refresh(),
            Self::Cluster(cluster) => cluster.request_refresh(),
        }
    }

    /// Notes the new owner of a slot, as reported by `from`.
    pub(crate) fn moved(&self, error: &RedisError, from: &Node) {
        if let Self::Cluster(cluster) = self {
            cluster.moved(error, from);
        }
    }

    /// Returns the node to which `from` redirects this one request with `error`.
    pub(crate) fn asked_of(&self, error: &RedisError, from: &Node) -> Option<Arc<Node>> {
        match self {
            Self::Cluster(cluster) => cluster.asked_of(error, from),
            _ => None,
        }
    }

    /// The name for `Debug` and for findings.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Single(_) => "single",
            Self::Sentinel(_) => "sentinel",
            Self::Cluster(_) => "cluster",
        }
    }
}
