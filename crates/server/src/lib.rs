//! Holdfast's server: HTTP and command line over a store. No SQL and no provider formats here.

pub mod export;
pub mod import;
