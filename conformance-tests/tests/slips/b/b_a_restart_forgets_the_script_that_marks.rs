//! Redis: scripts are loaded when the store is opened and called by their digest; a server that was started
//! again does not know them. Every call sends a script again but the one that marks.
//! Breaks S12: when the backend is back the same handle works for every operation; here no log-out that keeps
//! its records works until the application is started again.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::in_harness::<Hurt>(&[]);

// open; insert(r); restart the server; revoke(all, Mark) → Other("NOSCRIPT") every time; a new handle works.
use std::sync::atomic::{AtomicUsize, Ordering};

use hallpass_conformance_tests::{Server, Vandal};

static STARTS: AtomicUsize = AtomicUsize::new(0);

struct Wrong {
    opened: usize,
}

impl Default for Wrong {
    fn default() -> Self {
        Self { opened: STARTS.load(Ordering::SeqCst) }
    }
}

#[async_trait]
impl Twist for Wrong {
    const PER_HANDLE: bool = true;

    fn declared() -> Declared {
        served()
    }

    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        if action != Action::Remove && self.opened != STARTS.load(Ordering::SeqCst) {
            return Err(StoreError::Other("NOSCRIPT No matching script".into()));
        }
        store.revoke(subject, filter, action, update).await
    }
}

#[derive(Default)]
struct Hurt(Backend<Wrong>);

impl Hurt {
    fn inner(&self) -> Result<&dyn Server, BoxError> {
        self.0.server().ok_or_else(|| "no server".into())
    }
}

#[async_trait]
impl Harness for Hurt {
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
        Some(self)
    }
}

#[async_trait]
impl Server for Hurt {
    fn faults(&self) -> &[Fault] {
        &[Fault::Cut, Fault::Freeze, Fault::Restart, Fault::Stop]
    }
    async fn inflict(&self, fault: Fault) -> Result<(), BoxError> {
        if matches!(fault, Fault::Restart | Fault::Stop) {
            STARTS.fetch_add(1, Ordering::SeqCst);
        }
        self.inner()?.inflict(fault).await
    }
    async fn heal(&self) -> Result<(), BoxError> {
        self.inner()?.heal().await
    }
}
