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
pub mod proxy;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt as _;
use holdfast_store::Store;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::app::App;
use crate::config::Config;
use crate::proxy::Front;

/// How long open requests may go on after a shutdown was asked for.
const GRACE: Duration = Duration::from_secs(10);

/// Where a server listens.
#[derive(Debug)]
pub struct Listeners {
    /// For the API.
    pub api: TcpListener,
    /// In front of an app, where there is one.
    pub front: Option<Front>,
}

impl From<TcpListener> for Listeners {
    fn from(api: TcpListener) -> Self {
        Self { api, front: None }
    }
}

/// Serves `store` on `listeners` until `shutdown` resolves; then open requests are finished, event streams
/// closed, and nothing new is accepted.
///
/// Errors: [`io::ErrorKind::PermissionDenied`] when an address is reachable from other machines and
/// `config` has no token.
pub async fn run(
    listeners: impl Into<Listeners>,
    config: Config,
    store: Arc<dyn Store>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let Listeners { api: listener, front } = listeners.into();
    let (address, front_address) = (listener.local_addr()?, front.as_ref().map(|f| f.listener.local_addr()));
    let front_address = front_address.transpose()?;
    for address in [Some(address), front_address].into_iter().flatten() {
        config.check_exposure(address).map_err(|e| io::Error::new(io::ErrorKind::PermissionDenied, e))?;
    }
    let (close, closing) = watch::channel(false);
    let mut app = App::new(store, config, address, closing.clone());
    app.front = front_address;
    let app = Arc::new(app);
    let api = api::router(Arc::clone(&app));
    let serve_front = async {
        match front {
            Some(Front { listener, upstream }) => {
                serve(listener, proxy::router(Arc::clone(&app), api.clone(), upstream), closing.clone()).await
            }
            None => Ok(()),
        }
    };
    let stop = async {
        shutdown.await;
        // The receivers are gone only when nothing is left to close.
        let _ = close.send(true);
        Ok(())
    };
    let served = async { tokio::try_join!(serve(listener, api.clone(), closing.clone()), serve_front, stop) };
    tokio::select! {
        result = served => result.map(drop),
        () = async {
            let _ = closing.clone().wait_for(|closing| *closing).await;
            tokio::time::sleep(GRACE).await;
        } => Ok(()),
    }
}

/// Serves one listener until `closing` is true and its open requests are finished.
async fn serve(listener: TcpListener, router: Router, mut closing: watch::Receiver<bool>) -> io::Result<()> {
    // A stream's small chunks go out at once. Where the system refuses, they are only later.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let closed = async move {
        let _ = closing.wait_for(|closing| *closing).await;
    };
    axum::serve(listener, service).with_graceful_shutdown(closed).await
}
