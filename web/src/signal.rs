//! Signals: what happened to the user of a request, reported to a listener.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;

use hallpass_core::{LoginId, Subject, Timestamp};

use crate::error::causes;

/// Receives every signal, where it happens: hand slow work to another task.
///
/// Signals are about users and requests. What happens to single tokens (rotated, retried, reused, …) core reports to
/// its own [`Observer`](hallpass_core::Observer).
pub trait Listener: Send + Sync + 'static {
    /// Handles one signal.
    fn on_signal(&self, signal: &Signal<'_>);
}

impl<F: Fn(&Signal<'_>) + Send + Sync + 'static> Listener for F {
    fn on_signal(&self, signal: &Signal<'_>) {
        self(signal);
    }
}

/// One signal: what happened, when, and to which user. Each is sent once, however many extractors of a request ask.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Signal<'a> {
    /// What happened.
    pub what: SignalKind,
    /// When it happened, by the clock of the tokens.
    pub at: Timestamp,
    /// The user, if known.
    pub subject: Option<&'a Subject>,
    /// The login, if known.
    pub login: Option<LoginId>,
    /// The client's address, if the layer knows how to [find](crate::AuthLayerBuilder::peer_address) it.
    pub address: Option<IpAddr>,
    /// The error, if there was one.
    pub source: Option<&'a (dyn Error + 'static)>,
}

/// What a signal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignalKind {
    /// Another site made a browser send a request that changes something, or opens a WebSocket; it was refused.
    CrossSite,
    /// A user whose login is not fresh was asked to authenticate again.
    FreshNeeded,
    /// A user who is not active tried to log in, or came back with a token.
    Inactive,
    /// An API key was accepted.
    KeyUsed,
    /// An attempt to log in or to authenticate again [failed](crate::Attempt::failed): wrong password, wrong code,
    /// unknown name.
    LoginFailed,
    /// A user logged in.
    LoggedIn,
    /// A user logged out: this device, another one, the others, or all.
    LoggedOut,
    /// A session came from another client than the one that it was issued to.
    Protected,
    /// A user authenticated again with the password; the login is fresh.
    Reauthenticated,
    /// A remember-me cookie restored a session.
    Restored,
    /// A login, or an authentication within one, was refused unchecked: there were too many
    /// [attempts](crate::Auth::attempt).
    TooManyAttempts,
    /// An anonymous request was refused.
    Unauthorized,
    /// A valid token names a user that the loader does not know.
    UnknownUser,
    /// The row of a token is damaged, or was made with a key that this node lacks; the token was ignored.
    Unreadable,
}

impl Signal<'_> {
    /// Writes the signal to `tracing` under the target `hallpass`.
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
