//! When an entity last changed, and what a write may be based on.

use std::fmt;

/// The sequence number of an entity's last change. Sequences count per owner, from 1.
pub type Revision = i64;

/// Names one line of history: restoring a backup begins another, and revisions of different epochs do not
/// compare.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Epoch(pub String);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A place in the changes feed: `<epoch>-<seq>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The epoch.
    pub epoch: Epoch,
    /// Everything up to this sequence number was seen.
    pub seq: Revision,
}

impl Cursor {
    /// Reads `<epoch>-<seq>`; `None` when the text has another form.
    pub fn parse(text: &str) -> Option<Self> {
        let (epoch, seq) = text.rsplit_once('-')?;
        Some(Self { epoch: Epoch(epoch.to_owned()), seq: seq.parse().ok().filter(|s| *s >= 0)? })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.seq)
    }
}

/// What must hold for a write to happen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Precondition {
    /// Nothing: an unconditional overwrite.
    #[default]
    None,
    /// The entity does not exist (`If-None-Match: *`).
    Absent,
    /// The entity exists (`If-Match: *`).
    Present,
    /// The entity exists and has not changed since the sender saw it at this revision (`If-Match`).
    At {
        /// The epoch in which it was seen.
        epoch: Epoch,
        /// The revision at which it was seen.
        revision: Revision,
    },
}

impl Precondition {
    /// Whether the precondition holds for an entity at `current` (`None`: absent), where `last` is the
    /// owner's newest sequence number.
    pub fn holds(&self, now: &Epoch, current: Option<Revision>, last: Revision) -> bool {
        match (self, current) {
            (Self::None, _) | (Self::Absent, None) | (Self::Present, Some(_)) => true,
            (Self::Absent, Some(_)) | (Self::Present | Self::At { .. }, None) => false,
            (Self::At { epoch, revision }, Some(current)) => {
                epoch == now && current <= *revision && *revision <= last
            }
        }
    }
}
