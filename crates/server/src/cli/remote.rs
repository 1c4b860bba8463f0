//! A server that has the database: commands go through it instead of opening the file.

use anyhow::{Context as _, anyhow, bail};
use serde::Deserialize;

use crate::import::session::{Changed, Session};

/// Its address, and what it wants to see.
pub(super) struct Server {
    url: String,
    token: Option<String>,
    agent: ureq::Agent,
}

#[derive(Deserialize)]
struct Imported {
    import: Session,
}

#[derive(Deserialize)]
struct Imports {
    imports: Vec<Session>,
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

    /// Lets the server look at files: `body` is an array of them.
    pub(super) fn preview(&self, body: &str, overwrite: bool, device: &str) -> anyhow::Result<Session> {
        let mut request = self
            .agent
            .post(format!("{}/api/imports", self.url))
            .header("Content-Type", "application/json")
            .query("dry_run", "true")
            .query("overwrite", overwrite.to_string());
        if !device.is_empty() {
            request = request.query("device", device);
        }
        self.session(self.signed(request).send(body))
    }

    /// Takes a step of an import, or forgets it.
    pub(super) fn import_step(
        &self,
        id: &str,
        method: &str,
        step: &str,
        changed: Option<Changed>,
    ) -> anyhow::Result<Session> {
        let url = format!("{}/api/imports/{id}{step}", self.url);
        if method == "DELETE" {
            return self.session(self.signed(self.agent.delete(url)).call());
        }
        let mut request = self.agent.post(url);
        if let Some(changed) = changed {
            request = request.query("changed", if changed == Changed::Keep { "keep" } else { "undo" });
        }
        self.session(self.signed(request).send_empty())
    }

    /// All imports.
    pub(super) fn imports(&self) -> anyhow::Result<Vec<Session>> {
        let answer = self.read(self.signed(self.agent.get(format!("{}/api/imports", self.url))).call())?;
        Ok(self.parsed::<Imports>(&answer)?.imports)
    }

    fn signed<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        match &self.token {
            Some(token) => request.header("Authorization", format!("Bearer {token}")),
            None => request,
        }
    }

    fn session(
        &self,
        answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> anyhow::Result<Session> {
        let answer = self.read(answer)?;
        Ok(self.parsed::<Imported>(&answer)?.import)
    }

    fn parsed<T: serde::de::DeserializeOwned>(&self, answer: &[u8]) -> anyhow::Result<T> {
        serde_json::from_slice(answer)
            .with_context(|| format!("{} answered something unknown; is it the same version?", self.url))
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
