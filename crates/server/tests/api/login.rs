//! A token, as browsers show it.

use axum::Router;

use crate::server::{Reply, TestServer};
use crate::upstream::Upstream;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const NAVIGATION: (&str, &str) = ("sec-fetch-dest", "document");

fn locked(app: &Upstream) -> TestServer {
    TestServer::start_before(Some(app.address), |config| config.token = Some("open sesame".to_owned()))
}

fn sign_in(server: &TestServer, body: &str) -> Reply {
    server.at_front("POST", "/_holdfast/login", &[FORM], Some(body))
}

/// `name=value` of the cookie that a login gave.
fn cookie(reply: &Reply) -> &str {
    reply.header("set-cookie").split(';').next().unwrap()
}

#[test]
fn an_app_behind_a_token_is_seen_after_a_login_only() {
    let app = Upstream::start(Router::new());
    let server = locked(&app);
    let away = server.at_front("GET", "/chat?a=1&b", &[NAVIGATION], None).expect(302);
    assert_eq!(away.header("location"), "/_holdfast/login?next=/chat%3Fa%3D1%26b");
    server.at_front("GET", "/data.json", &[], None).expect_error(401, "unauthorized");
    server.at_front("GET", "/_holdfast/api/state", &[], None).expect_error(401, "unauthorized");
    let form = server.at_front("GET", away.header("location"), &[], None).expect(200);
    assert!(form.text().contains("name=\"next\" value=\"/chat?a=1&amp;b\""), "{}", form.text());
    assert!(form.text().contains("<label for=\"token\">") && !form.text().contains("<script"));

    let wrong = sign_in(&server, "token=guess&next=/chat").expect(401);
    assert!(wrong.text().contains("role=\"alert\"") && wrong.header("set-cookie").is_empty());
    let right = sign_in(&server, "token=open+sesame&next=%2Fchat%3Fa%3D1").expect(303);
    assert_eq!(right.header("location"), "/chat?a=1");
    let attributes = right.header("set-cookie");
    for attribute in ["Path=/", "HttpOnly", "SameSite=Lax", "Max-Age=15552000"] {
        assert!(attributes.contains(attribute), "{attributes}");
    }
    assert!(!attributes.contains("Secure") && !attributes.contains("sesame"));
    let shown = [("cookie", cookie(&right)), NAVIGATION];
    let page = server.at_front("GET", "/chat", &shown, None).expect(200);
    assert!(page.json()["headers"].get("cookie").is_none(), "the cookie is not the app's: {}", page.text());
    assert_eq!(sign_in(&server, "token=open+sesame&next=https://elsewhere").header("location"), "/");
}

#[test]
fn the_cookie_of_a_login_lets_pages_of_the_own_origin_call_and_read_secrets() {
    let app = Upstream::start(Router::new());
    let server = locked(&app);
    let signed = sign_in(&server, "token=open+sesame").expect(303);
    let (cookie, own) = (("cookie", cookie(&signed)), format!("http://{}", server.front.unwrap()));
    let json = ("content-type", "application/json");
    let put = |headers: &[(&str, &str)]| {
        let headers = [&[cookie, json], headers].concat();
        let body = r#"{"data":{"apiKey":"sk-1"}}"#;
        server.at_front("PUT", "/_holdfast/api/stores/app-x", &headers, Some(body))
    };
    put(&[("origin", &own)]).expect(200);
    put(&[("sec-fetch-site", "same-origin")]).expect(200);
    // Without bodies: a server that refuses does not wait for them.
    let delete = |headers: &[(&str, &str)]| {
        server.at_front("DELETE", "/_holdfast/api/stores/app-x", &[&[cookie], headers].concat(), None)
    };
    delete(&[]).expect_error(401, "unauthorized");
    delete(&[("sec-fetch-site", "cross-site")]).expect_error(403, "origin_not_allowed");
    delete(&[("origin", "https://elsewhere.test")]).expect_error(403, "origin_not_allowed");
    let get = |headers: &[(&str, &str)]| {
        let headers = [&[cookie], headers].concat();
        server.at_front("GET", "/_holdfast/api/stores/app-x", &headers, None).expect(200)
    };
    // A page at a plain HTTP address names itself with writes only; behind a proxy no caller is known to be here.
    let forwarded = ("x-forwarded-for", "192.0.2.1");
    assert!(get(&[forwarded]).text().contains("sk-1"));
    let bearer = [("authorization", "Bearer open sesame"), forwarded];
    let masked = server.at_front("GET", "/_holdfast/api/stores/app-x", &bearer, None).expect(200);
    assert!(!masked.text().contains("sk-1"));
    server.send("GET", "/_holdfast/api/stores/app-x", &[cookie], None).expect(200);
    server.at_front("GET", "/_holdfast/api/state", &[("cookie", "holdfast=00")], None).expect(401);
}

#[test]
fn the_token_itself_never_reaches_the_app() {
    let app = Upstream::start(Router::new());
    let server = locked(&app);
    let seen = server.at_front("GET", "/x", &[("authorization", "Bearer open sesame")], None).expect(200);
    assert!(!seen.text().contains("sesame"), "{}", seen.text());
}

#[test]
fn a_login_by_https_gives_a_secure_cookie() {
    let app = Upstream::start(Router::new());
    let server = locked(&app);
    let headers = [FORM, ("x-forwarded-proto", "https")];
    let reply = server.at_front("POST", "/_holdfast/login", &headers, Some("token=open+sesame")).expect(303);
    assert!(reply.header("set-cookie").contains("; Secure"));
}

#[test]
fn many_wrong_tokens_must_wait() {
    let app = Upstream::start(Router::new());
    let server = locked(&app);
    // A minute may end in between, once.
    let limit = (0..25).map(|_| sign_in(&server, "token=guess")).find(|reply| reply.status == 429);
    let limit = limit.expect("guesses are limited");
    assert!((1..=60).contains(&limit.header("retry-after").parse::<u32>().unwrap()));
}

#[test]
fn without_a_token_there_is_nothing_to_sign_in_to() {
    let app = Upstream::start(Router::new());
    let server = TestServer::start_before(Some(app.address), |_| {});
    let away = server.at_front("GET", "/_holdfast/login?next=/chat", &[], None).expect(303);
    assert_eq!(away.header("location"), "/chat");
}

#[test]
fn an_app_is_not_shown_to_other_machines_without_a_token() {
    let program = env!("CARGO_BIN_EXE_holdfast");
    let run = |arguments: &[&str]| {
        let out = std::process::Command::new(program).arg("serve").args(arguments).output().unwrap();
        assert_eq!(out.status.code(), Some(2));
        String::from_utf8_lossy(&out.stderr).into_owned()
    };
    let open = run(&["--app", "http://127.0.0.1:3001", "--app-listen", "0.0.0.0:0"]);
    assert!(open.contains("--token"), "{open}");
    let itself = run(&["--app", "http://localhost:3000"]);
    assert!(itself.contains("another port"), "{itself}");
    assert!(run(&["--app", "ftp://a"]).contains("http://127.0.0.1:3001"));
}
