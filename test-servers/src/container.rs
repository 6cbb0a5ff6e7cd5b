//! A server in a container of its own, through `testcontainers`.

use std::env;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::process::{self, Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use testcontainers::core::{ContainerPort, error::TestcontainersError};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, ContainerRequest, GenericImage, ImageExt};
use tokio::runtime::{Builder, Runtime};

use crate::backend::{Backend, Origin};
use crate::error::Error;
use crate::handle::Handle;
use crate::port;
use crate::probe;
use crate::process::TICK;
use crate::programs::{postgres_settings, redis_settings};
use crate::server::Server;

/// Long enough to pull the image.
const START: Duration = Duration::from_secs(180);
const STEP: Duration = Duration::from_secs(30);

/// `testcontainers` removes a container when it is dropped, but not when the process is killed.
const GUARD: &str = r#"
trap '' HUP INT PIPE TERM
while read -r _; do :; done
docker rm --force --volumes "$1"
"#;

/// A named container, and the shell that removes it if this process dies.
#[derive(Debug)]
pub(crate) struct Container {
    container: Option<Arc<ContainerAsync<GenericImage>>>,
    guard: Guard,
    frozen: bool,
}

/// The network on which containers listen: `bridge`, which publishes their ports on loopback, or `host`.
const NETWORK: &str = "HALLPASS_CONTAINER_NETWORK";

/// Starts a container; [`Error::Unavailable`] without Docker or the image.
pub(crate) fn launch(backend: Backend, settings: &[(String, String)]) -> Result<Server, Error> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        match launch_on(port::free()?, backend, settings) {
            // Another process took the port after it was found free.
            Err(Error::Unavailable { tried, .. })
                if attempts < 5 && tried.iter().any(|reason| reason.contains("already allocated")) => {}
            Err(Error::Start { log, .. }) if attempts < 5 && log.contains("Address already in use") => {}
            other => return other,
        }
    }
}

fn launch_on(port: u16, backend: Backend, settings: &[(String, String)]) -> Result<Server, Error> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let (variable, image, inner) = match backend {
        Backend::Postgres => ("HALLPASS_POSTGRES_IMAGE", "postgres:18", 5432),
        Backend::Redis => ("HALLPASS_REDIS_IMAGE", "redis:8", 6379),
        Backend::Other(_) => {
            let reason = "only PostgreSQL and Redis are started in containers".to_owned();
            return Err(Error::Unavailable { backend, tried: vec![reason] });
        }
    };
    let image = env::var(variable).ok().filter(|image| !image.is_empty()).unwrap_or_else(|| image.to_owned());
    let on_host = is_on_host_network()?;
    let name = format!("hallpass-server-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let guard = Guard::new(&name)?;
    let request = request(backend, &image, on_host.then_some(port), settings);
    let request = request.with_container_name(&name).with_startup_timeout(START);
    let request = match on_host {
        true => request.with_network("host"),
        false => only_on_loopback(request.with_mapped_port(port, ContainerPort::Tcp(inner))),
    };
    let container = run(START, async move { request.start().await })?.map_err(|error| {
        let reason = format!("no container of {image} ({variable}): {}", causes(&error));
        Error::Unavailable { backend, tried: vec![reason] }
    })?;
    let container = Container { container: Some(Arc::new(container)), guard, frozen: false };
    // Not what `get_host` returns for an engine of this machine: in a container that is the address of the bridge.
    let address = match is_local_engine() {
        true => (Ipv4Addr::LOCALHOST, port).into(),
        false => container.resolve(port)?,
    };
    Server::launched(backend, address, container)
}

impl Handle for Container {
    fn origin(&self) -> Origin {
        Origin::Container
    }

    fn stop(&mut self) -> Result<(), Error> {
        _ = self.thaw();
        self.call("stop", |container| async move { container.stop_with_timeout(Some(15)).await })
    }

    /// Kills the container: Docker sends the stop signal and `SIGKILL` right after it.
    fn crash(&mut self) -> Result<(), Error> {
        _ = self.thaw();
        self.call("crash", |container| async move { container.stop_with_timeout(Some(0)).await })
    }

    fn start(&mut self) -> Result<(), Error> {
        self.call("start", |container| async move { container.start().await })
    }

    fn freeze(&mut self) -> Result<(), Error> {
        self.call("freeze", |container| async move { container.pause().await })?;
        self.frozen = true;
        Ok(())
    }

    fn thaw(&mut self) -> Result<(), Error> {
        if self.frozen {
            self.call("thaw", |container| async move { container.unpause().await })?;
            self.frozen = false;
        }
        Ok(())
    }

    fn has_ended(&mut self) -> bool {
        let running = self.call("look at", |container| async move { container.is_running().await });
        matches!(running, Ok(false))
    }

    fn log(&self) -> Option<String> {
        let log = self.call("read the log of", |container| async move {
            let (out, err) = (container.stdout_to_vec().await?, container.stderr_to_vec().await?);
            Ok([out, err].concat())
        });
        let log = log.ok()?;
        let text = String::from_utf8_lossy(log.get(log.len().saturating_sub(1500)..).unwrap_or_default());
        Some(text.trim().to_owned())
    }
}

