//! The page that shows events as they happen.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use axum::response::sse::{Event, Sse};
use futures_util::{Stream, stream};
use hallpass_web::{Auth, CurrentUser, Rejection};
use maud::Markup;
use tokio::sync::watch;
use tokio::time::timeout;

use super::Site;
use crate::accounts::Account;
use crate::activity::Change;
use crate::pages;

/// How soon a browser connects again. It is refused then if its login has ended.
const RETRY: Duration = Duration::from_millis(500);
/// How often the list is looked at although nothing happened: it says how long ago everything was.
const RENEW_EVERY: Duration = Duration::from_secs(10);

/// The list of the start page, on a page of its own.
pub(super) async fn page(auth: Auth, user: CurrentUser<Account>, State(site): State<Site>) -> Markup {
    let entries = site.activity.of(user.identity().subject());
    pages::live(&user.name, &entries, auth.tokens().now())
}

/// The list whenever it changes, until the login ends. Then the browser is refused, and shows the login page.
pub(super) async fn events(
    auth: Auth,
    user: CurrentUser<Account>,
    State(site): State<Site>,
) -> Result<impl IntoResponse, Rejection> {
    let (subject, changes) = (user.identity().subject().clone(), site.activity.changes());
    let clock = auth.tokens().clone();
    let list = move || pages::list(&site.activity.of(&subject), clock.now()).into_string();
    let events = auth.until_ended(whenever_it_changes(list, changes)).await?;
    // `Sse` says only `no-cache`, which lets a cache keep a copy, and the layer leaves what a handler says.
    Ok(([(CACHE_CONTROL, "private, no-store")], Sse::new(events)))
}

fn whenever_it_changes(
    list: impl Fn() -> String,
    mut changes: watch::Receiver<Change>,
) -> impl Stream<Item = Result<Event, Infallible>> {
    // The first list is sent at once.
    changes.mark_changed();
    stream::unfold((list, changes, None), |(list, mut changes, mut sent)| async move {
        loop {
            if let Ok(Err(_)) = timeout(RENEW_EVERY, changes.changed()).await {
                return None;
            }
            if *changes.borrow_and_update() == Change::Stop {
                return None;
            }
            let now = list();
            if sent.as_ref() != Some(&now) {
                let event = Event::default().retry(RETRY).data(&now);
                sent = Some(now);
                return Some((Ok(event), (list, changes, sent)));
            }
        }
    })
}
