//! The command line.

mod serve;

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

/// The commands.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Serve the database over HTTP
    Serve(ServeOptions),
}

/// Runs a command and gives its exit code: 0 ok, 1 found problems, 2 could not run.
pub async fn run(cli: Cli) -> ExitCode {
    let result = match cli.command {
        Command::Serve(options) => serve::serve(options).await,
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
