//! A flash backup on its way in: looked at, then applied in one transaction.

use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::client::{Client, request};
use crate::history;
use crate::measure::{Place, Plan, median, ratios};
use crate::process::{Server, memory, reset_peak};
use crate::raw::{self, Writer};
use crate::report::{Report, Row};

/// What one run took.
struct Run {
    preview: f64,
    apply: f64,
    /// The server's peak over what it had before, in bytes.
    peak: u64,
}

/// A backup of `plan.imported` conversations, against raw inserts of the same rows in one transaction.
pub async fn imports(place: &Place, plan: &Plan, report: &mut Report) -> Result<()> {
    let chats: Vec<String> = (0..plan.imported).map(|n| history::conversation("import", n)).collect();
    let prepared = chats.iter().map(|text| raw::prepare(text)).collect::<Result<Vec<_>>>()?;
    let file = flash(&chats);
    let (mut runs, mut limits) = (Vec::new(), Vec::new());
    for _ in 0..plan.runs {
        runs.push(one(place, &file, plan.imported).await?);
        let mut writer = Writer::new(raw::create(&place.db("import-raw")?)?);
        limits.push(writer.write_at_once(&prepared)?.as_secs_f64());
    }
    let of = |figure: fn(&Run) -> f64| runs.iter().map(figure).collect::<Vec<f64>>();
    let (applies, previews) = (of(|run| run.apply), of(|run| run.preview));
    let megabytes = file.len() as f64 / 1e6;
    let work = format!("import of a flash backup, {} conversations, {megabytes:.0} MB", plan.imported);
    let seconds = |values: &[f64]| format!("{:.2} s", median(values));
    let ratio = ratios(&applies, &limits);
    report.add(Row::at_most(
        &format!("{work}: apply"),
        seconds(&applies),
        seconds(&limits),
        ratio,
        2.0,
        "times",
    ));
    let ratio = ratios(&previews, &applies);
    report.add(Row::at_most(
        &format!("{work}: preview, upload included, against apply"),
        seconds(&previews),
        seconds(&applies),
        ratio,
        1.0,
        "times",
    ));
    let peak = median(&of(|run| run.peak as f64));
    report.add(Row::at_most(
        &format!("{work}: memory, against the file"),
        format!("{:.0} MB", peak / 1e6),
        format!("{megabytes:.0} MB"),
        peak / file.len() as f64,
        3.0,
        "times",
    ));
    Ok(())
}

fn flash(chats: &[String]) -> String {
    format!(
        "{{\"schema\":\"vnd.agi.flash-backup\",\"schemaVersion\":102000,\"metadata\":{{}},\"storage\":{{\
         \"localStorage\":{{}},\"indexedDB\":{{\"keyval-store\":{{\"keyval\":[{{\"key\":\"app-chats\",\"value\":{{\
         \"state\":{{\"conversations\":[{}]}},\"version\":4}}}}]}}}}}}}}",
        chats.join(",")
    )
}

async fn one(place: &Place, file: &str, conversations: usize) -> Result<Run> {
    let server = Server::holdfast(&place.holdfast, &place.db("import")?).await?;
    let mut client = Client::connect(server.address).await?;
    let before = memory(server.pid(), "VmRSS")?;
    reset_peak(server.pid())?;
    let look = request("POST", "/api/imports?dry_run=true", Some(file));
    let started = Instant::now();
    let (status, body) = client.fetch(&look).await?;
    let preview = started.elapsed().as_secs_f64();
    if status != 200 {
        bail!("the preview answered {status}: {}", String::from_utf8_lossy(&body));
    }
    let answer: serde_json::Value = serde_json::from_slice(&body)?;
    let id = answer["import"]["id"].as_str().context("the preview names no import")?;
    let started = Instant::now();
    let (status, body) =
        client.fetch(&request("POST", &format!("/api/imports/{id}/apply"), Some(""))).await?;
    let apply = started.elapsed().as_secs_f64();
    let peak = memory(server.pid(), "VmHWM")?.saturating_sub(before);
    let answer: serde_json::Value = serde_json::from_slice(&body)?;
    let rows = answer["report"]["totals"].as_array().context("the import has no report")?;
    let imported = rows.iter().find(|r| r["noun"] == "conversations").and_then(|r| r["imported"].as_u64());
    if status != 200 || imported != Some(conversations as u64) {
        bail!("the import answered {status} and brought {imported:?} of {conversations}");
    }
    server.stop().await?;
    Ok(Run { preview, apply, peak })
}
