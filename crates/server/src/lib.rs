//! Holdfast's server: HTTP and the command line over a [`holdfast_store::Store`]. No SQL here.

#![warn(missing_docs)]

pub mod backup;
pub mod cli;
pub mod config;
pub mod export;
pub mod import;
pub mod lock;
