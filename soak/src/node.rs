//! A node: a service with a near cache, whose users verify tokens all the time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use hallpass_core::store::TokenStore;
use hallpass_core::{BoxError, NearCache, Policy, RetryWindow, Tokens, Windows};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::time::{sleep, timeout};

use crate::clock::now;
use crate::deed;
use crate::line::{Order, Report, Secret};
use crate::watched::{Watched, noticing};

/// How many users of a node verify tokens at once.
const USERS: usize = 12;
/// The longest pause of such a user between two verifications.
const PAUSE: Duration = Duration::from_millis(80);
/// How long it waits for a verdict. One that waits longer for a server that hangs would make no hits meanwhile.
const LIMIT: Duration = Duration::from_millis(200);
/// How long a predecessor is accepted after its successor was presented.
pub(crate) const OVERLAP: Duration = Duration::from_secs(1);
/// The least time between two rotations.
pub(crate) const ROTATES_AFTER: Duration = Duration::from_secs(2);
/// How long a session may be kept. With this the fills are many.
const AGE: Duration = Duration::from_secs(10);
/// How often a use is written down, which forgets the entry.
const TOUCH: Duration = Duration::from_secs(7);

/// What a node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It has a near cache.
    Near,
    /// It has one that keeps late fills.
    Planted,
    /// It has none, and verifies nothing: it makes calls.
    Far,
}

/// The tokens that the users of a node hold.
#[derive(Default)]
struct Held(Mutex<Vec<(u64, Arc<Secret>)>>);

/// Does what it is told over `store` until there are no more orders.
///
/// # Errors
/// If the service cannot be built, or the store announces nothing.
pub(crate) async fn serve(
    store: Arc<dyn TokenStore>,
    role: Role,
    lag: Duration,
    mut orders: UnboundedReceiver<Order>,
    reports: UnboundedSender<Report>,
) -> Result<(), BoxError> {
    let tokens = tokens(store, role, lag)?;
    let held = Arc::new(Held::default());
    let users = if role == Role::Far { 0 } else { USERS };
    for _ in 0..users {
        tokio::spawn(verify(tokens.clone(), Arc::downgrade(&held), reports.clone()));
    }
    let _ = reports.send(Report::Ready);
    while let Some(order) = orders.recv().await {
        match order {
            Order::Keep { number, token } => held.lock().push((number, Arc::new(token))),
            Order::Drop { number } => held.lock().retain(|(held, _)| *held != number),
            Order::Call { number, deed } => {
                let (tokens, reports) = (tokens.clone(), reports.clone());
                tokio::spawn(async move { reports.send(deed::perform(&tokens, number, &deed).await) });
            }
        }
    }
    Ok(())
}

fn tokens(store: Arc<dyn TokenStore>, role: Role, lag: Duration) -> Result<Tokens, BoxError> {
    let windows =
        Windows { min_interval: ROTATES_AFTER, retry_window: RetryWindow::UntilConfirmed, overlap: OVERLAP };
    let (session, remember) =
        (Policy::session().touch(TOUCH), Policy::remember().rotation(Some(windows)).touch(TOUCH));
    let store = match role {
        Role::Planted => Watched::with_late_fills(store, lag / 4),
        Role::Near | Role::Far => Watched::new(store),
    };
    let (session, remember) = match role {
        Role::Far => (session, remember),
        Role::Near | Role::Planted => (session.cached_for(AGE), remember.cached_for(OVERLAP)),
    };
    let builder = Tokens::builder(store).policy(session).policy(remember);
    // All nodes have the clock of this machine.
    let builder = builder.max_skew(Duration::from_millis(100));
    Ok(builder.near_cache(NearCache::new().lag(lag)).build()?)
}

/// Verifies one token after the other, and reports those that are accepted, until the node has ended.
async fn verify(tokens: Tokens, held: Weak<Held>, reports: UnboundedSender<Report>) {
    while let Some(picked) = held.upgrade().map(|held| held.pick()) {
        if let Some((number, token)) = picked {
            let began = now();
            let verifying = timeout(LIMIT, tokens.verify(token.kind, &token.text));
            let (verdict, is_read) = noticing(verifying).await;
            let returned = now();
            if let Ok(Ok(_)) = verdict {
                let _ = reports.send(Report::Accepted { number, began, returned, is_read });
            }
        }
        sleep(PAUSE.mul_f64(fastrand::f64())).await;
    }
}

impl Held {
    /// Returns one of the tokens, and a recent one rather than an old one.
    fn pick(&self) -> Option<(u64, Arc<Secret>)> {
        let held = self.lock();
        let share = fastrand::f64() * fastrand::f64();
        let back = (held.len() as f64 * share) as usize;
        held.iter().rev().nth(back).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(u64, Arc<Secret>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
