//! Flags and `HOLDFAST_*` variables: read here and nowhere else.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::proxy::Upstream;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One line for people.
    Human,
    /// One JSON object per line.
    Json,
}

/// A text that is never shown.
#[derive(Clone)]
pub struct Secret(String);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The options of `holdfast serve`.
#[derive(Debug, Clone, clap::Args)]
pub struct ServeOptions {
    /// The database file; by default holdfast.db in the platform's data directory
    #[arg(long, env = "HOLDFAST_DB", value_name = "FILE")]
    pub db: Option<PathBuf>,
    /// The key file for secrets; by default holdfast.key beside the database
    #[arg(long, env = "HOLDFAST_KEY_FILE", value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Where to listen; an address that other machines reach needs --token
    #[arg(long, env = "HOLDFAST_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:4653")]
    pub listen: SocketAddr,
    /// The token that every request must carry as `Authorization: Bearer …`
    #[arg(long, env = "HOLDFAST_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub token: Option<Secret>,
    /// A host name, beside the loopback names, under which this server may be addressed (repeatable)
    #[arg(long, env = "HOLDFAST_ALLOW_HOST", value_name = "HOST", value_delimiter = ',')]
    pub allow_host: Vec<String>,
    /// An origin, such as http://localhost:3000, whose pages may call this server (repeatable)
    #[arg(long, env = "HOLDFAST_ALLOW_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    pub allow_origin: Vec<String>,
    /// The app to stand in front of, such as http://127.0.0.1:3001: its pages get the bridge
    #[arg(long, env = "HOLDFAST_APP", value_name = "URL")]
    pub app: Option<Upstream>,
    /// Where to listen for browsers of the app; an address that other machines reach needs --token
    #[arg(long, env = "HOLDFAST_APP_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:3000")]
    pub app_listen: SocketAddr,
    /// The largest request body, in MiB
    #[arg(long, env = "HOLDFAST_MAX_BODY", value_name = "MIB", default_value_t = 128)]
    pub max_body: usize,
    /// The largest import, in MiB
    #[arg(long, env = "HOLDFAST_MAX_IMPORT", value_name = "MIB", default_value_t = 8_192)]
    pub max_import: usize,
    /// How log lines look
    #[arg(long, env = "HOLDFAST_LOG_FORMAT", value_enum, default_value_t = LogFormat::Human)]
    pub log_format: LogFormat,
}

/// What the server needs to know.
#[derive(Clone)]
pub struct Config {
    /// The database file.
    pub db: PathBuf,
    /// The key file for secrets.
    pub key_file: PathBuf,
    /// What every request must carry.
    pub token: Option<String>,
    /// Host names beside the loopback ones.
    pub allow_host: Vec<String>,
    /// Origins whose pages may call.
    pub allow_origin: Vec<String>,
    /// The largest request body in bytes.
    pub max_body: usize,
    /// The largest body of an import in bytes.
    pub max_import: usize,
}

impl Config {
    /// The defaults for a database file: no token, loopback names only, 128 MiB and 8 GiB.
    pub fn new(db: PathBuf) -> Self {
        Self {
            key_file: db.with_file_name("holdfast.key"),
            db,
            token: None,
            allow_host: Vec::new(),
            allow_origin: Vec::new(),
            max_body: 128 << 20,
            max_import: 8_192 << 20,
        }
    }

    /// Resolves the defaults of the platform. Errors: no home directory to put the database in.
    pub fn from_options(options: &ServeOptions) -> Result<Self, String> {
        let db = match &options.db {
            Some(path) => path.clone(),
            None => default_db()?,
        };
        let mut config = Self::new(db);
        if let Some(path) = &options.key_file {
            config.key_file.clone_from(path);
        }
        config.token = options.token.clone().map(|t| t.0).filter(|t| !t.is_empty());
        config.allow_host.clone_from(&options.allow_host);
        config.allow_origin =
            options.allow_origin.iter().map(|o| o.trim_end_matches('/').to_owned()).collect();
        config.max_body = options.max_body.saturating_mul(1 << 20);
        config.max_import = options.max_import.saturating_mul(1 << 20);
        config.check_exposure(options.listen)?;
        if let Some(app) = &options.app {
            config.check_exposure(options.app_listen)?;
            check_front(app, options)?;
        }
        Ok(config)
    }

    /// Refuses an address that other machines reach while no token is set.
    pub fn check_exposure(&self, listen: SocketAddr) -> Result<(), String> {
        if listen.ip().is_loopback() || self.token.is_some() {
            return Ok(());
        }
        Err(format!(
            "{listen} is reachable from other machines and no token is set: pass --token or HOLDFAST_TOKEN, \
             or listen on 127.0.0.1"
        ))
    }
}

/// Refuses an app that is where Holdfast itself will be.
fn check_front(app: &Upstream, options: &ServeOptions) -> Result<(), String> {
    let own = [options.app_listen, options.listen].map(|address| address.to_string());
    if own
        .iter()
        .any(|own| own == app.authority() || own.replace("127.0.0.1", "localhost") == app.authority())
    {
        return Err(format!(
            "--app {} is where Holdfast listens: let the app listen on another port, such as 3001",
            app.authority()
        ));
    }
    Ok(())
}

/// `holdfast.db` in the platform's data directory.
pub fn default_db() -> Result<PathBuf, String> {
    directories::ProjectDirs::from("", "", "holdfast")
        .map(|dirs| dirs.data_dir().join("holdfast.db"))
        .ok_or_else(|| "there is no home directory to keep the database in: pass --db FILE".to_owned())
}
