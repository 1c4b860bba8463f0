//! The one thread that writes. Requests that wait while a commit is on its way to the disk share the next one.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, params};
use tokio::sync::{oneshot, watch};

use super::keys::Keys;
use super::transaction::Transaction;
use super::write;
use crate::error::{ApplyError, StoreError, StoreResult};
use crate::item::Kind;
use crate::owner::Owner;
use crate::revision::{Epoch, Revision};
use crate::store::{Outcome, Write, Writer};
use crate::url::Clock;

/// At most this many requests share one commit, so that none waits long for the others.
const GROUP: usize = 64;

/// How long a group waits for one more request, when the last one was larger.
const MOMENT: Duration = Duration::from_micros(300);

/// Edits walk trees of up to a thousand levels.
pub(super) const STACK: usize = 16 << 20;

type Answer = Result<Vec<Outcome>, ApplyError>;

enum Job {
    Apply(Request),
    NewEpoch { answer: oneshot::Sender<StoreResult<Epoch>> },
    Ping { answer: oneshot::Sender<StoreResult<()>> },
}

struct Request {
    writer: Writer,
    writes: Vec<Write>,
    answer: oneshot::Sender<Answer>,
}

/// Fails a request and all that wait behind it: each would wait for the same lock. Gives the first job of another
/// kind.
fn refuse(first: Request, waiting: &Receiver<Job>, error: &StoreError) -> Option<Job> {
    drop(first.answer.send(Err(error.clone().into())));
    loop {
        match waiting.try_recv() {
            Ok(Job::Apply(request)) => drop(request.answer.send(Err(error.clone().into()))),
            other => return other.ok(),
        }
    }
}

/// Where requests wait for the writer.
pub(super) struct Queue {
    jobs: Mutex<Option<Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Queue {
    pub(super) fn start(
        connection: Connection,
        keys: Arc<Keys>,
        epoch: Epoch,
        clock: Clock,
        committed: watch::Sender<u64>,
    ) -> StoreResult<Self> {
        let (jobs, waiting) = channel();
        let mut writer = Loop { connection, keys, epoch, clock, committed, expected: 1 };
        let thread = std::thread::Builder::new()
            .name("writer".to_owned())
            .stack_size(STACK)
            .spawn(move || writer.run(&waiting))
            .map_err(|e| StoreError::Unavailable(format!("no thread for the writer: {e}")))?;
        Ok(Self { jobs: Mutex::new(Some(jobs)), thread: Mutex::new(Some(thread)) })
    }

    pub(super) async fn apply(&self, writer: Writer, writes: Vec<Write>) -> Answer {
        let (answer, answered) = oneshot::channel();
        self.send(Job::Apply(Request { writer, writes, answer }))?;
        answered.await.map_err(|_| StoreError::Internal("the writer stopped".to_owned()))?
    }

    pub(super) async fn new_epoch(&self) -> StoreResult<Epoch> {
        let (answer, answered) = oneshot::channel();
        self.send(Job::NewEpoch { answer })?;
        answered.await.map_err(|_| StoreError::Internal("the writer stopped".to_owned()))?
    }

    /// Whether the writer can begin a transaction now.
    pub(super) async fn ping(&self) -> StoreResult<()> {
        let (answer, answered) = oneshot::channel();
        self.send(Job::Ping { answer })?;
        answered.await.map_err(|_| StoreError::Internal("the writer stopped".to_owned()))?
    }

    fn send(&self, job: Job) -> StoreResult<()> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.as_ref()
            .and_then(|jobs| jobs.send(job).ok())
            .ok_or_else(|| StoreError::Unavailable("the store is closed".to_owned()))
    }
}

impl Drop for Queue {
    /// Ends the writer after what it has accepted; its connection then checkpoints and closes the file.
    fn drop(&mut self) {
        drop(self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take()
            && thread.join().is_err()
        {
            tracing::error!(target: "store", "the writer had panicked");
        }
    }
}

struct Loop {
    connection: Connection,
    keys: Arc<Keys>,
    epoch: Epoch,
    clock: Clock,
    committed: watch::Sender<u64>,
    /// How many requests the last group had.
    expected: usize,
}

/// What the requests of a group share until it is committed.
#[derive(Default)]
struct Group {
    owners: BTreeMap<Owner, OwnerState>,
    /// Answers that wait for the commit.
    pending: Vec<(oneshot::Sender<Answer>, Answer)>,
}

struct OwnerState {
    key: i64,
    seq: Revision,
    before: Revision,
    touched: BTreeMap<Kind, Revision>,
}

impl Loop {
    fn run(&mut self, waiting: &Receiver<Job>) {
        let mut next = waiting.recv().ok();
        while let Some(job) = next.take() {
            match job {
                Job::NewEpoch { answer } => {
                    let epoch = super::connection::new_epoch(&self.connection);
                    if let Ok(epoch) = &epoch {
                        self.epoch = epoch.clone();
                    }
                    drop(answer.send(epoch));
                }
                Job::Ping { answer } => {
                    let begun = self.execute("BEGIN IMMEDIATE");
                    drop(answer.send(begun.and_then(|()| self.execute("ROLLBACK"))));
                }
                Job::Apply(request) => next = self.commit_group(request, waiting),
            }
            next = next.or_else(|| waiting.recv().ok());
        }
    }

