//! Stands in for containers if the feature is off.

use crate::error::Error;
use crate::server::{Backend, Server};

/// A container that cannot exist.
#[derive(Debug)]
pub(crate) enum Container {}

pub(crate) fn launch(backend: Backend, _: &[(String, String)]) -> Result<Server, Error> {
    let reason = "the feature `containers` of hallpass-test-servers is off".to_owned();
    Err(Error::Unavailable { backend, tried: vec![reason] })
}

impl Container {
    pub(crate) fn stop(&mut self) -> Result<(), Error> {
        match *self {}
    }
    pub(crate) fn crash(&mut self) -> Result<(), Error> {
        match *self {}
    }
    pub(crate) fn start(&mut self) -> Result<(), Error> {
        match *self {}
    }
    pub(crate) fn freeze(&mut self) -> Result<(), Error> {
        match *self {}
    }
    pub(crate) fn thaw(&mut self) -> Result<(), Error> {
        match *self {}
    }
    pub(crate) fn has_ended(&self) -> bool {
        match *self {}
    }
    pub(crate) fn log(&self) -> Result<String, Error> {
        match *self {}
    }
}
