//! A namespace with capitals, with a hyphen, or of more than 32 bytes is refused when the store is opened: the backend
//! folds and cuts names (S15).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::new(|| names(refuse));

fn refuse(namespace: &str) -> Result<String, BoxError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if namespace.len() > 32 || !namespace.bytes().all(plain) {
        return Err("a namespace has at most 32 of a-z, 0-9 and _".into());
    }
    Ok(namespace.to_owned())
}
