//! What handlers take from a request: who calls, ids in the path, the query, the body. Every refusal has the
//! error shape.

use std::borrow::Cow;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, StatusCode, Uri, header};
use holdfast_store::json::Member;
use holdfast_store::store::Idempotency;
use holdfast_store::{Id, Json, Owner, Precondition, Writer, json, seal};
use serde::de::DeserializeOwned;

use crate::api::error::{ApiError, ApiResult, Code};
use crate::api::precondition::precondition;
use crate::api::session::Session;
use crate::app::App;
use crate::import;

/// Who calls, and what the call is based on.
#[derive(Debug)]
pub struct Caller {
    /// Whose data.
    pub owner: Owner,
    /// The `Holdfast-Client` header.
    pub client: Option<String>,
    /// `If-Match` and `If-None-Match` of a write.
    pub precondition: Precondition,
    /// Secrets are shown in clear text.
    pub reads_secrets: bool,
    idempotency_key: Option<String>,
    request: String,
}

impl Caller {
    /// The writer of a request without a body.
    pub fn writer(&self) -> Writer {
        self.writer_of(b"")
    }

    /// The writer of a request with a body: a repeated `Idempotency-Key` is only good for the same body.
    pub fn writer_of(&self, body: &[u8]) -> Writer {
        let idempotency = self.idempotency_key.as_ref().map(|key| {
            let mut hasher = blake3::Hasher::new();
            hasher.update(self.request.as_bytes()).update(b"\n").update(body);
            Idempotency { key: key.clone(), request: *hasher.finalize().as_bytes() }
        });
        Writer { owner: self.owner.clone(), client: self.client.clone(), idempotency }
    }

    /// A document as this caller may see it.
    pub fn shown(&self, data: Json) -> Json {
        if self.reads_secrets { data } else { seal::mask(&data) }
    }

    /// The suffix of a view that this caller sees masked or not.
    pub fn view(&self) -> &'static str {
        if self.reads_secrets { "" } else { "masked" }
    }
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _app: &Arc<App>) -> ApiResult<Self> {
        let idempotency_key = word(&parts.headers, "idempotency-key")?;
        let request = idempotency_key.as_ref().map(|_| format!("{} {}", parts.method, parts.uri));
        Ok(Self {
            owner: Owner::local(),
            client: word(&parts.headers, "holdfast-client")?,
            precondition: precondition(&parts.headers)?,
            reads_secrets: reads_secrets(&parts.extensions, &parts.headers, &parts.uri),
            idempotency_key,
            request: request.unwrap_or_default(),
        })
    }
}

/// Whether secrets are shown in clear text: to callers on this machine that do not ask for masks, and to pages whose
/// user has signed in, as the app in them works with its keys. Who comes through a proxy is not known to be on this
/// machine.
pub fn reads_secrets(extensions: &Extensions, headers: &HeaderMap, uri: &Uri) -> bool {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>();
    let forwarded = ["forwarded", "x-forwarded-for"].iter().any(|h| headers.contains_key(*h));
    let masked = uri.query().unwrap_or("").split('&').any(|pair| pair == "secrets=masked");
    let is_here = peer.is_none_or(|p| p.0.ip().is_loopback()) && !forwarded;
    (is_here || extensions.get::<Session>().is_some()) && !masked
}

/// How long a header that names something may be.
pub(crate) const LONGEST_WORD: usize = 200;

/// A header of 1 to 200 visible characters.
fn word(headers: &HeaderMap, name: &str) -> ApiResult<Option<String>> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    match value.to_str() {
        Ok(text) if (1..=LONGEST_WORD).contains(&text.len()) => Ok(Some(text.to_owned())),
        Ok(_) | Err(_) => {
            Err(ApiError::invalid_query(format!("The header {name} has 1 to 200 visible characters")))
        }
    }
}

/// The id in the path, percent-decoded: slashes are data.
#[derive(Debug)]
pub struct PathId(pub Id);

/// Both ids in the path, percent-decoded.
#[derive(Debug)]
pub struct PathIds(pub Id, pub Id);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        ids(parts, state).await.map(|[id]| Self(id))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathIds {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        ids(parts, state).await.map(|[first, second]| Self(first, second))
    }
}

async fn ids<S: Send + Sync, const N: usize>(parts: &mut Parts, state: &S) -> ApiResult<[Id; N]> {
    let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| {
        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, Code::InvalidId, "invalid id: not UTF-8")
    })?;
    let ids: Vec<Id> = params.iter().map(|(_, id)| Id::parse(id)).collect::<Result<_, _>>()?;
    ids.try_into().map_err(|_| ApiError::internal("a route and its handler differ in ids"))
}

/// The query.
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(e) => Err(ApiError::invalid_query(e.body_text())),
        }
    }
}

/// A body of any media type, within the limit.
#[derive(Debug)]
pub struct RawBody(pub Bytes);

impl FromRequest<Arc<App>> for RawBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> ApiResult<Self> {
        bytes(request, app.config.max_body).await.map(Self)
    }
}

