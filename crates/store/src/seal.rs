//! Secrets: which documents hold any, their ciphertext at rest, and their masks.
//!
//! A sealed document is one XChaCha20-Poly1305 ciphertext of its whole JSON, so that its order survives:
//! 24 bytes of nonce, then the text with its tag. What it belongs to is authenticated beside it.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

use crate::error::{StoreError, StoreResult};
use crate::json::{self, Json, Node};

/// What stands for a secret in a masked answer. Written back, it keeps the stored value.
pub const MASK: &str = "********";

const NONCE: usize = 24;

/// The key of one key file.
#[derive(Clone)]
pub struct Sealer {
    key: [u8; 32],
}

impl Sealer {
    /// Reads a key file: 64 hex digits. `None` when there is no such file.
    ///
    /// Errors: [`StoreError::WrongKey`] when it holds anything else, [`StoreError::Unavailable`].
    pub fn read(path: &Path) -> StoreResult<Option<Self>> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(unavailable(path, &e)),
        };
        let sealer = Self::from_hex(text.trim());
        sealer.map(Some).ok_or_else(|| StoreError::WrongKey(path.to_owned()))
    }

    /// Makes a new key file, readable by this user only; file and directory are on the disk when this returns.
    pub fn create(path: &Path) -> StoreResult<Self> {
        let sealer = Self::generate()?;
        let hex = sealer.to_hex();
        // By way of another name: a key file is never there in part, and never overwritten.
        let new = path.with_extension("key.new");
        let write = || -> std::io::Result<()> {
            let mut options = fs::OpenOptions::new();
            options.write(true).create(true).truncate(true);
            #[cfg(unix)]
            {
                use std::os::unix::fs::OpenOptionsExt as _;
                options.mode(0o600);
            }
            let mut file = options.open(&new)?;
            writeln!(file, "{hex}")?;
            file.sync_all()?;
            fs::hard_link(&new, path)?;
            let directory = path.parent().filter(|p| !p.as_os_str().is_empty()).map_or(Path::new("."), |p| p);
            fs::File::open(directory)?.sync_all()
        };
        let written = write();
        if new.exists() {
            // What counts is whether the key stands under its own name.
            drop(fs::remove_file(&new));
        }
        written.map_err(|e| unavailable(path, &e))?;
        Ok(sealer)
    }

    /// A new key, in no file.
    pub fn generate() -> StoreResult<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|e| StoreError::Internal(e.to_string()))?;
        Ok(Self { key })
    }

    /// The key of 64 hex digits.
    pub fn from_hex(digits: &str) -> Option<Self> {
        let mut key = [0; 32];
        for (index, byte) in key.iter_mut().enumerate() {
            let pair = digits.get(index * 2..index * 2 + 2).filter(|_| digits.len() == 64)?;
            *byte = u8::from_str_radix(pair, 16).ok()?;
        }
        Some(Self { key })
    }

    /// The key as 64 hex digits, to be kept where nobody else reads it.
    pub fn to_hex(&self) -> String {
        self.key.iter().map(|b| format!("{b:02x}")).collect()
    }

    /// Tells this key from another without giving it away.
    pub fn id(&self) -> String {
        blake3::derive_key("holdfast key id", &self.key)[..8].iter().map(|b| format!("{b:02x}")).collect()
    }

    /// The ciphertext of `text`, bound to `context`.
    pub fn seal(&self, context: &str, text: &str) -> StoreResult<Vec<u8>> {
        self.seal_bytes(context, text.as_bytes())
    }

    /// The same for bytes.
    pub fn seal_bytes(&self, context: &str, bytes: &[u8]) -> StoreResult<Vec<u8>> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|e| StoreError::Internal(e.to_string()))?;
        let payload = Payload { msg: bytes, aad: context.as_bytes() };
        let sealed = self
            .cipher()
            .encrypt(XNonce::from_slice(&nonce), payload)
            .map_err(|_| StoreError::Internal("a secret could not be encrypted".to_owned()))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// The text again. Errors: [`StoreError::Corrupt`] when it is not a ciphertext of this key and context.
    pub fn open(&self, context: &str, sealed: &[u8]) -> StoreResult<Json> {
        let text = String::from_utf8(self.open_bytes(context, sealed)?).map_err(|_| damaged(context))?;
        Ok(Json::trusted(text))
    }

    /// The bytes of [`Sealer::seal_bytes`]. Errors as [`Sealer::open`].
    pub fn open_bytes(&self, context: &str, sealed: &[u8]) -> StoreResult<Vec<u8>> {
        let (nonce, text) = sealed.split_at_checked(NONCE).ok_or_else(|| damaged(context))?;
        let payload = Payload { msg: text, aad: context.as_bytes() };
        self.cipher().decrypt(XNonce::from_slice(nonce), payload).map_err(|_| damaged(context))
    }

    /// A hash that tells equal texts without the key being guessable from it.
    pub fn hash(&self, text: &str) -> [u8; 16] {
        let key = blake3::derive_key("holdfast content hash", &self.key);
        let mut out = [0; 16];
        out.copy_from_slice(&blake3::keyed_hash(&key, text.as_bytes()).as_bytes()[..16]);
        out
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.key.into())
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealer({})", self.id())
    }
}

fn damaged(context: &str) -> StoreError {
    StoreError::Corrupt(format!("the secret of {context} cannot be decrypted"))
}

fn unavailable(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Unavailable(format!("key file {}: {error}", PathBuf::from(path).display()))
}

