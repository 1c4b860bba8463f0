//! One function per row of the table. Runs are interleaved: Holdfast, then its limit, then again.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::client::{Client, drive, request};
use crate::history;
use crate::process::{Server, bytes_read, cpu_seconds, memory, reset_peak};
use crate::raw::{self, Writer};
use crate::report::{Report, Row};

/// Connections of the browser tabs, devices and tools that the table speaks of.
const CLIENTS: usize = 32;
/// Sent before the clock starts, so that caches and statements are warm on both sides.
const WARM_UP: usize = 2 * raw::GROUP;

/// How much to do.
pub struct Plan {
    pub runs: usize,
    pub puts: usize,
    pub gets: usize,
    pub histories: Vec<usize>,
    pub message_puts: usize,
    pub imported: usize,
    pub big_file: u64,
}

impl Plan {
    pub fn full() -> Self {
        Self {
            runs: 5,
            puts: 2_000,
            gets: 20_000,
            histories: vec![10, 500, 2_000, 5_000],
            message_puts: 200,
            imported: 2_000,
            big_file: 1 << 30,
        }
    }

    pub fn quick() -> Self {
        Self {
            runs: 3,
            puts: 500,
            gets: 4_000,
            histories: vec![10, 200, 1_000],
            message_puts: 50,
            imported: 500,
            big_file: 128 << 20,
        }
    }
}

/// Where things are.
pub struct Place {
    pub holdfast: PathBuf,
    pub data: PathBuf,
}

impl Place {
    /// A path for a new database.
    pub fn db(&self, name: &str) -> Result<PathBuf> {
        let directory = self.data.join(name);
        if directory.exists() {
            std::fs::remove_dir_all(&directory)?;
        }
        std::fs::create_dir_all(&directory)?;
        Ok(directory.join("holdfast.db"))
    }
}

fn put(prefix: &str, number: usize) -> Vec<u8> {
    let body = format!("{{\"conversation\":{}}}", history::conversation(prefix, number));
    request("PUT", &format!("/api/chats/{}", history::id(prefix, number)), Some(&body))
}

fn puts(prefix: &str, from: usize, to: usize) -> Arc<Vec<Vec<u8>>> {
    Arc::new((from..to).map(|number| put(prefix, number)).collect())
}

async fn seed(server: &Server, prefix: &str, from: usize, to: usize) -> Result<()> {
    // In portions, so that the requests of a large history are not all in memory at once.
    for start in (from..to).step_by(500) {
        let requests = puts(prefix, start, to.min(start + 500));
        drive(server.address, CLIENTS, &requests, requests.len()).await?;
    }
    Ok(())
}

pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

pub fn ratios(ours: &[f64], limits: &[f64]) -> f64 {
    median(&ours.iter().zip(limits).map(|(ours, limit)| ours / limit).collect::<Vec<_>>())
}

/// CPU seconds of the driver over some work.
struct DriverCpu(f64);

impl DriverCpu {
    fn start() -> Result<Self> {
        Ok(Self(cpu_seconds(std::process::id())?))
    }

    fn used(&self) -> Result<f64> {
        Ok(cpu_seconds(std::process::id())? - self.0)
    }
}

/// New conversations by 32 clients, against raw rusqlite in groups of 32.
pub async fn writes(place: &Place, plan: &Plan, report: &mut Report) -> Result<()> {
    let warm = puts("warm", 0, WARM_UP);
    let requests = puts("put", 0, plan.puts);
    let prepare = |prefix: &'static str, count| {
        (0..count)
            .map(|number| raw::prepare(&history::conversation(prefix, number)))
            .collect::<Result<Vec<_>>>()
    };
    let (raw_warm, raw_work) = (Arc::new(prepare("warm", WARM_UP)?), Arc::new(prepare("put", plan.puts)?));
    let (mut ours, mut limits, mut server_cpu, mut driver_cpu) = (Vec::new(), Vec::new(), 0.0, 0.0);
    for run in 0..plan.runs {
        let db = place.db("put")?;
        let server = Server::holdfast(&place.holdfast, &db).await?;
        drive(server.address, CLIENTS, &warm, warm.len()).await?;
        let (cpu, before) = (DriverCpu::start()?, cpu_seconds(server.pid())?);
        ours.push(drive(server.address, CLIENTS, &requests, requests.len()).await?.per_second());
        driver_cpu += cpu.used()?;
        server_cpu += cpu_seconds(server.pid())? - before;
        server.stop().await?;

        let raw_db = place.db("put-raw")?;
        let (path, warm, work) = (raw_db.clone(), Arc::clone(&raw_warm), Arc::clone(&raw_work));
        let time = tokio::task::spawn_blocking(move || {
            let mut writer = Writer::new(raw::create(&path)?);
            writer.write(&warm)?;
            writer.write(&work)
        });
        limits.push(plan.puts as f64 / time.await??.as_secs_f64());
        if run == 0 {
            compare_files(place, &db, &raw_db, report)?;
        }
    }
    report.driver(server_cpu, driver_cpu);
    report.add(Row::at_least(
        "`PUT /api/chats/{id}`, 20 messages, 32 clients, distinct ids",
        format!("{:.0}/s", median(&ours)),
        format!("raw writes {:.0}/s", median(&limits)),
        ratios(&ours, &limits),
        0.5,
    ));
    Ok(())
}

