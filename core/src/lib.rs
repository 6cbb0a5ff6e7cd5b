#![doc = include_str!("../README.md")]

pub mod danger;
pub mod rotation;

mod clock;
mod entropy;
mod error;
mod event;
mod ident;
mod memory;
mod policy;
mod purger;
mod record;
mod secret;
mod stamp;
mod store;
mod token;
mod tokens;

pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use entropy::{Entropy, OsEntropy};
pub use error::{BoxError, DecodeError, Failure, LimitError, Rejected, StoreError, Verdict};
pub use event::{Event, Observer, What};
pub use ident::{Device, Epoch, Kind, LoginId, Revision, Subject};
pub use memory::MemoryStore;
pub use policy::{Policy, PolicyError, Purpose, Scope, Windows};
pub use purger::Purger;
pub use record::state::How;
pub use record::{Body, Reason, Record};
pub use secret::{KeyId, Keyring};
pub use stamp::{Fingerprint, FingerprintCheck, Stamp};
pub use store::{Action, Advance, Fence, Insert, Kinds, Logins, Page, Purged, Replace, TokenStore, Which};
pub use token::{Format, Selector, Token};
pub use tokens::*;
