//! The conformance suite on a store whose server is launched, stopped, frozen, restarted and cut off.
use std::{process::ExitCode, sync::Arc};

use async_trait::async_trait;
use hallpass_conformance_tests::{Capability, Declared, Fault, Harness, Server as Hurt, crash_child};
use hallpass_core::BoxError;
use hallpass_core::store::TokenStore;
use hallpass_store_redis::RedisStore as MyStore;
use hallpass_test_servers::{Mode, Program, Proxy, Server, needed};
use tokio::{runtime::Runtime, task::block_in_place};

struct Mine(String, Option<(Server, Proxy)>); // URL; server and proxy, except in a crash child

#[async_trait]
impl Harness for Mine {
    fn backend(&self) -> String {
        "mine 1.0".into()
    }
    async fn open(&self, namespace: &str) -> Result<Arc<dyn TokenStore>, BoxError> {
        Ok(Arc::new(MyStore::single(&self.0).namespace(namespace).connect().await?))
    }
    fn declared(&self) -> Declared {
        Declared::everything().without(Capability::Purge, "the server collects, by a time to live")
    }
    fn for_child(&self) -> String {
        self.0.clone()
    }
    fn server(&self) -> Option<&dyn Hurt> {
        Some(self)
    }
}

#[async_trait]
impl Hurt for Mine {
    fn faults(&self) -> &[Fault] {
        &[Fault::Cut, Fault::Freeze, Fault::Restart, Fault::Stop]
    }
    async fn inflict(&self, fault: Fault) -> Result<(), BoxError> {
        let (server, proxy) = self.1.as_ref().ok_or("a crash child hurts nothing")?;
        match fault {
            Fault::Cut => (proxy.set(Mode::Refuse), proxy.cut()).1,
            Fault::Freeze => server.freeze()?,
            Fault::Restart => block_in_place(|| server.crash().and_then(|()| server.start()))?,
            Fault::Stop => block_in_place(|| server.stop())?,
        }
        Ok(())
    }
    async fn heal(&self) -> Result<(), BoxError> {
        let (server, proxy) = self.1.as_ref().ok_or("a crash child has no server")?;
        proxy.set(Mode::Pass);
        Ok(block_in_place(|| server.thaw().and_then(|()| server.start()))?)
    }
}

fn main() -> Result<ExitCode, BoxError> {
    if let Some(url) = crash_child() {
        return Ok(hallpass_conformance_tests::main(Mine(url, None)));
    }
    let words = "redis-server --port {port} --bind 127.0.0.1 --appendonly yes --appendfsync always";
    let program = Program::new("my server", words.split(' ')).ready("Ready to accept connections");
    let Some(server) = needed("the suite on my server", program.start())? else {
        return Ok(ExitCode::SUCCESS);
    };
    let runtime = Runtime::new()?; // the proxy lives on it
    let proxy = runtime.block_on(Proxy::start(server.address()))?;
    Ok(hallpass_conformance_tests::main(Mine(format!("redis://{}", proxy.address()), Some((server, proxy)))))
}
