#![doc = include_str!("../README.md")]

pub mod danger;
pub mod rotation;

mod clock;
mod context;
mod entropy;
mod error;
mod event;
mod ident;
mod memory;
mod policy;
mod purger;
mod purpose;
mod record;
mod secret;
mod stamp;
mod store;
mod token;
mod tokens;

pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use context::RequestContext;
pub use entropy::{Entropy, OsEntropy};
pub use error::{BoxError, DecodeError, Denied, Failure, LimitError, Rejected, StoreError};
pub use event::{Event, EventKind, Observer};
pub use ident::{Device, Epoch, Era, Kind, LoginId, Revision, Subject};
pub use memory::MemoryStore;
pub use policy::{Policy, PolicyError, Scope, Windows};
pub use purger::Purger;
pub use purpose::{Purpose, Purposes};
pub use record::state::Origin;
pub use record::{Body, Reason, Record};
pub use secret::{KeyId, Keyring};
pub use stamp::{Fingerprint, FingerprintCheck, Stamp};
pub use store::{
    Action, Admission, Change, EpochUpdate, Fence, Insert, Kinds, Listed, Logins, Note, Page, Purged,
    RecordFilter, Replace, Revocation, TokenStore,
};
pub use token::{Format, Selector, Token};
pub use tokens::*;
