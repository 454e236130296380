//! An extension inside of the function, which does nothing: Lambda sends SIGTERM only to functions that
//! have one ("Lambda Extensions API").

use std::time::Duration;

use http::HeaderValue;

use crate::runtime::Client;

/// A start must not wait for this longer.
const PATIENCE: Duration = Duration::from_millis(500);

/// Registers, before the first invocation is asked for and over the same connection. A host that does
/// not want extensions costs a line of the log.
pub(crate) async fn register(client: &mut Client) {
    let id = match tokio::time::timeout(PATIENCE, client.register_extension()).await {
        Ok(Ok(id)) => id,
        Ok(Err(error)) => {
            tracing::warn!(%error, "no extension: there will be no SIGTERM");
            return;
        }
        Err(_) => {
            tracing::warn!("no extension: the API did not answer; there will be no SIGTERM");
            return;
        }
    };
    tokio::spawn(wait(client.again(), id));
}

/// Says that the extension is ready, which ends the start, and waits. It asked for no events, so
/// nothing comes.
async fn wait(mut client: Client, id: HeaderValue) {
    let mut pause = Duration::from_millis(50);
    while let Err(error) = client.next_event(&id).await {
        tracing::debug!(%error, "the extension asks again");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}
