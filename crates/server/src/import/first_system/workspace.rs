//! `big-agi-workspace.db`: which files belong to which chat, kept twice.

use holdfast_store::foreign::Foreign;
use holdfast_store::json;
use holdfast_store::{Json, Kind};

use super::each_row;
use super::fields::{json as json_of, text};
use crate::import::ImportError;
use crate::import::bundle::Bundle;

pub(super) const LOST: &[&str] =
    &["which of its two tables of workspaces is right where they differ: the files of both are taken"];

const FILES: &str = "liveFilesByWorkspace";

/// The files of each workspace.
#[derive(Default)]
struct Workspaces(Vec<(String, Vec<Json>)>);

impl Workspaces {
    fn of(&mut self, id: &str) -> &mut Vec<Json> {
        let at = self.0.iter().position(|(known, _)| known == id).unwrap_or_else(|| {
            self.0.push((id.to_owned(), Vec::new()));
            self.0.len() - 1
        });
        &mut self.0[at].1
    }

    /// A file that both tables have is one.
    fn add(&mut self, id: &str, file: Json) {
        let files = self.of(id);
        if !files.contains(&file) {
            files.push(file);
        }
    }
}

/// Saves of the whole went to both tables, later single changes to one only: both together have every file.
pub(super) fn read(file: &Foreign, bundle: &mut Bundle) -> Result<(), ImportError> {
    let mut workspaces = Workspaces::default();
    let mut beside: Vec<(String, Json)> = Vec::new();
    each_row(file, bundle, ("workspace_store", Kind::Document), |row| {
        let state = json_of(row, "store_data")?.ok_or("the column 'store_data' is empty")?;
        let members = state.members().ok_or("the column 'store_data' holds no object")?;
        for member in members {
            if !member.key_is(FILES) {
                beside.retain(|(key, _)| *key != member.key());
                beside.push((member.key().into_owned(), member.json()));
                continue;
            }
            for workspace in json::members(member.value).ok_or("the files in 'store_data' are no object")? {
                let files =
                    json::elements(workspace.value).ok_or("a workspace in 'store_data' is no array")?;
                let files =
                    files.map(Json::parse).collect::<Result<Vec<_>, _>>().map_err(|e| e.to_string())?;
                workspaces.of(&workspace.key());
                files.into_iter().for_each(|file| workspaces.add(&workspace.key(), file));
            }
        }
        Ok(())
    })?;
    each_row(file, bundle, ("workspace_livefiles", Kind::WorkspaceFiles), |row| {
        workspaces.add(text(row, "workspace_id")?, Json::string(text(row, "live_file_id")?));
        Ok(())
    })?;
    if workspaces.0.is_empty() && beside.is_empty() {
        return Ok(());
    }
    let lists: Vec<_> = workspaces.0.iter().map(|(id, files)| (id.as_str(), Json::array(files))).collect();
    let all = Json::object(lists.iter().map(|(id, files)| (*id, files)));
    let rest = beside.iter().map(|(key, value)| (key.as_str(), value));
    bundle.keep_state("agi-client-workspace", Json::object(std::iter::once((FILES, &all)).chain(rest)), None)
}
