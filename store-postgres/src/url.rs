//! Checks the parameters of a URL.

use crate::error::Error;

/// The parameters that sqlx knows. For any other it logs the value, which may be a secret, and opens the
/// connection without it: in plain text, if the parameter was a misspelt `sslmode`.
const KNOWN: [&str; 18] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// A parameter that libpq knows and sqlx does not; a provider's URL may have it.
struct OfLibpq {
    name: &'static str,
    /// Values for what this store does in any case: they are left out.
    redundant: &'static [&'static str],
    advice: &'static str,
}

const OF_LIBPQ: [OfLibpq; 8] = [
    OfLibpq {
        name: "channel_binding",
        redundant: &["prefer", "disable"],
        advice: "the driver has no channel binding; leave it out and use sslmode=verify-full, which checks whose \
                 certificate the server has",
    },
    OfLibpq {
        name: "gssencmode",
        redundant: &["prefer", "disable"],
        advice: "the driver has no GSSAPI; leave it out and use sslmode=verify-full",
    },
    OfLibpq {
        name: "target_session_attrs",
        redundant: &["any", "read-write", "primary"],
        advice: "a store needs the primary, and refuses any other server; leave it out",
    },
    OfLibpq { name: "connect_timeout", redundant: &[], advice: "leave it out and use Builder::timeout" },
    OfLibpq {
        name: "require_auth",
        redundant: &[],
        advice: "the driver does not know it; leave it out and use sslmode=verify-full",
    },
    OfLibpq {
        name: "client_encoding",
        redundant: &["UTF8", "utf8", "auto"],
        advice: "the driver speaks UTF-8; leave it out",
    },
    OfLibpq { name: "keepalives", redundant: &[], advice: "the driver does not know it; leave it out" },
    OfLibpq { name: "passfile", redundant: &[], advice: "leave it out and set PGPASSFILE" },
];

/// Returns `url` without the parameters that change nothing.
///
/// # Errors
/// [`Error`] for a parameter that the driver would ignore. Its value is not repeated.
pub(crate) fn of_the_driver(url: &str) -> Result<String, Error> {
    let Some((base, query)) = url.split_once('?') else { return Ok(url.to_owned()) };
    let (query, fragment) = query.split_once('#').unwrap_or((query, ""));
    let mut kept = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if is_known(name) {
            kept.push(pair);
            continue;
        }
        let Some(one) = OF_LIBPQ.iter().find(|one| one.name == name) else {
            let text =
                format!("the URL has an unknown parameter; known are {}, options[…]", KNOWN.join(", "));
            return Err(Error::refused(text));
        };
        if !one.redundant.contains(&value) {
            let text = format!("the URL's parameter {name} is not supported: {}", one.advice);
            return Err(Error::refused(text));
        }
        tracing::debug!(
            parameter = name,
            "PostgreSQL: a parameter of the URL has no effect here and is left out"
        );
    }
    let separator = if fragment.is_empty() { "" } else { "#" };
    Ok(format!("{base}?{}{separator}{fragment}", kept.join("&")))
}

fn is_known(parameter: &str) -> bool {
    KNOWN.contains(&parameter)
        || ["options[", "options%5B", "options%5b"].iter().any(|one| parameter.starts_with(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_so_in_any_case_is_left_out() {
        let url = "postgres://a:b@c/d?sslmode=require&channel_binding=prefer&target_session_attrs=read-write&user=e";
        assert_eq!(of_the_driver(url).unwrap(), "postgres://a:b@c/d?sslmode=require&user=e");
        for url in ["postgres://a/b", "postgres://a/b?user=c#d", "postgres://a/b?options[x]=y"] {
            assert_eq!(of_the_driver(url).unwrap(), url);
        }
    }

    #[test]
    fn what_would_be_ignored_is_refused_with_advice_and_without_its_value() {
        for (parameter, advice) in [
            ("channel_binding=require", "sslmode=verify-full"),
            ("gssencmode=require", "GSSAPI"),
            ("target_session_attrs=standby", "primary"),
            ("connect_timeout=secret", "Builder::timeout"),
            ("sslmod=secret", "sslmode"),
            ("channel%5Fbinding=secret", "sslmode"),
        ] {
            let text = of_the_driver(&format!("postgres://a/b?{parameter}")).unwrap_err().to_string();
            assert!(text.contains(advice) && !text.contains("secret"), "{text}");
        }
    }
}
