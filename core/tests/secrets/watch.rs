//! Records everything that is shown, drawn, traced and stored.

use std::error::Error;
use std::fmt::{Debug, Formatter, Result as Written, Write as _};
use std::sync::{Arc, Mutex};

use hallpass_core::{BoxError, Entropy, Event, Observer, OsEntropy};
use hallpass_test_store::Seen;
use tracing::field::{Field, Visit};
use tracing::span;

use crate::search::Secrets;

/// All text that was ever shown.
#[derive(Clone, Default)]
pub(crate) struct Shown(pub(crate) Arc<Mutex<String>>);

impl Shown {
    pub(crate) fn show(&self, what: &dyn Debug) {
        write!(self.0.lock().unwrap(), "{what:?}\n{what:#?}\n").unwrap();
    }

    pub(crate) fn error(&self, error: &dyn Error) {
        self.show(&error);
        let mut source = Some(error);
        while let Some(error) = source {
            writeln!(self.0.lock().unwrap(), "{error}").unwrap();
            source = error.source();
        }
    }
}

impl Debug for Shown {
    fn fmt(&self, f: &mut Formatter<'_>) -> Written {
        f.write_str("Shown")
    }
}

impl Observer for Shown {
    fn on_event(&self, event: &Event<'_>) {
        self.show(event);
    }
}

impl Visit for Shown {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        writeln!(self.0.lock().unwrap(), "{field}={value:?}").unwrap();
    }
}

/// Records every span and every event of every level.
pub(crate) struct Lines(pub(crate) Shown);

impl tracing::Subscriber for Lines {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        attributes.record(&mut self.0.clone());
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        values.record(&mut self.0.clone());
    }
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        self.0.show(event.metadata());
        event.record(&mut self.0.clone());
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// Records every validator, including those that were never handed out: no other draw has 32 bytes.
#[derive(Debug)]
pub(crate) struct Overheard(pub(crate) Arc<Mutex<Secrets>>);

impl Entropy for Overheard {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), BoxError> {
        OsEntropy.fill(bytes)?;
        if let Ok(validator) = <&[u8; 32]>::try_from(&*bytes) {
            self.0.lock().unwrap().validator(validator);
        }
        Ok(())
    }
}

/// A copy of everything that went in or out of the store, and of the digests in it.
#[derive(Default)]
pub(crate) struct Stored {
    pub(crate) bytes: Vec<u8>,
    pub(crate) digests: Secrets,
}

impl Stored {
    pub(crate) fn see(&mut self, seen: Seen<'_>) {
        match seen {
            Seen::Selector(_) => {}
            Seen::Note(note) => self.bytes.extend(note.as_bytes()),
            Seen::Record(record) => {
                self.bytes.extend(record.encode());
                self.bytes.extend(record.body.as_bytes());
                self.bytes.extend(format!("{record:?}").into_bytes());
                // In version 1 of the body: the current digest and the lineage.
                if let Some(digests) = record.body.as_bytes().get(14..62) {
                    self.digests.bytes(digests);
                }
            }
        }
    }
}
