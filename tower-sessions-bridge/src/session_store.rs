//! The traits of tower-sessions, for each version that has a feature.

use crate::error::Error;
use crate::name::Name;
use crate::store::TowerSessionStore;

/// The number of ids that `create` tries; a single id that is taken already suggests broken randomness.
const ID_TRIES: usize = 3;

/// Implements both traits for the version of tower-sessions-core that is imported as `$version`.
macro_rules! implement {
    ($version:ident) => {
        #[async_trait::async_trait]
        impl $version::SessionStore for TowerSessionStore {
            async fn create(
                &self,
                record: &mut $version::session::Record,
            ) -> $version::session_store::Result<()> {
                for _ in 0..ID_TRIES {
                    let name = Name::of(record.id.0);
                    if self.insert(&name, &record.data, record.expiry_date).await? {
                        return Ok(());
                    }
                    record.id = $version::session::Id::default();
                }
                Err(Error::Backend("three session ids in a row were taken".into()).into())
            }

            async fn save(&self, record: &$version::session::Record) -> $version::session_store::Result<()> {
                Ok(self.update(&Name::of(record.id.0), &record.data, record.expiry_date).await?)
            }

            async fn load(
                &self,
                id: &$version::session::Id,
            ) -> $version::session_store::Result<Option<$version::session::Record>> {
                let found = self.read(&Name::of(id.0)).await?;
                Ok(found.map(|(data, expiry_date)| $version::session::Record { id: *id, data, expiry_date }))
            }

            async fn delete(&self, id: &$version::session::Id) -> $version::session_store::Result<()> {
                Ok(self.remove(&Name::of(id.0)).await?)
            }
        }

        #[async_trait::async_trait]
        impl $version::ExpiredDeletion for TowerSessionStore {
            async fn delete_expired(&self) -> $version::session_store::Result<()> {
                Ok(self.purge().await?)
            }
        }

        impl From<Error> for $version::session_store::Error {
            fn from(error: Error) -> Self {
                match error {
                    Error::Backend(text) => Self::Backend(text),
                    Error::Decode(text) => Self::Decode(text),
                    Error::Encode(text) => Self::Encode(text),
                }
            }
        }
    };
}

#[cfg(feature = "tower-sessions-0-14")]
implement!(core_0_14);
#[cfg(feature = "tower-sessions-0-15")]
implement!(core_0_15);

#[cfg(not(any(feature = "tower-sessions-0-14", feature = "tower-sessions-0-15")))]
compile_error!("choose a version of tower-sessions: feature tower-sessions-0-15 or tower-sessions-0-14");
