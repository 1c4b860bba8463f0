//! `holdfast serve`: lock, open, listen, and stop in that order's reverse.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use holdfast_store::OpenOptions;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat, ServeOptions};
use crate::lock;

/// Serves until SIGINT or SIGTERM.
pub(super) async fn serve(options: ServeOptions) -> anyhow::Result<ExitCode> {
    start_log(options.log_format);
    let config = Config::from_options(&options).map_err(|e| anyhow!(e))?;
    if let Some(directory) = config.db.parent().filter(|d| !d.as_os_str().is_empty()) {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("cannot create {}", directory.display()))?;
    }
    let mut held =
        lock::acquire(&config.db).with_context(|| format!("cannot open {}", config.db.display()))?;
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("cannot listen on {}", options.listen))?;
    let url = format!("http://{}", listener.local_addr()?);
    let store = holdfast_store::open(&OpenOptions {
        key_file: config.key_file.clone(),
        ..OpenOptions::sqlite(&config.db)
    })
    .with_context(|| format!("cannot open {}", config.db.display()))?;
    held.announce(&url)?;
    tracing::info!(target: "api", url, db = %config.db.display(), "serving {} at {url}", config.db.display());
    crate::run(listener, config, store, stop_signal()).await?;
    tracing::info!(target: "api", "stopped");
    Ok(ExitCode::SUCCESS)
}

fn start_log(format: LogFormat) {
    let filter = EnvFilter::try_from_env("HOLDFAST_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start in one process, as in tests, keeps the first log.
    let _ = match format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Human => builder.compact().with_ansi(std::io::stderr().is_terminal()).try_init(),
    };
}

/// Resolves at SIGINT or SIGTERM.
async fn stop_signal() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! { () = interrupt => {}, () = terminate => {} }
}
