//! Where the server programs are, and their settings.
//!
//! If `HALLPASS_TEST_ROOT` names a folder with the programs of another distribution, those of this machine are
//! ignored. `HALLPASS_TEST_REDIS` chooses between Redis and Valkey.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::backend::Backend;
use crate::error::Error;
use crate::local::Recipe;
use crate::process::User;

pub(crate) const ROOT: &str = "HALLPASS_TEST_ROOT";
const REDIS_PROGRAM: &str = "HALLPASS_TEST_REDIS";

/// Initialises the data folder at the first start. The server then takes over the process id of the shell.
const POSTGRES: &str = r#"
bin=$1 data=$2
shift 2
if [ ! -e "$data/PG_VERSION" ]; then
  "$bin/initdb" --pgdata="$data" --username=postgres --auth=trust --encoding=UTF8 --locale=C --no-sync || exit
fi
exec "$bin/postgres" -D "$data" "$@"
"#;

/// Finds the server's program and combines it with `settings`.
///
/// # Errors
///
/// [`Error::Unavailable`] if there is none; [`Error::Environment`] if a variable chooses one that does not exist.
pub(crate) fn find(backend: Backend, settings: &[(String, String)]) -> Result<Recipe, Error> {
    match backend {
        Backend::Postgres => postgres(settings),
        Backend::Redis => redis(settings),
        Backend::Other(_) => Err(missing(backend, "program that is known", "here: launch it as a `Program`")),
    }
}

/// The folder whose programs replace those of this machine.
///
/// # Errors
///
/// [`Error::Environment`] if it does not exist.
pub(crate) fn root() -> Result<Option<PathBuf>, Error> {
    let Some(root) = env::var_os(ROOT).filter(|root| !root.is_empty()).map(PathBuf::from) else {
        return Ok(None);
    };
    // An absolute path, because each program is started in its own folder.
    if root.is_absolute() && root.join("usr").is_dir() {
        return Ok(Some(root));
    }
    let reason = format!("{} is not the absolute path of a folder that has usr in it", root.display());
    Err(Error::Environment { variable: ROOT, reason })
}

