//! A server of any kind, from its command line.

use std::env;

use crate::error::Error;
use crate::local::{self, Recipe, Version};
use crate::server::{Backend, Server};

/// A server of any kind, from its command line: the [`Server`] that it starts is stopped, frozen and crashed like the
/// others, and ends with this process.
///
/// In the command and in the files `{port}` stands for a free port of the loopback address and `{folder}` for a folder
/// of the server's own, which is its working directory. Both stay the same when it is started again, and the folder goes
/// with the server. It must stay in the foreground.
///
/// It is told to [stop](Server::stop) by `SIGTERM`, and [crashes](Server::crash) by `SIGKILL`.
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
    /// A server that messages call `name`, and its command: a program of the `PATH` and its arguments.
    #[must_use]
    pub fn new<W: Into<String>>(name: &'static str, command: impl IntoIterator<Item = W>) -> Self {
        let command: Vec<String> = command.into_iter().map(Into::into).collect();
        let needs = command.first().cloned().unwrap_or_default();
        let recipe = Recipe {
            backend: Backend::Other(name),
            command,
            ready: String::new(),
            version: Version::Asked,
            user: None,
            files: Vec::new(),
        };
        Self { recipe, needs }
    }

    /// The program of the `PATH` without which there is no such server, where the command begins with a shell.
    #[must_use]
    pub fn needs(mut self, program: &str) -> Self {
        program.clone_into(&mut self.needs);
        self
    }

    /// What it logs to its standard output or error once it takes connections. Without it, that something listens has to
    /// do.
    #[must_use]
    pub fn ready(mut self, logged: &str) -> Self {
        logged.clone_into(&mut self.recipe.ready);
        self
    }

    /// A file in its folder before it is started for the first time.
    #[must_use]
    pub fn file(mut self, name: &'static str, text: &str) -> Self {
        self.recipe.files.push((name, text.to_owned()));
        self
    }

    /// Starts it on a free port and waits until it takes connections.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if its program is not on the `PATH`; [`Error::Start`] with the end of its log.
    pub fn start(&self) -> Result<Server, Error> {
        let folders = env::var_os("PATH").unwrap_or_default();
        if !env::split_paths(&folders).any(|folder| folder.join(&self.needs).is_file()) {
            let reason = format!("{} is not on the PATH", self.needs);
            return Err(Error::Unavailable { backend: self.recipe.backend, tried: vec![reason] });
        }
        local::launch(&self.recipe)
    }
}
