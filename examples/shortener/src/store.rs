//! The SQLite database. Several processes can use it at the same time, as under CGI.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhost::http::Uri;
use anyhost::{Error, Result};
use rusqlite::{Connection, OptionalExtension, Params, Row};
use serde::Serialize;

const TABLES: &str = "
    PRAGMA busy_timeout = 5000;
    PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS links (code TEXT PRIMARY KEY, url TEXT NOT NULL, visits INTEGER NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, record TEXT NOT NULL, expires INTEGER NOT NULL) STRICT;";

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
        connection.execute_batch(TABLES)?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    /// Runs a statement on a thread that may block, and returns the first row of the result.
    pub(crate) async fn first<T: Send + 'static>(
        &self,
        sql: &'static str,
        values: impl Params + Send + 'static,
        read: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        let Self(connection) = self.clone();
        let work = move || {
            let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            connection.query_row(sql, values, read).optional()
        };
        Ok(tokio::task::spawn_blocking(work).await??)
    }

    pub(crate) async fn execute(
        &self,
        sql: &'static str,
        values: impl Params + Send + 'static,
    ) -> Result<()> {
        self.first(sql, values, |_| Ok(())).await.map(drop)
    }

    /// Stores a link under a random code. Only web addresses are accepted, because browsers run `javascript:` URLs.
    pub(crate) async fn create(&self, url: String) -> Result<Link> {
        let uri = url.parse::<Uri>().ok().filter(|uri| uri.host().is_some());
        if !uri.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https"))) {
            return Err(Error::new(422, "Invalid url: expected http:// or https://"));
        }
        let sql = "INSERT INTO links VALUES (lower(hex(randomblob(5))), ?1, 0) RETURNING *";
        let created = self.first(sql, [url], link).await?;
        created.ok_or_else(|| Error::new(500, "The link was not stored"))
    }

    /// Returns the link with this code, or a 404.
    pub(crate) async fn link(&self, code: String) -> Result<Link> {
        let found = self.first("SELECT * FROM links WHERE code = ?1", [code], link);
        found.await?.ok_or_else(|| Error::new(404, "Unknown link"))
    }

    pub(crate) async fn count_visit(&self, code: String) -> Result<()> {
        let sql = "UPDATE links SET visits = visits + 1 WHERE code = ?1";
        self.execute(sql, [code]).await
    }
}

fn link(row: &Row<'_>) -> rusqlite::Result<Link> {
    Ok(Link {
        code: row.get(0)?,
        url: row.get(1)?,
        visits: row.get(2)?,
    })
}
