//! Damaged files, and imports of them that may be refused.

#![allow(dead_code)]

use holdfast::import::session::{Details, SessionError, new_id};
use holdfast::import::{self, Bundle, ImportError, Input, Options, Report};
use holdfast_store::Owner;
use rusqlite::Connection;

use super::first_system::{self, FILES};
use super::fixtures::{self, Database};

/// Copies of a file, each with one bit flipped at a place that the seed decides, with that place.
pub fn flips(whole: &[u8], seed: u64, count: usize) -> impl Iterator<Item = (usize, Vec<u8>)> + '_ {
    let mut state = seed;
    std::iter::repeat_with(move || {
        // Knuth's MMIX generator: its high bits are good enough for places.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let bit = usize::try_from(state >> 20).unwrap() % (whole.len() * 8);
        let mut damaged = whole.to_vec();
        damaged[bit / 8] ^= 1 << (bit % 8);
        (bit, damaged)
    })
    .take(count)
}

/// The databases of the first system with few chats, so that damage of one bit hits structure as well as text.
pub fn small_databases() -> Vec<(&'static str, Vec<u8>)> {
    FILES
        .into_iter()
        .map(|name| (name, if name == "big-agi-chats.db" { few_chats() } else { first_system::bytes(name) }))
        .collect()
}

fn few_chats() -> Vec<u8> {
    let flash = fixtures::value("flash.json");
    let chats = &fixtures::storage(&flash)["indexedDB"]["keyval-store"]["keyval"][0]["value"]["state"];
    let file = first_system::saved(chats["conversations"].as_array().unwrap());
    Connection::open(&*file).unwrap().execute_batch("VACUUM").unwrap();
    std::fs::read(&*file).unwrap()
}

/// Imports what was read, or says why not.
pub async fn try_import(
    database: &Database,
    bundle: Bundle,
    options: &Options,
) -> Result<Report, ImportError> {
    let store = database.store.as_ref();
    let input = Input { name: "damaged".to_owned(), bundle };
    let owner = Owner::local();
    let plan = import::plan(store, &owner, vec![input], options, &|_| ()).await?;
    let brought = database.sessions(&owner).bring(&new_id(0)?, Details::default(), plan).await;
    match brought {
        Ok(session) => Ok(session.details.report.unwrap()),
        Err(SessionError::Import(why)) => Err(why),
        Err(other) => panic!("{other}"),
    }
}