/// The limit counts only when it wrote the same: row counts must agree, and Holdfast must verify the raw file.
fn compare_files(place: &Place, ours: &Path, raw_db: &Path, report: &mut Report) -> Result<()> {
    let (mut found, mut raw_found) = (raw::counts(&raw::reader(ours)?)?, raw::counts(&raw::reader(raw_db)?)?);
    // Clients of an empty server open no folders and the like; only tables that both may fill are compared.
    found.retain(|_, rows| *rows > 0);
    raw_found.retain(|_, rows| *rows > 0);
    let verified = Command::new(&place.holdfast).arg("verify").arg("--db").arg(raw_db).output()?;
    report.check(
        "the raw writer fills the same tables with as many rows",
        found == raw_found,
        &format!("{found:?} against {raw_found:?}"),
    );
    report.check(
        "`holdfast verify` accepts what the raw writer wrote",
        verified.status.success(),
        &String::from_utf8_lossy(&verified.stderr),
    );
    Ok(())
}

/// Conversations read by 32 clients, against the bare handler and the static server.
pub async fn reads(place: &Place, plan: &Plan, report: &mut Report) -> Result<()> {
    let db = place.db("get")?;
    let ours = Server::holdfast(&place.holdfast, &db).await?;
    seed(&ours, "get", 0, 2_000).await?;
    let limit = |kind: &str| {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("limit").arg(kind).arg(&db);
        anyhow::Ok(command)
    };
    let bare = Server::start(limit("bare")?, &db.with_extension("bare.log"), "/ready").await?;
    let fixed = Server::start(limit("static")?, &db.with_extension("static.log"), "/ready").await?;
    let requests: Arc<Vec<Vec<u8>>> = Arc::new(
        (0..2_000)
            .map(|number| request("GET", &format!("/api/chats/{}", history::id("get", number)), None))
            .collect(),
    );
    same_conversation(&[&ours, &bare, &fixed]).await?;
    let mut rates = [Vec::new(), Vec::new(), Vec::new()];
    let (mut server_cpu, mut driver_cpu) = (0.0, 0.0);
    for run in 0..=plan.runs {
        for (index, server) in [&ours, &bare, &fixed].into_iter().enumerate() {
            let (cpu, before) = (DriverCpu::start()?, cpu_seconds(server.pid())?);
            let rate = drive(server.address, CLIENTS, &requests, plan.gets).await?.per_second();
            // The first round warms up.
            if run > 0 {
                rates[index].push(rate);
                driver_cpu += cpu.used()?;
                server_cpu += cpu_seconds(server.pid())? - before;
            }
        }
    }
    report.driver(server_cpu, driver_cpu);
    let work = "`GET /api/chats/{id}`, 20 messages, 32 clients, distinct ids";
    for (index, name, floor) in [(1, "bare handler", 0.8), (2, "static server", 0.35)] {
        report.add(Row::at_least(
            work,
            format!("{:.0}/s", median(&rates[0])),
            format!("{name} {:.0}/s", median(&rates[index])),
            ratios(&rates[0], &rates[index]),
            floor,
        ));
    }
    ours.stop().await
}

/// All three must give the same conversation, or they would not be comparable.
async fn same_conversation(servers: &[&Server]) -> Result<()> {
    let id = history::id("get", 5);
    for server in servers {
        let body = Client::connect(server.address).await?.get(&format!("/api/chats/{id}")).await?;
        let value: serde_json::Value = serde_json::from_slice(&body)?;
        let expected: serde_json::Value = serde_json::from_str(&history::conversation("get", 5))?;
        if value["conversation"] != expected {
            bail!("a server gives another conversation than was put");
        }
    }
    Ok(())
}

