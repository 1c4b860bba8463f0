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
mod exports;
mod feeds;
mod imports;
mod locked;
mod login;
mod openapi;
mod pages;
mod preconditions;
mod process;
mod proxy;
mod reports;
mod server;
mod state;
mod upstream;
mod values;