/// Reads a body of at most `limit` bytes.
async fn bytes(request: Request, limit: usize) -> ApiResult<Bytes> {
    let too_large = || {
        let message = format!("The body is larger than {limit} bytes");
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, Code::BodyTooLarge, message)
    };
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<u64>().ok());
    if announced.is_some_and(|size| size > limit as u64) {
        return Err(too_large());
    }
    axum::body::to_bytes(request.into_body(), limit).await.map_err(|e| {
        let source = std::error::Error::source(&e).map(ToString::to_string).unwrap_or_default();
        if source.contains("length limit") {
            too_large()
        } else {
            ApiError::invalid_body("The body ended before it was whole")
        }
    })
}

/// A JSON body, checked once.
#[derive(Debug)]
pub struct Body {
    /// The value.
    pub json: Json,
    /// It was sent as `application/json-patch+json`.
    pub is_json_patch: bool,
}

impl FromRequest<Arc<App>> for Body {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> ApiResult<Self> {
        Self::within(request, app.config.max_body).await
    }
}

/// The body of an import, JSON or the lines of an archive: whole histories come in one, so its limit is another.
#[derive(Debug)]
pub struct ImportBody(pub Json);

impl FromRequest<Arc<App>> for ImportBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> ApiResult<Self> {
        let limit = app.config.max_import;
        let read = if media_type(request.headers()) == "application/x-ndjson" {
            bytes(request, limit).await.and_then(|lines| Ok(import::document(&lines)?))
        } else {
            Body::within(request, limit).await.map(|body| body.json)
        };
        match read {
            Ok(file) => Ok(Self(file)),
            Err(error) if error.code == Code::BodyTooLarge => {
                Err(error.hint("Import fewer files at once, or start the server with a larger --max-import."))
            }
            Err(error) => Err(error),
        }
    }
}

impl Body {
    /// A body of at most `limit` bytes. Errors: 413 for a larger one, 415 for what is no JSON.
    pub(crate) async fn within(request: Request, limit: usize) -> ApiResult<Self> {
        let kind = media_type(request.headers());
        let is_json = kind == "application/json" || kind.ends_with("+json");
        if !is_json {
            let message = match kind.as_str() {
                "" => "The request has no Content-Type".to_owned(),
                kind => format!("The content type {kind} is not JSON"),
            };
            return Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                Code::UnsupportedMediaType,
                message,
            ));
        }
        let json = Json::from_bytes(&bytes(request, limit).await?)?;
        Ok(Self { json, is_json_patch: kind == "application/json-patch+json" })
    }

    /// The body's bytes, for [`Caller::writer_of`].
    pub fn bytes(&self) -> &[u8] {
        self.json.as_str().as_bytes()
    }

    /// The body as a request object. Errors: 400 when it is no object, or when a key stands twice.
    pub fn object(&self) -> ApiResult<Fields<'_>> {
        Fields::of(&self.json)
    }
}

/// The media type of a request in lower case, without parameters; empty when there is none.
pub fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    value.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
}

/// The fields of a request object, each at most once.
#[derive(Debug)]
pub struct Fields<'a>(Vec<(Cow<'a, str>, Member<'a>)>);

impl<'a> Fields<'a> {
    /// See [`Body::object`].
    pub fn of(json: &'a Json) -> ApiResult<Self> {
        let members =
            json.members().ok_or_else(|| ApiError::invalid_body("The body must be a JSON object"))?;
        let mut fields: Vec<(Cow<'a, str>, Member<'a>)> = Vec::new();
        let mut seen = HashSet::new();
        for member in members {
            let key = member.key();
            if !seen.insert(key.clone()) {
                let message = format!("The key {} stands twice in the body", json::quote(&key));
                return Err(ApiError::invalid_body(message));
            }
            fields.push((key, member));
        }
        Ok(Self(fields))
    }

    /// A field as it was sent: `null` is a value, only a missing field is `None`.
    pub fn raw(&self, name: &str) -> Option<&'a str> {
        self.member(name).map(|m| m.value)
    }

    /// A field as a value of its own.
    pub fn json(&self, name: &str) -> Option<Json> {
        self.member(name).map(Member::json)
    }

    /// Every field.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Json)> {
        self.0.iter().map(|(key, member)| (key.as_ref(), member.json()))
    }

    fn member(&self, name: &str) -> Option<&Member<'a>> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, member)| member)
    }

    /// A field that must be there.
    pub fn required(&self, name: &str, message: &str) -> ApiResult<Json> {
        self.json(name).ok_or_else(|| ApiError::invalid_body(message))
    }

    /// A field that is a string.
    pub fn text(&self, name: &str) -> Option<String> {
        self.raw(name).and_then(json::as_text).map(Into::into)
    }

    /// A field that is a boolean; `false` when it is anything else.
    pub fn is_true(&self, name: &str) -> bool {
        self.raw(name) == Some("true")
    }
}
