//! Users: what the layer needs to know, whatever they are and wherever they are stored.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use hallpass_core::{BoxError, LimitError, Stamp, Subject};

use crate::current::CurrentUser;
use crate::error::Failure;

/// Finds users, and states the facts that tokens need.
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
    /// The error if a user could not be loaded.
    type Error: Into<BoxError>;
    /// Whether [`load`](Self::load) may return a user from memory. Such a loader also has to override
    /// [`load_exactly`](Self::load_exactly).
    const IS_CACHED: bool = false;

    /// Loads the user with this id. `None` if there is none, or none any more: the request is anonymous then.
    ///
    /// # Errors
    /// Only if the user cannot be determined: the response is 503, and no user is logged out.
    fn load(&self, id: &Subject) -> impl Future<Output = Result<Option<Self::User>, Self::Error>> + Send;

    /// Loads the user as [`load`](Self::load) does, but never from memory.
    ///
    /// If the loader [is cached](Self::IS_CACHED), the layer calls it for everything that must be exact: for a
    /// [`FreshUser`](crate::FreshUser), for [`recheck`](crate::Auth::recheck), and before an API key is made. It also
    /// calls it before a token is refused because of its user: there is none, the user is not active, or has another
    /// stamp. The user from `load` may be the one before a change of password.
    ///
    /// # Errors
    /// As for [`load`](Self::load).
    ///
    /// # Compile errors
    /// If the loader is cached and does not override this: a user from memory must not pass for an exact one.
    fn load_exactly(
        &self,
        id: &Subject,
    ) -> impl Future<Output = Result<Option<Self::User>, Self::Error>> + Send {
        const { assert!(!Self::IS_CACHED, "a loader that is cached has to override `load_exactly`") };
        UserLoader::load(self, id)
    }

    /// Returns the user's id, which is passed to [`load`](Self::load): 1 to 255 bytes of text without NUL. It need
    /// not be secret. Do not use an address that may change.
    fn id(&self, user: &Self::User) -> String;

    /// Returns the stamp of the user's tokens: a token is refused while the stamp differs from the one it was issued
    /// with.
    ///
    /// Use a value that changes with the password and with nothing else: how many times the password was changed,
    /// when, or a random value stored with the account. The stored password hash is suitable only if no login ever
    /// replaces it by a stronger hash of the same password, because that would refuse every other device. `None`
    /// binds the tokens to nothing, so they outlive a change of password.
    ///
    /// A change from `Some` to `None` counts as a change, too: the earlier tokens are refused. So does a change back.
    fn stamp(&self, user: &Self::User) -> Option<Stamp>;

    /// Returns whether the user may log in and stay logged in: not banned, e-mail confirmed. By default every user
    /// may.
    fn is_active(&self, user: &Self::User) -> bool {
        let _ = user;
        true
    }
}

impl<L: UserLoader> UserLoader for Arc<L> {
    type User = L::User;
    type Error = L::Error;
    const IS_CACHED: bool = L::IS_CACHED;

    fn load(&self, id: &Subject) -> impl Future<Output = Result<Option<L::User>, L::Error>> + Send {
        UserLoader::load(&**self, id)
    }

    fn load_exactly(&self, id: &Subject) -> impl Future<Output = Result<Option<L::User>, L::Error>> + Send {
        UserLoader::load_exactly(&**self, id)
    }

    fn id(&self, user: &L::User) -> String {
        (**self).id(user)
    }

    fn stamp(&self, user: &L::User) -> Option<Stamp> {
        (**self).stamp(user)
    }

    fn is_active(&self, user: &L::User) -> bool {
        (**self).is_active(user)
    }
}

/// A user of any type.
pub(crate) type AnyUser = Arc<dyn Any + Send + Sync>;

/// A user, with the facts that tokens need.
pub(crate) struct Loaded {
    pub(crate) user: AnyUser,
    pub(crate) stamp: Option<Stamp>,
    pub(crate) active: bool,
}

/// The facts about a user that a login needs.
pub(crate) struct UserFacts {
    pub(crate) subject: Subject,
    pub(crate) stamp: Option<Stamp>,
    pub(crate) active: bool,
}

/// A [`UserLoader`] without its types, so that neither the layer nor [`Auth`](crate::Auth) has a parameter.
pub(crate) trait AnyLoader: Send + Sync {
    fn load<'a>(&'a self, id: &'a Subject, exactly: bool) -> Loading<'a>;

    fn is_cached(&self) -> bool;

    fn describe(&self, user: &(dyn Any + Send + Sync)) -> Result<UserFacts, Failure>;
}

type Loading<'a> = Pin<Box<dyn Future<Output = Result<Option<Loaded>, Failure>> + Send + 'a>>;

impl<L: UserLoader> AnyLoader for L {
    fn load<'a>(&'a self, id: &'a Subject, exactly: bool) -> Loading<'a> {
        Box::pin(async move {
            let user = match exactly {
                true => self.load_exactly(id).await,
                false => UserLoader::load(self, id).await,
            };
            let user = user.map_err(|error| Failure::Loader(error.into()))?;
            Ok(user.map(|user| Loaded {
                stamp: self.stamp(&user),
                active: self.is_active(&user),
                user: Arc::new(user),
            }))
        })
    }

    fn is_cached(&self) -> bool {
        L::IS_CACHED
    }

    fn describe(&self, user: &(dyn Any + Send + Sync)) -> Result<UserFacts, Failure> {
        let user = bare::<L::User>(user).ok_or(Failure::WrongUserType)?;
        let subject = Subject::new(self.id(user)).map_err(|error: LimitError| Failure::from(error))?;
        Ok(UserFacts { subject, stamp: self.stamp(user), active: self.is_active(user) })
    }
}

/// Returns the user from what a handler has: the user, a shared one, or a [`CurrentUser`].
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
