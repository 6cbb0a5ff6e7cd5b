//! Everything that listeners and observers received, in order.

use std::sync::{Arc, Mutex};

use hallpass_core::{Event, EventKind, Observer, RequestContext};
use hallpass_web::{Listener, Signal, SignalKind};

/// A signal, with the id of its user.
type Told = (SignalKind, Option<String>);

#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    signals: Arc<Mutex<Vec<Told>>>,
    events: Arc<Mutex<Vec<EventKind>>>,
    /// The client of the request that the last event is about.
    context: Arc<Mutex<Option<RequestContext>>>,
}

impl Heard {
    /// The signals since the last time it was asked, with their users.
    pub(crate) fn signals(&self) -> Vec<Told> {
        std::mem::take(&mut *self.signals.lock().unwrap())
    }

    /// The signals since the last time it was asked.
    pub(crate) fn kinds(&self) -> Vec<SignalKind> {
        self.signals().into_iter().map(|(kind, _)| kind).collect()
    }

    /// The client of the request that the last event is about.
    pub(crate) fn context(&self) -> RequestContext {
        self.context.lock().unwrap().clone().expect("a context")
    }

    /// How often core has emitted this event so far.
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
