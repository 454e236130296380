//! The SQLite database. Several processes can use it at the same time, as under CGI.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhost::http::Uri;
use anyhost::{Error, Result};
use rusqlite::{Connection, OptionalExtension, Row};
use serde::Serialize;

#[derive(Clone, Debug)]
pub(crate) struct Store(Arc<Mutex<Connection>>);

#[derive(Serialize)]
pub(crate) struct Link {
    pub(crate) code: String,
    pub(crate) url: String,
    pub(crate) visits: u32,
}

impl Store {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let connection = Connection::open(path)?;
        connection.execute_batch(
            "PRAGMA busy_timeout = 5000;
             PRAGMA journal_mode = WAL;
             CREATE TABLE IF NOT EXISTS links (
                 code TEXT PRIMARY KEY, url TEXT NOT NULL, visits INTEGER NOT NULL DEFAULT 0) STRICT;
             CREATE TABLE IF NOT EXISTS sessions (
                 id TEXT PRIMARY KEY, record TEXT NOT NULL, expires INTEGER NOT NULL) STRICT;",
        )?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    /// Runs `work` on a thread that may block.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let connection = self.0.clone();
        let work = move || work(&connection.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(tokio::task::spawn_blocking(work).await??)
    }

    /// Stores a link under a random code. Only web addresses are accepted, because a browser runs `javascript:` URLs.
    pub(crate) async fn create(&self, url: String) -> Result<Link> {
        let uri = url.parse::<Uri>().ok().filter(|uri| uri.host().is_some());
        if !uri.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https"))) {
            return Err(Error::new(
                422,
                "Invalid url: expected an address that starts with http:// or https://",
            ));
        }
        let insert = "INSERT INTO links (code, url) VALUES (lower(hex(randomblob(5))), ?1) RETURNING code, url, visits";
        self.call(move |connection| connection.query_row(insert, [url], link))
            .await
    }

    pub(crate) async fn link(&self, code: &str) -> Result<Option<Link>> {
        let (select, code) = (
            "SELECT code, url, visits FROM links WHERE code = ?1",
            code.to_owned(),
        );
        self.call(move |connection| connection.query_row(select, [code], link).optional())
            .await
    }

    pub(crate) async fn count_visit(&self, code: &str) -> Result<()> {
        let (update, code) = (
            "UPDATE links SET visits = visits + 1 WHERE code = ?1",
            code.to_owned(),
        );
        self.call(move |connection| connection.execute(update, [code]).map(drop))
            .await
    }
}

fn link(row: &Row<'_>) -> rusqlite::Result<Link> {
    Ok(Link {
        code: row.get(0)?,
        url: row.get(1)?,
        visits: row.get(2)?,
    })
}
