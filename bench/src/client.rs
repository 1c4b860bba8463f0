//! A lean HTTP/1.1 client over one kept-alive connection, and the driver that runs many of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const BUFFER: usize = 256 * 1024;

/// The bytes of a request. A body is sent as JSON.
pub fn request(method: &str, path: &str, body: Option<&str>) -> Vec<u8> {
    let mut out = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n").into_bytes();
    if let Some(body) = body {
        out.extend_from_slice(
            format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(),
        );
        out.extend_from_slice(body.as_bytes());
    } else {
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// One connection.
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    at: usize,
    filled: usize,
}

/// What came back; the body is counted, and kept only when asked for.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub bytes: usize,
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; BUFFER], at: 0, filled: 0 })
    }

    /// Sends and reads the whole answer, which is dropped.
    pub async fn send(&mut self, request: &[u8]) -> Result<Answer> {
        self.exchange(request, &mut None).await
    }

    /// Sends and gives the body too.
    pub async fn fetch(&mut self, request: &[u8]) -> Result<(u16, Vec<u8>)> {
        let mut body = Some(Vec::new());
        let answer = self.exchange(request, &mut body).await?;
        Ok((answer.status, body.unwrap_or_default()))
    }

    /// [`Client::fetch`], any status but a 2xx being an error.
    pub async fn get(&mut self, path: &str) -> Result<Vec<u8>> {
        let (status, body) = self.fetch(&request("GET", path, None)).await?;
        if !(200..300).contains(&status) {
            bail!("GET {path} answered {status}: {}", String::from_utf8_lossy(&body));
        }
        Ok(body)
    }

    async fn exchange(&mut self, request: &[u8], keep: &mut Option<Vec<u8>>) -> Result<Answer> {
        self.stream.write_all(request).await?;
        let head = self.head().await?;
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1))
            .and_then(|code| code.parse().ok())
            .context("the answer is not HTTP")?;
        let (mut length, mut chunked) = (0, false);
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse()?;
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                chunked = value.trim().eq_ignore_ascii_case("chunked");
            }
        }
        let bytes = if chunked {
            self.chunks(keep).await?
        } else {
            self.take(length, keep).await?;
            length
        };
        Ok(Answer { status, bytes })
    }

    async fn fill(&mut self) -> Result<()> {
        if self.at == self.filled {
            (self.at, self.filled) = (0, 0);
        } else if self.filled == self.buffer.len() {
            self.buffer.copy_within(self.at..self.filled, 0);
            (self.at, self.filled) = (0, self.filled - self.at);
        }
        let read = self.stream.read(&mut self.buffer[self.filled..]).await?;
        if read == 0 {
            bail!("the server closed the connection in the middle of an answer");
        }
        self.filled += read;
        Ok(())
    }

    async fn head(&mut self) -> Result<String> {
        loop {
            if let Some(end) = find(&self.buffer[self.at..self.filled], b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&self.buffer[self.at..self.at + end]).into_owned();
                self.at += end + 4;
                return Ok(head);
            }
            self.fill().await?;
        }
    }

    async fn take(&mut self, length: usize, keep: &mut Option<Vec<u8>>) -> Result<()> {
        let mut left = length;
        while left > 0 {
            if self.at == self.filled {
                self.fill().await?;
            }
            let now = left.min(self.filled - self.at);
            if let Some(body) = keep {
                body.extend_from_slice(&self.buffer[self.at..self.at + now]);
            }
            self.at += now;
            left -= now;
        }
        Ok(())
    }

    async fn chunks(&mut self, keep: &mut Option<Vec<u8>>) -> Result<usize> {
        let mut total = 0;
        loop {
            let size = loop {
                if let Some(end) = find(&self.buffer[self.at..self.filled], b"\r\n") {
                    let line = String::from_utf8_lossy(&self.buffer[self.at..self.at + end]).into_owned();
                    self.at += end + 2;
                    break usize::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16)?;
                }
                self.fill().await?;
            };
            self.take(size, keep).await?;
            self.take(2, &mut None).await?;
            if size == 0 {
                return Ok(total);
            }
            total += size;
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// What a drive took.
#[derive(Debug, Clone, Copy)]
pub struct Drive {
    pub requests: usize,
    pub time: Duration,
}

impl Drive {
    pub fn per_second(&self) -> f64 {
        self.requests as f64 / self.time.as_secs_f64()
    }
}

/// Sends `total` requests with `clients` connections, each sending its next one when the last is answered.
/// The requests are used in turn, again from the first when there are fewer. Any status but a 2xx fails.
pub async fn drive(
    address: SocketAddr,
    clients: usize,
    requests: &Arc<Vec<Vec<u8>>>,
    total: usize,
) -> Result<Drive> {
    let mut connections = Vec::new();
    for _ in 0..clients {
        connections.push(Client::connect(address).await?);
    }
    let next = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let mut tasks = Vec::new();
    for mut client in connections {
        let (next, requests) = (Arc::clone(&next), Arc::clone(requests));
        tasks.push(tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= total {
                    return Ok(());
                }
                let answer = client.send(&requests[number % requests.len()]).await?;
                if !(200..300).contains(&answer.status) {
                    bail!("request {number} was answered with status {}", answer.status);
                }
            }
        }));
    }
    for task in tasks {
        task.await??;
    }
    Ok(Drive { requests: total, time: started.elapsed() })
}
