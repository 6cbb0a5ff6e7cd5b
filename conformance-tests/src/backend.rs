//! A harness made of closures.

use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use hallpass_core::store::TokenStore;
use hallpass_core::{BoxError, Selector};

use crate::declared::{Capability, Declared};
use crate::harness::{Harness, Vandal};

type Damage = dyn Fn(&str, Selector) -> Result<(), BoxError> + Send + Sync;
type Discarding = Pin<Box<dyn Future<Output = ()> + Send>>;
type Opening = Pin<Box<dyn Future<Output = Result<Arc<dyn TokenStore>, BoxError>> + Send>>;

/// A [`Harness`] built from a name and a closure that opens a store: enough for a backend without a server to hurt.
///
/// # Examples
/// ```no_run
/// use hallpass_conformance_tests::{Backend, Capability};
/// # use hallpass_core::{BoxError, MemoryStore};
/// # async fn open(namespace: String) -> Result<MemoryStore, BoxError> { Ok(MemoryStore::new()) }
///
/// let mine = Backend::new("mine 1.0", open).without(Capability::PowerLoss, "writes are not synced to disk");
/// hallpass_conformance_tests::main(mine);
/// ```
pub struct Backend {
    name: String,
    declared: Declared,
    open: Box<dyn Fn(String) -> Opening + Send + Sync>,
    discard: Box<dyn Fn(String) -> Discarding + Send + Sync>,
    damage: Option<Box<Damage>>,
}

impl Backend {
    /// A backend called `name` whose stores `open` opens; [`Harness::open`] lists what it must do.
    pub fn new<S, F>(name: impl Into<String>, open: impl Fn(String) -> F + Send + Sync + 'static) -> Self
    where
        S: TokenStore,
        F: Future<Output = Result<S, BoxError>> + Send + 'static,
    {
        let open = move |namespace| -> Opening {
            let opening = open(namespace);
            Box::pin(async move { Ok(Arc::new(opening.await?) as Arc<dyn TokenStore>) })
        };
        Self {
            name: name.into(),
            declared: Declared::everything(),
            open: Box::new(open),
            discard: Box::new(|_| Box::pin(async {})),
            damage: None,
        }
    }

    /// Like [`new`](Self::new), for an `open` that blocks: it runs on a blocking thread.
    pub fn blocking<S: TokenStore>(
        name: impl Into<String>,
        open: impl Fn(&str) -> Result<S, BoxError> + Send + Sync + 'static,
    ) -> Self {
        let open = Arc::new(open);
        Self::new(name, move |namespace: String| {
            let open = Arc::clone(&open);
            async move { tokio::task::spawn_blocking(move || open(&namespace)).await? }
        })
    }

    /// Declares that this backend lacks `capability`, and why.
    #[must_use]
    pub fn without(mut self, capability: Capability, reason: &'static str) -> Self {
        self.declared = self.declared.without(capability, reason);
        self
    }

    /// Removes namespaces with `discard` ([`Harness::discard`]).
    #[must_use]
    pub fn discard<F>(mut self, discard: impl Fn(String) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.discard = Box::new(move |namespace| Box::pin(discard(namespace)));
        self
    }

    /// Damages rows with `damage` ([`Vandal::damage`]). It may block.
    #[must_use]
    pub fn damage(
        mut self,
        damage: impl Fn(&str, Selector) -> Result<(), BoxError> + Send + Sync + 'static,
    ) -> Self {
        self.damage = Some(Box::new(damage));
        self
    }
}

#[async_trait]
impl Harness for Backend {
    fn backend(&self) -> String {
        self.name.clone()
    }

    async fn open(&self, namespace: &str) -> Result<Arc<dyn TokenStore>, BoxError> {
        (self.open)(namespace.to_owned()).await
    }

    fn declared(&self) -> Declared {
        self.declared.clone()
    }

    async fn discard(&self, namespace: &str) {
        (self.discard)(namespace.to_owned()).await;
    }

    fn vandal(&self) -> Option<&dyn Vandal> {
        self.damage.is_some().then_some(self)
    }
}

#[async_trait]
impl Vandal for Backend {
    async fn damage(&self, namespace: &str, selector: Selector) -> Result<(), BoxError> {
        let damage = self.damage.as_ref().ok_or("this backend cannot damage rows")?;
        tokio::task::block_in_place(|| damage(namespace, selector))
    }
}

impl std::fmt::Debug for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backend")
            .field("name", &self.name)
            .field("declared", &self.declared)
            .finish_non_exhaustive()
    }
}
