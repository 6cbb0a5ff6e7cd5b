//! How our store on Redis is opened.

use super::Store;

pub(crate) async fn redis(_url: &str) -> Store {
    Err("its crate is no part of this workspace yet".to_owned())
}

pub(crate) async fn redis_cluster(_urls: &[&str]) -> Store {
    Err("its crate is no part of this workspace yet".to_owned())
}
