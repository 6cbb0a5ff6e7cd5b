//! PgBouncer in transaction mode in front of a PostgreSQL server, as a local process.

use url::Url;

use crate::backend::Backend;
use crate::error::Error;
use crate::local::{Recipe, Version};
use crate::programs;
use crate::server::Server;

/// Connections to the server: fewer than the clients have, so that clients share them.
const POOL: u8 = 8;

/// Starts PgBouncer in transaction mode in front of `server`: consecutive transactions of one client run on whichever
/// of its 8 server connections is free, so session state does not persist.
///
/// The URL, [`stop`](Server::stop), [`freeze`](Server::freeze) and the other methods are those of the pooler;
/// `server` must outlive it. It accepts any user and logs in as the user of `server`'s URL, who may change its
/// settings (`SET` in its database `pgbouncer`). It is always local: it listens on 127.0.0.1 only, and expects the
/// server there too.
///
/// # Errors
///
/// [`Error::Unavailable`] without the program `pgbouncer`.
pub fn pgbouncer(server: &Server) -> Result<Server, Error> {
    let unavailable = |reason| Error::Unavailable { backend: Backend::Postgres, tried: vec![reason] };
    let (program, user) = programs::pgbouncer()?;
    let url = Url::parse(server.url()).map_err(|error| unavailable(error.to_string()))?;
    let (ip, port) = (server.address().ip(), server.address().port());
    let mut database = format!("* = host={ip} port={port} user={}", url.username());
    if let Some(password) = url.password() {
        database.push_str(&format!(" password={password}"));
    }
    // Drivers send `extra_float_digits` at the start, and PgBouncer rejects them unless it ignores that parameter.
    let settings = format!(
        "[databases]\n{database}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {{port}}\n\
         unix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = {POOL}\n\
         max_client_conn = 500\nignore_startup_parameters = extra_float_digits\nadmin_users = {}\n",
        url.username()
    );
    let command = vec![program, "{folder}/pgbouncer.ini".to_owned()];
    let bouncer = Recipe {
        version: Version::Logged("process up: "),
        user,
        files: vec![("pgbouncer.ini", settings)],
        ..Recipe::new(Backend::Postgres, command, "process up")
    };
    Server::local(&bouncer)
}