/// Whole histories: linear, streamed, and half as fast as reading the rows; and the summaries of them.
pub async fn lists(place: &Place, plan: &Plan, report: &mut Report) -> Result<()> {
    let db = place.db("list")?;
    let server = Server::holdfast(&place.holdfast, &db).await?;
    let mut client = Client::connect(server.address).await?;
    let mut seeded = 0;
    let mut per_conversation = Vec::new();
    for &size in &plan.histories {
        seed(&server, "list", seeded, size).await?;
        seeded = size;
        let (mut ours, mut limits, mut bytes) = (Vec::new(), Vec::new(), 0);
        let list = request("GET", "/api/chats", None);
        client.send(&list).await?;
        reset_peak(server.pid())?;
        let before = memory(server.pid(), "VmRSS")?;
        let (cpu, server_before) = (DriverCpu::start()?, cpu_seconds(server.pid())?);
        for _ in 0..plan.runs {
            let started = Instant::now();
            let answer = client.send(&list).await?;
            if answer.status != 200 {
                bail!("GET /api/chats answered {}", answer.status);
            }
            ours.push(started.elapsed().as_secs_f64());
            bytes = answer.bytes;
            let connection = raw::reader(&db)?;
            limits.push(
                tokio::task::spawn_blocking(move || raw::read_all(&connection)).await??.1.as_secs_f64(),
            );
        }
        report.driver(cpu_seconds(server.pid())? - server_before, cpu.used()?);
        let grown = memory(server.pid(), "VmHWM")?.saturating_sub(before) as f64 / 1e6;
        per_conversation.push((size, median(&ours) / size as f64));
        let work = format!("`GET /api/chats`, {size} conversations, full ({:.1} MB)", bytes as f64 / 1e6);
        let (time, limit) = (median(&ours) * 1e3, median(&limits) * 1e3);
        let ratio = ratios(&limits, &ours);
        if Some(&size) == plan.histories.last() {
            report.add(Row::at_least(
                &work,
                format!("{time:.1} ms"),
                format!("rows raw {limit:.1} ms"),
                ratio,
                0.5,
            ));
            report.add(Row::at_most(
                &work,
                "server memory grows by".to_owned(),
                String::new(),
                grown,
                100.0,
                "MB",
            ));
            summaries(&server, &mut client, plan, median(&ours), bytes, report).await?;
        } else {
            report.add(Row::shown(&work, format!("{time:.1} ms"), format!("rows raw {limit:.1} ms"), ratio));
        }
    }
    // Below a few hundred the request itself is what takes time.
    let times: Vec<f64> =
        per_conversation.iter().filter(|(size, _)| *size >= 200).map(|(_, time)| *time).collect();
    let spread =
        times.iter().copied().fold(f64::MIN, f64::max) / times.iter().copied().fold(f64::MAX, f64::min);
    let sizes: Vec<String> =
        per_conversation.iter().map(|(size, time)| format!("{size}: {:.0} µs", time * 1e6)).collect();
    report.add(Row::at_most(
        "linear in size: time per conversation, slowest against fastest history of 200 and more",
        sizes.join(", "),
        String::new(),
        spread,
        1.5,
        "times",
    ));
    server.stop().await
}

async fn summaries(
    server: &Server,
    client: &mut Client,
    plan: &Plan,
    full: f64,
    bytes: usize,
    report: &mut Report,
) -> Result<()> {
    let (mut pages, mut all) = (Vec::new(), Vec::new());
    let (mut count, mut read) = (0, 0);
    for _ in 0..plan.runs {
        let started = Instant::now();
        client.get("/api/chats?view=summary").await?;
        pages.push(started.elapsed().as_secs_f64());
        let (started, before) = (Instant::now(), bytes_read(server.pid())?);
        count = all_summaries(client).await?;
        all.push(started.elapsed().as_secs_f64());
        read = bytes_read(server.pid())? - before;
    }
    let work = format!("`GET /api/chats?view=summary` over {count}");
    let limit = || format!("full list {:.1} ms", full * 1e3);
    let page = median(&pages);
    report.add(Row::at_least(&work, format!("{:.2} ms", page * 1e3), limit(), full / page, 50.0));
    let time = median(&all);
    let work = format!("{work}, all pages");
    report.add(Row::shown(&work, format!("{:.2} ms", time * 1e3), limit(), full / time));
    // Message bodies are nearly all of the file, so reading them could not be hidden.
    let share = 100.0 * read as f64 / bytes as f64;
    let work = format!("{work}: read from the file, of the full list's bytes");
    report.add(Row::at_most(&work, format!("{:.2} MB", read as f64 / 1e6), String::new(), share, 5.0, "%"));
    Ok(())
}

async fn all_summaries(client: &mut Client) -> Result<usize> {
    let (mut count, mut cursor) = (0, String::new());
    loop {
        let body = client.get(&format!("/api/chats?view=summary&limit=1000{cursor}")).await?;
        let page: serde_json::Value = serde_json::from_slice(&body)?;
        count += page["conversations"].as_array().context("the page has no conversations")?.len();
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={}", escape(next)),
            None => return Ok(count),
        }
    }
}

