//! Reads and writes of entities inside stores, shared by the resources that are made of them.

use holdfast_store::document::{Document, Mode, NewDocument};
use holdfast_store::json::Node;
use holdfast_store::store::{Edit, Place};
use holdfast_store::{Effect, Id, Json, Kind, Outcome, Precondition, StoreError, Write};

use crate::api::error::{ApiError, ApiResult};
use crate::api::request::{Body, Caller};
use crate::app::App;

/// How often a read and the write that follows it are tried while others write in between.
const TRIES: usize = 64;

/// Creates or replaces an entity.
pub async fn put(
    app: &App,
    caller: &Caller,
    body: &Body,
    (kind, id): (Kind, &Id),
    value: Json,
) -> ApiResult<Outcome> {
    let write = Write::PutItem {
        kind,
        id: id.clone(),
        body: value,
        place: Place::Usual,
        precondition: caller.precondition.clone(),
    };
    Ok(app.write(&caller.writer_of(body.bytes()), write).await?)
}

/// Changes an entity; `None` when there is none.
pub async fn edit(
    app: &App,
    caller: &Caller,
    request: &[u8],
    (kind, id): (Kind, &Id),
    edit: Edit,
) -> ApiResult<Option<Outcome>> {
    let write = Write::EditItem { kind, id: id.clone(), edit, precondition: caller.precondition.clone() };
    present(app.write(&caller.writer_of(request), write).await)
}

/// Deletes an entity; `None` when there is none.
pub async fn delete(app: &App, caller: &Caller, kind: Kind, id: &Id) -> ApiResult<Option<Outcome>> {
    let write = Write::DeleteItem { kind, id: id.clone(), precondition: caller.precondition.clone() };
    present(app.write(&caller.writer(), write).await)
}

/// An outcome of something that was there.
pub fn present(result: Result<Outcome, StoreError>) -> ApiResult<Option<Outcome>> {
    match result {
        Ok(outcome) => Ok(Some(outcome).filter(|o| o.effect != Effect::Absent)),
        Err(StoreError::NotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Checks that the `id` inside a body is the one in the path.
pub fn same_id(value: &Json, id: &Id, message: &str) -> ApiResult<()> {
    if value.members().is_none() {
        return Err(ApiError::invalid_body("The body must be a JSON object"));
    }
    if value.get("id").map(Id::from_json).transpose()?.as_ref() == Some(id) {
        Ok(())
    } else {
        Err(ApiError::invalid_body(message))
    }
}

/// A shared store, by a name that is known here.
pub async fn document(app: &App, caller: &Caller, name: &str) -> ApiResult<Option<Document>> {
    Ok(app.store.document(&caller.owner, &Id::parse(name)?, "", false).await?)
}

/// Replaces members of a store's state and keeps the others.
///
/// Without a precondition of the caller's own, the write is based on the state that was read here, and is
/// made again when someone else wrote in between.
pub async fn replace_members(
    app: &App,
    caller: &Caller,
    request: &[u8],
    name: &str,
    members: &[(&str, Json)],
) -> ApiResult<Outcome> {
    let mut last = String::new();
    for _ in 0..TRIES {
        let stored = document(app, caller, name).await?;
        let own = caller.precondition != Precondition::None;
        let precondition = match &stored {
            _ if own => caller.precondition.clone(),
            Some(d) => Precondition::At { epoch: app.store.epoch(), revision: d.revision },
            None => Precondition::Absent,
        };
        let state = stored.as_ref().and_then(|d| d.data.as_ref()).map_or("{}", Json::as_str);
        let mut state = Node::parse(if state.starts_with('{') { state } else { "{}" });
        for (member, value) in members {
            state.set(member, Node::parse(value.as_str()));
        }
        let document = NewDocument {
            name: Id::parse(name)?,
            device: String::new(),
            data: state.to_json(),
            version: None,
            bare: false,
            beside: None,
        };
        let write = Write::PutDocument { document, mode: Mode::Replace, confirm: None, precondition };
        match app.write(&caller.writer_of(request), write).await {
            Err(conflict @ StoreError::Conflict { .. }) if !own => last = conflict.to_string(),
            result => return Ok(result?),
        }
    }
    // The state as others left it is not this caller's conflict: it named no base.
    tracing::warn!(target: "api", store = name, error = last, "a store changed during {TRIES} tries to write it");
    Err(StoreError::Busy.into())
}
