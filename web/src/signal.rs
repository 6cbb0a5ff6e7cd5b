//! What happened to a request's user, told to a listener.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;

use hallpass_core::{LoginId, Subject, Timestamp};

use crate::rejection::causes;

/// Hears of every signal, where it happens: hand slow work to somebody else.
///
/// Signals are about users and requests. What becomes of single tokens (rotated, retried, reused, …)
/// core tells its own [`Observer`](hallpass_core::Observer).
pub trait Listener: Send + Sync + 'static {
    /// Something happened.
    fn on_signal(&self, signal: &Signal<'_>);
}

impl<F: Fn(&Signal<'_>) + Send + Sync + 'static> Listener for F {
    fn on_signal(&self, signal: &Signal<'_>) {
        self(signal);
    }
}

/// One thing that happened. Each is told once, however many extractors of a request ask.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Signal<'a> {
    /// What.
    pub what: SignalKind,
    /// When, by the clock of the tokens.
    pub at: Timestamp,
    /// Whose, where it is known.
    pub subject: Option<&'a Subject>,
    /// Which login, where it is known.
    pub login: Option<LoginId>,
    /// The client's address, where the layer is told how to [find](crate::AuthLayerBuilder::peer_address) it.
    pub address: Option<IpAddr>,
    /// What went wrong, where something did.
    pub source: Option<&'a (dyn Error + 'static)>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignalKind {
    /// Somebody confirmed with the password who they are; the login is fresh.
    Confirmed,
    /// Another site made a browser send a request that changes something, or opens a WebSocket; it was refused.
    CrossSite,
    /// Somebody who is logged in, but not freshly, was asked to confirm who they are.
    FreshNeeded,
    /// A user who is not active tried to log in, or came back with a token.
    Inactive,
    /// An API key was accepted.
    KeyUsed,
    /// A login or a confirmation [failed](crate::Attempt::failed): wrong password, wrong code, unknown name.
    LoginFailed,
    /// A user logged in.
    LoggedIn,
    /// A user logged out: here, one other device, the others, or everywhere.
    LoggedOut,
    /// A session came from another client than the one it was issued to.
    Protected,
    /// A remember-me cookie restored a session.
    Restored,
    /// A login or a confirmation was turned away unread: there were too many [attempts](crate::Auth::attempt).
    TooManyAttempts,
    /// An anonymous request was refused.
    Unauthorized,
    /// A good token names a user whom the loader does not know.
    UnknownUser,
    /// The row of a token is damaged, or was made with a key that this node lacks: the token said nothing.
    Unreadable,
}

impl Signal<'_> {
    /// Writes it to `tracing` under the target `hallpass`.
    pub(crate) fn trace(&self) {
        macro_rules! emit {
            ($level:ident) => {
                tracing::$level!(
                    target: "hallpass",
                    signal = ?self.what,
                    subject = self.subject.map(tracing::field::display),
                    login = self.login.map(tracing::field::display),
                    address = self.address.map(tracing::field::display),
                    error = self.source.map(|source| causes(source)),
                )
            };
        }
        match self.what {
            SignalKind::Unreadable => emit!(error),
            SignalKind::TooManyAttempts => emit!(warn),
            SignalKind::LoginFailed => emit!(info),
            _ => emit!(debug),
        }
    }
}

impl fmt::Debug for dyn Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}
