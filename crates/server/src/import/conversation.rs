//! The app's export of one conversation, and what that format leaves out.

use std::sync::Arc;

use holdfast_store::Json;
use holdfast_store::json::{self, Node};

use super::bundle::{Bundle, Chats, Format};
use super::{ImportError, Source};

/// The fields that a single export and an export of all chats have; the app drops the rest.
const EXPORTED: [&str; 7] =
    ["id", "messages", "systemPurposeId", "userTitle", "autoTitle", "created", "updated"];

/// See the module.
pub(super) struct SingleConversation;

impl Source for SingleConversation {
    fn detect(&self, file: &Json) -> bool {
        file.get("id").is_some() && file.get("messages").is_some_and(|m| json::elements(m).is_some())
    }

    fn read(&self, file: &Json) -> Result<Bundle, ImportError> {
        let mut bundle = Bundle::new(Format::Conversation);
        bundle.chats = Some(Chats::bare(vec![Arc::new(file.clone())]));
        Ok(bundle)
    }
}

/// A conversation as those exports would have it.
pub(crate) fn project(conversation: &str) -> Json {
    let mut node = Node::parse(conversation);
    if let Node::Object(fields) = &mut node {
        fields.retain(|(key, _)| EXPORTED.contains(&json::decode(key).as_ref()));
    }
    node.to_json()
}
