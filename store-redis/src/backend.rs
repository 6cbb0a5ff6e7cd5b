//! What an operation needs: the servers and the scripts.

use hallpass_core::StoreError;
use redis::Value;

use crate::feed_settings::FeedSettings;
use crate::keys::Keys;
use crate::router::{Call, Effect, Request, Router};
use crate::statements::{Script, Scripts};

/// The servers, and the scripts that operations run on them. Each operation is one script on one slot; its
/// file adds it here.
pub(crate) struct Backend {
    pub(crate) router: Router,
    pub(crate) scripts: Scripts,
    pub(crate) feed: FeedSettings,
}

impl Backend {
    pub(crate) fn keys(&self) -> &Keys {
        &self.router.keys
    }

    /// Runs a script on the node that has the slot of this shard; see [`Call`].
    pub(crate) async fn script(
        &self,
        script: &Script,
        shard: [u8; 2],
        effect: Effect,
        whole_slot: bool,
        keys: &[&[u8]],
        arguments: &[&[u8]],
    ) -> Result<Value, StoreError> {
        let request = Request::Script { script, keys, arguments };
        self.router.run(&Call { shard, request, effect, whole_slot }).await
    }

    /// Reads the value of a key.
    pub(crate) async fn get(&self, shard: [u8; 2], key: Vec<u8>) -> Result<Value, StoreError> {
        let call = Call { shard, request: Request::Get(key), effect: Effect::Read, whole_slot: false };
        self.router.run(&call).await
    }
}
