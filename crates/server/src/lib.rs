//! Holdfast's server: HTTP and the command line over a [`holdfast_store::Store`]. No SQL here.

#![warn(missing_docs)]

pub mod api;
pub mod app;
pub mod backup;
pub mod cli;
pub mod config;
pub mod export;
pub mod import;
pub mod lock;
pub mod log;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt as _;
use holdfast_store::Store;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::app::App;
use crate::config::Config;

/// How long open requests may go on after a shutdown was asked for.
const GRACE: Duration = Duration::from_secs(10);

/// Serves `store` on `listener` until `shutdown` resolves; then open requests are finished, event streams
/// closed, and nothing new is accepted.
///
/// Errors: [`io::ErrorKind::PermissionDenied`] when the address is reachable from other machines and
/// `config` has no token.
pub async fn run(
    listener: TcpListener,
    config: Config,
    store: Arc<dyn Store>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    config.check_exposure(address).map_err(|e| io::Error::new(io::ErrorKind::PermissionDenied, e))?;
    let (close, closing) = watch::channel(false);
    let mut closed = closing.clone();
    let app = Arc::new(App::new(store, config, address, closing));
    let service = api::router(app).into_make_service_with_connect_info::<SocketAddr>();
    // A stream's small chunks go out at once. Where the system refuses, they are only later.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let served = axum::serve(listener, service).with_graceful_shutdown(async move {
        shutdown.await;
        // The receivers are gone only when nothing is left to close.
        let _ = close.send(true);
    });
    tokio::select! {
        result = served.into_future() => result,
        () = async {
            let _ = closed.wait_for(|closing| *closing).await;
            tokio::time::sleep(GRACE).await;
        } => Ok(()),
    }
}
