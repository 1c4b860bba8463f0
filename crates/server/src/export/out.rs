//! Where the bytes of an export go, in pieces.

use async_trait::async_trait;

use super::ExportError;

/// How many bytes are gathered before they are handed over.
const PIECE: usize = 256 << 10;

/// Takes an export piece by piece: a file, or the body of an answer.
#[async_trait]
pub trait Sink: Send {
    /// Takes the next piece; returns when there is room for another one.
    async fn take(&mut self, piece: Vec<u8>) -> Result<(), ExportError>;
}

#[async_trait]
impl Sink for Vec<u8> {
    async fn take(&mut self, piece: Vec<u8>) -> Result<(), ExportError> {
        self.extend(piece);
        Ok(())
    }
}

/// Gathers small texts into pieces for a sink.
pub(super) struct Out<'a> {
    sink: &'a mut dyn Sink,
    held: Vec<u8>,
    taken: u64,
}

impl<'a> Out<'a> {
    pub(super) fn new(sink: &'a mut dyn Sink) -> Self {
        Self { sink, held: Vec::new(), taken: 0 }
    }

    pub(super) async fn text(&mut self, text: &str) -> Result<(), ExportError> {
        self.bytes(text.as_bytes()).await
    }

    pub(super) async fn bytes(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        self.held.extend_from_slice(bytes);
        if self.held.len() >= PIECE {
            self.hand_over().await?;
        }
        Ok(())
    }

    async fn hand_over(&mut self) -> Result<(), ExportError> {
        self.taken += self.held.len() as u64;
        self.sink.take(std::mem::take(&mut self.held)).await
    }

    /// Hands over the rest and gives the size of all of it, in bytes.
    pub(super) async fn finish(mut self) -> Result<u64, ExportError> {
        self.hand_over().await?;
        Ok(self.taken)
    }
}
