//! Records everything that listeners and observers receive, in order.

use std::sync::{Arc, Mutex};

use hallpass_core::{Event, EventKind, Observer, RequestContext};
use hallpass_web::{Listener, Signal, SignalKind};

/// A signal, and its user.
type Told = (SignalKind, Option<String>);

#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    signals: Arc<Mutex<Vec<Told>>>,
    events: Arc<Mutex<Vec<EventKind>>>,
    /// The context of the request that the last event is about.
    context: Arc<Mutex<Option<RequestContext>>>,
}

impl Heard {
    /// Returns the signals since the last call, with their users.
    pub(crate) fn signals(&self) -> Vec<Told> {
        std::mem::take(&mut *self.signals.lock().unwrap())
    }

    /// Returns the signals since the last call, without their users.
    pub(crate) fn kinds(&self) -> Vec<SignalKind> {
        self.signals().into_iter().map(|(kind, _)| kind).collect()
    }

    /// Returns the context of the request that the last event is about.
    pub(crate) fn context(&self) -> RequestContext {
        self.context.lock().unwrap().clone().expect("a context")
    }

    /// Returns how many events of this kind core has emitted so far.
    pub(crate) fn count(&self, what: EventKind) -> usize {
        self.events.lock().unwrap().iter().filter(|&&heard| heard == what).count()
    }
}

impl Listener for Heard {
    fn on_signal(&self, signal: &Signal<'_>) {
        let subject = signal.subject.map(ToString::to_string);
        self.signals.lock().unwrap().push((signal.what, subject));
    }
}

impl Observer for Heard {
    fn on_event(&self, event: &Event<'_>) {
        self.events.lock().unwrap().push(event.kind);
        *self.context.lock().unwrap() = event.context.cloned();
    }
}