/// For use inside a query.
fn escape(text: &str) -> String {
    text.bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

/// One message put into the 36 MB conversation, against the same put into a small one.
pub async fn messages(place: &Place, plan: &Plan, report: &mut Report) -> Result<()> {
    let db = place.db("message")?;
    let server = Server::holdfast(&place.holdfast, &db).await?;
    let mut client = Client::connect(server.address).await?;
    let long = format!("{{\"conversation\":{}}}", history::long_conversation("long"));
    for put in [request("PUT", "/api/chats/long", Some(&long)), put("short", 1)] {
        let (status, body) = client.fetch(&put).await?;
        if status != 200 {
            bail!("a conversation was not stored: {status} {}", String::from_utf8_lossy(&body));
        }
    }
    let short = history::id("short", 1);
    let (mut ours, mut limits) = (Vec::new(), Vec::new());
    for number in 0..plan.message_puts as u64 {
        for (conversation, message, times) in
            [("long", "long-m00601".to_owned(), &mut ours), (&*short, format!("{short}-m00011"), &mut limits)]
        {
            let body = history::message(&message, number, history::TEXT);
            let put = request("PUT", &format!("/api/chats/{conversation}/messages/{message}"), Some(&body));
            let started = Instant::now();
            let answer = client.send(&put).await?;
            if answer.status != 200 {
                bail!("the message was answered with {}", answer.status);
            }
            times.push(started.elapsed().as_secs_f64());
        }
    }
    report.add(Row::at_most(
        &format!("one message put into the {:.0} MB conversation", long.len() as f64 / 1e6),
        format!("{:.2} ms", median(&ours) * 1e3),
        format!("into 20 messages {:.2} ms", median(&limits) * 1e3),
        median(&ours) / median(&limits),
        2.0,
        "times",
    ));
    server.stop().await
}

/// 200 cost entries at the same time: all counted, once.
pub async fn costs(place: &Place, report: &mut Report) -> Result<()> {
    const ENTRIES: usize = 200;
    let server = Server::holdfast(&place.holdfast, &place.db("costs")?).await?;
    let body = r#"{"operation":"addCostEntry","serviceId":"bench","costs":{"$c":0.25},"inputTokens":10,"outputTokens":3,"debugCostSource":"bench"}"#;
    let requests = Arc::new(vec![request("POST", "/api/metrics", Some(body))]);
    let drive = drive(server.address, ENTRIES, &requests, ENTRIES).await?;
    let answer = Client::connect(server.address).await?.get("/api/metrics/bench").await?;
    let data = serde_json::from_slice::<serde_json::Value>(&answer)?["data"].clone();
    let counted = data["usageCount"].as_u64().unwrap_or(0);
    let dollars = data["totalCosts"].as_f64().unwrap_or(0.0);
    let right =
        counted == ENTRIES as u64 && (dollars - 0.5).abs() < 1e-9 && data["totalInputTokens"] == 2_000;
    report.add(Row::fact(
        "cost entries, 200 at once: all counted, once",
        format!("{counted} counted, ${dollars} in {:.0} ms", drive.time.as_secs_f64() * 1e3),
        right,
    ));
    server.stop().await
}

/// Start to ready on a large file, and memory at rest.
pub async fn start(place: &Place, plan: &Plan, report: &mut Report) -> Result<()> {
    let db = place.db("start")?;
    let (path, size) = (db.clone(), plan.big_file);
    tokio::task::spawn_blocking(move || {
        let mut writer = Writer::new(raw::create(&path)?);
        let mut number = 0;
        while std::fs::metadata(&path)?.len() < size {
            let group = (number..number + 512)
                .map(|n| raw::prepare(&history::conversation("start", n)))
                .collect::<Result<Vec<_>>>()?;
            writer.write(&group)?;
            number += 512;
        }
        anyhow::Ok(())
    })
    .await??;
    let bytes = std::fs::metadata(&db)?.len() as f64 / 1e9;
    let (mut times, mut rests) = (Vec::new(), Vec::new());
    // The first start warms the page cache and checkpoints what the raw writer left.
    for run in 0..=plan.runs {
        let server = Server::holdfast(&place.holdfast, &db).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        if run > 0 {
            times.push(server.ready_after.as_secs_f64() * 1e3);
            rests.push(memory(server.pid(), "VmRSS")? as f64 / 1e6);
        }
        server.stop().await?;
    }
    std::fs::remove_file(&db)?;
    let work = format!("start to ready on a {bytes:.2} GB file");
    report.add(Row::at_most(&work, String::new(), String::new(), median(&times), 150.0, "ms"));
    report.add(Row::at_most(
        "memory at rest, on that file",
        String::new(),
        String::new(),
        median(&rests),
        40.0,
        "MB",
    ));
    Ok(())
}
