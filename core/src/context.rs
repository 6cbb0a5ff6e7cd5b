//! Who makes a request, as far as the application knows: the presenter's side of an alarm.

use std::net::IpAddr;

/// What is known about the client that presents a token: goes into events and notes, never into a decision.
///
/// Texts are cut at a character when they are too long, and control characters are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestContext {
    address: Option<IpAddr>,
    user_agent: Option<Box<str>>,
    request_id: Option<Box<str>>,
}

impl RequestContext {
    /// The longest user agent that is kept, in bytes.
    pub const MAX_USER_AGENT: usize = 512;
    /// The longest request id that is kept, in bytes.
    pub const MAX_REQUEST_ID: usize = 128;

    /// Nothing is known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The client's address.
    #[must_use]
    pub fn address(self, address: IpAddr) -> Self {
        Self { address: Some(address), ..self }
    }

    /// The client's `User-Agent` header.
    #[must_use]
    pub fn user_agent(self, text: &str) -> Self {
        Self { user_agent: Some(cut(text, Self::MAX_USER_AGENT)), ..self }
    }

    /// What the application's logs call this request.
    #[must_use]
    pub fn request_id(self, text: &str) -> Self {
        Self { request_id: Some(cut(text, Self::MAX_REQUEST_ID)), ..self }
    }

    /// The client's address, if it is known.
    #[must_use]
    pub const fn peer_address(&self) -> Option<IpAddr> {
        self.address
    }

    /// The client's user agent, if it is known.
    #[must_use]
    pub fn agent(&self) -> Option<&str> {
        self.user_agent.as_deref()
    }

    /// The request's id, if it is known.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }
}

/// As much of `text` as fits into `max` bytes, without control characters.
pub(crate) fn cut(text: &str, max: usize) -> Box<str> {
    let mut short = String::new();
    for character in text.chars().filter(|character| !character.is_control()) {
        if short.len() + character.len_utf8() > max {
            break;
        }
        short.push(character);
    }
    short.into()
}
