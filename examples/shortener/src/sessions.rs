//! Sessions in the database, so that every process of the application has them.

use anyhost::async_trait;
use rusqlite::OptionalExtension;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{Error, Result, SessionStore};

use crate::store::Store;

#[async_trait]
impl SessionStore for Store {
    /// Ids are random numbers of 128 bits, so that a new id is not in use.
    async fn create(&self, record: &mut Record) -> Result<()> {
        self.save(record).await
    }

    async fn save(&self, record: &Record) -> Result<()> {
        let text =
            serde_json::to_string(record).map_err(|error| Error::Encode(error.to_string()))?;
        let values = (
            record.id.to_string(),
            text,
            record.expiry_date.unix_timestamp(),
        );
        let replace = "REPLACE INTO sessions (id, record, expires) VALUES (?1, ?2, ?3)";
        self.call(move |connection| {
            connection.execute("DELETE FROM sessions WHERE expires < unixepoch()", ())?;
            connection.execute(replace, values).map(drop)
        })
        .await
        .map_err(failed)
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let (select, id) = (
            "SELECT record FROM sessions WHERE id = ?1 AND expires > unixepoch()",
            id.to_string(),
        );
        let found = self.call(move |connection| {
            connection
                .query_row(select, [id], |row| row.get(0))
                .optional()
        });
        let text: Option<String> = found.await.map_err(failed)?;
        let record = text.map(|text| serde_json::from_str(&text)).transpose();
        record.map_err(|error| Error::Decode(error.to_string()))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        let (delete, id) = ("DELETE FROM sessions WHERE id = ?1", id.to_string());
        self.call(move |connection| connection.execute(delete, [id]).map(drop))
            .await
            .map_err(failed)
    }
}

fn failed(error: anyhost::Error) -> Error {
    Error::Backend(format!("{error:?}"))
}
