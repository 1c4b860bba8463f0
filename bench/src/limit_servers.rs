//! The two servers that reads are compared with, each run in a process of its own: a bare axum handler that
//! reads the same rows and does nothing else, and one that answers the same bytes from memory.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use rusqlite::Connection;

use crate::raw;

/// Read connections, as many as the store opens by default.
const READERS: usize = 4;

struct Pool {
    idle: Mutex<Vec<Connection>>,
    slots: tokio::sync::Semaphore,
}

/// Serves `GET /api/chats/{id}` from the rows.
pub async fn bare(db: PathBuf, listen: SocketAddr) -> Result<()> {
    let idle = (0..READERS).map(|_| raw::reader(&db)).collect::<Result<Vec<_>>>()?;
    let pool = Arc::new(Pool { idle: Mutex::new(idle), slots: tokio::sync::Semaphore::new(READERS) });
    serve(listen, Router::new().route("/api/chats/{id}", get(read)).with_state(pool)).await
}

async fn read(State(pool): State<Arc<Pool>>, Path(id): Path<String>) -> Response {
    let Ok(_slot) = pool.slots.acquire().await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let readers = Arc::clone(&pool);
    // SQLite blocks, and an async handler must not.
    let found = tokio::task::spawn_blocking(move || {
        let connection = readers.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
        let text = raw::read_one(&connection, &id).ok().flatten();
        readers.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        text
    });
    match found.await {
        Ok(Some(text)) => json(Bytes::from(text)),
        Ok(None) | Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Serves `GET /api/chats/{id}` from memory.
pub async fn fixed(db: PathBuf, listen: SocketAddr) -> Result<()> {
    let connection = raw::reader(&db)?;
    let mut texts = HashMap::new();
    let mut statement = connection.prepare("SELECT id FROM conversations WHERE message_count <= 20")?;
    let ids: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for id in ids {
        if let Some(text) = raw::read_one(&connection, &id)? {
            texts.insert(id, Bytes::from(text));
        }
    }
    serve(listen, Router::new().route("/api/chats/{id}", get(answer)).with_state(Arc::new(texts))).await
}

async fn answer(State(texts): State<Arc<HashMap<String, Bytes>>>, Path(id): Path<String>) -> Response {
    texts.get(&id).map_or_else(|| StatusCode::NOT_FOUND.into_response(), |text| json(text.clone()))
}

fn json(text: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], Body::from(text)).into_response()
}

async fn serve(listen: SocketAddr, router: Router) -> Result<()> {
    let router = router.route("/ready", get(|| async { "ready" }));
    axum::serve(tokio::net::TcpListener::bind(listen).await?, router).await?;
    Ok(())
}
