//! Brings a file to the newest schema, or refuses it.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::connection::{meta, pragma};
use crate::error::{StoreError, StoreResult};

/// One step: the schema version it leads to, and its SQL.
type Migration = (u32, &'static str);

const MIGRATIONS: &[Migration] = &[
    (1, include_str!("../../migrations/sqlite/0001_initial.sql")),
    (2, include_str!("../../migrations/sqlite/0002_reports.sql")),
    (3, include_str!("../../migrations/sqlite/0003_imports.sql")),
];

/// Runs what is missing; a file that is open for reading must already be up to date.
pub(super) fn bring_up_to_date(connection: &Connection, path: &Path, writable: bool) -> StoreResult<()> {
    run(connection, path, writable, MIGRATIONS)
}

fn run(connection: &Connection, path: &Path, writable: bool, migrations: &[Migration]) -> StoreResult<()> {
    let found: u32 = pragma(connection, "user_version")?;
    let known = migrations.last().map_or(0, |m| m.0);
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    if found > 0 && meta(connection, "migrating")?.is_some() {
        let snapshot = Some(snapshot_path(path, found)).filter(|p| p.exists());
        return Err(StoreError::HalfMigrated { snapshot });
    }
    if found == known {
        return Ok(());
    }
    if !writable {
        return Err(StoreError::Unavailable(format!(
            "the file has schema {found}, this build reads {known}: open it once with `holdfast serve` to upgrade it"
        )));
    }
    if found > 0 {
        take_snapshot(connection, &snapshot_path(path, found))?;
        connection.execute(
            "INSERT OR REPLACE INTO meta (name, value) VALUES ('migrating', ?1)",
            [known.to_string()],
        )?;
    }
    for (version, sql) in migrations.iter().filter(|m| m.0 > found) {
        let step = connection.unchecked_transaction()?;
        step.execute_batch(sql)?;
        step.pragma_update(None, "user_version", version)?;
        if *version == known {
            step.execute("DELETE FROM meta WHERE name = 'migrating'", [])?;
        }
        step.commit()?;
        tracing::info!(target: "store", version, "the schema is at version {version}");
    }
    Ok(())
}

fn snapshot_path(path: &Path, version: u32) -> PathBuf {
    let name = path.file_name().map_or_else(Default::default, |n| n.to_string_lossy().into_owned());
    path.with_file_name(format!("{name}.schema-{version}"))
}

fn take_snapshot(connection: &Connection, to: &Path) -> StoreResult<()> {
    if to.exists() {
        std::fs::remove_file(to).map_err(|e| StoreError::Unavailable(e.to_string()))?;
    }
    super::care::copy(connection, to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::connection::open_writer;

    const FIRST: Migration = (1, "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;");

    fn database() -> (tempfile::TempDir, PathBuf, Connection) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let connection = open_writer(&path, 100).unwrap();
        (directory, path, connection)
    }

    #[test]
    fn a_newer_file_is_refused_and_left_alone() {
        let (_directory, path, connection) = database();
        run(&connection, &path, true, &[FIRST, (2, "CREATE TABLE b (x) ;")]).unwrap();
        assert_eq!(run(&connection, &path, true, &[FIRST]), Err(StoreError::Newer { found: 2, known: 1 }));
    }

    #[test]
    fn an_older_file_is_copied_then_upgraded() {
        let (_directory, path, connection) = database();
        run(&connection, &path, true, &[FIRST]).unwrap();
        run(&connection, &path, true, &[FIRST, (2, "CREATE TABLE b (x);")]).unwrap();
        let copy = Connection::open(snapshot_path(&path, 1)).unwrap();
        assert_eq!(pragma::<u32>(&copy, "user_version").unwrap(), 1);
        assert_eq!(pragma::<u32>(&connection, "user_version").unwrap(), 2);
    }

    /// Every schema that was ever written is opened by this build, with what is in it.
    #[tokio::test]
    async fn a_database_of_each_older_schema_is_copied_upgraded_and_used() {
        for older in 1..MIGRATIONS.len() {
            let (_directory, path, connection) = database();
            run(&connection, &path, true, &MIGRATIONS[..older]).unwrap();
            connection
                .execute_batch(
                    "INSERT INTO owners (key, name, last_seq) VALUES (1, 'local', 1);
                     INSERT INTO changes (owner, seq, at, kind, id, op, duration_us)
                         VALUES (1, 1, 0, 'document', 'x', 'put', 0);
                     INSERT INTO documents (owner, name, device, bare, created_at, updated_at, revision, bytes, hash, data)
                         VALUES (1, 'x', '', 0, 0, 0, 1, 1, zeroblob(16), '7');",
                )
                .unwrap();
            drop(connection);
            let store = crate::open(&crate::OpenOptions::sqlite(&path)).unwrap();
            let owner = crate::Owner::local();
            let kept =
                store.document(&owner, &crate::Id::parse("x").unwrap(), "", false).await.unwrap().unwrap();
            assert_eq!(kept.data.unwrap().as_str(), "7");
            let body = crate::Json::parse("{}").unwrap();
            let report = crate::Write::AddReport { kind: "move".to_owned(), body };
            store.apply(&crate::Writer::new(owner.clone()), vec![report]).await.unwrap();
            assert_eq!(store.reports(&owner, None, None, 10).await.unwrap().items[0].revision, 2);
            assert!(snapshot_path(&path, u32::try_from(older).unwrap()).exists());
        }
    }

    #[test]
    fn a_failed_upgrade_is_refused_from_then_on_and_names_the_copy() {
        let (_directory, path, connection) = database();
        run(&connection, &path, true, &[FIRST]).unwrap();
        let broken = [FIRST, (2, "CREATE TABLE b (x); NONSENSE;")];
        assert!(run(&connection, &path, true, &broken).is_err());
        let again = run(&connection, &path, true, &[FIRST, (2, "CREATE TABLE b (x);")]);
        assert_eq!(again, Err(StoreError::HalfMigrated { snapshot: Some(snapshot_path(&path, 1)) }));
        assert!(connection.prepare("SELECT * FROM b").is_err(), "the failed step left nothing behind");
    }
}
