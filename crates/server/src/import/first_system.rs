//! The databases of the first SQLite system for big-AGI: six files, one per concern, told apart by their tables.
//!
//! Source of the format: the schemas inside the files, and how that system filled them
//! (github.com/brpl20/big-AGI-sqlite, `src/lib/db`). It copied chosen fields of the app's objects into columns,
//! so what it never stored cannot come back: [`Bundle::lost`] says it, file by file. A database may hold the
//! tables of several files; each family of tables is read by a file of this folder.

mod chats;
mod fields;
mod metrics;
mod models;
mod personas;
mod projection;
mod stores;
mod workspace;

use holdfast_store::Kind;
use holdfast_store::foreign::{Foreign, Row};

use super::bundle::{Bundle, Format};
use super::{DatabaseSource, ImportError};
pub(super) use projection::project;

/// See the module.
pub(super) struct FirstSystem;

/// Tables that belong together.
struct Family {
    /// The table that no other program has beside `others`.
    main: &'static str,
    /// Further tables that mark it.
    others: &'static [&'static str],
    /// What that system never stored of it, or changed.
    lost: &'static [&'static str],
    read: fn(&Foreign, &mut Bundle) -> Result<(), ImportError>,
}

const FAMILIES: [Family; 6] = [
    Family {
        main: "conversations",
        others: &["messages", "message_fragments", "message_generators", "message_user_flags"],
        lost: chats::LOST,
        read: chats::read,
    },
    Family {
        main: "llm_services",
        others: &["llm_models", "llm_assignments", "llm_store_metadata"],
        lost: models::LOST,
        read: models::read,
    },
    Family {
        main: "metrics_entries",
        others: &["metrics_store", "service_metrics_aggregates"],
        lost: metrics::LOST,
        read: metrics::read,
    },
    Family {
        main: "custom_personas",
        others: &["hidden_personas", "conversation_custom_prompts"],
        lost: personas::LOST,
        read: personas::read,
    },
    Family {
        main: "workspace_livefiles",
        others: &["workspace_store"],
        lost: workspace::LOST,
        read: workspace::read,
    },
    Family { main: "stores", others: &[], lost: stores::LOST, read: stores::read },
];

impl Family {
    fn is_in(&self, tables: &[String]) -> bool {
        std::iter::once(&self.main).chain(self.others).all(|name| tables.iter().any(|t| t == name))
    }
}

impl DatabaseSource for FirstSystem {
    fn detect(&self, tables: &[String]) -> bool {
        FAMILIES.iter().any(|family| family.is_in(tables))
    }

    fn read(&self, file: &Foreign, tables: &[String]) -> Result<Bundle, ImportError> {
        let mut bundle = Bundle::new(Format::FirstSystem);
        for family in FAMILIES.iter().filter(|family| family.is_in(tables)) {
            bundle.lost.extend(family.lost.iter().map(|text| format!("never stored there: {text}")));
            (family.read)(file, &mut bundle)?;
        }
        Ok(bundle)
    }
}

/// Gives every row of a table to `take`; a row that it refuses is noted with table, rowid and reason.
fn each_row(
    file: &Foreign,
    bundle: &mut Bundle,
    (table, kind): (&str, Kind),
    mut take: impl FnMut(&Row) -> Result<(), String>,
) -> Result<(), ImportError> {
    file.rows(table, |row| {
        if let Err(reason) = take(row) {
            bundle.reject(kind, &format!("{table} row {}", row.id), reason);
        }
    })
    .map_err(|why| ImportError::database(table, &why))
}
