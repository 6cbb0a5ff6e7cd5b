//! Everything that was told to listeners and observers, in order.

use std::sync::{Arc, Mutex};

use hallpass_core::{Event, EventKind, Observer, RequestContext};
use hallpass_web::{Listener, Signal, SignalKind};

/// A signal, and whose it was.
type Told = (SignalKind, Option<String>);

#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    signals: Arc<Mutex<Vec<Told>>>,
    events: Arc<Mutex<Vec<EventKind>>>,
    /// Who made the request that the last event is about.
    context: Arc<Mutex<Option<RequestContext>>>,
}

impl Heard {
    /// What was signalled since the last question, with whose it was.
    pub(crate) fn signals(&self) -> Vec<Told> {
        std::mem::take(&mut *self.signals.lock().unwrap())
    }

    /// The same without whose.
    pub(crate) fn kinds(&self) -> Vec<SignalKind> {
        self.signals().into_iter().map(|(kind, _)| kind).collect()
    }

    /// Who made the request that the last event is about.
    pub(crate) fn context(&self) -> RequestContext {
        self.context.lock().unwrap().clone().expect("a context")
    }

    /// How often core has told of `what` so far.
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
