//! The binary: reads the command line and maps the result to an exit code. Everything else is in the library.

use std::process::ExitCode;

use clap::Parser as _;
use holdfast::cli::{self, Cli};

#[tokio::main]
async fn main() -> ExitCode {
    cli::run(Cli::parse()).await
}
