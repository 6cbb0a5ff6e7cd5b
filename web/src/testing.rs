//! Helpers for tests of applications: log a user in without a password and without a request.

use std::any::Any;
use std::sync::Arc;

use http::{Extensions, HeaderMap, HeaderValue, Method, Uri};

use crate::auth::Auth;
use crate::error::{Denied, Failure};
use crate::layer::AuthLayer;
use crate::login::LogIn;
use crate::request::{Handle, Request};

/// Logs `user` in and returns the `Cookie` header of a browser with that login: fresh, and remembered if `remember`
/// is set.
///
/// `headers` are those of the test's later requests, because session protection compares `User-Agent`.
///
/// # Errors
/// [`Failure`] if the store fails, or if the user cannot be logged in.
pub async fn cookies<U: Send + Sync + 'static>(
    layer: &AuthLayer,
    user: &U,
    headers: &HeaderMap,
    remember: bool,
) -> Result<HeaderValue, Failure> {
    let request = Arc::new(Request::new(layer.0.clone(), Method::GET, Uri::from_static("/")));
    let mut extensions = Extensions::new();
    extensions.insert(Handle(request));
    let mut headers = headers.clone();
    headers.remove(http::header::COOKIE);
    let auth = Auth::of(&headers, &extensions).map_err(|rejection| Failure::Loader(rejection.into()))?;
    let mut login = LogIn::new(&auth, user as &(dyn Any + Send + Sync), false).remember(remember);
    login.force = true;
    login.await.map_err(|denied| match denied {
        Denied::Failed(failure) => failure,
        Denied::Refused(refused) => Failure::Loader(refused.into()),
    })?;
    let mut state = auth.0.state.lock().await;
    let held = state.held(&auth.0);
    let mut pairs = Vec::new();
    for (spec, texts) in [(&layer.0.session, &held.sessions), (&layer.0.remember, &held.remembers)] {
        pairs.extend(texts.iter().map(|text| format!("{}={}", spec.name(), text.as_str())));
    }
    HeaderValue::from_str(&pairs.join("; ")).map_err(|error| Failure::Loader(error.into()))
}
