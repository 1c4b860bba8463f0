//! JSON as text: checked once at the edge, then cut and joined without being rewritten.
//!
//! What a client sent is kept byte for byte. Nothing here goes through a value type that would round a
//! number, drop a duplicate key or refuse a lone surrogate.

mod tree;

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;
use serde_json::value::RawValue;

pub use tree::{Node, PatchError};

/// The deepest nesting of arrays and objects that is accepted.
pub const MAX_DEPTH: usize = 1_000;

/// One JSON value as the text that was sent: valid JSON, valid UTF-8, at most [`MAX_DEPTH`] levels deep,
/// without surrounding whitespace.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Json(Box<str>);

/// Why bytes are not a [`Json`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonError {
    /// Not JSON.
    Syntax {
        /// What was expected.
        message: String,
        /// From 1.
        line: usize,
        /// From 1, in bytes.
        column: usize,
    },
    /// Not UTF-8.
    Utf8 {
        /// The first byte that is none.
        offset: usize,
    },
    /// Nested more than [`MAX_DEPTH`] levels.
    TooDeep,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { message, line, column } => {
                write!(f, "{message} at line {line}, column {column}")
            }
            Self::Utf8 { offset } => write!(f, "invalid UTF-8 at byte {offset}"),
            Self::TooDeep => write!(f, "nested deeper than {MAX_DEPTH} levels"),
        }
    }
}

impl std::error::Error for JsonError {}

impl Json {
    /// Checks `text` and keeps it. Errors: [`JsonError`].
    pub fn parse(text: &str) -> Result<Self, JsonError> {
        check(text).map(|t| Self(t.into()))
    }

    /// The same for bytes that may not be UTF-8.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, JsonError> {
        Self::parse(utf8(bytes)?)
    }

    /// Text that is a part of a checked value, or was read from the store, where only checked text is
    /// written.
    pub(crate) fn trusted(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// A JSON string holding `text`.
    pub fn string(text: &str) -> Self {
        Self(quote(text).into())
    }

    /// The text of `value`, for values made here and not sent by a client.
    pub fn from_value(value: &serde_json::Value) -> Self {
        Self(value.to_string().into())
    }

    /// An array of values that are checked already.
    pub fn array<'a>(values: impl IntoIterator<Item = &'a Self>) -> Self {
        let values: Vec<&str> = values.into_iter().map(Self::as_str).collect();
        Self(format!("[{}]", values.join(",")).into())
    }

    /// An object of values that are checked already.
    pub fn object<'a>(fields: impl IntoIterator<Item = (&'a str, &'a Self)>) -> Self {
        let fields: Vec<String> =
            fields.into_iter().map(|(key, value)| format!("{}:{}", quote(key), value.as_str())).collect();
        Self(format!("{{{}}}", fields.join(",")).into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The members when this is an object: see [`members`].
    pub fn members(&self) -> Option<Members<'_>> {
        members(&self.0)
    }

    /// The elements when this is an array: see [`elements`].
    pub fn elements(&self) -> Option<Elements<'_>> {
        elements(&self.0)
    }

    /// The last value under `key` when this is an object, as `JSON.parse` would choose it.
    pub fn get(&self, key: &str) -> Option<&str> {
        member(&self.0, key)
    }

    /// The same as a value of its own: a part of checked text needs no second check.
    pub fn field(&self, key: &str) -> Option<Self> {
        self.get(key).map(Self::trusted)
    }
}

impl fmt::Debug for Json {
    /// The size only: a document may hold keys and private text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json({} bytes)", self.0.len())
    }
}

impl Serialize for Json {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

/// `bytes` as text, or the place of the first byte that is not UTF-8.
pub fn utf8(bytes: &[u8]) -> Result<&str, JsonError> {
    std::str::from_utf8(bytes).map_err(|e| JsonError::Utf8 { offset: e.valid_up_to() })
}

/// Checks that `text` is one JSON value within [`MAX_DEPTH`] and gives it without surrounding whitespace.
pub fn check(text: &str) -> Result<&str, JsonError> {
    let raw: &RawValue = serde_json::from_str(text).map_err(|e| {
        let message = e.to_string();
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(m, _)| m).to_owned();
        JsonError::Syntax { message, line: e.line(), column: e.column() }
    })?;
    if depth(raw.get()) > MAX_DEPTH { Err(JsonError::TooDeep) } else { Ok(raw.get()) }
}

/// How deep arrays and objects are nested in checked text: 0 for a scalar.
pub fn depth(json: &str) -> usize {
    let json = json.as_bytes();
    let (mut at, mut open, mut deepest) = (0, 0_usize, 0);
    while at < json.len() {
        match json[at] {
            b'"' => {
                at = skip_string(json, at);
                continue;
            }
            b'{' | b'[' => {
                open += 1;
                deepest = deepest.max(open);
            }
            b'}' | b']' => open -= 1,
            _ => {}
        }
        at += 1;
    }
    deepest
}

