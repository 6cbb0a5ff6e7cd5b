//! A form that was sent.

use axum::Form;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use maud::Markup;
use serde::de::DeserializeOwned;

use crate::pages;

/// The fields of a form. If the client sends something else, it gets an error page.
pub(super) struct Filled<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Filled<T> {
    type Rejection = (StatusCode, Markup);

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        match Form::from_request(request, state).await {
            Ok(Form(form)) => Ok(Self(form)),
            Err(rejection) => Err((
                rejection.status(),
                pages::message("This site did not expect that form", &rejection.body_text()),
            )),
        }
    }
}
