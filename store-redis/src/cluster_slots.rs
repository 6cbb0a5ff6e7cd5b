//! Which node of a cluster has which slots, as a node reports it; and whether that is the right cluster.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

use redis::{Cmd, Value};

/// An answer to `CLUSTER SLOTS`.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    ranges: Vec<Range>,
}

/// A range of slots, with its master and its replicas.
#[derive(Debug)]
pub(crate) struct Range {
    pub(crate) first: usize,
    pub(crate) last: usize,
    pub(crate) master: Place,
    pub(crate) replicas: Vec<Place>,
}

/// The address and the id of a node.
#[derive(Debug)]
pub(crate) struct Place {
    /// `None` if the node that answered does not know it: then it is that node's own host.
    pub(crate) host: Option<String>,
    pub(crate) port: u16,
    /// The name of the node, wherever it is: 40 hexadecimal digits, made when it joined its first cluster.
    id: String,
}

impl Layout {
    /// The command whose answer [`read`](Self::read) reads.
    pub(crate) fn question() -> Cmd {
        redis::cmd("CLUSTER").arg("SLOTS").take()
    }

    pub(crate) fn read(answer: &Value) -> Self {
        let Value::Array(ranges) = answer else { return Self::default() };
        Self { ranges: ranges.iter().filter_map(Range::read).collect() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    pub(crate) fn ranges(&self) -> &[Range] {
        &self.ranges
    }

    pub(crate) fn masters(&self) -> usize {
        self.master_ids().collect::<HashSet<_>>().len()
    }

    /// The ids of the masters.
    pub(crate) fn master_ids(&self) -> impl Iterator<Item = &str> {
        self.ranges.iter().map(|range| range.master.id.as_str())
    }

    fn ids(&self) -> impl Iterator<Item = &str> {
        self.ranges.iter().flat_map(|range| {
            std::iter::once(range.master.id.as_str())
                .chain(range.replicas.iter().map(|place| place.id.as_str()))
        })
    }
}

impl Range {
    /// Reads the first slot, the last slot, the master and its replicas.
    fn read(range: &Value) -> Option<Self> {
        let Value::Array(parts) = range else { return None };
        let [Value::Int(first), Value::Int(last), master, replicas @ ..] = parts.as_slice() else {
            return None;
        };
        Some(Self {
            first: usize::try_from(*first).ok()?,
            last: usize::try_from(*last).ok()?,
            master: Place::read(master)?,
            replicas: replicas.iter().filter_map(Place::read).collect(),
        })
    }
}

impl Place {
    /// Reads the preferred name, the port, the id, and what else is known about the node. If no name is
    /// announced, the preferred one is null, empty or `?`, and the address is among the rest.
    fn read(node: &Value) -> Option<Self> {
        let Value::Array(parts) = node else { return None };
        let [name, Value::Int(port), id, more @ ..] = parts.as_slice() else { return None };
        let known = |host: &String| !matches!(host.as_str(), "" | "?");
        let ip = || more.first().and_then(|more| entry(more, "ip"));
        Some(Self {
            host: text(name).filter(known).or_else(ip).filter(known),
            port: u16::try_from(*port).ok()?,
            id: text(id)?,
        })
    }
}

/// The value of `name` in a map, or in a list of names and values.
fn entry(pairs: &Value, name: &str) -> Option<String> {
    match pairs {
        Value::Map(pairs) => pairs
            .iter()
            .find(|(key, _)| text(key).as_deref() == Some(name))
            .and_then(|(_, value)| text(value)),
        Value::Array(pairs) => {
            let mut pairs = pairs.chunks_exact(2);
            pairs.find(|pair| text(&pair[0]).as_deref() == Some(name)).and_then(|pair| text(&pair[1]))
        }
        _ => None,
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok(),
        Value::SimpleString(text) => Some(text.clone()),
        _ => None,
    }
}

/// The ids of a cluster's nodes, from the last map that was accepted.
///
/// An address proves little: in a container network it may belong to another cluster tomorrow. A map is
/// accepted, and a connection used, only if the nodes that it names share an id with those known before.
#[derive(Debug, Default)]
pub(crate) struct ClusterId {
    ids: RwLock<HashSet<String>>,
}

impl ClusterId {
    /// Whether nothing is known yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.ids.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    pub(crate) fn shares(&self, layout: &Layout) -> bool {
        let ids = self.ids.read().unwrap_or_else(PoisonError::into_inner);
        ids.is_empty() || layout.ids().any(|id| ids.contains(id))
    }

    pub(crate) fn become_those_of(&self, layout: &Layout) {
        *self.ids.write().unwrap_or_else(PoisonError::into_inner) = layout.ids().map(str::to_owned).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn one(name: Value, id: &str, more: Value) -> Layout {
        let node = Value::Array(vec![name, Value::Int(7), bulk(id), more]);
        Layout::read(&Value::Array(vec![Value::Array(vec![Value::Int(0), Value::Int(9), node])]))
    }

    #[test]
    fn a_name_that_is_not_announced_is_replaced_by_the_address() {
        let map = |ip: &str| Value::Map(vec![(bulk("hostname"), bulk("x")), (bulk("ip"), bulk(ip))]);
        let list = |ip: &str| Value::Array(vec![bulk("hostname"), bulk("x"), bulk("ip"), bulk(ip)]);
        for name in [Value::Nil, bulk(""), bulk("?")] {
            for more in [map("10.0.0.1"), list("10.0.0.1")] {
                let layout = one(name.clone(), "a", more);
                assert_eq!(layout.ranges()[0].master.host.as_deref(), Some("10.0.0.1"), "{layout:?}");
            }
            for more in [map(""), list("?"), Value::Array(Vec::new())] {
                assert_eq!(one(name.clone(), "a", more).ranges()[0].master.host, None);
            }
        }
        assert_eq!(one(bulk("host"), "a", map("10.0.0.1")).ranges()[0].master.host.as_deref(), Some("host"));
    }

    #[test]
    fn a_cluster_is_recognised_by_one_common_id() {
        let cluster_id = ClusterId::default();
        let [ours, foreign] = ["a", "b"].map(|id| one(bulk("host"), id, Value::Nil));
        assert!(cluster_id.shares(&ours) && cluster_id.shares(&foreign), "nothing is known yet");
        cluster_id.become_those_of(&ours);
        assert!(
            cluster_id.shares(&ours)
                && !cluster_id.shares(&foreign)
                && !cluster_id.shares(&Layout::default())
        );
    }
}
