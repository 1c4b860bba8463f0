//! What imports do at this moment: how far each is, who wants to know, and how to stop it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// How far an import is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// `reading`, `comparing`, `writing`, `verifying`, `rollingBack`, or `done`.
    pub phase: &'static str,
    /// Files that are done in this phase.
    pub done: usize,
    /// Files in all.
    pub of: usize,
}

impl Progress {
    fn phase(phase: &'static str) -> Self {
        Self { phase, done: 0, of: 0 }
    }
}

/// The sessions that are at work.
#[derive(Default)]
pub struct Running(Mutex<HashMap<String, Job>>);

struct Job {
    progress: watch::Sender<Progress>,
    abort: Option<AbortHandle>,
}

impl Running {
    /// Begins work on a session; `None` when there is some already.
    pub(super) fn begin(&self, id: &str, phase: &'static str) -> Option<watch::Sender<Progress>> {
        let mut jobs = self.lock();
        if jobs.contains_key(id) {
            return None;
        }
        let progress = watch::Sender::new(Progress::phase(phase));
        jobs.insert(id.to_owned(), Job { progress: progress.clone(), abort: None });
        Some(progress)
    }

    /// Says how the work can be stopped.
    pub(super) fn stoppable(&self, id: &str, abort: AbortHandle) {
        if let Some(job) = self.lock().get_mut(id) {
            job.abort = Some(abort);
        }
    }

    /// Asks the work to stop; whether there is any.
    pub(super) fn stop(&self, id: &str) -> bool {
        let jobs = self.lock();
        let Some(job) = jobs.get(id) else { return false };
        if let Some(abort) = &job.abort {
            abort.abort();
        }
        true
    }

    /// The work ended.
    pub(super) fn end(&self, id: &str) {
        if let Some(job) = self.lock().remove(id) {
            job.progress.send_replace(Progress::phase("done"));
        }
    }

    /// How far it is, from now on; `None` when nothing is done at this moment.
    pub(super) fn follow(&self, id: &str) -> Option<watch::Receiver<Progress>> {
        self.lock().get(id).map(|job| job.progress.subscribe())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Job>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
