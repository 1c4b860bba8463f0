//! ETags: `"<epoch>-r<revision>"` with a suffix per representation, and what `If-Match` says of them.

use axum::http::{HeaderMap, header};
use holdfast_store::{Epoch, Precondition, Revision};

use crate::api::error::{ApiError, ApiResult};

/// The suffixes that name a content coding and nothing else.
pub const CODINGS: [&str; 3] = ["-gzip", "-br", "-zstd"];

/// The strong ETag of a representation; `view` is empty for the usual one.
pub fn etag(epoch: &Epoch, revision: Revision, view: &str) -> String {
    let dash = if view.is_empty() { "" } else { "-" };
    format!("\"{epoch}-r{revision}{dash}{view}\"")
}

/// What a write is based on. Weak tags and suffixes are accepted, since proxies that compress add them.
///
/// Errors: 400 when a header is not text.
pub fn precondition(headers: &HeaderMap) -> ApiResult<Precondition> {
    if let Some(value) = text(headers, header::IF_MATCH)? {
        if value.trim() == "*" {
            return Ok(Precondition::Present);
        }
        // Several tags mean any of them: the newest includes the others. A tag of another system never holds.
        let newest = value.split(',').filter_map(parse).max_by_key(|(_, revision)| *revision);
        let (epoch, revision) = newest.unwrap_or((Epoch(String::new()), 0));
        return Ok(Precondition::At { epoch, revision });
    }
    match text(headers, header::IF_NONE_MATCH)? {
        Some(value) if value.trim() == "*" => Ok(Precondition::Absent),
        Some(_) | None => Ok(Precondition::None),
    }
}

/// Whether a client that sent `If-None-Match` already has the representation `tag`; the tag it has.
pub fn has_current(if_none_match: &str, tag: &str) -> Option<String> {
    let bare = |tag: &str| {
        let tag = tag.trim().trim_start_matches("W/").trim_matches('"').to_owned();
        CODINGS.iter().find_map(|c| tag.strip_suffix(c)).map(str::to_owned).unwrap_or(tag)
    };
    if if_none_match.trim() == "*" {
        return Some(tag.to_owned());
    }
    let wanted = bare(tag);
    if_none_match.split(',').find(|have| bare(have) == wanted).map(|have| have.trim().to_owned())
}

fn parse(tag: &str) -> Option<(Epoch, Revision)> {
    let tag = tag.trim().trim_start_matches("W/").trim_matches('"');
    // The last `-r` before digits: an epoch may hold dashes, a suffix no `-r<digit>`.
    tag.rmatch_indices("-r").find_map(|(at, _)| {
        let digits: String = tag[at + 2..].chars().take_while(char::is_ascii_digit).collect();
        let rest = &tag[at + 2 + digits.len()..];
        let revision = digits.parse().ok().filter(|_| rest.is_empty() || rest.starts_with('-'))?;
        Some((Epoch(tag[..at].to_owned()), revision))
    })
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> ApiResult<Option<&str>> {
    headers
        .get(&name)
        .map(|v| v.to_str().map_err(|_| ApiError::invalid_query(format!("The header {name} is not text"))))
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: header::HeaderName, value: &str) -> Precondition {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        precondition(&headers).unwrap()
    }

    #[test]
    fn if_match_reads_weak_and_suffixed_tags() {
        let expected = Precondition::At { epoch: Epoch("a-b".to_owned()), revision: 12 };
        for tag in [
            "\"a-b-r12\"",
            "W/\"a-b-r12\"",
            "\"a-b-r12-gzip\"",
            "\"a-b-r12-ndjson-br\"",
            "\"a-b-r3\", \"a-b-r12\"",
        ] {
            assert_eq!(of(header::IF_MATCH, tag), expected, "{tag}");
        }
        assert_eq!(of(header::IF_MATCH, "*"), Precondition::Present);
        assert_eq!(of(header::IF_NONE_MATCH, "*"), Precondition::Absent);
        let foreign = of(header::IF_MATCH, "\"something\"");
        assert!(!foreign.holds(&Epoch("a".to_owned()), Some(1), 1));
    }

    #[test]
    fn if_none_match_compares_without_the_coding() {
        assert!(has_current("W/\"e-r1-gzip\"", "\"e-r1\"").is_some());
        assert!(has_current("\"e-r1-ndjson\"", "\"e-r1\"").is_none());
        assert!(has_current("\"e-r0\", \"e-r1\"", "\"e-r1\"").is_some());
    }
}
