//! A server for one test, and a client of it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

use holdfast::Listeners;
use holdfast::config::Config;
use holdfast::proxy::Front;
use holdfast_store::OpenOptions;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Runs until it is dropped.
pub struct TestServer {
    pub address: SocketAddr,
    /// In front of an app, where there is one.
    pub front: Option<SocketAddr>,
    directory: TempDir,
    running: Option<Running>,
    agent: ureq::Agent,
}

struct Running {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    /// The same, if it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// An error with this status and code, in the shape of all errors.
    #[track_caller]
    pub fn expect_error(self, status: u16, code: &str) -> Value {
        let body = self.expect(status).json();
        assert_eq!(body["success"], false, "{body}");
        assert_eq!(body["code"], code, "{body}");
        for field in ["error", "hint", "requestId"] {
            assert!(body[field].as_str().is_some_and(|t| !t.is_empty()), "{field} is missing: {body}");
        }
        body
    }
}

impl TestServer {
    pub fn start() -> Self {
        Self::start_with(|_| {})
    }

    /// A server with another configuration.
    pub fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_before(None, change)
    }

    /// A server in front of the app at an address.
    pub fn start_before(app: Option<SocketAddr>, change: impl FnOnce(&mut Config)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config::new(directory.path().join("holdfast.db"));
        change(&mut config);
        let (address, front, running) = run(config, app);
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .build();
        Self { address, front, directory, running: Some(running), agent: config.into() }
    }

    /// Stops it and starts another one on the same database.
    pub fn restart(&mut self) {
        self.stop();
        let (address, _, running) = run(Config::new(self.db()), None);
        self.address = address;
        self.running = Some(running);
    }

    fn stop(&mut self) {
        if let Some(Running { stop, thread }) = self.running.take() {
            let _ = stop.send(());
            thread.join().unwrap();
        }
    }

    pub fn db(&self) -> PathBuf {
        self.directory.path().join("holdfast.db")
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], None)
    }

    pub fn delete(&self, path: &str) -> Reply {
        self.send("DELETE", path, &[], None)
    }

    pub fn post(&self, path: &str, body: &str) -> Reply {
        self.send("POST", path, &[("content-type", "application/json")], Some(body))
    }

    pub fn put(&self, path: &str, body: &str) -> Reply {
        self.send("PUT", path, &[("content-type", "application/json")], Some(body))
    }

    /// A JSON write that is based on an ETag.
    pub fn put_at(&self, path: &str, tag: &str, body: &str) -> Reply {
        self.send("PUT", path, &[("content-type", "application/json"), ("if-match", tag)], Some(body))
    }

    pub fn patch(&self, path: &str, body: &str) -> Reply {
        self.send("PATCH", path, &[("content-type", "application/merge-patch+json")], Some(body))
    }

    /// Stores a conversation: `{"conversation": …}` around its JSON.
    pub fn put_chat(&self, id: &str, conversation: &str) -> Reply {
        self.put(&format!("/api/chats/{id}"), &format!("{{\"conversation\":{conversation}}}"))
    }

    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Reply {
        self.send_to(self.address, method, path, headers, body)
    }

    /// The same at the app's address.
    pub fn at_front(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Reply {
        self.send_to(self.front.unwrap(), method, path, headers, body)
    }

    fn send_to(
        &self,
        address: SocketAddr,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Reply {
        let mut request =
            ureq::http::Request::builder().method(method).uri(format!("http://{address}{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = match body {
            Some(body) => self.agent.run(request.body(body.to_owned()).unwrap()),
            None => self.agent.run(request.body(()).unwrap()),
        };
        let (parts, mut body) = response.unwrap().into_parts();
        let body = body.with_config().limit(1 << 30).read_to_vec().unwrap();
        Reply { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// Sends bytes as they are and reads until the server closes, or `until` came.
    pub fn raw(&self, request: &str, until: &str) -> String {
        let mut stream = self.connect(request);
        let (mut text, mut chunk) = (String::new(), [0; 4_096]);
        while until.is_empty() || !text.contains(until) {
            match stream.read(&mut chunk).unwrap() {
                0 => break,
                read => text.push_str(&String::from_utf8_lossy(&chunk[..read])),
            }
        }
        text
    }

    pub fn connect(&self, request: &str) -> TcpStream {
        connect(self.address, request)
    }
}

/// Sends bytes as they are.
pub fn connect(address: SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

/// Reads until `until` came; the connection may end then, and not before.
pub fn read_until(stream: &mut TcpStream, until: &str) -> String {
    let (mut text, mut chunk) = (String::new(), [0; 4_096]);
    while !text.contains(until) {
        let read = stream.read(&mut chunk).unwrap();
        assert!(read > 0, "the connection ended: {text}");
        text.push_str(&String::from_utf8_lossy(&chunk[..read]));
    }
    text
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(config: Config, app: Option<SocketAddr>) -> (SocketAddr, Option<SocketAddr>, Running) {
    let (stop, stopped) = oneshot::channel();
    let (report, reported) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async move {
            let options =
                OpenOptions { key_file: config.key_file.clone(), ..OpenOptions::sqlite(&config.db) };
            let store = holdfast_store::open(&options).unwrap();
            let api = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let front = match app {
                Some(app) => Some(Front {
                    listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
                    upstream: format!("http://{app}").parse().unwrap(),
                }),
                None => None,
            };
            let front_address = front.as_ref().map(|f| f.listener.local_addr().unwrap());
            report.send((api.local_addr().unwrap(), front_address)).unwrap();
            let stopped = async {
                let _ = stopped.await;
            };
            holdfast::run(Listeners { api, front }, config, store, stopped).await.unwrap();
        });
    });
    let (address, front) = reported.recv_timeout(Duration::from_secs(60)).unwrap();
    (address, front, Running { stop, thread })
}

/// A conversation with these messages, as JSON text.
pub fn chat(id: &str, messages: &[&str]) -> String {
    format!(
        r#"{{"id":"{id}","messages":[{}],"userTitle":"{id}","systemPurposeId":"Developer","created":1,"updated":2,"tokenCount":0}}"#,
        messages.join(",")
    )
}

/// A user's message, as JSON text.
pub fn message(id: &str, text: &str) -> String {
    format!(
        r#"{{"id":"{id}","role":"user","fragments":[{{"ft":"content","fId":"f","part":{{"pt":"text","text":"{text}"}}}}],"tokenCount":0,"created":1,"updated":null}}"#
    )
}
