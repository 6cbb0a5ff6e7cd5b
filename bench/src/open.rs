//! Our stores, each opened in a file of its own: to add one, open it there and name it in an area.

mod postgres;
mod redis;

use std::sync::Arc;

use hallpass_core::TokenStore;

pub(crate) use postgres::postgres;
pub(crate) use redis::{redis, redis_cluster};

/// A store of ours, or why there is none.
pub(crate) type Store = Result<Arc<dyn TokenStore>, String>;
