//! Where the programs are, and what they are told.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::local::Program;
use crate::process::User;
use crate::server::Backend;

/// Initialises the data folder at the first start. The server then takes the shell's process id.
const POSTGRES: &str = r#"
bin=$1 data=$2
shift 2
if [ ! -e "$data/PG_VERSION" ]; then
  "$bin/initdb" --pgdata="$data" --username=postgres --auth=trust --encoding=UTF8 --locale=C --no-sync || exit
fi
exec "$bin/postgres" -D "$data" "$@"
"#;

/// The server's program with `settings`, or why there is none.
pub(crate) fn find(backend: Backend, settings: &[(String, String)]) -> Result<Program, String> {
    match backend {
        Backend::Postgres => postgres(settings),
        Backend::Redis => redis(settings),
    }
}

fn postgres(settings: &[(String, String)]) -> Result<Program, String> {
    let bin = folders("postgresql").into_iter().find(|bin| has(bin, "postgres") && has(bin, "initdb"));
    let bin = bin.ok_or("no postgres and initdb on the PATH or in /usr/lib/postgresql/*/bin")?;
    let user = nobody_special()?;
    let mut command = vec!["sh".to_owned(), "-c".to_owned(), POSTGRES.to_owned(), "postgres".to_owned()];
    command.extend([bin.to_string_lossy().into_owned(), "{folder}/data".to_owned()]);
    command.extend(["-p".to_owned(), "{port}".to_owned()]);
    command.extend(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="].map(str::to_owned));
    command.extend(postgres_settings(settings));
    let ready = "database system is ready to accept connections";
    Ok(Program { backend: Backend::Postgres, command, ready, user, files: Vec::new() })
}

fn redis(settings: &[(String, String)]) -> Result<Program, String> {
    let program = redis_server()?;
    let words = [program.as_str(), "--port", "{port}", "--bind", "127.0.0.1", "--dir", "{folder}"];
    let mut command: Vec<_> = words.map(str::to_owned).into();
    command.extend(redis_settings(settings));
    let ready = "Ready to accept connections";
    Ok(Program { backend: Backend::Redis, command, ready, user: None, files: Vec::new() })
}

/// The path of `pgbouncer` and the user it runs as, or why there is none.
pub(crate) fn pgbouncer() -> Result<(String, Option<User>), String> {
    // Debian keeps it with the daemons, which are not on every PATH.
    let mut folders = folders("pgbouncer");
    folders.push("/usr/sbin".into());
    let folder = folders.into_iter().find(|folder| has(folder, "pgbouncer"));
    let folder = folder.ok_or("no pgbouncer on the PATH or in /usr/sbin")?;
    Ok((folder.join("pgbouncer").to_string_lossy().into_owned(), nobody_special()?))
}

/// The path of `redis-server`, or why there is none.
pub(crate) fn redis_server() -> Result<String, String> {
    let folder = folders("redis").into_iter().find(|folder| has(folder, "redis-server"));
    let folder = folder.ok_or("no redis-server on the PATH")?;
    Ok(folder.join("redis-server").to_string_lossy().into_owned())
}

pub(crate) fn postgres_settings(settings: &[(String, String)]) -> Vec<String> {
    settings.iter().flat_map(|(name, value)| ["-c".to_owned(), format!("{name}={value}")]).collect()
}

/// Every write goes to a file before it is answered, and nothing else is saved.
pub(crate) fn redis_settings(settings: &[(String, String)]) -> Vec<String> {
    let mut words: Vec<_> = ["--appendonly", "yes", "--save", ""].map(str::to_owned).into();
    words.extend(settings.iter().flat_map(|(name, value)| [format!("--{name}"), value.clone()]));
    words
}

/// The PATH, then where distributions keep versions side by side, the newest first.
fn folders(package: &str) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = env::var_os("PATH").iter().flat_map(env::split_paths).collect();
    let mut versions = Vec::new();
    for (parent, prefix, suffix) in [
        ("/usr/lib/postgresql", "", "bin"),
        ("/usr", "pgsql-", "bin"),
        ("/opt/homebrew/opt", package, "bin"),
        ("/usr/local/opt", package, "bin"),
    ] {
        for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(prefix) {
                let digits: String = name.chars().filter(char::is_ascii_digit).collect();
                versions.push((digits.parse().unwrap_or(0_u32), entry.path().join(suffix)));
            }
        }
    }
    versions.sort();
    folders.extend(versions.into_iter().rev().map(|(_, folder)| folder));
    folders
}

fn has(folder: &Path, program: &str) -> bool {
    folder.join(program).is_file()
}

/// Whom a program that refuses to run as root runs as; `None` where we are not root.
fn nobody_special() -> Result<Option<User>, String> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    find_user()
        .map(Some)
        .ok_or("it refuses to run as root, and there is no user postgres or nobody".to_owned())
}

fn find_user() -> Option<User> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    ["postgres", "nobody"].iter().find_map(|name| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2).map(str::parse);
        Some(User { uid: fields.next()?.ok()?, gid: fields.next()?.ok()? })
    })
}
