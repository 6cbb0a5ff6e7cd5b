//! The entry of a file in `faults/` or `odd-but-legal/`.

use std::sync::Arc;

use async_trait::async_trait;
use hallpass_conformance_tests::{Clause, Declared, Harness, Server, Vandal};
use hallpass_core::BoxError;
use hallpass_core::store::TokenStore;

use crate::twist::{Backend, Twist};

/// A wrong store, and the cases that must catch it.
#[derive(Clone, Copy)]
pub(crate) struct Bug {
    pub(crate) name: &'static str,
    /// The text of its file.
    pub(crate) source: &'static str,
    /// Each case that must catch it, with the clause that it must report.
    pub(crate) caught: &'static [(Clause, &'static str)],
    pub(crate) harness: fn() -> Shared,
}

/// A strange store that breaks no promise.
#[derive(Clone, Copy)]
pub(crate) struct Odd {
    pub(crate) name: &'static str,
    pub(crate) source: &'static str,
    /// The parts of the suite that concern it; all parts if this is empty.
    pub(crate) only: &'static [&'static str],
    pub(crate) harness: fn() -> Shared,
}

impl Bug {
    /// A bug in the stores of this harness.
    pub(crate) const fn new(harness: fn() -> Shared, caught: &'static [(Clause, &'static str)]) -> Self {
        Self { name: "", source: "", caught, harness }
    }

    pub(crate) const fn of<T: Twist + Default>(caught: &'static [(Clause, &'static str)]) -> Self {
        Self::in_harness::<Backend<T>>(caught)
    }

    /// For a mistake between stores rather than within one.
    pub(crate) const fn in_harness<H: Harness + Default>(caught: &'static [(Clause, &'static str)]) -> Self {
        Self::new(|| Shared(Arc::new(H::default())), caught)
    }

    /// The first lines of its file, which describe the mistake.
    pub(crate) fn story(&self) -> String {
        story(self.source)
    }
}

impl Odd {
    /// The stores of this harness.
    pub(crate) const fn new(harness: fn() -> Shared) -> Self {
        Self { name: "", source: "", only: &[], harness }
    }

    pub(crate) const fn of<T: Twist + Default>() -> Self {
        Self::in_harness::<Backend<T>>()
    }

    pub(crate) const fn in_harness<H: Harness + Default>() -> Self {
        Self::new(|| Shared(Arc::new(H::default())))
    }

    /// Limits the entry to these parts of the suite.
    pub(crate) const fn only(self, only: &'static [&'static str]) -> Self {
        Self { only, ..self }
    }

    /// The first lines of its file, which say what is strange about it.
    pub(crate) fn story(&self) -> String {
        story(self.source)
    }
}

fn story(source: &str) -> String {
    let lines: Vec<_> = source.lines().map_while(|line| line.strip_prefix("//! ")).collect();
    lines.join(" ")
}

/// Lists every file of a folder by its name.
macro_rules! zoo {
    ($kind:ident $constant:ident: $($name:ident),+ $(,)?) => {
        &[$($kind {
            name: stringify!($name),
            source: include_str!(concat!(stringify!($name), ".rs")),
            ..$name::$constant
        }),+]
    };
}

pub(crate) use zoo;

/// A harness behind a pointer.
#[derive(Clone)]
pub(crate) struct Shared(pub(crate) Arc<dyn Harness>);

impl Shared {
    /// Stores with this twist.
    pub(crate) fn of<T: Twist + Copy>(twist: T) -> Self {
        Self(Arc::new(Backend::new(move || twist)))
    }

    /// Stores with this twist, at a server that may be hurt.
    pub(crate) fn served<T: Twist + Copy>(twist: T) -> Self {
        Self(Arc::new(Backend::new(move || twist).served()))
    }
}

#[async_trait]
impl Harness for Shared {
    fn backend(&self) -> String {
        self.0.backend()
    }
    async fn open(&self, namespace: &str) -> Result<Arc<dyn TokenStore>, BoxError> {
        self.0.open(namespace).await
    }
    fn declared(&self) -> Declared {
        self.0.declared()
    }
    fn vandal(&self) -> Option<&dyn Vandal> {
        self.0.vandal()
    }
    fn server(&self) -> Option<&dyn Server> {
        self.0.server()
    }
    async fn discard(&self, namespace: &str) {
        self.0.discard(namespace).await;
    }
}
