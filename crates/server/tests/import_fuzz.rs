//! Whatever bytes come, reading and planning them ends with a report or an error. A short round here, a longer one
//! in `script/fuzz-import`.

#![allow(clippy::unwrap_used, clippy::disallowed_types)] // Helpers of tests: a panic is the report.

#[path = "support/damage.rs"]
mod damage;
#[path = "support/first_system.rs"]
mod first_system;
#[path = "support/fixtures.rs"]
mod fixtures;

use std::panic::AssertUnwindSafe;

use bolero::TypeGenerator;
use fixtures::Database;
use holdfast::import::{self, Input, Options};
use holdfast_store::Owner;

/// One of each format, small, so that an edit meets structure.
const CORPUS: [&[u8]; 5] = [
    include_bytes!("corpus/conversation.json"),
    include_bytes!("corpus/all-chats.json"),
    include_bytes!("corpus/flash.json"),
    include_bytes!("corpus/capture.json"),
    include_bytes!("corpus/version-1.json"),
];

/// What readers of JSON stumble over.
const TOKENS: [&str; 20] = [
    "null",
    "true",
    "-0",
    "1e400",
    "9007199254740993",
    "\"\"",
    "\"\\ud800\"",
    "\"\\u0000\"",
    "[]",
    "{}",
    "[",
    "}",
    ",",
    ":",
    "\"",
    "\\",
    "\"id\":\"c1\",",
    "\"messages\":[],",
    "\"state\":{},",
    "\"conversations\":[[]],",
];

#[derive(Debug, TypeGenerator)]
enum Edit {
    Overwrite {
        at: u16,
        byte: u8,
    },
    Insert {
        at: u16,
        token: u8,
    },
    Remove {
        at: u16,
        len: u8,
    },
    Repeat {
        at: u16,
        len: u8,
    },
    /// Takes a value's place: between one `:` or `,` and the next `,`, `}` or `]`.
    Replace {
        at: u16,
        token: u8,
    },
}

impl Edit {
    fn apply(&self, file: &mut Vec<u8>) {
        let place = |at: u16, file: &[u8]| usize::from(at) % (file.len() + 1);
        let token = |token: u8| TOKENS[usize::from(token) % TOKENS.len()].bytes();
        match *self {
            Self::Overwrite { at, byte } => {
                let at = place(at, file);
                if let Some(old) = file.get_mut(at) {
                    *old = byte;
                }
            }
            Self::Insert { at, token: which } => {
                let at = place(at, file);
                file.splice(at..at, token(which));
            }
            Self::Remove { at, len } => {
                let at = place(at, file);
                file.drain(at..(at + usize::from(len)).min(file.len()));
            }
            Self::Repeat { at, len } => {
                let at = place(at, file);
                let part = file[at..(at + usize::from(len)).min(file.len())].to_vec();
                file.splice(at..at, part);
            }
            Self::Replace { at, token: which } => {
                let from = place(at, file);
                let next = |from: usize, ends: &[u8]| {
                    file[from..].iter().position(|b| ends.contains(b)).map_or(file.len(), |n| from + n)
                };
                let start = (next(from, b":,") + 1).min(file.len());
                let end = next(start, b",}]");
                file.splice(start..end, token(which));
            }
        }
    }
}

/// Reads and plans against an empty store; nothing is written.
struct Reader {
    runtime: tokio::runtime::Runtime,
    database: Database,
}

impl Reader {
    fn new() -> AssertUnwindSafe<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        AssertUnwindSafe(Self { runtime, database: Database::new() })
    }

    fn read(&self, bytes: &[u8]) {
        let bundle = match import::read(bytes) {
            Ok(bundle) => bundle,
            Err(why) => return assert!(!why.to_string().is_empty()),
        };
        let (store, owner, options) = (self.database.store.as_ref(), Owner::local(), Options::default());
        let input = Input { name: "file".to_owned(), bundle };
        let plan = self.runtime.block_on(import::plan(store, &owner, vec![input], &options, &|_| ()));
        for row in plan.unwrap().preview().totals {
            let c = row.counts;
            let sum = c.imported + c.replaced + c.unchanged + c.conflict + c.skipped + c.rejected;
            assert_eq!(c.found, sum, "{} add up", row.noun);
        }
    }
}

#[test]
fn any_bytes_end_in_a_report_or_an_error() {
    let reader = Reader::new();
    bolero::check!().with_iterations(2_000).for_each(|bytes| reader.read(bytes));
}

#[test]
fn any_edit_of_a_file_ends_in_a_report_or_an_error() {
    let reader = Reader::new();
    bolero::check!().with_type::<(u8, Vec<Edit>)>().with_iterations(2_000).for_each(|(which, edits)| {
        let mut file = CORPUS[usize::from(*which) % CORPUS.len()].to_vec();
        edits.iter().take(6).for_each(|edit| edit.apply(&mut file));
        reader.read(&file);
    });
}

#[test]
fn any_edit_of_a_database_ends_in_a_report_or_an_error() {
    let reader = Reader::new();
    let databases: Vec<Vec<u8>> = damage::small_databases().into_iter().map(|(_, bytes)| bytes).collect();
    bolero::check!().with_type::<(u8, Vec<(u32, u8)>)>().with_iterations(500).for_each(|(which, edits)| {
        let mut file = databases[usize::from(*which) % databases.len()].clone();
        for (at, byte) in edits.iter().take(6) {
            let at = usize::try_from(*at).unwrap() % file.len();
            file[at] = *byte;
        }
        reader.read(&file);
    });
}

#[test]
fn the_corpus_is_of_files_that_are_read() {
    for file in CORPUS {
        import::read(file).unwrap();
    }
}
