//! A site made with axum, served over the loopback device or called without a network.

use std::hint::black_box;
use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::RouterIntoService;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tower_service::Service;

use crate::offer::Offer;

/// How many operations run between two readings of the clock.
const BATCH: u64 = 100;

/// Serves the site for as long as the program runs.
///
/// # Errors
/// If no port is free.
pub fn serve(runtime: &Handle, site: &Router) -> io::Result<SocketAddr> {
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    let site = site.clone();
    runtime.spawn(async move { axum::serve(listener, site).await });
    Ok(address)
}

/// Measures a request without a network, on one thread.
///
/// # Panics
/// If an answer is not a page.
#[must_use]
pub fn call(system: &str, operation: &str, site: &Router, path: &str, cookies: &str) -> Offer<'static> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut requests = Requests::of(site, path, cookies);
    Offer::counted(system, operation, BATCH, move || runtime.block_on(requests.batch()))
}

/// The same for a site that has tasks and connections in a runtime: these go on in its threads.
///
/// # Panics
/// If an answer is not a page.
#[must_use]
pub fn call_in(
    runtime: &Handle,
    system: &str,
    operation: &str,
    site: &Router,
    path: &str,
    cookies: &str,
) -> Offer<'static> {
    let (runtime, mut requests) = (runtime.clone(), Requests::of(site, path, cookies));
    Offer::counted(system, operation, BATCH, move || runtime.block_on(requests.batch()))
}

/// Requests for one page of a site.
struct Requests {
    service: RouterIntoService<Body>,
    path: String,
    cookies: String,
}

impl Requests {
    fn of(site: &Router, path: &str, cookies: &str) -> Self {
        let service = site.clone().into_service::<Body>();
        Self { service, path: path.to_owned(), cookies: cookies.to_owned() }
    }

    async fn batch(&mut self) {
        for _ in 0..BATCH {
            let request =
                Request::get(&self.path).header("cookie", &self.cookies).body(Body::empty()).unwrap();
            let answer = self.service.call(request).await.unwrap();
            assert_eq!(black_box(answer).status(), 200);
        }
    }
}