    /// Commits a request together with those that come while it is worked on. Gives the job of another kind that
    /// ended the group, if one did.
    fn commit_group(&mut self, first: Request, waiting: &Receiver<Job>) -> Option<Job> {
        if let Err(error) = self.execute("BEGIN IMMEDIATE") {
            return refuse(first, waiting, &error);
        }
        let mut group = Group::default();
        let (mut request, mut other, mut lost) = (Some(first), None, None);
        while let Some(Request { writer, writes, answer }) = request.take() {
            let result = self.request(&mut group, &writer, writes);
            // SQLite rolls the whole transaction back by itself when the disk fails.
            if let Err(error) = &result
                && self.connection.is_autocommit()
            {
                lost = Some(error.error.clone());
            }
            group.pending.push((answer, result));
            if lost.is_none() && group.pending.len() < GROUP {
                match self.following(group.pending.len(), waiting) {
                    Some(Job::Apply(following)) => request = Some(following),
                    job => other = job,
                }
            }
        }
        self.expected = group.pending.len();
        let result = lost.map_or_else(|| self.finish(&group), Err);
        if result.is_err()
            && !self.connection.is_autocommit()
            && let Err(error) = self.execute("ROLLBACK")
        {
            tracing::error!(target: "store", %error, "a failed commit could not be rolled back");
        }
        let wrote = group.owners.values().any(|o| o.seq > o.before);
        for (answer, outcomes) in group.pending {
            // A refusal waits for the commit too: it may be based on what others of the group wrote.
            drop(answer.send(result.clone().map_err(Into::into).and(outcomes)));
        }
        if result.is_ok() && wrote {
            self.committed.send_modify(|n| *n += 1);
        }
        other
    }

    /// The next job: one that waits already, or, while the group is smaller than the last one was, one that comes
    /// in a moment. Clients that were answered together come back together; a lone one never waits for others.
    fn following(&self, size: usize, waiting: &Receiver<Job>) -> Option<Job> {
        waiting.try_recv().ok().or_else(|| {
            let more = size < self.expected;
            more.then(|| waiting.recv_timeout(MOMENT).ok()).flatten()
        })
    }

    /// One request inside its savepoint: all of its writes or none.
    fn request(&self, group: &mut Group, writer: &Writer, writes: Vec<Write>) -> Answer {
        let state = match group.owners.entry(writer.owner.clone()) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(self.owner_state(&writer.owner)?)
            }
        };
        let mut transaction = Transaction {
            connection: &self.connection,
            keys: &self.keys,
            epoch: &self.epoch,
            owner: state.key,
            client: writer.client.as_deref(),
            now: self.clock.now(),
            seq: state.seq,
            touched: state.touched.clone(),
        };
        self.execute("SAVEPOINT request")?;
        // A panic fails its own request; the writer goes on.
        let request = || write::request(&mut transaction, writer, writes);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(request))
            .unwrap_or_else(|_| Err(StoreError::Internal("a write panicked".to_owned()).into()));
        match result {
            Ok(outcomes) => {
                self.execute("RELEASE request")?;
                state.seq = transaction.seq;
                state.touched = transaction.touched;
                Ok(outcomes)
            }
            Err(error) => {
                if !self.connection.is_autocommit() {
                    self.execute("ROLLBACK TO request")?;
                    self.execute("RELEASE request")?;
                }
                Err(error)
            }
        }
    }

    fn owner_state(&self, owner: &Owner) -> StoreResult<OwnerState> {
        let found: Option<(i64, i64)> = self
            .connection
            .prepare_cached("SELECT key, last_seq FROM owners WHERE name = ?1")?
            .query_row([owner.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let (key, seq) = match found {
            Some(found) => found,
            None => {
                self.connection.execute("INSERT INTO owners (name) VALUES (?1)", [owner.as_str()])?;
                (self.connection.last_insert_rowid(), 0)
            }
        };
        Ok(OwnerState { key, seq, before: seq, touched: BTreeMap::new() })
    }

    fn finish(&self, group: &Group) -> StoreResult<()> {
        let now = self.clock.now();
        for state in group.owners.values().filter(|o| o.seq > o.before) {
            self.connection
                .prepare_cached("UPDATE owners SET last_seq = ?2 WHERE key = ?1")?
                .execute([state.key, state.seq])?;
            for (kind, revision) in &state.touched {
                self.connection
                    .prepare_cached(
                        "INSERT OR REPLACE INTO kind_revisions (owner, kind, revision, at) VALUES (?1, ?2, ?3, ?4)",
                    )?
                    .execute(params![state.key, kind.name(), revision, now])?;
            }
        }
        self.execute("COMMIT")
    }

    fn execute(&self, sql: &str) -> StoreResult<()> {
        self.connection.prepare_cached(sql)?.execute([])?;
        Ok(())
    }
}
