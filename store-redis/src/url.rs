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

use crate::builder::Builder;
use crate::error::{not_done, refused};

/// Reads a URL of any of these forms.
pub(crate) fn read(url: &str) -> Result<Builder, StoreError> {
    let (scheme, rest) = url.split_once("://").ok_or_else(|| refused("not a Redis URL"))?;
    let Some((scheme, group)) = scheme.split_once('+') else { return Ok(Builder::single(url)) };
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
            Ok(Builder::cluster(hosts.split(',').map(|host| format!("{scheme}://{login}{host}")).collect()))
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
            let builder = Builder::sentinel(hosts.split(',').map(host_url).collect(), master);
            if login.is_empty() {
                return Ok(builder);
            }
            // Parsed by the driver, which knows how it is escaped.
            let like: ConnectionInfo = format!("redis://{login}h")
                .as_str()
                .into_connection_info()
                .map_err(|error| not_done(&error))?;
            let settings = like.redis_settings();
            let user = settings.username().unwrap_or("default");
            Ok(builder.credentials(user, settings.password().unwrap_or_default()))
        }
        _ => {
            Err(refused("after redis+ must come sentinel or cluster, and a cluster has no numbered database"))
        }
    }
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

    #[test]
    fn a_builder_shows_no_password() {
        for url in ["redis://u:hunter2@a", "redis+cluster://u:hunter2@a,b", "redis+sentinel://u:hunter2@a/m"]
        {
            assert!(!format!("{:?}", read(url).unwrap()).contains("hunter2"));
        }
    }
}
