//! Tests a server with TLS, with certificates created by the test.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use hallpass_core::store::TokenStore;
use hallpass_core::{Kind, StoreError};
use hallpass_store_redis::RedisStore;
use hallpass_test_servers::{Backend, Error, Launch, Origin, Server, needed};

use crate::help::{stored, tell};

const URL: &str = "HALLPASS_TEST_TLS_URL";

/// A folder with a certificate authority, `NAME.pem`, and the certificate of a server: `server.pem` and
/// `server.key`.
struct Authority(PathBuf);

impl Authority {
    fn new(name: &str) -> Result<Self, Error> {
        let folder =
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let authority = Self(folder);
        fs::write(authority.path("ext"), "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n").unwrap();
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        authority.openssl(&format!(
            "req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=hallpass-{name} \
             -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign"
        ))?;
        authority.openssl(&format!("req {key} -keyout server.key -out server.csr -subj /CN=hallpass"))?;
        authority.openssl(
            "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out server.pem -extfile ext",
        )?;
        Ok(authority)
    }

    fn openssl(&self, arguments: &str) -> Result<(), Error> {
        let mut openssl = Command::new("openssl");
        let output = openssl.args(arguments.split_whitespace()).current_dir(&self.0).output();
        let output = output.map_err(|error| Error::Unavailable {
            backend: Backend::Redis,
            tried: vec![format!("no openssl on the PATH, to make certificates with: {error}")],
        })?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.join(file)
    }

    /// Starts a server with this certificate, and returns its TLS port too.
    fn start(&self) -> Result<(Server, u16), Error> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
            let text = |file: &str| self.path(file).display().to_string();
            let launch = Launch::new(Backend::Redis)
                .only(Origin::Local)
                .setting("tls-port", &port.to_string())
                .setting("tls-cert-file", &text("server.pem"))
                .setting("tls-key-file", &text("server.key"))
                .setting("tls-ca-cert-file", &text("ca.pem"))
                .setting("tls-auth-clients", "no");
            match launch.start() {
                // Another process took the port in between.
                Err(Error::Start { log, .. }) if log.contains("Address already in use") && attempts < 5 => {}
                other => return other.map(|server| (server, port)),
            }
        }
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The output of a process that trusts this authority. The trusted authorities are read from a file that the
/// environment names, and only a separate process can have a different environment.
fn told(url: &str, believed: &Path) -> String {
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["tls::a_process_that_believes_an_authority", "--exact", "--nocapture"]);
    let output =
        child.env(URL, url).env("SSL_CERT_FILE", believed).env_remove("SSL_CERT_DIR").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[tokio::test]
async fn a_process_that_believes_an_authority() {
    let Ok(url) = env::var(URL) else { return };
    match RedisStore::connect(&url).await {
        Ok(store) => {
            let record = stored(&store, "alice", Kind::SESSION).await;
            assert_eq!(store.find(record.selector).await.unwrap(), Some(record));
            println!("\nkept and found");
        }
        Err(error) => {
            let kind = if matches!(error, StoreError::Refused(_)) { "refused" } else { "failed" };
            println!("\n{kind}: {}", crate::help::why(&error));
        }
    }
}

#[test]
fn a_server_is_believed_by_its_certificate_and_another_is_refused() {
    let made = Authority::new("ours").and_then(|ours| Ok((ours.start()?, ours, Authority::new("theirs")?)));
    let Some(((server, port), ours, theirs)) = needed("a Redis with TLS", made).unwrap() else { return };
    assert_eq!(tell(&server, "ACL SETUSER hallpass on >secret ~* +@all"), "OK");
    let url = format!("rediss://hallpass:secret@127.0.0.1:{port}");
    let good = told(&url, &ours.path("ca.pem"));
    assert!(good.contains("kept and found"), "{good}");
    let unknown = told(&url, &theirs.path("ca.pem"));
    assert!(unknown.contains("refused") && unknown.contains("UnknownIssuer"), "{unknown}");
    let hosts = format!("redis{}", "s+cluster://hallpass:secret@127.0.0.1:");
    let cluster = told(&format!("{hosts}{port}"), &theirs.path("ca.pem"));
    assert!(cluster.contains("refused") && cluster.contains("UnknownIssuer"), "{cluster}");
    // The certificate is for the address, not for this name.
    let name = told(&url.replace("127.0.0.1", "localhost"), &ours.path("ca.pem"));
    assert!(name.contains("refused") && name.contains("not valid for name"), "{name}");
    let insecure = told(&format!("{url}/#insecure"), &theirs.path("ca.pem"));
    assert!(insecure.contains("refused") && insecure.contains("#insecure"), "{insecure}");
    let plain = told(&format!("rediss://{}", server.address()), &ours.path("ca.pem"));
    assert!(plain.contains("refused") || plain.contains("failed"), "{plain}");
    for text in [unknown, cluster, name, insecure, plain] {
        assert!(!text.contains("secret"), "{text}");
    }
}