fn postgres(settings: &[(String, String)]) -> Result<Recipe, Error> {
    let bin = folders("postgresql")?.into_iter().find(|bin| has(bin, "postgres") && has(bin, "initdb"));
    let missing =
        || missing(Backend::Postgres, "postgres and initdb", "on the PATH or in /usr/lib/postgresql/*/bin");
    let bin = bin.ok_or_else(missing)?;
    let user = unprivileged(Backend::Postgres)?;
    let mut command = vec!["sh".to_owned(), "-c".to_owned(), POSTGRES.to_owned(), "postgres".to_owned()];
    command.extend([bin.to_string_lossy().into_owned(), "{folder}/data".to_owned()]);
    command.extend(["-p".to_owned(), "{port}".to_owned()]);
    command.extend(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="].map(str::to_owned));
    command.extend(postgres_settings(settings));
    let recipe = Recipe::new(Backend::Postgres, command, "database system is ready to accept connections");
    Ok(Recipe { user, ..recipe })
}

fn redis(settings: &[(String, String)]) -> Result<Recipe, Error> {
    let program = redis_server()?;
    let words = [program.as_str(), "--port", "{port}", "--bind", "127.0.0.1", "--dir", "{folder}"];
    let mut command: Vec<_> = words.map(str::to_owned).into();
    command.extend(redis_settings(settings));
    Ok(Recipe::new(Backend::Redis, command, "Ready to accept connections"))
}

/// The path of `pgbouncer` and the user it runs as.
pub(crate) fn pgbouncer() -> Result<(String, Option<User>), Error> {
    // Debian installs it with the daemons, which are not on every PATH.
    let mut folders = folders("pgbouncer")?;
    folders.push("/usr/sbin".into());
    let folder = folders.into_iter().find(|folder| has(folder, "pgbouncer"));
    let folder =
        folder.ok_or_else(|| missing(Backend::Postgres, "pgbouncer", "on the PATH or in /usr/sbin"))?;
    Ok((folder.join("pgbouncer").to_string_lossy().into_owned(), unprivileged(Backend::Postgres)?))
}

/// The path of `redis-server` or of `valkey-server`, which takes the same arguments.
pub(crate) fn redis_server() -> Result<String, Error> {
    let names: &[&str] = match env::var(REDIS_PROGRAM).unwrap_or_default().as_str() {
        "" => &["redis-server", "valkey-server"],
        "redis" => &["redis-server"],
        "valkey" => &["valkey-server"],
        other => {
            let reason = format!("{other:?} is neither redis nor valkey");
            return Err(Error::Environment { variable: REDIS_PROGRAM, reason });
        }
    };
    for name in names {
        if let Some(folder) = folders("redis")?.into_iter().find(|folder| has(folder, name)) {
            return Ok(folder.join(name).to_string_lossy().into_owned());
        }
    }
    Err(missing(Backend::Redis, &names.join(" or "), "on the PATH"))
}

fn missing(backend: Backend, programs: &str, places: &str) -> Error {
    let reason = match env::var_os(ROOT).filter(|root| !root.is_empty()) {
        Some(root) => format!("no {programs} in {} ({ROOT})", root.to_string_lossy()),
        None => format!("no {programs} {places}"),
    };
    Error::Unavailable { backend, tried: vec![reason] }
}

pub(crate) fn postgres_settings(settings: &[(String, String)]) -> Vec<String> {
    settings.iter().flat_map(|(name, value)| ["-c".to_owned(), format!("{name}={value}")]).collect()
}

/// Writes every command to a file before it is answered, and saves nothing else.
pub(crate) fn redis_settings(settings: &[(String, String)]) -> Vec<String> {
    let mut words: Vec<_> = ["--appendonly", "yes", "--save", ""].map(str::to_owned).into();
    words.extend(settings.iter().flat_map(|(name, value)| [format!("--{name}"), value.clone()]));
    words
}

/// The PATH, then the folders where distributions install versions side by side, newest first.
fn folders(package: &str) -> Result<Vec<PathBuf>, Error> {
    let mut versions = Vec::new();
    let (mut folders, parents): (Vec<PathBuf>, _) = match root()? {
        Some(root) => (
            ["usr/bin", "usr/sbin"].map(|folder| root.join(folder)).into(),
            vec![(root.join("usr/lib/postgresql"), "")],
        ),
        None => (
            env::var_os("PATH").iter().flat_map(env::split_paths).collect(),
            vec![
                ("/usr/lib/postgresql".into(), ""),
                ("/usr".into(), "pgsql-"),
                ("/opt/homebrew/opt".into(), package),
                ("/usr/local/opt".into(), package),
            ],
        ),
    };
    for (parent, prefix) in parents {
        for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(prefix) {
                let digits: String = name.chars().filter(char::is_ascii_digit).collect();
                versions.push((digits.parse().unwrap_or(0_u32), entry.path().join("bin")));
            }
        }
    }
    versions.sort();
    folders.extend(versions.into_iter().rev().map(|(_, folder)| folder));
    Ok(folders)
}

fn has(folder: &Path, program: &str) -> bool {
    folder.join(program).is_file()
}

/// The user for a program that refuses to run as root; `None` if this process is not root.
fn unprivileged(backend: Backend) -> Result<Option<User>, Error> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let reason = "it refuses to run as root, and there is no user postgres or nobody";
    find_user().map(Some).ok_or_else(|| Error::Unavailable { backend, tried: vec![reason.to_owned()] })
}

fn find_user() -> Option<User> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    ["postgres", "nobody"].iter().find_map(|name| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2).map(str::parse);
        Some(User { uid: fields.next()?.ok()?, gid: fields.next()?.ok()? })
    })
}
