//! The server over HTTP: every test has its own server, on its own port, with its own database.

#![allow(clippy::unwrap_used)]

mod assets;
mod backups;
mod batch;
mod contract;
mod devices;
mod documents;
mod edges;
mod entities;
mod feeds;
mod locked;
mod openapi;
mod preconditions;
mod process;
mod reports;
mod server;
mod state;
mod values;
