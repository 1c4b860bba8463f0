//! `/_holdfast/login`: where a browser shows the token, and gets a cookie for it.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Form;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::api::request::Params;
use crate::api::session;
use crate::app::{App, now};

/// So many wrong tokens of one address are answered in one minute.
const TRIES: u32 = 10;
const MINUTE_MS: i64 = 60_000;

const PAGE: &str = include_str!("../../assets/login.html");
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
);

/// Wrong tokens of this minute, by address.
#[derive(Debug, Default)]
pub struct Tries(Mutex<(i64, HashMap<IpAddr, u32>)>);

impl Tries {
    /// Notes a wrong token; `false` when there were too many.
    fn note(&self, address: IpAddr, at: i64) -> bool {
        let count = self.with(at, |counts| {
            let count = counts.entry(address).or_insert(0);
            *count += 1;
            *count
        });
        count <= TRIES
    }

    fn are_used_up(&self, address: IpAddr, at: i64) -> bool {
        self.with(at, |counts| counts.get(&address).is_some_and(|count| *count >= TRIES))
    }

    fn with<T>(&self, at: i64, look: impl FnOnce(&mut HashMap<IpAddr, u32>) -> T) -> T {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = at / MINUTE_MS;
        if state.0 != minute {
            *state = (minute, HashMap::new());
        }
        look(&mut state.1)
    }
}

/// Where to go afterwards.
#[derive(Debug, Default, Deserialize)]
pub struct LoginQuery {
    #[serde(default)]
    next: String,
}

/// The form.
#[derive(Debug, Deserialize)]
pub struct LoginForm {
    token: String,
    #[serde(default)]
    next: String,
}

/// Shows the form, or goes on where no token is set.
pub async fn get_login(State(app): State<Arc<App>>, Params(query): Params<LoginQuery>) -> Response {
    match &app.config.token {
        None => see_other(&query.next).into_response(),
        Some(_) => page(StatusCode::OK, "", &query.next),
    }
}

/// Checks the token and gives the cookie.
pub async fn post_login(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Form(form): Form<LoginForm>,
) -> Response {
    let Some(token) = &app.config.token else { return see_other(&form.next).into_response() };
    let at = now();
    if app.tries.are_used_up(peer.ip(), at) {
        let mut response =
            page(StatusCode::TOO_MANY_REQUESTS, "Too many wrong tokens: try again in a minute.", &form.next);
        let seconds = (MINUTE_MS - at.rem_euclid(MINUTE_MS)) / 1_000 + 1;
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        return response;
    }
    if !session::is_token(token, &form.token) {
        app.tries.note(peer.ip(), at);
        tracing::warn!(target: "proxy", peer = %peer.ip(), "a login with a wrong token from {}", peer.ip());
        return page(
            StatusCode::UNAUTHORIZED,
            "This is not the token that the server was started with.",
            &form.next,
        );
    }
    let proto = headers.get("x-forwarded-proto").and_then(|v| v.to_str().ok()).unwrap_or("");
    let cookie = session::cookie(token, proto.split(',').any(|p| p.trim() == "https"));
    ([(header::SET_COOKIE, cookie)], see_other(&form.next)).into_response()
}

fn see_other(next: &str) -> impl IntoResponse + use<> {
    (StatusCode::SEE_OTHER, [(header::LOCATION, own_page(next).to_owned())])
}

/// A page of this origin; anything else is the first page.
fn own_page(next: &str) -> &str {
    let is_path = next.starts_with('/') && !next.starts_with("//");
    let is_plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_path && is_plain { next } else { "/" }
}

fn page(status: StatusCode, message: &str, next: &str) -> Response {
    let alert = if message.is_empty() { String::new() } else { format!("<p role=\"alert\">{message}</p>") };
    let body = PAGE.replace("{message}", &alert).replace("{next}", &escaped(own_page(next)));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ];
    (status, headers, body).into_response()
}

/// A text inside HTML, attributes included.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_leads_to_pages_of_its_own_origin_only() {
        assert_eq!(own_page("/chat?a=1#b"), "/chat?a=1#b");
        for next in ["", "https://elsewhere", "//elsewhere", "/\\elsewhere", "/a\r\nb", "javascript:x"] {
            assert_eq!(own_page(next), "/", "{next}");
        }
    }

    #[test]
    fn wrong_tokens_are_counted_by_the_minute() {
        let (tries, one, other) = (Tries::default(), [127, 0, 0, 1].into(), [127, 0, 0, 2].into());
        for _ in 0..TRIES {
            assert!(!tries.are_used_up(one, 0));
            assert!(tries.note(one, 0));
        }
        assert!(tries.are_used_up(one, MINUTE_MS - 1) && !tries.note(one, 0));
        assert!(!tries.are_used_up(other, 0));
        assert!(!tries.are_used_up(one, MINUTE_MS));
    }
}
