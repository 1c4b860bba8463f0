//! The app's export of all chats: conversations with the fields of a single export, folders, and model
//! services (with their keys), but no models.

use std::sync::Arc;

use holdfast_store::{Json, json};

use super::bundle::{Bundle, Chats, Format};
use super::{ImportError, Source, part};

/// See the module.
pub(super) struct AllChats;

impl Source for AllChats {
    fn detect(&self, file: &Json) -> bool {
        file.get("conversations").is_some_and(|list| json::elements(list).is_some())
            && file.get("id").is_none()
    }

    fn read(&self, file: &Json) -> Result<Bundle, ImportError> {
        let mut bundle = Bundle::new(Format::AllChats);
        let list = file.get("conversations").and_then(json::elements).into_iter().flatten();
        bundle.chats = Some(Chats::bare(list.map(|c| part(c).map(Arc::new)).collect::<Result<_, _>>()?));
        if let Some(sources) = file.get("models").and_then(|m| json::member(m, "sources")) {
            bundle.keep("app-models", &format!("{{\"state\":{{\"sources\":{sources}}}}}"))?;
        }
        if let Some(folders) = file.get("folders").filter(|f| json::members(f).is_some()) {
            bundle.keep("app-folders", &format!("{{\"state\":{folders}}}"))?;
        }
        Ok(bundle)
    }
}
