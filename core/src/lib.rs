#![doc = include_str!("../README.md")]

pub mod danger;
pub mod store;
// Public only for the decision table, the model check and the benchmark of this workspace. Applications call `Tokens`
// and need only `Presented`. Outside semantic versioning.
#[doc(hidden)]
pub mod rotation;

mod authentication;
mod clock;
mod context;
mod entropy;
mod error;
mod event;
mod facts;
mod ident;
mod keyring;
mod limit;
mod memory;
mod near;
mod policy;
mod purger;
mod purpose;
mod record;
mod secret;
mod selector;
mod stamp;
mod token;
mod tokens;

pub use authentication::Authentication;
pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use context::RequestContext;
pub use entropy::{Entropy, OsEntropy};
pub use error::{Denied, Failure, Rejected, StoreError, error_chain};
pub use event::{Event, EventKind, Observer};
pub use facts::Origin;
pub use ident::{Device, Kind, LoginId, Subject};
pub use keyring::{KeyId, Keyring, Seal, UnknownKey};
pub use limit::{BoxError, DecodeError, LimitError};
pub use memory::MemoryStore;
#[doc(hidden)]
pub use near::NodeClock;
pub use near::{NearCache, NearCacheStats};
pub use policy::{Policy, PolicyError, RetryWindow, Scope, Windows};
pub use purger::Purger;
pub use purpose::{Purpose, Purposes};
pub use record::Reason;
pub use rotation::Presented;
pub use selector::Selector;
pub use stamp::{Fingerprint, FingerprintCheck, Stamp};
pub use store::{Kinds, Note};
pub use token::{Format, Token};
pub use tokens::*;
