//! A server that has the database: commands go through it instead of opening the file.

use anyhow::{Context as _, anyhow, bail};
use serde::Deserialize;

use crate::import::Report;

/// Its address, and what it wants to see.
pub(super) struct Server {
    url: String,
    token: Option<String>,
    agent: ureq::Agent,
}

#[derive(Deserialize)]
struct Imported {
    report: Report,
}

#[derive(Deserialize)]
struct Refused {
    error: String,
    #[serde(default)]
    hint: Option<String>,
}

impl Server {
    pub(super) fn new(url: &str, token: Option<&str>) -> Self {
        // A refusal has a body that says why, so it is no error of the transport.
        // The server is on this machine: a proxy for the web does not know it.
        let agent = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().new_agent();
        Self { url: url.trim_end_matches('/').to_owned(), token: token.map(Into::into), agent }
    }

    /// Imports files: `body` is an array of them.
    pub(super) fn import(
        &self,
        body: &str,
        dry_run: bool,
        overwrite: bool,
        device: &str,
    ) -> anyhow::Result<Report> {
        let mut request = self
            .agent
            .post(format!("{}/api/imports", self.url))
            .header("Content-Type", "application/json")
            .query("dry_run", dry_run.to_string())
            .query("overwrite", overwrite.to_string());
        if !device.is_empty() {
            request = request.query("device", device);
        }
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let answer = self.read(request.send(body))?;
        let imported: Imported = serde_json::from_slice(&answer)
            .with_context(|| format!("{} answered something unknown; is it the same version?", self.url))?;
        Ok(imported.report)
    }

    fn read(&self, answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> anyhow::Result<Vec<u8>> {
        let mut answer = answer.map_err(|why| {
            anyhow!("the server at {} has the database but does not answer: {why}; restart it", self.url)
        })?;
        let status = answer.status();
        let body = answer.body_mut().with_config().limit(u64::MAX).read_to_vec()?;
        if status.is_success() {
            return Ok(body);
        }
        match serde_json::from_slice::<Refused>(&body) {
            Ok(Refused { error, hint: Some(hint) }) => bail!("{} refused: {error}; {hint}", self.url),
            Ok(Refused { error, hint: None }) => bail!("{} refused: {error}", self.url),
            Err(_) => bail!("{} answered {status}; look at its log", self.url),
        }
    }
}
