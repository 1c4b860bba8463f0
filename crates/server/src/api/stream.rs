//! Bodies of any length in constant memory, and event streams.
//!
//! An error after the first byte aborts the connection: a cut answer never looks whole.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use bytes::Bytes;
use futures::stream::{StreamExt as _, iter, unfold};
use holdfast_store::Owner;
use holdfast_store::store::{ConversationChunk, ConversationKey};
use tokio::sync::mpsc;

use crate::app::App;
use crate::export::out::Sink;
use crate::export::{self, ExportError, Format, Job};

/// How many bytes are read from the store at once.
const BUDGET: usize = 1 << 20;
/// How many conversations are asked for at once.
const GROUP: usize = 32;
/// How many groups are read while the client takes an earlier one.
const READ_AHEAD: usize = 2;
/// How long a client may leave the next chunk unread.
const STALL: Duration = Duration::from_secs(60);

/// What stands around conversations in a streamed body.
pub struct Frame {
    /// Before the first.
    pub prefix: String,
    /// Between two of them; with a line feed, each stands on one line.
    pub separator: u8,
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
    body(receiver)
}

/// A body with an export, made as the client takes it.
pub fn export(app: Arc<App>, owner: Owner, format: Format, options: export::Options) -> Body {
    let (sender, receiver) = mpsc::channel(2);
    tokio::spawn(async move {
        let job = Job { store: app.store.as_ref(), owner: &owner, options: &options, progress: &|_| () };
        let mut taker = Taker(sender);
        match export::write(format, &job, &mut taker).await {
            Ok(_) => {
                // A client that is gone by now took all of it.
                let _ = send(&taker.0, Piece::End).await;
            }
            Err(why) => {
                tracing::warn!(target: "store", format = format.name(), %why, "an export was cut: {why}");
            }
        }
    });
    body(receiver)
}

/// Hands an export to the client.
struct Taker(mpsc::Sender<Piece>);

#[async_trait]
impl Sink for Taker {
    async fn take(&mut self, piece: Vec<u8>) -> Result<(), ExportError> {
        send(&self.0, Piece::Data(piece.into())).await.map_err(ExportError::Stopped)
    }
}

fn body(receiver: mpsc::Receiver<Piece>) -> Body {
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
    keys: Vec<ConversationKey>,
    frame: Frame,
    sender: &mpsc::Sender<Piece>,
) -> Result<(), String> {
    send(sender, Piece::Data(frame.prefix.into())).await?;
    let mut count = 0;
    let groups: Vec<Vec<ConversationKey>> = keys.chunks(GROUP).map(<[_]>::to_vec).collect();
    let mut reads =
        pin!(iter(groups).map(|keys| read(app, owner, keys, frame.separator)).buffered(READ_AHEAD));
    while let Some(group) = reads.next().await {
        let (mut chunk, mut rest) = group?;
        loop {
            let first = count == 0;
            count += chunk.ends.len() as u64;
            let bytes = texts(chunk, frame.separator);
            if !bytes.is_empty() {
                // Nothing stands before the first text of all.
                send(sender, Piece::Data(if first { bytes.slice(1..) } else { bytes })).await?;
            }
            if rest.is_empty() {
                break;
            }
            (chunk, rest) = read(app, owner, rest, frame.separator).await?;
        }
    }
    send(sender, Piece::Data((frame.suffix)(count).into())).await?;
    Ok(send(sender, Piece::End).await?)
}

/// As many texts of a group as the budget allows, and the keys of the others.
async fn read(
    app: &App,
    owner: &Owner,
    mut keys: Vec<ConversationKey>,
    separator: u8,
) -> Result<(ConversationChunk, Vec<ConversationKey>), String> {
    let chunk = app.store.conversation_chunk(owner, keys.clone(), BUDGET, separator).await;
    let chunk = chunk.map_err(|e| e.to_string())?;
    let rest = keys.split_off(chunk.taken.clamp(1, keys.len()));
    Ok((chunk, rest))
}

/// The texts of a chunk, each after a separator; on lines of their own, a text has no line feed of its own.
fn texts(mut chunk: ConversationChunk, separator: u8) -> Bytes {
    if separator == b'\n' {
        let mut start = 1;
        for end in &chunk.ends {
            // In JSON a line feed is whitespace: inside a string it is written as an escape.
            let text = chunk.texts.get_mut(start..*end).unwrap_or_default();
            text.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
            start = end + 1;
        }
    }
    chunk.texts.into()
}

async fn send(sender: &mpsc::Sender<Piece>, piece: Piece) -> Result<(), &'static str> {
    sender.send_timeout(piece, STALL).await.map_err(|e| match e {
        mpsc::error::SendTimeoutError::Timeout(_) => "the client stopped reading",
        mpsc::error::SendTimeoutError::Closed(_) => "the client went away",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(pieces: Vec<Piece>) -> Result<Bytes, axum::Error> {
        let (sender, receiver) = mpsc::channel(8);
        for piece in pieces {
            assert!(sender.send(piece).await.is_ok());
        }
        drop(sender);
        axum::body::to_bytes(body(receiver), usize::MAX).await
    }

    #[tokio::test]
    async fn a_body_that_was_cut_never_looks_whole() {
        let data = || Piece::Data(Bytes::from_static(b"[1"));
        assert!(read(vec![data()]).await.is_err());
        assert!(read(vec![]).await.is_err());
        assert_eq!(read(vec![data(), Piece::End]).await.unwrap(), "[1");
    }

    #[test]
    fn on_lines_each_text_is_one_line() {
        let chunk = ConversationChunk { texts: b"\n{\n}\n[\r\n]".to_vec(), ends: vec![4, 9], taken: 3 };
        assert_eq!(texts(chunk, b'\n'), "\n{ }\n[  ]");
    }
}