/// Stores that are sealed whatever they hold.
const SEALED: [&str; 6] = [
    "app-module-speex",
    "app-module-asrx",
    "app-module-t2i",
    "app-module-browse",
    "app-module-google-search",
    "app-sharing",
];

/// Whether a document is sealed: by its name, or because it has a non-empty string under a key that ends as
/// secrets' keys do.
pub fn is_secret(store: &str, data: &str) -> bool {
    SEALED.contains(&store) || holds_secret(data)
}

/// One pass over the text: every string that a colon and a non-empty string follow is a key with a value.
fn holds_secret(json: &str) -> bool {
    // `(?i)(api_?key|secret|token|password|deletionKey)$`
    const ENDS: [&str; 6] = ["apikey", "api_key", "secret", "token", "password", "deletionkey"];
    let bytes = json.as_bytes();
    let skip_space = |mut at: usize| {
        while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        at
    };
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'"' {
            at += 1;
            continue;
        }
        let end = json::skip_string(bytes, at);
        let colon = skip_space(end);
        if bytes.get(colon) == Some(&b':') {
            let value = skip_space(colon + 1);
            let is_text = bytes.get(value) == Some(&b'"') && json::skip_string(bytes, value) - value > 2;
            let key = json::decode(&json[at..end]).to_lowercase();
            if is_text && ENDS.iter().any(|end| key.ends_with(end)) {
                return true;
            }
            at = value;
        } else {
            at = end;
        }
    }
    false
}

/// Whether the string under `key` is hidden in a masked answer: wider than what causes sealing, since a
/// service's `oaiKey` is one too.
fn is_masked_key(key: &str) -> bool {
    let key = key.to_lowercase();
    ["key", "secret", "token", "password", "keyid", "wssendpoint", "csf"].iter().any(|end| key.ends_with(end))
}

/// The same document with every secret string as [`MASK`].
pub fn mask(data: &Json) -> Json {
    let mut node = Node::parse(data.as_str());
    mask_node(&mut node);
    node.to_json()
}

fn mask_node(node: &mut Node) {
    match node {
        Node::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Node::Scalar(text)
                        if text.starts_with('"') && text != "\"\"" && is_masked_key(&json::decode(key)) =>
                    {
                        *text = json::quote(MASK);
                    }
                    _ => mask_node(value),
                }
            }
        }
        Node::Array(items) => items.iter_mut().for_each(mask_node),
        Node::Scalar(_) => {}
    }
}

/// Puts the stored secrets back where `data` has masks. An array's elements are matched by `id`, else by place.
pub fn unmask(data: &Json, stored: &Json) -> Json {
    if !data.as_str().contains(MASK) {
        return data.clone();
    }
    let mut node = Node::parse(data.as_str());
    unmask_node(&mut node, &Node::parse(stored.as_str()));
    node.to_json()
}

fn unmask_node(node: &mut Node, stored: &Node) {
    match (node, stored) {
        (Node::Object(fields), Node::Object(_)) => {
            for (key, value) in fields {
                let key = json::decode(key);
                let Some(old) = stored.get(&key) else { continue };
                if is_masked_key(&key) && *value == Node::string(MASK) {
                    *value = old.clone();
                } else {
                    unmask_node(value, old);
                }
            }
        }
        (Node::Array(items), Node::Array(old)) => {
            for (index, item) in items.iter_mut().enumerate() {
                let same = match item.get("id").cloned() {
                    Some(id) => old.iter().find(|o| o.get("id") == Some(&id)),
                    None => old.get(index),
                };
                if let Some(same) = same {
                    unmask_node(item, same);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_text_opens_with_its_key_and_context_only() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("k");
        let sealer = Sealer::create(&path).unwrap();
        assert!(Sealer::create(&path).is_err(), "a key file is never overwritten");
        let sealed = sealer.seal("a", "{\"k\":1}").unwrap();
        let again = Sealer::read(&path).unwrap().unwrap();
        assert_eq!(again.open("a", &sealed).unwrap().as_str(), "{\"k\":1}");
        assert!(again.open("b", &sealed).is_err());
        let other = Sealer::create(&directory.path().join("l")).unwrap();
        assert!(other.open("a", &sealed).is_err());
        assert_ne!(other.hash("x"), sealer.hash("x"));
    }

    #[test]
    fn secrets_are_found_by_the_keys_that_hold_them() {
        assert!(is_secret("x", r#"{"a":[{"apiKey":"v"}]}"#));
        assert!(is_secret("x", r#"{"Api_Key":"v"}"#));
        assert!(!is_secret("x", r#"{"apiKey":"","tokenCount":"5","token":5}"#));
        assert!(is_secret("app-sharing", "{}"));
    }

    #[test]
    fn a_mask_written_back_keeps_the_stored_secret() {
        let stored =
            Json::parse(r#"{"setup":{"oaiKey":"sk-1","oaiHost":"h"},"list":[{"id":"b","apiKey":"x"}]}"#)
                .unwrap();
        let masked = mask(&stored);
        assert!(!masked.as_str().contains("sk-1") && masked.as_str().contains("\"oaiHost\":\"h\""));
        let edited =
            Json::parse(&masked.as_str().replace("\"h\"", "\"new\"").replace("[{", "[{\"id\":\"a\"},{"))
                .unwrap();
        let back = unmask(&edited, &stored);
        assert!(
            back.as_str().contains("sk-1")
                && back.as_str().contains("\"new\"")
                && back.as_str().contains("\"x\"")
        );
    }
}
