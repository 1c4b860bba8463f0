//! The SQLite backend.

use std::path::Path;

use crate::error::{StoreError, StoreResult};
use crate::url::OpenOptions;

pub(crate) fn open(_path: &Path, _options: &OpenOptions) -> StoreResult<std::sync::Arc<dyn crate::Store>> {
    Err(StoreError::Internal("the backend is not built".to_owned()))
}
