//! An app for one test, behind the proxy.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Uri, header};
use axum::routing::{MethodRouter, get};
use bytes::Bytes;
use futures::stream::unfold;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

/// Answers until it is dropped.
pub struct Upstream {
    pub address: SocketAddr,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Upstream {
    pub fn start(router: Router) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let (report, reported) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                report.send(listener.local_addr().unwrap()).unwrap();
                tokio::select! {
                    served = axum::serve(listener, router.fallback(echo)) => served.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        Self { address: reported.recv().unwrap(), running: Some((stop, thread)) }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            let _ = stop.send(());
            thread.join().unwrap();
        }
    }
}

/// A route that answers once, with each chunk when it is sent here.
pub fn chunks(kind: &'static str) -> (mpsc::UnboundedSender<&'static str>, MethodRouter) {
    let (send, chunks) = mpsc::unbounded_channel();
    let chunks = Arc::new(Mutex::new(Some(chunks)));
    let answer = move || {
        let chunks = chunks.lock().unwrap().take().unwrap();
        let chunks = unfold(chunks, |mut chunks: mpsc::UnboundedReceiver<&'static str>| async {
            chunks.recv().await.map(|chunk| (Ok::<_, std::io::Error>(Bytes::from(chunk)), chunks))
        });
        async move { ([(header::CONTENT_TYPE, kind)], Body::from_stream(chunks)) }
    };
    (send, get(answer))
}

/// Tells what came.
async fn echo(method: Method, uri: Uri, headers: HeaderMap) -> String {
    let headers: serde_json::Map<_, _> =
        headers.iter().map(|(name, value)| (name.to_string(), json!(value.to_str().unwrap()))).collect();
    json!({"method": method.as_str(), "uri": uri.to_string(), "headers": headers}).to_string()
}
