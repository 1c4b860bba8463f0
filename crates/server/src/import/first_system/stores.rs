//! `big-agi-data.db`: every other store of the app, whole.

use holdfast_store::Kind;
use holdfast_store::foreign::Foreign;

use super::each_row;
use super::fields::{Fields, json, text};
use crate::import::ImportError;
use crate::import::bundle::Bundle;

pub(super) const LOST: &[&str] =
    &["stores whose state is 0, false, null or an empty text; keys beside the state; \
    that a store had no version (it became 1)"];

pub(super) fn read(file: &Foreign, bundle: &mut Bundle) -> Result<(), ImportError> {
    let mut found = Vec::new();
    each_row(file, bundle, ("stores", Kind::Document), |row| {
        let state = json(row, "data")?.ok_or("the column 'data' is empty")?;
        let version = Fields::of(row).number("version", "version")?.object();
        found.push((text(row, "name")?.to_owned(), state, version));
        Ok(())
    })?;
    for (name, state, version) in found {
        let version = version.members().and_then(|mut members| members.next()).map(|m| m.json());
        bundle.keep_state(&name, state, version)?;
    }
    Ok(())
}
