//! An import from the first look to the way back: previewed, applied in one transaction, verified, rolled back.
//!
//! A session is a row of the store, so it survives a restart; what was uploaded lies sealed beside the database until
//! the session is forgotten.

use std::path::{Path, PathBuf};

use holdfast_store::import::{ImportSession, LedgerEdge};
use holdfast_store::{ApplyError, Id, Json, Owner, Store, StoreError, Write, Writer};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::plan::{Input, Options, Plan, plan};
use super::report::{Note, Report, Verdict};
use super::roll_back;
use super::undo::Undo;
use super::{ImportError, staging};

/// How often a roll-back is planned anew when somebody writes in between.
const TRIES: usize = 5;

/// How far a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ImportState)]
pub enum State {
    /// It was looked at; nothing is written.
    Previewed,
    /// All of it is in the store.
    Applied,
    /// All of it is out of the store again.
    RolledBack,
}

impl State {
    /// Its name in the store and in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Previewed => "previewed",
            Self::Applied => "applied",
            Self::RolledBack => "rolledBack",
        }
    }
}

/// A session, as people see it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ImportSession)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// How far it is.
    pub state: State,
    /// When it began, milliseconds since 1970.
    pub created_at: i64,
    /// When its state changed last.
    pub updated_at: i64,
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub details: Details,
}

/// What is kept of a session.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ImportDetails)]
pub struct Details {
    /// The names of its files.
    pub names: Vec<String>,
    /// How much was uploaded; 0 for files that the command line read itself.
    pub bytes: u64,
    /// Stored versions that differ are replaced.
    pub overwrite: bool,
    /// The device that device-local stores belong to.
    pub device: String,
    /// What would be done, or was done.
    pub report: Option<Report>,
    /// How the store compared with the files afterwards.
    pub verification: Option<Verification>,
    /// What the roll-back left as others had changed it.
    #[serde(default)]
    pub kept: Vec<Note>,
}

/// The files read once more and compared with the store, entity by entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ImportVerification)]
pub struct Verification {
    /// Entities in the files that the store takes.
    pub compared: u64,
    /// Those that the store has as the files have them.
    pub equal: u64,
    /// Those that are not there, or not as they were brought.
    pub missing: u64,
    /// Those of which the store kept another version, and why.
    pub different: Vec<Note>,
    /// Entities that no store takes: incognito, none of the app's, or broken.
    pub left_out: u64,
    /// Images that conversations show and that are nowhere.
    pub missing_assets: Vec<String>,
}

/// What must not be read: the key of the upload, and what takes the session back.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Secret {
    staging_key: Option<String>,
    undo: Option<Undo>,
}

/// Why a step was not taken.
#[derive(Debug)]
pub enum SessionError {
    /// There is no such session.
    Unknown(String),
    /// It is not where this step begins.
    State(State),
    /// What was uploaded is needed and was not kept.
    NoSource,
    /// Others changed what would be taken back, and nobody said what becomes of that.
    Changed(Vec<Note>),
    /// The files, or the store.
    Import(ImportError),
}

impl From<ImportError> for SessionError {
    fn from(error: ImportError) -> Self {
        Self::Import(error)
    }
}

impl From<StoreError> for SessionError {
    fn from(error: StoreError) -> Self {
        Self::Import(error.into())
    }
}

impl std::fmt::Display for SessionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown(id) => write!(f, "there is no import '{id}'; `holdfast import list` shows them"),
            Self::State(state) => write!(f, "the import is {} already", state.name()),
            Self::NoSource => f.write_str("the files of this import are not kept here; import them again"),
            Self::Changed(notes) => {
                write!(f, "{} of it changed since; say what becomes of that: keep or undo", notes.len())
            }
            Self::Import(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for SessionError {}

/// What becomes of things that were changed after an import that is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
#[schema(as = ImportChanged)]
pub enum Changed {
    /// They stay as they are.
    Keep,
    /// They go back too.
    Undo,
}

/// The sessions of one owner.
pub struct Sessions<'a> {
    /// The store.
    pub store: &'a dyn Store,
    /// Whose.
    pub owner: &'a Owner,
    /// Where uploads are staged.
    pub directory: PathBuf,
}

/// An upload that ended: where it lies, how large it is, and its key.
#[derive(Debug)]
pub struct Staged {
    /// The session it is for.
    pub id: Id,
    /// Its size in clear.
    pub bytes: u64,
    /// What opens it.
    pub key: String,
}

/// A new session's id: sorts by time, and is a plain file name.
pub fn new_id(now: i64) -> Result<Id, StoreError> {
    let mut random = [0; 4];
    getrandom::fill(&mut random).map_err(|e| StoreError::Internal(e.to_string()))?;
    Id::parse(&format!("{now:x}-{:08x}", u32::from_le_bytes(random)))
}

