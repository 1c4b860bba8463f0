//! The server over HTTP: every test has its own server, on its own port, with its own database.

#![allow(clippy::unwrap_used)]

mod contract;
mod documents;
mod edges;
mod entities;
mod feeds;
mod openapi;
mod preconditions;
mod process;
mod reviewed;
mod server;
