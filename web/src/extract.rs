//! The extractors for axum, and rejections as axum responses.

use std::marker::PhantomData;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;

use crate::auth::Auth;
use crate::current::{CurrentUser, FreshUser};
use crate::error::{Denied, Failure, Refusal};
use crate::rejection::Rejection;
use crate::session::{Session, SessionData};

impl<S: Sync> FromRequestParts<S> for Auth {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        Self::of(&parts.headers, &parts.extensions)
    }
}

impl<S: Sync, U: Send + Sync + 'static> FromRequestParts<S> for CurrentUser<U> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        Auth::of(&parts.headers, &parts.extensions)?.require().await
    }
}

impl<S: Sync, U: Send + Sync + 'static> OptionalFromRequestParts<S> for CurrentUser<U> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Rejection> {
        Ok(Auth::of(&parts.headers, &parts.extensions)?.user().await?)
    }
}

impl<S: Sync, U: Send + Sync + 'static> FromRequestParts<S> for FreshUser<U> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        Auth::of(&parts.headers, &parts.extensions)?.require_fresh().await.map(Self)
    }
}

impl<S: Sync, T: SessionData> FromRequestParts<S> for Session<T> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        Ok(Self { auth: Auth::of(&parts.headers, &parts.extensions)?, data: PhantomData })
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        self.response()
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        Rejection::from(self).response()
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        Rejection::from(self).response()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        Rejection::from(self).response()
    }
}