impl Sessions<'_> {
    /// Where the upload of a session lies.
    pub fn path(&self, id: &Id) -> PathBuf {
        path(&self.directory, id)
    }

    /// Looks at files and keeps a session of it. Nothing else is written.
    pub async fn preview(
        &self,
        id: &Id,
        inputs: Vec<Input>,
        options: &Options,
        staged: Option<&Staged>,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Session, SessionError> {
        let names = inputs.iter().map(|i| i.name.clone()).collect();
        let found = plan(self.store, self.owner, inputs, options, progress).await?;
        let details = Details {
            names,
            bytes: staged.map_or(0, |s| s.bytes),
            overwrite: options.overwrite,
            device: options.device.clone(),
            report: Some(found.preview()),
            ..Details::default()
        };
        let secret = Secret { staging_key: staged.map(|s| s.key.clone()), undo: None };
        let writes = vec![put(id, State::Previewed, &details)?, hide(id, &secret)?];
        self.write(writes).await?;
        self.get(id).await
    }

    /// Brings everything in, in one transaction, and keeps what takes it back. `inputs`: the files again.
    pub async fn apply(
        &self,
        id: &Id,
        inputs: Vec<Input>,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Session, SessionError> {
        let session = self.in_state(id, State::Previewed).await?;
        let options =
            Options { overwrite: session.details.overwrite, device: session.details.device.clone() };
        let found = plan(self.store, self.owner, inputs, &options, progress).await?;
        self.bring(id, session.details, found).await
    }

    /// Brings in what was planned; the session is new where there was none.
    pub async fn bring(&self, id: &Id, details: Details, found: Plan) -> Result<Session, SessionError> {
        let (writes, report, undo) = found.into_parts();
        let details = Details { report: Some(report), ..details };
        let secret = Secret { undo: Some(undo), ..self.secret(id).await? };
        let begin = [
            put(id, State::Applied, &details)?,
            hide(id, &secret)?,
            Write::MarkImport { id: id.clone(), edge: LedgerEdge::Begin },
        ];
        let end = Write::MarkImport { id: id.clone(), edge: LedgerEdge::End };
        self.write_as(id, begin.into_iter().chain(writes).chain([end]).collect())
            .await
            .map_err(|e| e.error)?;
        self.get(id).await
    }

    /// Compares the store with the files, entity by entity, and keeps the result.
    pub async fn verify(&self, id: &Id, inputs: Vec<Input>) -> Result<Session, SessionError> {
        let session = self.in_state(id, State::Applied).await?;
        let options = Options { overwrite: false, device: session.details.device.clone() };
        let found = plan(self.store, self.owner, inputs, &options, &|_| ()).await?;
        let details = Details { verification: Some(compare(&found.preview())), ..session.details };
        self.write(vec![put(id, State::Applied, &details)?]).await?;
        self.get(id).await
    }

    /// Takes everything back, in one transaction. Without `changed`, [`SessionError::Changed`] lists what others
    /// changed since, and nothing is done.
    pub async fn roll_back(&self, id: &Id, changed: Option<Changed>) -> Result<Session, SessionError> {
        let session = self.in_state(id, State::Applied).await?;
        let secret = self.secret(id).await?;
        let undo = secret.undo.as_ref().ok_or(SessionError::NoSource)?;
        let client = client(id);
        let revision = self.store.import(self.owner, id).await?.and_then(|s| s.revision);
        let made = roll_back::Made { client: &client, revision: revision.ok_or(SessionError::NoSource)? };
        for _ in 0..TRIES {
            let all = changed == Some(Changed::Undo);
            let found = roll_back::plan(self.store, self.owner, made, undo, all).await?;
            if !found.changed.is_empty() && changed.is_none() {
                return Err(SessionError::Changed(found.changed));
            }
            let details = Details { kept: found.changed, ..session.details.clone() };
            let begin = [
                Write::VoidImport { id: id.clone() },
                Write::MarkImport { id: id.clone(), edge: LedgerEdge::Begin },
            ];
            // The ledger has no part in it: what the writes below say of costs was said before.
            let end = [
                Write::MarkImport { id: id.clone(), edge: LedgerEdge::End },
                Write::VoidImport { id: id.clone() },
                put(id, State::RolledBack, &details)?,
                hide(id, &Secret { undo: None, staging_key: secret.staging_key.clone() })?,
            ];
            match self.write_as(id, begin.into_iter().chain(found.writes).chain(end).collect()).await {
                Ok(()) => return self.get(id).await,
                // Somebody wrote since it was planned.
                Err(ApplyError { error: StoreError::Conflict { .. }, .. }) => {}
                Err(other) => return Err(other.error.into()),
            }
        }
        Err(ImportError::Store(StoreError::Conflict { current_revision: None, current: None }).into())
    }

    /// Forgets the session, its upload and what would take it back. What it brought stays.
    pub async fn forget(&self, id: &Id) -> Result<(), SessionError> {
        self.get(id).await?;
        self.write(vec![Write::DeleteImport { id: id.clone() }]).await?;
        remove(&self.path(id))
    }

    /// One session.
    pub async fn get(&self, id: &Id) -> Result<Session, SessionError> {
        let found = self.store.import(self.owner, id).await?;
        found.map(session).transpose()?.ok_or_else(|| SessionError::Unknown(id.as_str().to_owned()))
    }

    /// All sessions, newest first.
    pub async fn list(&self) -> Result<Vec<Session>, SessionError> {
        self.store.imports(self.owner).await?.into_iter().map(session).collect()
    }

    /// The bytes that were uploaded.
    pub async fn source(&self, id: &Id) -> Result<Vec<u8>, SessionError> {
        self.get(id).await?;
        let key = self.secret(id).await?.staging_key.ok_or(SessionError::NoSource)?;
        let path = self.path(id);
        if !path.exists() {
            return Err(SessionError::NoSource);
        }
        let read = tokio::task::spawn_blocking(move || staging::read(&path, &key)).await;
        Ok(read.map_err(|e| StoreError::Internal(e.to_string()))??)
    }

    async fn in_state(&self, id: &Id, state: State) -> Result<Session, SessionError> {
        let session = self.get(id).await?;
        if session.state == state { Ok(session) } else { Err(SessionError::State(session.state)) }
    }

    async fn secret(&self, id: &Id) -> Result<Secret, SessionError> {
        let Some(text) = self.store.import_undo(self.owner, id).await? else { return Ok(Secret::default()) };
        Ok(serde_json::from_str(text.as_str())
            .map_err(|e| StoreError::Corrupt(format!("import '{id}': {e}")))?)
    }

    async fn write(&self, writes: Vec<Write>) -> Result<(), SessionError> {
        let made = self.store.apply(&Writer::new(self.owner.clone()), writes).await;
        made.map(drop).map_err(|e| e.error.into())
    }

    async fn write_as(&self, id: &Id, writes: Vec<Write>) -> Result<(), ApplyError> {
        let writer = Writer::new(self.owner.clone()).client(&client(id));
        self.store.apply(&writer, writes).await.map(drop)
    }
}

/// Where the upload of a session lies below a directory.
pub fn path(directory: &Path, id: &Id) -> PathBuf {
    directory.join(format!("{id}.staged"))
}

/// Under which name an import stands in the feed and in history.
fn client(id: &Id) -> String {
    format!("import-{id}")
}

fn remove(path: &Path) -> Result<(), SessionError> {
    match std::fs::remove_file(path) {
        Err(why) if why.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::Unavailable(format!("{}: {why}", path.display())).into())
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn json(value: &impl Serialize) -> Result<Json, StoreError> {
    let text = serde_json::to_string(value).map_err(|e| StoreError::Internal(e.to_string()))?;
    Json::parse(&text).map_err(|e| StoreError::Internal(e.to_string()))
}

fn put(id: &Id, state: State, details: &Details) -> Result<Write, StoreError> {
    Ok(Write::PutImport { id: id.clone(), state: state.name().to_owned(), body: json(details)? })
}

fn hide(id: &Id, secret: &Secret) -> Result<Write, StoreError> {
    Ok(Write::PutImportUndo { id: id.clone(), undo: Some(json(secret)?) })
}

fn session(stored: ImportSession) -> Result<Session, SessionError> {
    let ImportSession { id, state, created_at, updated_at, body, .. } = stored;
    let damaged = || StoreError::Corrupt(format!("import '{id}' cannot be read"));
    let state = [State::Previewed, State::Applied, State::RolledBack].into_iter().find(|s| s.name() == state);
    let details = serde_json::from_str(body.as_str()).map_err(|_| damaged())?;
    Ok(Session { state: state.ok_or_else(damaged)?, created_at, updated_at, details, id: id.clone() })
}

/// What a second look says: whatever the store takes must be unchanged.
fn compare(report: &Report) -> Verification {
    let sum = |of: fn(&super::Counts) -> u64| report.totals.iter().map(|row| of(&row.counts)).sum::<u64>();
    let left_out = sum(|c| c.skipped) + sum(|c| c.rejected);
    let notes = report.files.iter().flat_map(|f| &f.notes);
    Verification {
        compared: sum(|c| c.found) - left_out,
        equal: sum(|c| c.unchanged),
        missing: sum(|c| c.imported) + sum(|c| c.replaced),
        different: notes.filter(|n| n.verdict == Verdict::Conflict).cloned().collect(),
        left_out,
        missing_assets: report.missing_assets.clone(),
    }
}
