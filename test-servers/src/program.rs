//! A server of any kind, launched by its command line.

use std::env;

use crate::backend::Backend;
use crate::error::Error;
use crate::local::Recipe;
use crate::server::Server;

/// A server of any kind, launched by its command line. The [`Server`] that it starts can be stopped, frozen and
/// crashed like the others, and ends with this process.
///
/// In the command and in the files `{port}` stands for a free port of the loopback address, and `{folder}` for a
/// folder of the server's own, which is its working directory. Both stay the same across restarts, and the folder is
/// removed with the server. The command must stay in the foreground.
///
/// [`Server::stop`] sends `SIGTERM`, and [`Server::crash`] sends `SIGKILL`.
///
/// ```no_run
/// # fn main() -> Result<(), hallpass_test_servers::Error> {
/// use hallpass_test_servers::{Program, needed};
///
/// let script = "[ -d data ] || mariadb-install-db --no-defaults --datadir={folder}/data --auth-root-authentication-method=normal
///     exec mariadbd --no-defaults --user=root --bind-address=127.0.0.1 --port={port} --datadir={folder}/data --socket={folder}/s";
/// let mariadb = Program::new("MariaDB", ["sh", "-c", script]).needs("mariadbd").ready("ready for connections");
/// let Some(server) = needed("the suite on MariaDB", mariadb.start())? else { return Ok(()) };
/// let url = format!("mysql://root@{}/mysql", server.address());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Program {
    recipe: Recipe,
    needs: String,
}

impl Program {
    /// Describes a server: its name in messages, and its command, a program in the `PATH` with its arguments.
    #[must_use]
    pub fn new<W: Into<String>>(name: &'static str, command: impl IntoIterator<Item = W>) -> Self {
        let command: Vec<String> = command.into_iter().map(Into::into).collect();
        let needs = command.first().cloned().unwrap_or_default();
        Self { recipe: Recipe::new(Backend::Other(name), command, ""), needs }
    }

    /// The required program in the `PATH`, if the command begins with a shell.
    #[must_use]
    pub fn needs(mut self, program: &str) -> Self {
        program.clone_into(&mut self.needs);
        self
    }

    /// The text that it logs to standard output or standard error once it accepts connections. Without it, the server
    /// counts as ready when a connection to its port succeeds.
    #[must_use]
    pub fn ready(mut self, logged: &str) -> Self {
        logged.clone_into(&mut self.recipe.ready);
        self
    }

    /// Writes a file into its folder before the first start.
    #[must_use]
    pub fn file(mut self, name: &'static str, text: &str) -> Self {
        self.recipe.files.push((name, text.to_owned()));
        self
    }

    /// Starts the server on a free port and waits until it accepts connections.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if its program is not in the `PATH`; [`Error::Start`], with the end of the log, if it
    /// fails.
    pub fn start(&self) -> Result<Server, Error> {
        let folders = env::var_os("PATH").unwrap_or_default();
        if !env::split_paths(&folders).any(|folder| folder.join(&self.needs).is_file()) {
            let reason = format!("{} is not on the PATH", self.needs);
            return Err(Error::Unavailable { backend: self.recipe.backend, tried: vec![reason] });
        }
        Server::local(&self.recipe)
    }
}