/// The members of an object in their order, duplicates included: raw key (with its quotes) and raw value.
/// `None` when `json` is not an object. `json` must be checked text.
pub fn members(json: &str) -> Option<Members<'_>> {
    json.starts_with('{').then_some(Members { json, at: 1 })
}

/// The elements of an array, raw. `None` when `json` is not an array. `json` must be checked text.
pub fn elements(json: &str) -> Option<Elements<'_>> {
    json.starts_with('[').then_some(Elements { json, at: 1 })
}

/// The last value under `key` of the object `json`.
pub fn member<'a>(json: &'a str, key: &str) -> Option<&'a str> {
    members(json)?.filter(|m| m.key_is(key)).last().map(|m| m.value)
}

/// One member of an object.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// The key as written, quotes and escapes included.
    pub raw_key: &'a str,
    /// The value as written.
    pub value: &'a str,
    /// Where `value` starts in the object's text, in bytes.
    pub at: usize,
}

impl<'a> Member<'a> {
    /// Whether the key, decoded, is `key`.
    pub fn key_is(&self, key: &str) -> bool {
        let inner = &self.raw_key[1..self.raw_key.len() - 1];
        inner == key || (inner.contains('\\') && decode(self.raw_key) == key)
    }

    /// The value as a value of its own: a part of checked text needs no second check.
    pub fn json(&self) -> Json {
        Json::trusted(self.value)
    }

    /// The decoded key; lone surrogates as U+FFFD.
    pub fn key(&self) -> Cow<'a, str> {
        decode(self.raw_key)
    }
}

/// See [`members`].
#[derive(Debug, Clone)]
pub struct Members<'a> {
    json: &'a str,
    at: usize,
}

impl<'a> Iterator for Members<'a> {
    type Item = Member<'a>;

    fn next(&mut self) -> Option<Member<'a>> {
        let bytes = self.json.as_bytes();
        let key = skip_separators(bytes, self.at);
        if bytes.get(key).is_none_or(|b| *b == b'}') {
            return None;
        }
        let key_end = skip_string(bytes, key);
        let at = skip_separators(bytes, key_end);
        self.at = skip_value(bytes, at);
        Some(Member { raw_key: &self.json[key..key_end], value: &self.json[at..self.at], at })
    }
}

/// See [`elements`].
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    json: &'a str,
    at: usize,
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let bytes = self.json.as_bytes();
        let at = skip_separators(bytes, self.at);
        if bytes.get(at).is_none_or(|b| *b == b']') {
            return None;
        }
        self.at = skip_value(bytes, at);
        Some(&self.json[at..self.at])
    }
}

/// Whitespace, and the one comma or colon that checked text can have in this place.
fn skip_separators(json: &[u8], mut at: usize) -> usize {
    while at < json.len() && matches!(json[at], b' ' | b'\n' | b'\r' | b'\t' | b',' | b':') {
        at += 1;
    }
    at
}

