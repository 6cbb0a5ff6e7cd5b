//! Opens each of our stores, in a file each. To add a store, open it there and name it in an area.

mod postgres;
mod redis;

use std::sync::Arc;

use hallpass_core::store::TokenStore;

pub(crate) use postgres::postgres;
pub(crate) use redis::{redis, redis_cluster};

/// A store of ours, or the reason why it is missing.
pub(crate) type Store = Result<Arc<dyn TokenStore>, String>;
