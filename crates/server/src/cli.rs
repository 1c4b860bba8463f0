//! The command line.

mod backup;
mod database;
mod doctor;
mod export;
mod import;
mod print;
mod remote;
mod restore;
mod serve;
mod verify;

use std::process::ExitCode;

use crate::config::ServeOptions;

/// Your AI chats in a database you own
#[derive(Debug, clap::Parser)]
#[command(name = "holdfast", version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands. Each reports on stdout and logs on stderr.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Serve the database over HTTP
    Serve(ServeOptions),
    /// Bring files of the app into the database
    Import(import::ImportOptions),
    /// Write the data as a file: a flash backup, all chats, Markdown, or an archive
    Export(export::ExportOptions),
    /// Check everything in the database
    Verify(verify::VerifyOptions),
    /// Copy the database, also while it is served, and check the copy
    Backup(backup::BackupOptions),
    /// Put a backup in the place of the database
    Restore(restore::RestoreOptions),
    /// Find out why the database cannot be used
    Doctor(doctor::DoctorOptions),
}

/// Runs a command and gives its exit code: 0 ok, 1 found problems, 2 could not run.
pub async fn run(cli: Cli) -> ExitCode {
    let result = match cli.command {
        Command::Serve(options) => serve::serve(options).await,
        Command::Import(options) => import::import(options).await,
        Command::Export(options) => export::export(options).await,
        Command::Verify(options) => verify::verify(options).await,
        Command::Backup(options) => backup::backup(options).await,
        Command::Restore(options) => restore::restore(options).await,
        Command::Doctor(options) => doctor::doctor(options).await,
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            ExitCode::from(2)
        }
    }
}

#[allow(clippy::print_stderr)]
fn complain(error: &anyhow::Error) {
    eprintln!("holdfast: {error:#}");
}