/// `at` is the opening quote; gives the place after the closing one.
pub(crate) fn skip_string(json: &[u8], mut at: usize) -> usize {
    at += 1;
    while at < json.len() {
        match json[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    at
}

fn skip_value(json: &[u8], mut at: usize) -> usize {
    match json.get(at) {
        Some(b'"') => skip_string(json, at),
        Some(b'{' | b'[') => {
            let mut open = 0_usize;
            while at < json.len() {
                match json[at] {
                    b'"' => {
                        at = skip_string(json, at);
                        continue;
                    }
                    b'{' | b'[' => open += 1,
                    b'}' | b']' => {
                        open -= 1;
                        if open == 0 {
                            return at + 1;
                        }
                    }
                    _ => {}
                }
                at += 1;
            }
            at
        }
        _ => {
            while at < json.len() && !matches!(json[at], b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t') {
                at += 1;
            }
            at
        }
    }
}

/// `text` as a JSON string, quotes included.
pub fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The text of a raw JSON string; U+0000 and lone surrogates become U+FFFD, as in every derived column.
pub fn decode(raw: &str) -> Cow<'_, str> {
    let inner = &raw[1..raw.len() - 1];
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(slash) = rest.find('\\') {
        out.push_str(&rest[..slash]);
        let (text, used) = unescape(&rest[slash..]);
        out.push(text);
        rest = &rest[slash + used..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// One escape at the start of `text`: its character and the bytes it took.
fn unescape(text: &str) -> (char, usize) {
    let simple = |c| (c, 2);
    match text.as_bytes().get(1) {
        Some(b'n') => simple('\n'),
        Some(b't') => simple('\t'),
        Some(b'r') => simple('\r'),
        Some(b'b') => simple('\u{8}'),
        Some(b'f') => simple('\u{c}'),
        Some(b'u') => match hex(text) {
            Some(0) | None => (char::REPLACEMENT_CHARACTER, 6),
            Some(high @ 0xd800..=0xdbff) => {
                match text.get(6..).and_then(|t| t.starts_with("\\u").then(|| hex(t))) {
                    Some(Some(low @ 0xdc00..=0xdfff)) => {
                        let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                        (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
                    }
                    _ => (char::REPLACEMENT_CHARACTER, 6),
                }
            }
            Some(code) => (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 6),
        },
        Some(other) => simple(char::from(*other)),
        None => (char::REPLACEMENT_CHARACTER, 1),
    }
}

fn hex(text: &str) -> Option<u32> {
    text.get(2..6).and_then(|digits| u32::from_str_radix(digits, 16).ok())
}

/// The text of a raw value when it is a string.
pub fn as_text(raw: &str) -> Option<Cow<'_, str>> {
    raw.starts_with('"').then(|| decode(raw))
}

/// A raw value as a whole number (milliseconds, counts) when it is a number; fractions are cut, values
/// beyond `i64` saturate.
#[allow(clippy::cast_possible_truncation)]
pub fn as_integer(raw: &str) -> Option<i64> {
    raw.parse::<i64>().ok().or_else(|| as_number(raw).map(|n| n as i64))
}

/// A raw value as a float when it is a number.
pub fn as_number(raw: &str) -> Option<f64> {
    raw.starts_with(|c: char| c == '-' || c.is_ascii_digit()).then(|| raw.parse().ok()).flatten()
}

/// A canonical text for comparing: keys sorted, strings decoded, whitespace gone, number text as sent,
/// `userFlags: []` left out (the app adds it on load).
pub fn canonical(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    canonical_into(json, &mut out);
    out
}

fn canonical_into(json: &str, out: &mut String) {
    if let Some(members) = members(json) {
        let mut sorted: Vec<_> = members
            .filter(|m| !(m.key_is("userFlags") && elements(m.value).is_some_and(|mut e| e.next().is_none())))
            .map(|m| (canonical_string(m.raw_key), m.value))
            .collect();
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        out.push('{');
        for (index, (key, value)) in sorted.into_iter().enumerate() {
            out.push_str(if index == 0 { "" } else { "," });
            out.push_str(&key);
            out.push(':');
            canonical_into(value, out);
        }
        out.push('}');
    } else if let Some(elements) = elements(json) {
        out.push('[');
        for (index, value) in elements.enumerate() {
            out.push_str(if index == 0 { "" } else { "," });
            canonical_into(value, out);
        }
        out.push(']');
    } else if json.starts_with('"') {
        out.push_str(&canonical_string(json));
    } else {
        out.push_str(json);
    }
}

/// Escapes reduced to those JSON needs; text that [`decode`] cannot represent stays as written.
fn canonical_string(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    match serde_json::from_str::<String>(raw) {
        Ok(text) => Cow::Owned(quote(&text)),
        Err(_) => Cow::Borrowed(raw),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_json_is_cut_where_its_values_end() {
        let text = r#"{ "a" : 1e400 , "b\"" : [ 1 , {"x":"]}"} ], "a":"\ud800" }"#;
        let json = Json::parse(text).unwrap();
        let found: Vec<_> = json.members().unwrap().map(|m| (m.key().into_owned(), m.value)).collect();
        assert_eq!(
            found,
            [
                ("a".to_owned(), "1e400"),
                ("b\"".to_owned(), r#"[ 1 , {"x":"]}"} ]"#),
                ("a".to_owned(), r#""\ud800""#)
            ]
        );
        assert_eq!(json.get("a"), Some(r#""\ud800""#), "the last duplicate wins, as in JSON.parse");
        assert_eq!(json.as_str(), text);
    }

    #[test]
    fn strings_decode_with_nul_and_lone_surrogates_replaced() {
        assert_eq!(decode(r#""a\u0000\ud83d\ude80\ud800z\n\/""#), "a\u{fffd}🚀\u{fffd}z\n/");
    }

    #[test]
    fn a_thousand_levels_pass_and_one_more_does_not() {
        let nested = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert!(Json::parse(&nested(1_000)).is_ok());
        assert_eq!(Json::parse(&nested(1_001)), Err(JsonError::TooDeep));
    }

    #[test]
    fn errors_name_their_place() {
        let Err(JsonError::Syntax { line, column, .. }) = Json::parse("{\n \"a\" 1}") else { panic!() };
        assert_eq!((line, column), (2, 6));
        assert_eq!(Json::from_bytes(b"\"\xff\""), Err(JsonError::Utf8 { offset: 1 }));
    }

    #[test]
    fn canonical_text_ignores_what_has_no_meaning() {
        let a = r#"{"b":[1, 2.0],"a":"\u00e9","userFlags":[]}"#;
        assert_eq!(canonical(a), canonical(r#"{ "a":"é" ,"b":[1,2.0]}"#));
        assert_ne!(canonical(a), canonical(r#"{"a":"é","b":[1,2.00]}"#));
    }
}
