//! What the layer has to know about users, whatever they are and wherever they are kept.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use hallpass_core::{BoxError, LimitError, Stamp, Subject};

use crate::current::CurrentUser;
use crate::error::Failure;

/// Finds users, and says what tokens have to know about them.
///
/// # Examples
/// ```
/// use std::convert::Infallible;
/// use hallpass_core::{Stamp, Subject};
/// use hallpass_web::UserLoader;
///
/// struct User { id: i64, password_changes: u32 }
/// struct Users; // a database, say
///
/// impl UserLoader for Users {
///     type User = User;
///     type Error = Infallible;
///
///     async fn load(&self, id: &Subject) -> Result<Option<User>, Infallible> {
///         let found = id.as_str().parse().ok().filter(|&id: &i64| id == 7);
///         Ok(found.map(|id| User { id, password_changes: 0 }))
///     }
///
///     fn id(&self, user: &User) -> String {
///         user.id.to_string()
///     }
///
///     fn stamp(&self, user: &User) -> Option<Stamp> {
///         Some(Stamp::of(user.password_changes.to_string()))
///     }
/// }
/// ```
pub trait UserLoader: Send + Sync + 'static {
    /// A user, as the application has it.
    type User: Send + Sync + 'static;
    /// Why a user could not be looked for.
    type Error: Into<BoxError>;

    /// The user with this id. `None` if there is none (any more): the request is anonymous then.
    ///
    /// # Errors
    /// Only if nobody can tell: the request is answered with 503, and nobody is logged out.
    fn load(&self, id: &Subject) -> impl Future<Output = Result<Option<Self::User>, Self::Error>> + Send;

    /// The user's id, which [`load`](Self::load) will get: 1 to 255 bytes of text without NUL. It need not
    /// be secret, and should not be an address that changes.
    fn id(&self, user: &Self::User) -> String;

    /// What the user's tokens are bound to: while it is another, they are refused. Take something that changes with
    /// the password and with nothing else: how many times it was changed, when, or a random value kept with the
    /// account. The stored password hash will do only if no login ever makes a stronger hash of the same password,
    /// for that would refuse every other device. `None` binds them to nothing, and a changed password leaves them
    /// alone.
    ///
    /// From `Some` to `None` is a change like any other: the tokens of before are refused. So is the way back.
    fn stamp(&self, user: &Self::User) -> Option<Stamp>;

    /// Whether the user may log in and stay logged in: not banned, e-mail confirmed. Everybody may unless
    /// told otherwise.
    fn is_active(&self, user: &Self::User) -> bool {
        let _ = user;
        true
    }
}

/// A user of whatever type.
pub(crate) type AnyUser = Arc<dyn Any + Send + Sync>;

/// A user with what the tokens want to know.
pub(crate) struct Loaded {
    pub(crate) user: AnyUser,
    pub(crate) stamp: Option<Stamp>,
    pub(crate) active: bool,
}

/// What a login wants to know of a user.
pub(crate) struct Described {
    pub(crate) subject: Subject,
    pub(crate) stamp: Option<Stamp>,
    pub(crate) active: bool,
}

/// A [`UserLoader`] without its types, so that neither the layer nor [`Auth`](crate::Auth) has a parameter.
pub(crate) trait AnyLoader: Send + Sync {
    fn load<'a>(&'a self, id: &'a Subject) -> Loading<'a>;

    fn describe(&self, user: &(dyn Any + Send + Sync)) -> Result<Described, Failure>;
}

type Loading<'a> = Pin<Box<dyn Future<Output = Result<Option<Loaded>, Failure>> + Send + 'a>>;

impl<L: UserLoader> AnyLoader for L {
    fn load<'a>(&'a self, id: &'a Subject) -> Loading<'a> {
        Box::pin(async move {
            let user = UserLoader::load(self, id).await.map_err(|error| Failure::Loader(error.into()))?;
            Ok(user.map(|user| Loaded {
                stamp: self.stamp(&user),
                active: self.is_active(&user),
                user: Arc::new(user),
            }))
        })
    }

    fn describe(&self, user: &(dyn Any + Send + Sync)) -> Result<Described, Failure> {
        let user = bare::<L::User>(user).ok_or(Failure::WrongUserType)?;
        let subject = Subject::new(self.id(user)).map_err(|error: LimitError| Failure::from(error))?;
        Ok(Described { subject, stamp: self.stamp(user), active: self.is_active(user) })
    }
}

/// The user in what a handler has of one: the user, a shared one, or the one who sent the request.
fn bare<U: Send + Sync + 'static>(user: &(dyn Any + Send + Sync)) -> Option<&U> {
    user.downcast_ref::<U>()
        .or_else(|| user.downcast_ref::<Arc<U>>().map(Arc::as_ref))
        .or_else(|| user.downcast_ref::<CurrentUser<U>>().map(|user| user.user().as_ref()))
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded").field("active", &self.active).finish_non_exhaustive()
    }
}
