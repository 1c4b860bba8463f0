//! Versions that were overwritten or deleted.

use crate::json::Json;
use crate::revision::Revision;

/// A kept version, without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// What kind of entity.
    pub kind: String,
    /// The entity it belongs to.
    pub parent: Option<String>,
    /// The entity.
    pub id: String,
    /// The revision this version had while it was current.
    pub revision: Revision,
    /// When it was replaced, milliseconds since 1970.
    pub at: i64,
    /// Who replaced it.
    pub client: Option<String>,
    /// What replaced it: `put` or `delete`. A deleted conversation is kept whole, an overwritten one as its
    /// head, because its messages have versions of their own.
    pub op: String,
    /// Size of the body.
    pub bytes: i64,
}

/// Which versions to list; `None` means any.
#[derive(Debug, Clone, Default)]
pub struct VersionFilter {
    /// What kind of entity.
    pub kind: Option<String>,
    /// The entity they belong to.
    pub parent: Option<String>,
    /// The entity.
    pub id: Option<String>,
}

/// A kept version with its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionBody {
    /// Everything but the body.
    pub version: Version,
    /// The body in clear text.
    pub body: Json,
}
