//! What every handler shares: the store, the configuration, and what is known of past requests.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use holdfast_store::{Outcome, Store, StoreError, StoreResult, Write, Writer};
use serde::Serialize;
use tokio::sync::{broadcast, watch};
use utoipa::ToSchema;

use crate::api::imports::running::Running;
use crate::api::login::Tries;
use crate::config::Config;

/// How many requests are remembered.
const REMEMBERED: usize = 10_000;

/// The state of the server.
pub struct App {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The configuration.
    pub config: Config,
    /// The address that is listened on.
    pub address: SocketAddr,
    /// The address in front of the app, where there is one.
    pub front: Option<SocketAddr>,
    /// The last requests.
    pub requests: Requests,
    /// The imports that are at work.
    pub imports: Running,
    /// Logins with a wrong token.
    pub tries: Tries,
    /// Turns `true` when the server stops: endless streams end then.
    pub closing: watch::Receiver<bool>,
    started: i64,
    counter: AtomicU64,
}

impl App {
    /// The state for one run of the server.
    pub fn new(
        store: Arc<dyn Store>,
        config: Config,
        address: SocketAddr,
        closing: watch::Receiver<bool>,
    ) -> Self {
        Self {
            store,
            config,
            address,
            front: None,
            imports: Running::default(),
            tries: Tries::default(),
            requests: Requests::new(),
            closing,
            started: now(),
            counter: AtomicU64::new(0),
        }
    }

    /// The addresses that are listened on.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        [Some(self.address), self.front].into_iter().flatten()
    }

    /// An id for a request, unique over restarts.
    pub fn request_id(&self) -> String {
        format!("{:x}-{:x}", self.started, self.counter.fetch_add(1, Ordering::Relaxed))
    }

    /// Makes one write.
    pub async fn write(&self, writer: &Writer, write: Write) -> StoreResult<Outcome> {
        let mut outcomes = self.store.apply(writer, vec![write]).await?;
        outcomes.pop().ok_or_else(|| StoreError::Internal("a write had no outcome".to_owned()))
    }
}

/// Milliseconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// One request that was answered. Bodies and queries are not remembered.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestEntry {
    /// Counts the requests of this run, from 1.
    pub number: u64,
    /// The id in the answer's `X-Request-Id`.
    pub id: String,
    /// When it came, milliseconds since 1970.
    pub at: i64,
    /// The method.
    pub method: String,
    /// The route, with names for its ids.
    pub route: String,
    /// The path as it was asked for.
    pub path: String,
    /// The status.
    pub status: u16,
    /// How long until the answer began, in milliseconds.
    pub ms: f64,
    /// Size of the request's body, where it was announced.
    pub bytes_in: Option<u64>,
    /// Size of the answer's body; `null` when it is streamed.
    pub bytes_out: Option<u64>,
    /// The `Holdfast-Client` of the request.
    pub client: Option<String>,
}

/// Durations of one kind of request.
#[derive(Debug, Clone, Copy, Default)]
pub struct Durations {
    /// How many.
    pub count: u64,
    /// Together.
    pub total: Duration,
    /// How many took at most each of [`BUCKETS`].
    pub buckets: [u64; BUCKETS.len()],
}

/// Upper limits of the duration buckets, in seconds.
pub const BUCKETS: [f64; 8] = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0];

/// Method, route and status.
pub type Label = (String, String, u16);

/// The last requests, and sums over all of them.
pub struct Requests {
    ring: Mutex<VecDeque<Arc<RequestEntry>>>,
    sums: Mutex<HashMap<Label, Durations>>,
    numbers: AtomicU64,
    feed: broadcast::Sender<Arc<RequestEntry>>,
}

impl Requests {
    fn new() -> Self {
        Self {
            ring: Mutex::new(VecDeque::with_capacity(256)),
            sums: Mutex::new(HashMap::new()),
            numbers: AtomicU64::new(0),
            feed: broadcast::channel(256).0,
        }
    }

    /// Remembers a request and tells who listens.
    pub fn add(&self, mut entry: RequestEntry, took: Duration) {
        entry.number = self.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        {
            let label = (entry.method.clone(), entry.route.clone(), entry.status);
            let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
            let sum = sums.entry(label).or_default();
            sum.count += 1;
            sum.total += took;
            for (bucket, limit) in sum.buckets.iter_mut().zip(BUCKETS) {
                *bucket += u64::from(took.as_secs_f64() <= limit);
            }
        }
        let entry = Arc::new(entry);
        {
            let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
            if ring.len() == REMEMBERED {
                ring.pop_front();
            }
            ring.push_back(Arc::clone(&entry));
        }
        // Fails when nobody listens, which is usual.
        let _ = self.feed.send(entry);
    }

    /// Up to `limit` requests after the number `after`, newest first.
    pub fn latest(&self, after: u64, limit: usize) -> Vec<Arc<RequestEntry>> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.iter().rev().take_while(|e| e.number > after).take(limit).cloned().collect()
    }

    /// The requests from now on.
    pub fn listen(&self) -> broadcast::Receiver<Arc<RequestEntry>> {
        self.feed.subscribe()
    }

    /// The sums, in the order of their labels.
    pub fn sums(&self) -> Vec<(Label, Durations)> {
        let sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sums: Vec<_> = sums.iter().map(|(label, sum)| (label.clone(), *sum)).collect();
        sums.sort_by(|a, b| a.0.cmp(&b.0));
        sums
    }
}
