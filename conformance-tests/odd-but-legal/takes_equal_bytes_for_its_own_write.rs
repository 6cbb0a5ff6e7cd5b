//! A replace that finds its very bytes there takes them for its own earlier send (S5: all bytes equal, and nothing
//! less).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::new(|| on_replace(replace));

async fn replace(store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
    let answer = store.replace(call).await?;
    if answer == Replace::Conflict && store.find(call.next.selector).await?.as_ref() == Some(call.next) {
        return Ok(Replace::Replaced);
    }
    Ok(answer)
}
