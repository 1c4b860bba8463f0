//! Read-only connections, each with a thread of its own: a read waits in one queue and is answered from there.

use std::path::{Path, PathBuf};

use crossbeam_channel::{Receiver, Sender, unbounded};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::connection::open_reader;
use crate::error::{StoreError, StoreResult};

type Job = Box<dyn FnOnce(StoreResult<&Connection>) + Send>;

pub(super) struct Readers {
    path: PathBuf,
    jobs: Sender<Job>,
}

impl Readers {
    /// Starts `count` threads; each opens its connection when it is first needed. They end with this value.
    pub(super) fn start(path: &Path, count: usize) -> StoreResult<Self> {
        let (jobs, waiting) = unbounded();
        for _ in 0..count.max(1) {
            let (path, waiting) = (path.to_owned(), waiting.clone());
            std::thread::Builder::new()
                .name("reader".to_owned())
                .stack_size(super::writer::STACK)
                .spawn(move || serve(&path, &waiting))
                .map_err(|e| StoreError::Unavailable(format!("no thread for a reader: {e}")))?;
        }
        Ok(Self { path: path.to_owned(), jobs })
    }

    /// Runs `read` inside one snapshot of the database.
    pub(super) async fn run<T, F>(&self, read: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // Nobody waits any more when the request was given up.
            drop(answer.send(connection.and_then(|c| snapshot(c, read))));
        });
        self.jobs.send(job).map_err(|_| StoreError::Unavailable("the store is closed".to_owned()))?;
        answered.await.map_err(|_| StoreError::Internal("a reader stopped".to_owned()))?
    }

    /// The same on a connection of its own, for work that takes long and must not hold up others.
    pub(super) async fn run_apart<T, F>(&self, read: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    {
        let path = self.path.clone();
        tokio::task::spawn_blocking(move || snapshot(&open_reader(&path)?, read))
            .await
            .map_err(|e| StoreError::Internal(e.to_string()))?
    }
}

fn serve(path: &Path, waiting: &Receiver<Job>) {
    let mut open: Option<Connection> = None;
    while let Ok(job) = waiting.recv() {
        if open.is_none() {
            match open_reader(path) {
                Ok(connection) => open = Some(connection),
                Err(error) => {
                    job(Err(error));
                    continue;
                }
            }
        }
        let Some(connection) = &open else { continue };
        // A panic fails its own request, whose sender it drops; the thread goes on with a new connection.
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| job(Ok(connection))));
        if result.is_err() || !connection.is_autocommit() {
            open = None;
        }
    }
}

fn snapshot<T>(connection: &Connection, read: impl FnOnce(&Connection) -> StoreResult<T>) -> StoreResult<T> {
    connection.prepare_cached("BEGIN")?.execute([])?;
    let result = read(connection);
    connection.prepare_cached("COMMIT")?.execute([])?;
    result
}
