//! What a case gets: fresh namespaces, handles and random choices.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hallpass_core::store::Record;
use hallpass_core::{BoxError, ManualClock, Selector, Tokens, TokensBuilder};

use crate::coverage::Coverage;
use crate::declared::{Capability, Declared};
use crate::handle::Handle;
use crate::harness::{Harness, Server};
use crate::history::History;
use crate::outcome::{CaseResult, Stop};
use crate::rng::Rng;
use crate::specimen::{NOW, next};
use hallpass_core::error_chain;

/// The name of a store's opening in the history.
pub(crate) const OPEN: &str = "open";

/// What one case gets. Clones are the same context.
#[derive(Clone)]
pub(crate) struct CaseContext(Arc<Inner>);

struct Inner {
    harness: Arc<dyn Harness>,
    declared: Declared,
    namespace: String,
    used: Mutex<Vec<String>>,
    nodes: AtomicUsize,
    history: History,
    rng: Mutex<Rng>,
    /// The arguments that run the test binary again; `None` if it cannot be.
    child: Option<Vec<String>>,
}

impl CaseContext {
    pub(crate) fn new(
        harness: Arc<dyn Harness>,
        namespace: String,
        rng: Rng,
        child: Option<Vec<String>>,
        coverage: Arc<Coverage>,
    ) -> Self {
        Self(Arc::new(Inner {
            declared: harness.declared(),
            harness,
            namespace,
            used: Mutex::default(),
            nodes: AtomicUsize::new(0),
            history: History::new(coverage),
            rng: Mutex::new(rng),
            child,
        }))
    }

    /// Opens a handle on the case's namespace: another node, if there is one already.
    pub(crate) async fn open(&self) -> CaseResult<Handle> {
        self.open_named("").await
    }

    /// Opens a handle on another namespace of the case.
    pub(crate) async fn open_named(&self, suffix: &str) -> CaseResult<Handle> {
        let namespace = self.namespace(suffix);
        let node = self.0.nodes.fetch_add(1, Ordering::Relaxed) + 1;
        {
            let mut used = lock(&self.0.used);
            if !used.contains(&namespace) {
                used.push(namespace.clone());
            }
        }
        let call = self.0.history.begin(node, OPEN.to_owned());
        match self.0.harness.open(&namespace).await {
            Ok(store) => {
                call.end("ok".to_owned());
                Ok(Handle::new(store, self.0.history.clone(), node))
            }
            Err(error) => {
                let why = format!("cannot open namespace {namespace}: {}", error_chain(&*error));
                call.end(why.clone());
                Err(Stop::Harness(why))
            }
        }
    }

    /// Two nodes on the case's namespace; the same handle twice if second handles are not declared.
    pub(crate) async fn pair(&self) -> CaseResult<(Handle, Handle)> {
        self.pair_named("").await.map(|[first, second]| (first, second))
    }

    /// Two nodes on another namespace of the case.
    pub(crate) async fn pair_named(&self, suffix: &str) -> CaseResult<[Handle; 2]> {
        let first = self.open_named(suffix).await?;
        let second = match self.declares(Capability::SecondHandle) {
            true => self.open_named(suffix).await?,
            false => first.clone(),
        };
        Ok([first, second])
    }

    /// Whether the backend promises this.
    pub(crate) fn declares(&self, capability: Capability) -> bool {
        self.0.declared.lacks(capability).is_none()
    }

    /// Clears the recorded calls, so that a violation shows only later ones.
    pub(crate) fn forget(&self) {
        self.0.history.take();
        self.0.nodes.store(0, Ordering::Relaxed);
    }

    /// A service over `store` with its clock at [`NOW`], further configured by `adjust`.
    pub(crate) fn tokens(
        &self,
        store: &Handle,
        adjust: impl FnOnce(TokensBuilder) -> TokensBuilder,
    ) -> CaseResult<(Tokens, Arc<ManualClock>)> {
        let clock = Arc::new(ManualClock::new(NOW));
        // A case that is not about the cap may log a subject in very often at the same instant.
        let builder = Tokens::builder(store.watched().clone());
        let builder = builder.clock(Arc::clone(&clock)).max_logins(NonZeroU32::MAX);
        match adjust(builder).build() {
            Ok(tokens) => Ok((tokens, clock)),
            Err(error) => Err(Stop::Harness(format!("the suite's own policy is wrong: {error}"))),
        }
    }

    /// The next version of `record`.
    pub(crate) fn next(&self, record: &Record) -> Record {
        next(record, &mut self.rng())
    }

    /// Random choices that the seed repeats, different at each call.
    pub(crate) fn rng(&self) -> Rng {
        lock(&self.0.rng).fork()
    }

    pub(crate) fn history(&self) -> &History {
        &self.0.history
    }

    pub(crate) fn namespace(&self, suffix: &str) -> String {
        format!("{}{suffix}", self.0.namespace)
    }

    /// The arguments that run the test binary again as a child.
    pub(crate) fn child(&self) -> &[String] {
        self.0.child.as_deref().unwrap_or_default()
    }

    /// What the harness passes to that child.
    pub(crate) fn for_child(&self) -> String {
        self.0.harness.for_child()
    }

    /// The server to hurt.
    pub(crate) fn server(&self) -> CaseResult<&dyn Server> {
        self.0.harness.server().ok_or_else(|| Stop::Harness("the harness no longer supplies a server".into()))
    }

    /// Damages the row of `selector`.
    pub(crate) async fn damage(&self, selector: Selector) -> CaseResult {
        let Some(vandal) = self.0.harness.vandal() else {
            return Err(Stop::Harness("the harness can no longer damage rows".into()));
        };
        vandal.damage(&self.namespace(""), selector).await.map_err(|error| harness_failed(&error))
    }

    /// Opens a namespace with an odd name, if the store accepts it; it may refuse (S15).
    pub(crate) async fn open_if_taken(&self, suffix: &str) -> Option<Handle> {
        self.open_named(suffix).await.ok()
    }

    /// Removes the namespaces that the case has used.
    pub(crate) async fn discard(&self) {
        let used = std::mem::take(&mut *lock(&self.0.used));
        for namespace in used {
            let _ = tokio::time::timeout(Duration::from_secs(5), self.0.harness.discard(&namespace)).await;
        }
    }
}

/// Reports an error of the harness.
pub(crate) fn harness_failed(error: &BoxError) -> Stop {
    Stop::Harness(error_chain(&**error))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
