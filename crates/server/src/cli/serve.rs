//! `holdfast serve`: lock, open, listen, and stop in that order's reverse.

use std::future::Future;
use std::io::{self, IsTerminal as _};
use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use holdfast_store::OpenOptions;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::debug_fn;

use crate::Listeners;
use crate::config::{Config, LogFormat, ServeOptions};
use crate::lock;
use crate::log::{self, LogGuard};
use crate::proxy::{Front, Upstream};

/// Serves until SIGINT or SIGTERM.
pub(super) async fn serve(options: ServeOptions) -> anyhow::Result<ExitCode> {
    let _log = start_log(options.log_format)?;
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
    let front = match &options.app {
        Some(upstream) => Some(front(options.app_listen, upstream.clone()).await?),
        None => None,
    };
    let store = holdfast_store::open(&OpenOptions {
        key_file: config.key_file.clone(),
        ..OpenOptions::sqlite(&config.db)
    })
    .with_context(|| format!("cannot open {}", config.db.display()))?;
    // Before anyone learns that this process serves, so that a stop is never missed.
    let stop = stop_signal()?;
    held.announce(&url)?;
    tracing::info!(target: "api", url, db = %config.db.display(), "serving {} at {url}", config.db.display());
    if let Some(front) = &front {
        let (page, app) = (front.listener.local_addr()?, front.upstream.authority());
        tracing::info!(target: "proxy", app, "the app at http://{app} is served with its data at http://{page}");
    }
    crate::run(Listeners { api: listener, front }, config, store, stop).await?;
    tracing::info!(target: "api", "stopped");
    Ok(ExitCode::SUCCESS)
}

/// Listens in front of an app.
async fn front(address: SocketAddr, upstream: Upstream) -> anyhow::Result<Front> {
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address} for the app: stop what listens there, or pass --app-listen")
    })?;
    Ok(Front { listener, upstream })
}

/// Lines are written as long as the guard is kept.
fn start_log(format: LogFormat) -> io::Result<LogGuard> {
    let filter = EnvFilter::try_from_env("HOLDFAST_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let (lines, guard) = log::start()?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(lines);
    // A second start in one process, as in tests, keeps the first log.
    let _ = match format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        // The message says it all; its fields are for programs.
        LogFormat::Human => builder
            .compact()
            .fmt_fields(debug_fn(|out, field, value| match field.name() {
                "message" => write!(out, "{value:?}"),
                _ => Ok(()),
            }))
            .with_ansi(io::stderr().is_terminal())
            .try_init(),
    };
    Ok(guard)
}

/// Resolves at SIGINT or SIGTERM.
#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
    })
}

/// Resolves at Ctrl-C.
#[cfg(not(unix))]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
    })
}
