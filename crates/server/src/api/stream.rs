//! Bodies of any length in constant memory, and event streams.
//!
//! An error after the first byte aborts the connection: a cut answer never looks whole.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::stream::{StreamExt as _, unfold};
use holdfast_store::Owner;
use holdfast_store::store::{ConversationChunk, ConversationKey};
use tokio::sync::mpsc;

use crate::app::App;

/// How many bytes are read from the store at once.
const BUDGET: usize = 512 << 10;
/// How long a client may leave the next chunk unread.
const STALL: Duration = Duration::from_secs(60);

/// What stands around conversations in a streamed body.
pub struct Frame {
    /// Before the first.
    pub prefix: String,
    /// Between two of them.
    pub separator: &'static str,
    /// After each of them.
    pub terminator: &'static str,
    /// At the end; it is given their number.
    pub suffix: Box<dyn FnOnce(u64) -> String + Send>,
}

enum Piece {
    Data(Bytes),
    /// Without this, the body is cut and the connection aborted.
    End,
}

/// A body with all of `keys`, read chunk by chunk as the client takes them.
pub fn conversations(app: Arc<App>, owner: Owner, keys: Vec<ConversationKey>, frame: Frame) -> Body {
    let (sender, receiver) = mpsc::channel(2);
    tokio::spawn(async move {
        if let Err(why) = send_all(&app, &owner, keys, frame, &sender).await {
            tracing::warn!(target: "chats", why, "a streamed list was cut: {why}");
        }
    });
    let pieces = unfold(Some(receiver), |receiver| async move {
        let mut receiver = receiver?;
        match receiver.recv().await {
            Some(Piece::Data(bytes)) => Some((Ok(bytes), Some(receiver))),
            Some(Piece::End) => None,
            None => Some((Err(io::Error::other("the answer was cut")), None)),
        }
    });
    // Fused, since a compressor asks once more after the end.
    Body::from_stream(pieces.fuse())
}

async fn send_all(
    app: &App,
    owner: &Owner,
    mut keys: Vec<ConversationKey>,
    frame: Frame,
    sender: &mpsc::Sender<Piece>,
) -> Result<(), String> {
    send(sender, Piece::Data(frame.prefix.into())).await?;
    let mut count = 0;
    // From the end, so that keys that were taken can be cut off.
    keys.reverse();
    while !keys.is_empty() {
        // More keys than a chunk can hold would only be copied.
        let next: Vec<_> = keys.iter().rev().take(4_096).copied().collect();
        let chunk = app.store.conversation_chunk(owner, next, BUDGET).await.map_err(|e| e.to_string())?;
        keys.truncate(keys.len().saturating_sub(chunk.taken.max(1)));
        let bytes = join(&chunk, count, frame.separator, frame.terminator);
        count += chunk.ends.len() as u64;
        send(sender, Piece::Data(bytes)).await?;
    }
    send(sender, Piece::Data((frame.suffix)(count).into())).await?;
    send(sender, Piece::End).await
}

fn join(chunk: &ConversationChunk, before: u64, separator: &str, terminator: &str) -> Bytes {
    let between = separator.len() + terminator.len();
    let mut out = Vec::with_capacity(chunk.texts.len() + chunk.ends.len() * between);
    let mut start = 0;
    for (index, end) in chunk.ends.iter().enumerate() {
        if before > 0 || index > 0 {
            out.extend_from_slice(separator.as_bytes());
        }
        out.extend_from_slice(chunk.texts.get(start..*end).unwrap_or_default());
        out.extend_from_slice(terminator.as_bytes());
        start = *end;
    }
    out.into()
}

async fn send(sender: &mpsc::Sender<Piece>, piece: Piece) -> Result<(), String> {
    sender.send_timeout(piece, STALL).await.map_err(|e| match e {
        mpsc::error::SendTimeoutError::Timeout(_) => "the client stopped reading".to_owned(),
        mpsc::error::SendTimeoutError::Closed(_) => "the client went away".to_owned(),
    })
}
