//! Takes an upload of any length in, sealed, in constant memory.

use std::path::{Path, PathBuf};

use axum::body::Body;
use axum::http::StatusCode;
use futures::StreamExt as _;
use holdfast_store::Id;

use crate::api::error::{ApiError, ApiResult, Code};
use crate::import::session::{self, Staged};
use crate::import::staging::Staging;

/// How much is sealed at once.
const ENOUGH: usize = 1 << 20;

/// Writes the body to the session's place below `directory`. Nothing is left there when it fails.
pub(super) async fn stage(directory: &Path, id: Id, body: Body, limit: usize) -> ApiResult<Staged> {
    let path = session::path(directory, &id);
    let mut unfinished = Unfinished(Some(path.clone()));
    let (bytes, key) = take(&path, body, limit).await?;
    unfinished.0 = None;
    Ok(Staged { id, bytes, key })
}

/// A file that goes with this value: a client that leaves in the middle ends its request without a word.
struct Unfinished(Option<PathBuf>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // Why the upload ended says more than an error about the rest of the file.
            drop(std::fs::remove_file(path));
        }
    }
}

async fn take(path: &Path, body: Body, limit: usize) -> ApiResult<(u64, String)> {
    let mut staging = Staging::create(path)?;
    let mut chunks = body.into_data_stream();
    let mut waiting = Vec::new();
    let mut size = 0;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| ApiError::invalid_body("The body ended before it was whole"))?;
        size += chunk.len();
        if size > limit {
            return Err(too_large(limit));
        }
        waiting.extend_from_slice(&chunk);
        if waiting.len() >= ENOUGH {
            let piece = std::mem::take(&mut waiting);
            staging = off(move || staging.write(&piece).map(|()| staging)).await?;
        }
    }
    off(move || {
        staging.write(&waiting)?;
        staging.end()
    })
    .await
}

/// Runs work that waits for the disk where it holds up no request.
async fn off<T: Send + 'static>(
    work: impl FnOnce() -> holdfast_store::StoreResult<T> + Send + 'static,
) -> ApiResult<T> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|e| ApiError::internal(e.to_string()))??)
}

fn too_large(limit: usize) -> ApiError {
    let message = format!("The body is larger than {limit} bytes");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, Code::BodyTooLarge, message)
        .hint("Import fewer files at once, or start the server with a larger --max-import.")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::stream::{once, pending};

    use super::*;

    #[tokio::test]
    async fn an_upload_whose_client_leaves_is_not_kept() {
        let directory = tempfile::tempdir().unwrap();
        let id = Id::parse("one").unwrap();
        let path = session::path(directory.path(), &id);
        let first = once(async { Ok::<_, std::io::Error>(Bytes::from_static(b"[1")) });
        let body = Body::from_stream(first.chain(pending()));
        let mut upload = Box::pin(stage(directory.path(), id, body, 100));
        assert!(futures::poll!(upload.as_mut()).is_pending());
        assert!(path.exists());
        drop(upload);
        assert!(!path.exists());
    }
}
