//! The binary: reads the command line and maps the result to an exit code. Everything else is in the library.

use std::process::ExitCode;

use clap::Parser as _;
use holdfast::cli::{self, Cli};

// Answers are of a few kilobytes and more, made on one thread and freed on another: the system's allocator takes a
// tenth of a read for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    cli::run(Cli::parse()).await
}
