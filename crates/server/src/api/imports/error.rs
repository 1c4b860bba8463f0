//! What an import answers when it cannot go on.

use axum::http::StatusCode;

use crate::api::error::{ApiError, Code};
use crate::import::ImportError;
use crate::import::session::{SessionError, State};

impl From<SessionError> for ApiError {
    fn from(error: SessionError) -> Self {
        let conflict = |code, hint| Self::new(StatusCode::CONFLICT, code, error.to_string()).hint(hint);
        match error {
            SessionError::Import(why) => why.into(),
            SessionError::Unknown(id) => Self::not_found(format!("Import '{id}' not found")),
            SessionError::State(State::Previewed) => conflict(Code::ImportState, "Apply it first."),
            SessionError::State(_) => conflict(Code::ImportState, "Send the files again to begin anew."),
            SessionError::NoSource => conflict(Code::ImportState, "Send the files again."),
            SessionError::Changed(ref notes) => {
                let shown: Vec<String> =
                    notes.iter().take(20).map(|n| format!("{} '{}': {}", n.noun, n.id, n.reason)).collect();
                let message = format!("{} of it changed since: {}", notes.len(), shown.join("; "));
                Self::new(StatusCode::CONFLICT, Code::ImportChanged, message)
                    .hint("Ask again with ?changed=keep to leave these as they are, or ?changed=undo to take them back too.")
            }
        }
    }
}

impl From<ImportError> for ApiError {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Json(why) => why.into(),
            ImportError::Store(why) => why.into(),
            ImportError::Unknown { .. }
            | ImportError::UnknownDatabase { .. }
            | ImportError::Packed { .. }
            | ImportError::Unreadable { .. }
            | ImportError::Database { .. }
            | ImportError::Damaged { .. } => Self::invalid_body(error.to_string()).hint(
                "Send a flash backup, an export of all chats or of one chat, a capture, an archive, or a database of the first system.",
            ),
        }
    }
}
