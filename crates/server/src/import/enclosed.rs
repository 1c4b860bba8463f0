//! A file that is no JSON, inside JSON: `{"schema": "holdfast.file", "base64": "…"}`. The command line sends
//! databases to a running server this way.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use holdfast_store::Json;
use holdfast_store::json::as_text;

use super::bundle::Bundle;
use super::{ImportError, Source};

/// `schema` of such a file.
const SCHEMA: &str = "holdfast.file";

/// See the module.
pub(super) struct Enclosed;

/// The JSON that carries `bytes`.
pub(crate) fn enclose(bytes: &[u8]) -> Json {
    let (schema, content) = (Json::string(SCHEMA), Json::string(&STANDARD.encode(bytes)));
    Json::object([("schema", &schema), ("base64", &content)])
}

impl Source for Enclosed {
    fn detect(&self, file: &Json) -> bool {
        file.get("schema").and_then(as_text).is_some_and(|schema| schema == SCHEMA)
    }

    fn read(&self, file: &Json) -> Result<Bundle, ImportError> {
        let text = file.get("base64").and_then(as_text).unwrap_or_default();
        let bytes = STANDARD
            .decode(text.as_bytes())
            .map_err(|why| ImportError::damaged("base64", format!("is not the base64 of a file: {why}")))?;
        if super::is_database(&bytes) {
            super::read(&bytes)
        } else {
            Err(ImportError::damaged("base64", "holds no SQLite database; send JSON as it is"))
        }
    }
}
