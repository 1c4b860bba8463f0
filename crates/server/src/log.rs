//! Where log lines go: gathered in memory and written together ten times a second, so that a busy server makes
//! no system call for each request. What is gathered is written before the process ends.

use std::io::{self, Write as _};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// The longest that a line waits.
const GATHER: Duration = Duration::from_millis(100);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    woken: Condvar,
}

#[derive(Default)]
struct State {
    lines: Vec<u8>,
    ended: bool,
}

/// The end for writers; cheap to copy.
#[derive(Clone)]
pub struct Lines(Arc<Shared>);

/// Writes what is gathered; the rest when it is dropped.
pub struct LogGuard {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// Starts writing to standard error.
///
/// Errors: no thread can be started.
pub fn start() -> io::Result<(Lines, LogGuard)> {
    let shared = Arc::new(Shared::default());
    let theirs = Arc::clone(&shared);
    let thread = std::thread::Builder::new().name("log".to_owned()).spawn(move || write_out(&theirs))?;
    Ok((Lines(Arc::clone(&shared)), LogGuard { shared, thread: Some(thread) }))
}

fn write_out(shared: &Shared) {
    loop {
        let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.lines.is_empty() && !state.ended {
            state = shared.woken.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if !state.ended {
            // More lines may come; only the end is waited for.
            let waited = shared.woken.wait_timeout_while(state, GATHER, |s| !s.ended);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let (lines, ended) = (std::mem::take(&mut state.lines), state.ended);
        drop(state);
        // A closed standard error leaves nowhere to say so.
        drop(io::stderr().write_all(&lines));
        if ended {
            return;
        }
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
        self.shared.woken.notify_one();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl io::Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let first = state.lines.is_empty();
        state.lines.extend_from_slice(line);
        drop(state);
        if first {
            self.0.woken.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
