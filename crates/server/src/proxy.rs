//! In front of an unmodified app: our own paths below `/_holdfast/`, everything else passed on to the app as it is,
//! and its pages with the bridge in them.

mod answers;
mod csp;
mod document;
mod headers;
mod upgrade;

use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::uri::{Authority, PathAndQuery, Scheme};
use axum::http::{Method, StatusCode, Uri, Version};
use axum::response::Response;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::net::TcpListener;
use tower::ServiceExt as _;

use crate::api::auth::check_host;
use crate::api::error::{ApiError, Code};
use crate::api::session::{self, Shown};
use crate::app::App;

/// Shorter than the five seconds after which Node closes a connection that nobody uses: a request that meets the
/// closing would fail.
const IDLE: Duration = Duration::from_secs(3);
const CONNECT: Duration = Duration::from_secs(10);

/// Where the app is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream(Authority);

impl Upstream {
    /// Host and port.
    pub fn authority(&self) -> &str {
        self.0.as_str()
    }

    /// The app's URL for a path.
    fn uri(&self, path: Option<PathAndQuery>) -> Result<Uri, axum::http::Error> {
        let path = path.unwrap_or_else(|| PathAndQuery::from_static("/"));
        Uri::builder().scheme(Scheme::HTTP).authority(self.0.clone()).path_and_query(path).build()
    }
}

impl FromStr for Upstream {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || format!("'{text}' is no address of an app: it looks like http://127.0.0.1:3001");
        let uri: Uri = text.parse().map_err(|_| refused())?;
        let is_plain = uri.scheme() == Some(&Scheme::HTTP) && uri.path() == "/" && uri.query().is_none();
        uri.authority()
            .filter(|a| is_plain && !a.as_str().contains('@'))
            .cloned()
            .map(Self)
            .ok_or_else(refused)
    }
}

/// What stands in front of an app: where browsers come in, and where the app is.
#[derive(Debug)]
pub struct Front {
    /// Where browsers come in.
    pub listener: TcpListener,
    /// Where the app is.
    pub upstream: Upstream,
}

struct Proxy {
    app: Arc<App>,
    api: Router,
    upstream: Upstream,
    client: Client<HttpConnector, Body>,
}

/// The service of the app's own address. `api` answers below `/_holdfast/`.
pub fn router(app: Arc<App>, api: Router, upstream: Upstream) -> Router {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT));
    let client = Client::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE)
        .pool_timer(TokioTimer::new())
        .build(connector);
    Router::new().fallback(serve).with_state(Arc::new(Proxy { app, api, upstream, client }))
}

async fn serve(
    State(proxy): State<Arc<Proxy>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let path = request.uri().path();
    if path == "/_holdfast" || path.starts_with("/_holdfast/") {
        return match proxy.api.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
    }
    let line = format!("{} {path}", request.method());
    let response = match proxy.pass(peer, request).await {
        Ok(response) => response,
        Err(error) => answers::error(&proxy.app, &error),
    };
    tracing::debug!(target: "proxy", "{line} {}", response.status().as_u16());
    response
}

impl Proxy {
    /// Passes a request to the app and its answer back.
    async fn pass(&self, peer: SocketAddr, mut request: Request) -> Result<Response, ApiError> {
        check_host(&self.app, request.uri(), request.headers())?;
        let opens_page = document::opens_page(&request);
        if session::shown(&self.app, request.headers()) == Shown::Nothing {
            return answers::login(request.uri(), opens_page);
        }
        let refused = |why: &str| ApiError::new(StatusCode::BAD_REQUEST, Code::InvalidQuery, why);
        if request.method() == Method::CONNECT {
            return Err(refused("CONNECT is for proxies that lead elsewhere"));
        }
        let has_bridge = opens_page && document::has_bridge(request.uri().path());
        let ours = upgrade::asked(&mut request);
        headers::towards_app(request.headers_mut(), peer, self.app.config.token.as_deref());
        if has_bridge {
            document::ask_whole(request.headers_mut());
        }
        if ours.is_some() {
            upgrade::ask(request.headers_mut());
        }
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = self.upstream.uri(path).map_err(|_| refused("The path cannot be passed on"))?;
        *request.version_mut() = Version::HTTP_11;
        let mut response = match self.client.request(request).await {
            Ok(response) => response,
            Err(error) => return answers::app_down(&self.upstream, opens_page, &error),
        };
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let theirs = hyper::upgrade::on(&mut response);
            return upgrade::join(ours, theirs, response, self.app.closing.clone());
        }
        headers::strip_hop_by_hop(response.headers_mut());
        let response = response.map(Body::new);
        Ok(if has_bridge && document::is_html(&response) {
            document::with_bridge(response)
        } else {
            response
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_is_at_a_plain_http_address() {
        assert_eq!("http://127.0.0.1:3001/".parse::<Upstream>().unwrap().authority(), "127.0.0.1:3001");
        for text in ["127.0.0.1:3001", "https://a", "http://a/b", "http://u@a", "http://a?b", "", "http://"] {
            assert!(text.parse::<Upstream>().is_err(), "{text}");
        }
    }
}
