//! How a browser shows that it knows the token: a cookie that is made from the token and is not the token.

use axum::http::{HeaderMap, HeaderValue, header};
use blake3::Hash;

use crate::app::App;

/// The cookie's name.
const COOKIE: &str = "holdfast";

/// How long a browser keeps the cookie: 180 days, in seconds.
const MAX_AGE: u32 = 180 * 24 * 60 * 60;

/// A request that was let in by the cookie: of a browser whose user knows the token.
#[derive(Debug, Clone, Copy)]
pub struct Session;

/// How a request shows the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// No token is set, or it came in `Authorization`.
    Enough,
    /// The cookie has it.
    ByCookie,
    /// Not at all.
    Nothing,
}

/// How a request shows the token of `app`.
pub(crate) fn shown(app: &App, headers: &HeaderMap) -> Shown {
    let Some(token) = &app.config.token else { return Shown::Enough };
    if is_token(token, bearer(headers)) {
        return Shown::Enough;
    }
    if has_cookie(headers, token) { Shown::ByCookie } else { Shown::Nothing }
}

/// Whether a text is the token. Hashes of equal length are compared, in constant time.
pub(crate) fn is_token(token: &str, given: &str) -> bool {
    blake3::hash(given.as_bytes()) == blake3::hash(token.as_bytes())
}

/// The token in `Authorization`; empty when there is none.
pub(crate) fn bearer(headers: &HeaderMap) -> &str {
    let given = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).unwrap_or("");
    given.strip_prefix("Bearer ").unwrap_or("").trim()
}

/// The `Set-Cookie` of a login. `secure`: the page came by HTTPS.
pub(crate) fn cookie(token: &str, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{COOKIE}={}; Path=/; Max-Age={MAX_AGE}; HttpOnly; SameSite=Lax{secure}", key(token).to_hex())
}

/// What the cookie holds: it lets nobody find the token.
fn key(token: &str) -> Hash {
    Hash::from_bytes(blake3::derive_key("holdfast 2026-11 login cookie", token.as_bytes()))
}

fn has_cookie(headers: &HeaderMap, token: &str) -> bool {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
    let ours = cookies.flat_map(|v| v.split(';')).filter_map(|pair| pair.trim().strip_prefix(COOKIE));
    let mut values = ours.filter_map(|rest| Hash::from_hex(rest.strip_prefix('=')?).ok());
    values.any(|value| value == key(token))
}

/// Takes what shows the token out of a request that goes on to the app; its other cookies stay as they are.
pub(crate) fn strip(headers: &mut HeaderMap, token: Option<&str>) {
    if token.is_some_and(|token| is_token(token, bearer(headers))) {
        headers.remove(header::AUTHORIZATION);
    }
    let kept: Vec<HeaderValue> = headers.get_all(header::COOKIE).iter().filter_map(without).collect();
    headers.remove(header::COOKIE);
    for value in kept {
        headers.append(header::COOKIE, value);
    }
}

fn without(cookies: &HeaderValue) -> Option<HeaderValue> {
    let is_ours = |pair: &&[u8]| {
        pair.trim_ascii().strip_prefix(COOKIE.as_bytes()).is_some_and(|rest| rest.starts_with(b"="))
    };
    let pairs: Vec<&[u8]> = cookies.as_bytes().split(|byte| *byte == b';').collect();
    if !pairs.iter().any(&is_ours) {
        return Some(cookies.clone());
    }
    let others: Vec<&[u8]> = pairs.into_iter().filter(|pair| !is_ours(pair)).collect();
    let text = others.join(&b';');
    let text = text.trim_ascii();
    HeaderValue::from_bytes(text).ok().filter(|_| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_cookie_is_taken_out() {
        let stripped = |text: &'static str| without(&HeaderValue::from_static(text));
        assert_eq!(stripped("a=1;  b=2").unwrap(), "a=1;  b=2");
        assert_eq!(stripped("a=1; holdfast=x; b=2").unwrap(), "a=1; b=2");
        assert_eq!(stripped("holdfast=x; holdfasting=1").unwrap(), "holdfasting=1");
        assert_eq!(stripped("holdfast=x"), None);
    }

    #[test]
    fn the_cookie_shows_the_token_and_is_not_the_token() {
        let cookie = cookie("secret", true);
        assert!(!cookie.contains("secret") && cookie.contains("; Secure"), "{cookie}");
        let mut headers = HeaderMap::new();
        let pair = cookie.split(';').next().unwrap().to_owned();
        headers.insert(header::COOKIE, format!("x=1; {pair}").parse().unwrap());
        assert!(has_cookie(&headers, "secret"));
        assert!(!has_cookie(&headers, "another"));
    }
}
