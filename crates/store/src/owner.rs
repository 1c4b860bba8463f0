//! Whose rows they are, and what names one.

use std::fmt;

use crate::error::StoreError;

/// Whose data it is: every row has one, every statement asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner(String);

impl Owner {
    /// The only owner of a server without accounts.
    pub fn local() -> Self {
        Self("local".to_owned())
    }

    /// An owner by name. Errors: [`StoreError::InvalidId`].
    pub fn parse(name: &str) -> Result<Self, StoreError> {
        Id::parse(name).map(|id| Self(id.0))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The id of an entity: 1 to 512 bytes of UTF-8 without U+0000, not `.` or `..`. Slashes, emoji and percent
/// signs are data.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(String);

impl Id {
    /// Checks an id that came from a path or a document. Errors: [`StoreError::InvalidId`].
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let refused = |why: &str| Err(StoreError::InvalidId(why.to_owned()));
        match text {
            "" => refused("an id has at least one character"),
            "." | ".." => refused("'.' and '..' are no ids"),
            _ if text.len() > 512 => refused("an id has at most 512 bytes"),
            _ if text.contains('\0') => refused("an id has no U+0000"),
            _ => Ok(Self(text.to_owned())),
        }
    }

    /// Checks an id that stands in a JSON document as a raw value. Errors: [`StoreError::InvalidId`], also
    /// for lone surrogates and for what is not a string.
    pub fn from_json(raw: &str) -> Result<Self, StoreError> {
        match serde_json::from_str::<String>(raw) {
            Ok(text) => Self::parse(&text),
            Err(_) => Err(StoreError::InvalidId("an id is a string of whole characters".to_owned())),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
