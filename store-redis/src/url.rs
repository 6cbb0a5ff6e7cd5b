//! URLs that name more than one server.
//!
//! | URL | what |
//! | --- | --- |
//! | `redis://[user:password@]host[:port][/number]` | one server |
//! | `redis+sentinel://[user:password@]host[:port],…/master[/number]` | Sentinels; user and password are the servers' |
//! | `redis+cluster://[user:password@]host[:port],…` | nodes of a cluster |
//!
//! Each with `rediss` for TLS.

use hallpass_core::StoreError;
use redis::{ConnectionInfo, IntoConnectionInfo};

use crate::error::{not_done, refused};

/// The servers that a store connects to.
#[derive(Debug)]
pub(crate) enum Kind {
    Single,
    Sentinel { master: String },
    Cluster,
}

/// What a URL names. Without `Debug`, because URLs and the login hold passwords.
pub(crate) struct Target {
    pub(crate) kind: Kind,
    pub(crate) urls: Vec<String>,
    /// User and password of the servers, if they are not those of the URLs.
    pub(crate) login: Option<(String, String)>,
}

/// Reads a URL of any of these forms.
pub(crate) fn read(url: &str) -> Result<Target, StoreError> {
    let (scheme, rest) = url.split_once("://").ok_or_else(|| refused("not a Redis URL"))?;
    let Some((scheme, group)) = scheme.split_once('+') else {
        return Ok(Target { kind: Kind::Single, urls: vec![url.to_owned()], login: None });
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (login, hosts) = match authority.rsplit_once('@') {
        Some((login, hosts)) => (format!("{login}@"), hosts),
        None => (String::new(), authority),
    };
    if hosts.is_empty() || hosts.split(',').any(str::is_empty) {
        return Err(refused("the URL names no hosts"));
    }
    match group {
        "cluster" if path.is_empty() => {
            let urls = hosts.split(',').map(|host| format!("{scheme}://{login}{host}")).collect();
            Ok(Target { kind: Kind::Cluster, urls, login: None })
        }
        "sentinel" => {
            let (master, number) = path.split_once('/').unwrap_or((path, "0"));
            if master.is_empty() {
                return Err(refused("the URL names no master: redis+sentinel://host,host/master"));
            }
            let host_url = |host: &str| match host.contains(':') {
                true => format!("{scheme}://{host}/{number}"),
                false => format!("{scheme}://{host}:26379/{number}"),
            };
            let kind = Kind::Sentinel { master: master.to_owned() };
            Ok(Target { kind, urls: hosts.split(',').map(host_url).collect(), login: login_of(&login)? })
        }
        _ => Err(refused("expected redis+sentinel:// or redis+cluster://; a cluster has no database number")),
    }
}

/// Splits `user:password@`. The driver does it, which knows how they are escaped.
fn login_of(login: &str) -> Result<Option<(String, String)>, StoreError> {
    if login.is_empty() {
        return Ok(None);
    }
    let url = format!("redis://{login}h");
    let like: ConnectionInfo = url.as_str().into_connection_info().map_err(|error| not_done(&error))?;
    let settings = like.redis_settings();
    let (user, password) =
        (settings.username().unwrap_or("default"), settings.password().unwrap_or_default());
    Ok(Some((user.to_owned(), password.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_read() {
        for good in [
            "redis://localhost",
            "rediss://user:password@localhost:6380/3",
            "redis+cluster://a,b:7000,c",
            "rediss+cluster://user:p%40ss@a:1,b:2",
            "redis+sentinel://a,b:1/mymaster",
            "redis+sentinel://user:p%40ss@a,b:1/mymaster/2",
        ] {
            assert!(read(good).is_ok(), "{good}");
        }
        for bad in
            ["localhost", "redis+cluster://", "redis+cluster://a,,b", "redis+sentinel://a,b", "redis+x://a/b"]
        {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
