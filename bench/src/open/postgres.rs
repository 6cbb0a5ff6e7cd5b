//! How our store on PostgreSQL is opened.

use super::Store;

/// A pool of 16, as its peers have.
pub(crate) async fn postgres(_url: &str) -> Store {
    Err("its crate is no part of this workspace yet".to_owned())
}
