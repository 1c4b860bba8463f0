//! Websockets: after the handshake, bytes go both ways until one side ends.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;
use tokio::sync::watch;

use crate::api::error::{ApiError, Code};

const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

/// The browser's side of the connection, where it asks for a websocket.
pub(super) fn asked(request: &mut Request) -> Option<OnUpgrade> {
    let upgrade = request.headers().get(header::UPGRADE).and_then(|v| v.to_str().ok()).unwrap_or("");
    upgrade.eq_ignore_ascii_case("websocket").then(|| hyper::upgrade::on(request))
}

/// Asks the app for a websocket.
pub(super) fn ask(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, WEBSOCKET);
}

/// The app agreed: joins both sides, until one ends or the server stops.
pub(super) fn join(
    ours: Option<OnUpgrade>,
    theirs: OnUpgrade,
    response: Response<Incoming>,
    mut closing: watch::Receiver<bool>,
) -> Result<Response, ApiError> {
    let unasked =
        || ApiError::new(StatusCode::BAD_GATEWAY, Code::AppUnavailable, "The app changed the protocol");
    let ours = ours.ok_or_else(unasked)?;
    tokio::spawn(async move {
        let (Ok(ours), Ok(theirs)) = tokio::join!(ours, theirs) else { return };
        let (mut ours, mut theirs) = (TokioIo::new(ours), TokioIo::new(theirs));
        // An end without a goodbye is how most websockets end.
        tokio::select! {
            _ = copy_bidirectional(&mut ours, &mut theirs) => {}
            _ = closing.wait_for(|closing| *closing) => {}
        }
    });
    Ok(response.map(|_| Body::empty()))
}
