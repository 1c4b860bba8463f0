//! The contract, run by the SQLite backend.

#![allow(clippy::unwrap_used)]

use holdfast_store::contract::{Fixture, TestClock};
use holdfast_store::{OpenOptions, Owner, Writer, open};

fn make() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let mut options = OpenOptions::sqlite(&directory.path().join("holdfast.db"));
    options.clock = clock.clock();
    let store = open(&options).unwrap();
    Fixture { store, clock, writer: Writer::new(Owner::local()), guard: Box::new(directory) }
}

holdfast_store::contract_tests!(make);
