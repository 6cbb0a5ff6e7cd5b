//! The client that makes a request, as far as the application knows it: the presenter's side of an alarm.

use std::net::IpAddr;

use crate::ident::cut;
use crate::store::Note;

/// What the application knows about the client that makes a request. It goes into events and notes, and never affects
/// a decision.
///
/// Pass it to [`Tokens::with_context`](crate::Tokens::with_context). In an alarm the record shows the owner's side;
/// this shows the other one.
///
/// Texts that are too long are cut at a character, and control characters are removed.
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

    /// Creates an empty context: nothing is known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the client's address.
    #[must_use]
    pub fn address(self, address: IpAddr) -> Self {
        Self { address: Some(address), ..self }
    }

    /// Sets the client's `User-Agent` header.
    #[must_use]
    pub fn user_agent(self, text: &str) -> Self {
        Self { user_agent: Some(cut(text, Self::MAX_USER_AGENT)), ..self }
    }

    /// Sets the id of this request in the application's logs.
    #[must_use]
    pub fn request_id(self, text: &str) -> Self {
        Self { request_id: Some(cut(text, Self::MAX_REQUEST_ID)), ..self }
    }

    /// Returns the client's address, if it is known.
    #[must_use]
    pub const fn peer_address(&self) -> Option<IpAddr> {
        self.address
    }

    /// Returns the client's user agent, if it is known.
    #[must_use]
    pub fn agent(&self) -> Option<&str> {
        self.user_agent.as_deref()
    }

    /// Returns the request's id, if it is known.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }
}

/// The words at the start of each line of a note.
const ADDRESS: &str = "address ";
const USER_AGENT: &str = "user-agent ";
const REQUEST_ID: &str = "request-id ";

impl RequestContext {
    /// Returns the note for every ending of this request: UTF-8, one line for each known field.
    ///
    /// The lines are `address 192.0.2.1` for example, then `user-agent …` and `request-id …`. At most 720 bytes.
    #[must_use]
    pub fn to_note(&self) -> Note {
        let mut text = String::new();
        let mut line = |word: &str, value: &str| text.extend([word, value, "\n"]);
        if let Some(address) = self.address {
            line(ADDRESS, &address.to_string());
        }
        if let Some(user_agent) = &self.user_agent {
            line(USER_AGENT, user_agent);
        }
        if let Some(request_id) = &self.request_id {
            line(REQUEST_ID, request_id);
        }
        // It fits: each field is cut to its limit.
        Note::new(text).unwrap_or_default()
    }

    /// Parses the output of [`RequestContext::to_note`]; skips lines that it does not know.
    #[must_use]
    pub fn from_note(note: &Note) -> Self {
        let text = String::from_utf8_lossy(note.as_bytes());
        let mut context = Self::new();
        for line in text.lines() {
            if let Some(address) = line.strip_prefix(ADDRESS).and_then(|text| text.parse().ok()) {
                context = context.address(address);
            } else if let Some(user_agent) = line.strip_prefix(USER_AGENT) {
                context = context.user_agent(user_agent);
            } else if let Some(request_id) = line.strip_prefix(REQUEST_ID) {
                context = context.request_id(request_id);
            }
        }
        context
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_survives_its_note() {
        let context = RequestContext::new()
            .address([0x2001, 0xdb8, 1, 2, 3, 4, 5, 6].into())
            .user_agent(&"ü".repeat(300))
            .request_id(&"7".repeat(200));
        let note = context.to_note();
        assert!(note.as_bytes().len() <= 720, "{} bytes", note.as_bytes().len());
        assert_eq!(RequestContext::from_note(&note), context);
        assert_eq!(RequestContext::new().to_note(), Note::none());
    }

    #[test]
    fn a_user_agent_cannot_forge_another_line() {
        let context = RequestContext::new().user_agent("Mozilla\nrequest-id 1\raddress 192.0.2.1\u{2028}x");
        let read = RequestContext::from_note(&context.to_note());
        assert_eq!((read.id(), read.peer_address()), (None, None));
        assert_eq!(read, context);
    }
}
