//! Server processes, and what Linux says of the time and memory they took.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::client::{Client, request};

/// Ticks of `/proc/<pid>/stat`, which Linux gives in hundredths of a second on every platform it runs on.
const TICKS: f64 = 100.0;
const START_LIMIT: Duration = Duration::from_secs(60);

/// A running server; ended on drop.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    /// From the start of the process to its first good answer.
    pub ready_after: Duration,
}

impl Server {
    /// Starts `command` with `listen` added as its last argument, and waits until `path` answers 200.
    pub async fn start(mut command: Command, log: &Path, path: &str) -> Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let log = std::fs::File::create(log)?;
        command.arg(address.to_string()).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        for (name, _) in std::env::vars_os() {
            // The bench measures the defaults.
            if name.to_string_lossy().starts_with("HOLDFAST_") {
                command.env_remove(&name);
            }
        }
        let started = Instant::now();
        let child = command.spawn().with_context(|| format!("{command:?} cannot be started"))?;
        let mut server = Self { child, address, ready_after: Duration::ZERO };
        let probe = request("GET", path, None);
        loop {
            if let Ok(mut client) = Client::connect(address).await
                && client.send(&probe).await.is_ok_and(|answer| answer.status == 200)
            {
                server.ready_after = started.elapsed();
                return Ok(server);
            }
            if let Some(status) = server.child.try_wait()? {
                bail!("the server ended at once with {status}: see its log in the bench's data directory");
            }
            if started.elapsed() > START_LIMIT {
                bail!("the server was not ready within {START_LIMIT:?}");
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Starts `holdfast serve`.
    pub async fn holdfast(binary: &Path, db: &Path) -> Result<Self> {
        let mut command = Command::new(binary);
        command.arg("serve").arg("--db").arg(db).arg("--listen");
        Self::start(command, &db.with_extension("log"), "/api/health").await
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, as a user would, and waits.
    pub async fn stop(mut self) -> Result<()> {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let until = Instant::now() + Duration::from_secs(15);
        while self.child.try_wait()?.is_none() {
            if Instant::now() > until {
                bail!("the server did not end within 15 s of SIGTERM");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Seconds of CPU that a process has used, in all its threads.
pub fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The command's name, in brackets, may contain spaces; utime and stime are the 12th and 13th after it.
    let rest = stat.rsplit_once(')').context("unexpected /proc stat")?.1;
    let fields: Vec<f64> =
        rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    Ok(fields.iter().sum::<f64>() / TICKS)
}

/// Resident memory in bytes: now (`VmRSS`), or at most since the last [`reset_peak`] (`VmHWM`).
pub fn memory(pid: u32, field: &str) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kilobytes: u64 = status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))
        .and_then(|value| value.trim().trim_end_matches(" kB").trim().parse().ok())
        .with_context(|| format!("/proc has no {field}"))?;
    Ok(kilobytes * 1024)
}

/// Makes `VmHWM` count anew.
pub fn reset_peak(pid: u32) -> Result<()> {
    Ok(std::fs::write(format!("/proc/{pid}/clear_refs"), "5")?)
}

/// Bytes that a process has read from files, the page cache included.
pub fn bytes_read(pid: u32) -> Result<u64> {
    let io = std::fs::read_to_string(format!("/proc/{pid}/io"))?;
    io.lines().find_map(|line| line.strip_prefix("rchar: ")?.parse().ok()).context("/proc has no rchar")
}
