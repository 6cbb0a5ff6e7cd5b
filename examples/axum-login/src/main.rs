//! Starts the site: `hallpass-axum-login [ADDRESS [FOLDER]]`.

use std::error::Error;
use std::io::{self, Write};
use std::net::SocketAddr;

use hallpass_axum_login::app;
use hallpass_core::{Purger, Tokens};
use hallpass_store_sled::SledStore;
use hallpass_tower_sessions_bridge::TowerSessionStore;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let address = args.next().unwrap_or_else(|| "127.0.0.1:8080".into());
    let folder = args.next().unwrap_or_else(|| "hallpass-axum-login-data".into());
    let listener = TcpListener::bind(address).await?;
    let store = SledStore::open(folder)?;
    tokio::spawn(Purger::new(Tokens::builder(store.clone()).build()?).run());
    let sessions = TowerSessionStore::new(store);
    writeln!(io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    let app = app(sessions).into_make_service_with_connect_info::<SocketAddr>();
    Ok(axum::serve(listener, app).await?)
}
