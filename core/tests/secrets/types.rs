//! Checks at compile time what the types cannot do.

use std::error::Error;
use std::fmt::{Debug, Display};
use std::hash::Hash;
use std::ops::Deref;

use hallpass_core::store::{Body, Epoch, Record};
use hallpass_core::{
    Candidate, Fingerprint, Issue, Issued, Keyring, Login, MemoryStore, Stamp, Token, Tokens, TokensBuilder,
    Valid,
};
use serde::{Deserialize, Serialize};
use static_assertions::{assert_impl_all, assert_not_impl_any};

assert_not_impl_any!(Token: Display, Clone, PartialEq, PartialOrd, Hash, Default, Serialize, Deserialize<'static>);
assert_not_impl_any!(Token: AsRef<str>, AsRef<[u8]>, Deref, Into<String>, Into<Vec<u8>>, Error);
assert_not_impl_any!(Issued: Display, Clone, PartialEq, Hash, Serialize, Deserialize<'static>, Deref);
assert_not_impl_any!(Valid: Display, Clone, PartialEq, Hash, Serialize, Deserialize<'static>, Deref);
assert_not_impl_any!(Candidate<'static>: Display, Clone, PartialEq, Hash, Serialize, Deref);
assert_not_impl_any!(Issue<'static>: Display, Clone, PartialEq, Hash, Serialize, Deref);
assert_not_impl_any!(Keyring: Display, PartialEq, PartialOrd, Hash, Default, Serialize, Deserialize<'static>);
assert_not_impl_any!(Stamp: Display, PartialEq, PartialOrd, Hash, Serialize, Deserialize<'static>, AsRef<[u8]>);
assert_not_impl_any!(Fingerprint: Display, PartialEq, PartialOrd, Hash, Serialize, Deserialize<'static>, AsRef<[u8]>);
assert_not_impl_any!(Body: Display, Hash, Serialize, Deserialize<'static>, Deref, AsRef<[u8]>);
assert_not_impl_any!(Record: Display, Hash, Serialize, Deserialize<'static>);
assert_not_impl_any!(Login: Display, PartialEq, Hash, Serialize, Deserialize<'static>);
assert_not_impl_any!(Epoch: Display, PartialOrd, Serialize, Deserialize<'static>);
assert_not_impl_any!(Tokens: Display, Serialize, Deref);
assert_not_impl_any!(TokensBuilder: Display, Clone, Serialize, Deref);
assert_not_impl_any!(MemoryStore: Display, Serialize, Deref);
// These types show a redacted form: without a `Debug` of their own, a later change might derive one.
assert_impl_all!(Token: Debug, Send, Sync);
assert_impl_all!(Keyring: Debug, Send, Sync);
assert_impl_all!(Issued: Debug, Send, Sync);
assert_impl_all!(Valid: Debug, Send, Sync);
