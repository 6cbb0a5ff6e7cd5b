//! PgBouncer in transaction mode before a PostgreSQL server, a local process.

use url::Url;

use crate::error::Error;
use crate::local::{self, Recipe, Version};
use crate::programs;
use crate::server::{Backend, Server};

/// How many connections it keeps to the server: fewer than its clients have, so that they share them.
const POOL: u8 = 8;

/// PgBouncer in transaction mode before `server`: consecutive transactions of one client run on whichever
/// of its 8 server connections is free, so nothing that belongs to a session lasts.
///
/// Its URL, [`stop`](Server::stop), [`freeze`](Server::freeze) and the rest are those of the pooler; `server`
/// must live as long. It takes any user, and logs in as the user of `server`'s URL,
/// who may change its settings (`SET` in its database `pgbouncer`). It is always local, for it
/// is reached at 127.0.0.1 only and so must be the server.
///
/// # Errors
///
/// [`Error::Unavailable`] without a program `pgbouncer`.
pub fn pgbouncer(server: &Server) -> Result<Server, Error> {
    let unavailable = |reason| Error::Unavailable { backend: Backend::Postgres, tried: vec![reason] };
    let (program, user) = programs::pgbouncer()?;
    let url = Url::parse(server.url()).map_err(|error| unavailable(error.to_string()))?;
    let (ip, port) = (server.address().ip(), server.address().port());
    let mut database = format!("* = host={ip} port={port} user={}", url.username());
    if let Some(password) = url.password() {
        database.push_str(&format!(" password={password}"));
    }
    // Drivers ask for `extra_float_digits` at the start, and are sent away unless it is ignored.
    let settings = format!(
        "[databases]\n{database}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {{port}}\n\
         unix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = {POOL}\n\
         max_client_conn = 500\nignore_startup_parameters = extra_float_digits\nadmin_users = {}\n",
        url.username()
    );
    let bouncer = Recipe {
        backend: Backend::Postgres,
        command: vec![program, "{folder}/pgbouncer.ini".to_owned()],
        ready: "process up".to_owned(),
        version: Version::Logged("process up: "),
        user,
        files: vec![("pgbouncer.ini", settings)],
    };
    local::launch(&bouncer)
}
