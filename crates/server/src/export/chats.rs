//! The conversations of a store, one after another in the order of their list.

use holdfast_store::item::CONVERSATIONS;
use holdfast_store::json;
use holdfast_store::store::{ConversationChunk, ConversationKey, Order};

use super::{ExportError, Job};

/// How many conversations are asked for at once.
const GROUP: usize = 32;
/// How many bytes are read from the store at once, the last conversation aside.
const BUDGET: usize = 1 << 20;

/// Reads conversations chunk by chunk; between two chunks the store is free.
pub(super) struct Conversations<'a> {
    job: &'a Job<'a>,
    keys: Vec<ConversationKey>,
    taken: usize,
    chunk: ConversationChunk,
    given: usize,
    count: u64,
}

impl<'a> Conversations<'a> {
    pub(super) async fn open(job: &'a Job<'a>) -> Result<Self, ExportError> {
        let keys = job.store.conversation_keys(job.owner, Order::List, 0).await?;
        Ok(Self { job, keys, taken: 0, chunk: ConversationChunk::default(), given: 0, count: 0 })
    }

    /// The next conversation's text; `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<&str>, ExportError> {
        while self.given == self.chunk.ends.len() {
            let ahead = &self.keys[self.taken..];
            if ahead.is_empty() {
                return Ok(None);
            }
            let group = ahead[..ahead.len().min(GROUP)].to_vec();
            self.chunk = self.job.store.conversation_chunk(self.job.owner, group, BUDGET, b',').await?;
            self.taken += self.chunk.taken.clamp(1, ahead.len());
            self.given = 0;
        }
        // Each text stands after a separator.
        let start = self.given.checked_sub(1).map_or(0, |before| self.chunk.ends[before]) + 1;
        let text = self.chunk.texts.get(start..self.chunk.ends[self.given]).unwrap_or_default();
        self.given += 1;
        self.count += 1;
        (self.job.progress)(self.count);
        let text = json::utf8(text)
            .map_err(|why| holdfast_store::StoreError::Corrupt(format!("a conversation: {why}")))?;
        Ok(Some(text))
    }

    /// How many were given.
    pub(super) fn count(&self) -> u64 {
        self.count
    }
}

/// Where the conversations go in a state that has an empty array for them.
pub(crate) fn conversations_at(shell: &str) -> Option<usize> {
    let member = json::members(shell)?.filter(|m| m.key_is(CONVERSATIONS)).last()?;
    member.value.starts_with('[').then_some(member.at + 1)
}
