//! Sessions in the database, so that every process of the application has them.

use anyhost::async_trait;
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
        let json = serde_json::to_string(record).map_err(|e| Error::Encode(e.to_string()))?;
        let (id, expires) = (record.id.to_string(), record.expiry_date.unix_timestamp());
        let outdated = self.execute("DELETE FROM sessions WHERE expires < unixepoch()", ());
        outdated.await.map_err(failed)?;
        let values = (id, json, expires);
        let saved = self.execute("REPLACE INTO sessions VALUES (?1, ?2, ?3)", values);
        saved.await.map_err(failed)
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let sql = "SELECT record FROM sessions WHERE id = ?1 AND expires > unixepoch()";
        let json = self.first(sql, [id.to_string()], |row| row.get::<_, String>(0));
        let json = json.await.map_err(failed)?;
        let record = json.map(|json| serde_json::from_str(&json)).transpose();
        record.map_err(|e| Error::Decode(e.to_string()))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        let deleted = self.execute("DELETE FROM sessions WHERE id = ?1", [id.to_string()]);
        deleted.await.map_err(failed)
    }
}

fn failed(error: anyhost::Error) -> Error {
    Error::Backend(format!("{error:?}"))
}