impl Container {
    /// The address of a port that an engine elsewhere has published.
    fn resolve(&self, port: u16) -> Result<SocketAddr, Error> {
        let host = self.call("find the host of", |container| async move { container.get_host().await })?;
        probe::resolve(&host.to_string(), port).map_err(Error::io("resolve the host of Docker"))
    }

    fn call<T, F>(
        &self,
        action: &'static str,
        call: impl FnOnce(Arc<ContainerAsync<GenericImage>>) -> F,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, TestcontainersError>> + Send + 'static,
    {
        let gone = || Error::Io { action, source: io::ErrorKind::NotFound.into() };
        let container = self.container.clone().ok_or_else(gone)?;
        run(STEP, call(container))?.map_err(|error| Error::Io { action, source: io::Error::other(error) })
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let removed = match self.container.take().and_then(Arc::into_inner) {
            Some(container) => run(STEP, container.rm()).is_ok_and(|removed| removed.is_ok()),
            None => false,
        };
        if removed {
            self.guard.dismiss();
        }
    }
}

/// A shell that waits until this process or the shell itself is ended, and then removes the container.
#[derive(Debug)]
struct Guard(Child);

impl Guard {
    fn new(name: &str) -> Result<Self, Error> {
        let mut shell = Command::new("sh");
        shell.args(["-c", GUARD, "guard", name]).process_group(0);
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        shell.spawn().map(Self).map_err(Error::io("start a shell"))
    }

    /// Ends the shell: the container is already removed.
    fn dismiss(&mut self) {
        _ = self.0.kill();
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let deadline = Instant::now() + STEP;
        while matches!(self.0.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(TICK);
        }
    }
}

/// What to run. On the host's network the server listens on `port` of loopback, otherwise on every address of its
/// container.
fn request(
    backend: Backend,
    image: &str,
    port: Option<u16>,
    settings: &[(String, String)],
) -> ContainerRequest<GenericImage> {
    // A colon before the last slash belongs to the port of a registry.
    let (name, tag) = match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, "latest"),
    };
    let image = GenericImage::new(name, tag);
    let mut command: Vec<String> = match (backend, port) {
        (Backend::Postgres, None) => vec!["postgres".into(), "-c".into(), "listen_addresses=*".into()],
        (Backend::Postgres, Some(port)) => {
            let listen = ["postgres", "-c", "listen_addresses=127.0.0.1", "-c"].map(str::to_owned);
            listen.into_iter().chain([format!("port={port}")]).collect()
        }
        (_, None) => ["redis-server", "--protected-mode", "no"].map(str::to_owned).into(),
        (_, Some(port)) => {
            let listen = ["redis-server", "--bind", "127.0.0.1", "--port"].map(str::to_owned);
            listen.into_iter().chain([port.to_string()]).collect()
        }
    };
    match backend {
        Backend::Postgres => {
            command.extend(postgres_settings(settings));
            image.with_cmd(command).with_env_var("POSTGRES_HOST_AUTH_METHOD", "trust")
        }
        Backend::Redis | Backend::Other(_) => {
            command.extend(redis_settings(settings));
            image.with_cmd(command)
        }
    }
}

/// Publishes ports on loopback only: these servers accept any client without a password.
fn only_on_loopback(request: ContainerRequest<GenericImage>) -> ContainerRequest<GenericImage> {
    if !is_local_engine() {
        return request;
    }
    request.with_host_config_modifier(|host| {
        let bindings = host.port_bindings.iter_mut().flat_map(|ports| ports.values_mut());
        for binding in bindings.flatten().flatten() {
            binding.host_ip = Some("127.0.0.1".to_owned());
        }
    })
}

/// Whether Docker runs on this machine.
fn is_local_engine() -> bool {
    env::var("DOCKER_HOST").map_or(true, |host| host.is_empty() || host.starts_with("unix:"))
}

/// Whether the environment asks for the host's network.
fn is_on_host_network() -> Result<bool, Error> {
    match env::var(NETWORK).unwrap_or_default().as_str() {
        "" | "bridge" => Ok(false),
        "host" => Ok(true),
        other => Err(Error::Environment {
            variable: NETWORK,
            reason: format!("{other:?} is neither bridge nor host"),
        }),
    }
}

/// Awaits `future` on a runtime of this module, so that it works inside and outside any other runtime.
fn run<F>(limit: Duration, future: F) -> Result<F::Output, Error>
where
    F: Future<Output: Send> + Send + 'static,
{
    static RUNTIME: LazyLock<io::Result<Runtime>> =
        LazyLock::new(|| Builder::new_multi_thread().worker_threads(1).enable_all().build());
    let runtime = RUNTIME
        .as_ref()
        .map_err(|error| Error::Io { action: "start a runtime for Docker", source: error.kind().into() })?;
    let (sender, receiver) = mpsc::channel();
    runtime.spawn(async move { sender.send(tokio::time::timeout(limit, future).await) });
    let late = Error::Timeout { action: "hear from Docker", limit };
    receiver.recv().ok().and_then(Result::ok).ok_or(late)
}

/// Formats an error and its sources in one line.
fn causes(error: &TestcontainersError) -> String {
    let first: &dyn std::error::Error = error;
    let chain = std::iter::successors(Some(first), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
