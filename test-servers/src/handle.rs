//! What can be done to a server that this crate started.

use crate::backend::Origin;
use crate::error::Error;

/// A process or a container. Dropping it ends the server and removes its data.
pub(crate) trait Handle: Send {
    fn origin(&self) -> Origin;
    /// Shuts the server down cleanly.
    fn stop(&mut self) -> Result<(), Error>;
    fn crash(&mut self) -> Result<(), Error>;
    fn start(&mut self) -> Result<(), Error>;
    fn freeze(&mut self) -> Result<(), Error>;
    /// Resumes the server; does nothing if it is not frozen.
    fn thaw(&mut self) -> Result<(), Error>;
    fn has_ended(&mut self) -> bool;

    fn process_id(&self) -> Option<i32> {
        None
    }

    /// The version in its log, if it does not answer a request for it.
    fn logged_version(&self) -> Option<String> {
        None
    }

    /// The end of its log, if the log says more than the error of a server that does not answer.
    fn log(&self) -> Option<String> {
        None
    }
}
